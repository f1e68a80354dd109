//! What provisioners put into a real bottle.

use std::process::Command;

use bottle_e2e::{
    lane::{Lane, bridge_address},
    origin::Origin,
    world::{World, assert_code, stdout},
};

/// Everything a user may grant at once, looked at from inside.
pub(crate) fn files_keys_skills_and_prompt_arrive(lane: Lane) {
    let world = World::chained(lane, &["mitmproxy", "pipelock"], "");
    let key = world.path("id_probe");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "probe", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    world.write("note.txt", "a note\n");
    world.write("dotenv", "WANTED=yes\nUNWANTED=no\n");
    world.write("skills/knots/SKILL.md", "---\nname: knots\n---\ntie them\n");
    world.extend(&format!(
        r#"
[provisioner.ssh]
keys = ["{key}"]
known_hosts = ["git.test ssh-ed25519 AAAA"]
[provisioner.env]
file = "{env}"
keys = ["WANTED"]
[provisioner.files]
"~/note.txt" = {{ from = "{note}" }}
[provisioner.git]
name = "Ada"
email = "ada@test"
https_hosts = ["origin.test"]
[agent.probe]
extends = "shell"
prompt = {{ file = "~/PROMPT.md" }}
skills_dir = "~/skills"
"#,
        key = key.display(),
        env = world.path("dotenv").display(),
        note = world.path("note.txt").display(),
    ));
    let path = format!("/remote-{lane}");
    let remote = &path[1..];
    let skill = world.path("skills/knots");
    let script = format!(
        "cd; stat -c '%a %u' .ssh .ssh/id_probe; grep -c PRIVATE .ssh/id_probe; cat .ssh/known_hosts; \
         echo $WANTED $UNWANTED; cat note.txt PROMPT.md; echo; tail -n 1 skills/knots/SKILL.md; \
         git config user.name; git config user.email; \
         git ls-remote git@origin.test:{remote}/repo.git | head -n 1 | cut -c1-4"
    );
    let mut command = world.bottle();
    command
        .args(["run", "probe", "--image", bottle_e2e::world::TOOLS_IMAGE])
        .args(["--prompt", "be brief", "--skill"])
        .arg(&skill)
        .args(["--", "sh", "-c", &script]);
    let output = command.output().unwrap();
    assert_code(&output, 0);
    let out = stdout(&output);
    let (uid, lines) = (world.agent_uid(), out.lines().collect::<Vec<_>>());
    assert_eq!(
        lines,
        [
            format!("700 {uid}").as_str(),
            format!("600 {uid}").as_str(),
            "2",
            "git.test ssh-ed25519 AAAA",
            "yes",
            "a note",
            "be brief",
            "tie them",
            "Ada",
            "ada@test",
            "aaaa",
        ],
        "{out}"
    );
    let seen = Origin::shared(bridge_address()).seen(&path);
    assert!(!seen.is_empty(), "the ssh remote went by https");
    world.assert_empty();
}

/// The presets that have no case of their own: built from their packages and run.
pub(crate) fn every_preset_is_built_and_answers(lane: Lane) {
    let world = World::chained(lane, &["mitmproxy"], "");
    for agent in ["codex", "gemini", "opencode"] {
        let output = world.run(&["run", agent, "--", "--version"]);
        assert_code(&output, 0);
        let out = stdout(&output);
        assert!(out.chars().any(|c| c.is_ascii_digit()), "{agent}: {out}");
        world.assert_empty();
    }
}
