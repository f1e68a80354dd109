//! A repository's file whose writer means harm.

use std::os::unix::fs::symlink;

use bottle_config::Flags;

use crate::world::World;

/// Looks like nothing that is masked, so that only not reading it keeps it unseen.
const PRIVATE: &str = "root:*:20228:0\n";

fn refused(world: &World, named: &str) {
    let text = world.errors();
    assert!(!text.contains("20228"), "its content is shown: {text}");
    assert!(
        text.contains(&format!("`{named}` is outside of `/home/repo`")),
        "{text}"
    );
    assert!(text.contains("it was not read"), "{text}");
    assert!(text.contains("hint: put a copy"), "{text}");
}

#[test]
fn a_repository_extends_no_file_outside() {
    for named in [
        "../private",
        "~/private",
        "./src/../../private",
        "./link.toml",
        "./folder/private",
        "./more.toml",
    ] {
        let world = World::new()
            .file("home/private", PRIVATE)
            .file("home/repo/more.toml", "extends = ['~/private']\n")
            .project(&format!("extends = ['{named}']\n"));
        let link = world.path("home/repo/link.toml");
        symlink(world.path("home/private"), link).unwrap();
        symlink("..", world.path("home/repo/folder")).unwrap();
        let shown = match named {
            "./link.toml" => "link.toml",
            _ => "/home/private",
        };
        refused(&world, shown);
        assert!(world.errors().contains("leads out of the repository"));
    }
    let world = World::new()
        .file("etc/shadow", PRIVATE)
        .project("extends = ['../../etc/shadow']\n");
    refused(&world, "/etc/shadow");
}

#[test]
fn a_repositorys_file_is_no_link_to_a_file_outside() {
    let world = World::new().file("home/private", PRIVATE);
    symlink("../private", world.path("home/repo/bottle.toml")).unwrap();
    refused(&world, "bottle.toml");
}

#[test]
fn links_and_paths_that_stay_inside_are_followed() {
    let world = World::new()
        .file(
            "home/repo/tools/real.toml",
            "extends = ['./src/base.toml']\n[launch]\nagent = 'claude'\n",
        )
        .file("home/repo/src/base.toml", "extends = ['../src/low.toml']\n")
        .file("home/repo/src/low.toml", "[limits]\npids = 77\n");
    symlink("tools/real.toml", world.path("home/repo/bottle.toml")).unwrap();
    let spec = world.spec();
    assert_eq!(
        (spec.agent.name.as_str(), spec.limits.pids),
        ("claude", Some(77))
    );
}

#[test]
fn the_user_may_build_on_files_anywhere() {
    let far = "[launch]\nagent = 'claude'\n";
    let user = World::new()
        .file("far/away.toml", far)
        .user("extends = ['../../../far/away.toml']\n");
    assert_eq!(user.spec().agent.name, "claude");
    let profile = World::new()
        .file("far/away.toml", far)
        .profile("p", "extends = ['../../../../far/away.toml']\n")
        .project("extends = ['p']\n");
    assert_eq!(profile.spec().agent.name, "claude");
    let explicit = World::new()
        .file("far/away.toml", far)
        .file("home/repo/own.toml", "extends = ['../../far/away.toml']\n");
    let explicit = explicit.flags(Flags {
        config: Some("own.toml".into()),
        ..Flags::default()
    });
    assert_eq!(explicit.spec().agent.name, "claude");
}

#[test]
fn overlong_lines_are_not_drawn() {
    let long = "[".repeat(100_000);
    let name = "k".repeat(100_000);
    for text in [
        format!("a={long}"),
        format!("a={long}\nb"),
        format!("[launch]\n{name} = 1\n"),
        format!("[launch]\nagent = ['{name}']\n"),
        format!("[launch]\nagent = 1 # {name}\n"),
        format!("# {name}\nx = 1\n"),
        format!("x = 1\n# {name}\n"),
        format!("[launch]\nagent = [\n{}]\n", "'x',\n".repeat(50_000)),
    ] {
        let errors = World::new().project(&text).load().unwrap_err();
        let shown = errors.render(false, 100);
        assert!(shown.contains("at bottle.toml:"), "{shown:.300}");
        assert!(!shown.contains(&long), "the line is not repeated");
        // Whoever renders them by other means is as safe.
        let _ = format!("{:?}", miette::Report::new(errors));
    }
    let world = World::new().project("x = 1\n");
    assert!(world.errors().contains("1 │ x = 1"), "others are drawn");
    let world = World::new().project(&format!("x = 1 #{}\n", "é".repeat(400)));
    assert!(
        world.errors().contains("1 │ x = 1"),
        "so are merely long ones"
    );
}

#[test]
fn what_no_process_can_be_given_is_an_error() {
    for (text, place) in [
        ("[env]\nA = \"x\\u0000y\"\n", "`env.A` holds a NUL"),
        (
            "[agent.x.env]\nA = \"\\u0000\"\n",
            "`agent.x.env.A` holds a NUL",
        ),
        ("[env]\nA = { from_env = \"B\\u0000\" }\n", "holds a NUL"),
        (
            "[env]\nA = { from_env = \"B=C\" }\n",
            "not the name of an environment variable",
        ),
        (
            "[env]\n\"A\\u0000\" = 'x'\n",
            "not the name of an environment variable",
        ),
        (
            "[env]\n'A=B' = 'x'\n",
            "not the name of an environment variable",
        ),
        (
            "[env]\n'' = 'x'\n",
            "not the name of an environment variable",
        ),
        (
            "[agent.x]\ncommand = [\"a\\u0000b\"]\n",
            "`agent.x.command[0]` holds a NUL",
        ),
        (
            "[[mount]]\nsource = \"./a\\u0000b\"\ntarget = '/x'\n",
            "holds a NUL",
        ),
    ] {
        let text = World::new().user(text).errors();
        assert!(text.contains(place), "{place} in {text}");
    }
    for flag in ["A=x\0y", "A\0=x", "A\0", "=x"] {
        let flags = Flags {
            agent: Some("claude".into()),
            env: vec![flag.into()],
            ..Flags::default()
        };
        let text = World::new().flags(flags).errors();
        assert!(
            text.contains("`--env`") || text.contains("`A` holds a NUL"),
            "{text}"
        );
        assert!(!text.contains('\0'), "{text}");
    }
}

#[test]
fn a_repository_takes_no_refusal_of_the_users_away() {
    let user = "[launch]\nagent = 'claude'\n\
                [egress]\nallow = ['*.example.com']\ndeny = ['bad.example.com']\n";
    for project in [
        "[egress]\ndeny = []\n",
        "[egress]\ndeny = []\nallow = ['bad.example.com']\n",
        "[egress]\ndeny = ['other.example.com']\n",
        "extends = ['./more.toml']\n[egress]\ndeny = []\n",
    ] {
        let world = World::new()
            .user(user)
            .file("home/repo/more.toml", "[egress]\ndeny = []\n")
            .project(project);
        let denied = world.spec().deny;
        assert!(
            denied.iter().any(|host| host.as_str() == "bad.example.com"),
            "{project}: {denied:?}"
        );
    }
}
