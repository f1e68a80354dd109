//! Files that build on files.

use crate::world::World;

#[test]
fn the_file_wins_over_what_it_extends_and_later_ones_over_earlier() {
    let world = World::new()
        .user(
            "extends = ['one', './two.toml', '~/three.toml']\n\
             [launch]\nname = 'own'\n[egress]\nallow = ['own.test']\n",
        )
        .profile("one", "[launch]\nname = 'one'\nagent = 'claude'\nruntime = 'one'\nbackend = 'docker'\n[egress]\nallow = ['one.test']\n")
        .file("home/.config/bottle/two.toml", "extends = ['base']\n[launch]\nruntime = 'two'\n")
        .profile("base", "[launch]\nruntime = 'base'\nbackend = 'other'\n[egress]\nallow = ['base.test']\n")
        .file("home/three.toml", "[limits]\npids = 99\n");
    let spec = world.spec();
    assert_eq!((spec.name.base.as_str(), spec.name.pinned), ("own", true));
    assert_eq!(spec.agent.name, "claude");
    assert_eq!(format!("{:?}", spec.runtime), "Named(\"two\")");
    assert_eq!(spec.limits.pids, Some(99));
    assert_eq!(world.config().backend().unwrap().value, "other");
    let hosts: Vec<&str> = spec.allow.iter().map(|rule| rule.host.as_str()).collect();
    assert_eq!(
        hosts,
        ["one.test", "base.test", "own.test", "api.anthropic.com"]
    );
    let read: Vec<String> = (world.config().files().iter())
        .map(|file| {
            file.path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(
        read,
        [
            "config.toml",
            "one.toml",
            "two.toml",
            "base.toml",
            "three.toml"
        ]
    );
}

#[test]
fn one_file_may_be_extended_twice() {
    let world = World::new()
        .user("extends = ['a', 'b']\n")
        .profile("a", "extends = ['base']\n")
        .profile("b", "extends = ['base']\n")
        .profile("base", "[launch]\nagent = 'claude'\n");
    assert_eq!(world.spec().agent.name, "claude");
}

#[test]
fn paths_are_relative_to_their_own_file() {
    let world = World::new()
        .user("extends = ['./sub/more.toml']\n[launch]\nagent = 'claude'\n")
        .file(
            "home/.config/bottle/sub/more.toml",
            "[secret.A]\nfrom_file = './key'\nfile = '~/key'\n\
             [secret.B]\nfrom_command = ['./pass', './x']\nenv = true\n\
             [[mount]]\nsource = '../data/./x'\ntarget = '/data'\n\
             [agent.b]\nimage = { build = 'image' }\ncommand = ['b']\n",
        )
        .file("home/.config/bottle/data/x/y", "");
    let config = world.config();
    let text = format!("{:?}", world.spec());
    for path in [
        "FromFile(\"/home/.config/bottle/sub/key\")",
        "[\"/home/.config/bottle/sub/pass\", \"./x\"]",
        "source: \"/home/.config/bottle/data/x\"",
    ] {
        assert!(world.clean(&text).contains(path), "{path} in {text}");
    }
    let (agent, _) = config
        .agents()
        .find(|(agent, _)| agent.name == "b")
        .unwrap();
    let text = world.clean(&format!("{agent:?}"));
    assert!(
        text.contains("context: \"/home/.config/bottle/sub/image\""),
        "{text}"
    );
}

#[test]
fn names_that_are_no_profiles_never_leave_the_folder() {
    for name in ["..", ".", "", "a.b", "-a"] {
        let world = World::new().user(&format!("extends = ['{name}']\n")).file(
            "home/.config/bottle/profiles/..toml",
            "[launch]\nagent = 'claude'\n",
        );
        assert!(world.errors().contains("unknown profile"), "{name:?}");
    }
}
