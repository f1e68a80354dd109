//! Whatever stands in a file: an answer with a place, never a panic.

use crate::world::World;

const EVERYTHING: &str = include_str!("everything.toml");

/// Loads and renders; how many things were wrong.
fn load(world: &World, text: &str) -> usize {
    std::fs::write(world.dirs().user_config(), text).unwrap();
    match world.load() {
        Ok(config) => {
            let _ = config.show().to_string();
            0
        }
        Err(errors) => {
            for error in &errors {
                let text = error.render(false, 80);
                assert!(error.place().is_some(), "{text}");
                assert!(text.contains("config.toml:"), "{text}");
            }
            errors.iter().count()
        }
    }
}

fn world() -> World {
    World::new()
        .user("")
        .file("home/.config/bottle/base.toml", "")
}

#[test]
fn any_value_anywhere() {
    let world = world();
    let values = [
        "-7",
        "true",
        "'é\u{7}'",
        "''",
        "[]",
        "{}",
        "[[{}]]",
        "nan",
        "1979-05-27",
        "99999999999999999999999",
    ];
    let mut wrong = 0;
    for (at, line) in EVERYTHING.lines().enumerate() {
        let Some((key, _)) = line.split_once(" = ").filter(|_| !line.ends_with('[')) else {
            continue;
        };
        for value in values {
            let mut lines: Vec<&str> = EVERYTHING.lines().collect();
            let changed = format!("{key} = {value}");
            lines[at] = &changed;
            wrong += usize::from(load(&world, &lines.join("\n")) > 0);
        }
    }
    assert!(wrong > 300, "most of it is wrong: {wrong}");
}

#[test]
fn any_beginning_of_a_file() {
    let world = world();
    let text = EVERYTHING.replace("literal", "littéral — ü");
    for (at, _) in text.char_indices().step_by(7) {
        load(&world, &text[..at]);
    }
}
