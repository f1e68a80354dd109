//! What somebody else builds on bottle: their repository (`tests/third-party`), and what
//! `bottle plugin new` writes. Built offline, with the versions of this workspace.
#![expect(clippy::unwrap_used, reason = "a check fails loudly")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// Where this workspace is built: what it has in common with others is not built again.
fn target() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["target_directory"].as_str().unwrap().into()
}

/// Runs cargo in a repository that is not ours; what it says.
fn cargo(folder: &Path, arguments: &[&str]) -> (bool, String) {
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        // As this workspace has it, or everything would be built twice.
        .args(["--config", "profile.dev.debug='line-tables-only'"])
        .args(["--config", "profile.dev.package.'*'.debug=false"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target())
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    (output.status.success(), said)
}

/// A copy, so that nothing is written into the checkout.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == "target" || name == "Cargo.lock" {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn their_repository_builds_from_a_clean_clone_and_passes_its_suites() {
    let clone = tempfile::tempdir().unwrap();
    copy(&root().join("tests/third-party"), clone.path());
    // A clone elsewhere has no `../../core`: the paths become absolute, nothing else changes.
    let manifest = clone.path().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let checkout = root().canonicalize().unwrap();
    let text = text
        .replace(
            "path = \"../../",
            &format!("path = \"{}/", checkout.display()),
        )
        .replace(
            "path = \"../",
            &format!("path = \"{}/tests/", checkout.display()),
        );
    fs::write(&manifest, text).unwrap();
    let (passed, said) = cargo(clone.path(), &["test", "--no-fail-fast"]);
    assert!(passed, "{said}");
    let results: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("test result: ok"))
        .collect();
    // Backend twice, proxy, provisioner, command.
    let busy = results
        .iter()
        .filter(|line| !line.contains(" 0 passed"))
        .count();
    assert_eq!(busy, 5, "{said}");
    for line in results {
        println!("third party: {line}");
    }
}

#[test]
fn what_plugin_new_writes_compiles_and_has_its_suite() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["backend", "proxy", "provisioner"] {
        let new = folder.path().join(kind);
        let run = [
            "run",
            "--quiet",
            "-p",
            "bottle-cli",
            "--bin",
            "bottle",
            "--",
            "plugin",
            "new",
        ];
        let written = Command::new(env!("CARGO"))
            .args(run)
            .args([kind, "my-own", "--folder"])
            .arg(&new)
            .arg("--checkout")
            .arg(root())
            .current_dir(root())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&written.stderr);
        assert!(written.status.success(), "{kind}: {errors}");
        let (passed, said) = cargo(&new, &["test"]);
        assert!(!said.contains("warning: unused"), "{kind}: {said}");
        if kind == "backend" {
            // It compiles, and its suite says that nothing is written yet.
            assert!(!passed && said.contains("no case was tried"), "{said}");
            assert!(said.contains("not written yet"), "{said}");
        } else {
            assert!(passed, "{kind}: {said}");
            let busy = said
                .lines()
                .filter(|line| line.starts_with("test result: ok"));
            assert!(
                busy.clone().any(|line| !line.contains(" 0 passed")),
                "{kind}: {said}"
            );
        }
    }
}
