//! Names, and many bottles at once.

use bottle_e2e::{
    lane::Lane,
    world::{World, assert_code, stderr, stdout},
};

const CHAIN: &[&str] = &["mitmproxy", "pipelock"];

fn agent_names(world: &World) -> Vec<String> {
    let output = world.run(&["list", "--json"]);
    assert_code(&output, 0);
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut names: Vec<String> = listed
        .as_array()
        .unwrap_or_else(|| panic!("a JSON array: {listed}"))
        .iter()
        .map(|bottle| bottle["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

pub(crate) fn colliding_names_count_up_and_pinned_ones_fail(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    assert_code(
        &world
            .shell(&["-d", "--name", "twin"], "sleep 600")
            .output()
            .unwrap(),
        0,
    );
    let pinned = world
        .shell(&["-d", "--name", "twin"], "true")
        .output()
        .unwrap();
    assert_code(&pinned, 125);
    assert!(stderr(&pinned).contains("twin"), "{}", stderr(&pinned));
    assert!(stderr(&pinned).contains("hint:"), "{}", stderr(&pinned));
    // Names come from the folder; this one no other test has.
    let folder = world.path("counted-by-this-test");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    for _ in 0..2 {
        let started = world
            .shell(&["-d", "--workspace", folder], "sleep 600")
            .output();
        assert_code(&started.unwrap(), 0);
    }
    let names = agent_names(&world);
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().any(|name| name == "twin"), "{names:?}");
    let counted: Vec<_> = names.iter().filter(|name| *name != "twin").collect();
    assert_eq!(format!("{}-2", counted[0]), *counted[1], "{names:?}");
    assert_code(&world.run(&["stop", "--all"]), 0);
    world.assert_empty();
}

pub(crate) fn eight_bottles_at_once(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    let children: Vec<_> = (0..8)
        .map(|n| {
            World::spawn(&mut world.shell(
                &[],
                &format!("curl -sS --retry 2 https://origin.test/eight-{n}"),
            ))
        })
        .collect();
    for (n, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        assert_code(&output, 0);
        assert!(
            stdout(&output).contains(&format!("/eight-{n}")),
            "{}",
            stdout(&output)
        );
    }
    world.assert_empty();
}
