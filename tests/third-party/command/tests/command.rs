//! The command knows our plugins, their tables, and where they were chosen.

use std::process::{Command, Output};

fn acme(arguments: &[&str], state: &std::path::Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_acme-bottle"))
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", state)
        .env("XDG_STATE_HOME", state.join("state"))
        .env("XDG_CONFIG_HOME", state.join("config"))
        .output()
        .expect("it runs")
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    text
}

fn state(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("acme-bottle-{name}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("state")).expect("a folder");
    folder
}

#[test]
fn our_plugins_are_listed_with_their_crates_and_where_they_were_chosen() {
    let state = state("plugins");
    let listed = said(&acme(&["plugins"], &state));
    for (words, place) in [
        (
            ["backend", "ledger", "acme-backend-ledger", "0.3.1"],
            "bottle.toml:4",
        ),
        (
            ["proxy", "turnstile", "acme-proxy-turnstile", "0.3.1"],
            "bottle.toml:5",
        ),
        (
            [
                "provisioner",
                "greeting",
                "acme-provisioner-greeting",
                "0.3.1",
            ],
            "default",
        ),
    ] {
        let line = listed
            .lines()
            .find(|line| words.iter().all(|word| line.contains(word)));
        let line = line.unwrap_or_else(|| panic!("no {words:?} in\n{listed}"));
        assert!(line.contains(place), "not chosen by {place}: {line}");
    }
    assert!(
        !listed.contains("docker"),
        "only what is named is linked:\n{listed}"
    );
    let _ = std::fs::remove_dir_all(state);
}

#[test]
fn our_tables_are_checked_and_planned() {
    let state = state("plan");
    // The repository's file chooses plugins, which is for its owner to trust.
    said(&acme(&["trust"], &state));
    said(&acme(&["config", "check"], &state));
    let plan = said(&acme(
        &["plan", "--json", "--allow", "api.example.com"],
        &state,
    ));
    for wanted in [
        "\"ledger\"",
        "\"turnstile\"",
        "Timeout 120",
        "This shell reaches only:",
    ] {
        assert!(plan.contains(wanted), "no {wanted} in the plan:\n{plan}");
    }
    let _ = std::fs::remove_dir_all(state);
}

#[test]
fn a_bottle_runs_on_our_backend_and_is_in_our_ledger() {
    let state = state("run");
    said(&acme(&["trust"], &state));
    let ledger = state.join("ledger");
    let config = state.join("own.toml");
    let text = format!(
        "[launch]\nbackend = 'ledger'\nproxies = ['turnstile']\nruntime = 'runc'\n\
         [workspace]\nmode = 'none'\n[backend.ledger]\npath = '{}'\n",
        ledger.display()
    );
    std::fs::write(&config, text).expect("written");
    let config = config.display().to_string();
    // Nothing runs in memory, so nothing would end by itself.
    let arguments = [
        "--config",
        &config,
        "run",
        "shell",
        "--timeout",
        "2s",
        "--",
        "true",
    ];
    let output = acme(&arguments, &state);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(124),
        "its time is over: {errors}"
    );
    let noted = std::fs::read_to_string(&ledger).expect("a ledger");
    for verb in ["create network", "create container", "start", "remove"] {
        assert!(noted.contains(verb), "no `{verb}` in\n{noted}");
    }
    let _ = std::fs::remove_dir_all(state);
}
