use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bottle_api::WorkspaceMode;

use super::*;
use crate::testing::Scene;

/// A repository whose configuration names a program wherever git would run one.
struct Hostile {
    _folder: tempfile::TempDir,
    repository: PathBuf,
    keep: PathBuf,
    ran: PathBuf,
}

impl Hostile {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [repository, keep, ran, program] =
            ["repository", "keep", "ran", "program"].map(|name| folder.path().join(name));
        fs::create_dir(&repository).unwrap();
        // Says who called it, and passes on what it is given, as a filter does.
        let script = format!("#!/bin/sh\necho \"$0 $*\" >>{}\ncat\n", ran.display());
        fs::write(&program, script).unwrap();
        run(&["chmod", "0755", text_of(&program)]);
        let hostile = Self {
            _folder: folder,
            repository,
            keep,
            ran,
        };
        hostile.git(&["init", "--quiet"]);
        fs::write(hostile.repository.join("data.txt"), "data\n").unwrap();
        fs::write(hostile.repository.join("run.sh"), "#!/bin/sh\n").unwrap();
        run(&["chmod", "0755", text_of(&hostile.repository.join("run.sh"))]);
        fs::write(hostile.repository.join(".gitattributes"), "* filter=evil\n").unwrap();
        hostile.git(&["add", "."]);
        hostile.git(&["commit", "--quiet", "-m", "first"]);
        for hook in [
            "post-checkout",
            "reference-transaction",
            "post-index-change",
        ] {
            let hook = hostile.repository.join(".git/hooks").join(hook);
            fs::create_dir_all(hook.parent().unwrap()).unwrap();
            fs::copy(&program, hook).unwrap();
        }
        for key in [
            "core.fsmonitor",
            "core.sshCommand",
            "core.alternateRefsCommand",
            "filter.evil.smudge",
            "filter.evil.clean",
            "uploadpack.packObjectsHook",
            "remote.origin.uploadpack",
            "remote.origin.vcs",
        ] {
            hostile.git(&["config", key, text_of(&program)]);
        }
        // One more, by way of another file.
        let included = hostile.repository.join(".git/more");
        let more = format!("[filter \"evil\"]\n\tprocess = {}\n", program.display());
        fs::write(&included, more).unwrap();
        for (key, value) in [
            ("include.path", "more"),
            ("filter.evil.required", "true"),
            ("protocol.ext.allow", "always"),
            ("remote.origin.url", "ext::program"),
            ("remote.origin.promisor", "true"),
        ] {
            hostile.git(&["config", key, value]);
        }
        let _ = fs::remove_file(&hostile.ran);
        hostile
    }

    fn git(&self, rest: &[&str]) {
        let mut argv = vec!["git", "-C", text_of(&self.repository)];
        argv.extend(["-c", "user.name=a", "-c", "user.email=a@b.c"]);
        argv.extend(rest);
        run(&argv);
    }

    /// Does what the mode says; the folder it makes.
    fn check_out(&self, mode: WorkspaceMode) -> (PathBuf, Checkout) {
        let mut scene = Scene::default();
        scene.workspace.mode = mode;
        scene.workspace.folder.clone_from(&self.repository);
        scene.workspace.keep.clone_from(&self.keep);
        let cx = scene.context();
        let checkout = match mode {
            WorkspaceMode::Clone => clone(&cx).unwrap(),
            _ => worktree(&cx).unwrap(),
        };
        for step in &checkout.steps {
            let argv: Vec<&str> = step.argv.iter().map(String::as_str).collect();
            run(&argv);
        }
        (self.keep.join("project-abc123"), checkout)
    }

    fn calls(&self) -> String {
        fs::read_to_string(&self.ran).unwrap_or_default()
    }
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(argv: &[&str]) {
    let output = Command::new(argv[0]).args(&argv[1..]).output().unwrap();
    assert!(output.status.success(), "{argv:?}: {output:?}");
}

fn is_complete(copy: &Path) {
    assert_eq!(fs::read(copy.join("data.txt")).unwrap(), b"data\n");
    run(&["test", "-x", text_of(&copy.join("run.sh"))]);
    // What is in the folder, in the index and in the commit is the same.
    for what in ["HEAD", "--"] {
        let plain = ["-c", "filter.evil.process=", "-c", "filter.evil.clean="];
        let quiet = [
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ];
        let mut argv = vec!["git", "-C", text_of(copy)];
        argv.extend(plain.iter().chain(&quiet));
        argv.extend([
            "-c",
            "filter.evil.required=false",
            "diff",
            "--exit-code",
            what,
        ]);
        run(&argv);
    }
}

#[test]
fn making_a_worktree_runs_no_program_of_the_repository() {
    let hostile = Hostile::new();
    let (copy, checkout) = hostile.check_out(WorkspaceMode::Worktree);
    assert_eq!(hostile.calls(), "", "the repository's programs ran");
    is_complete(&copy);
    assert!(hostile.repository.join(".git/config.worktree").is_file());
    assert!(!hostile.keep.join("project-abc123.git").exists());
    for step in checkout.steps.iter().rev() {
        if let Some(undo) = &step.undo {
            run(&undo.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    is_complete(&copy);
}

#[test]
fn making_a_clone_runs_no_program_of_the_repository() {
    let hostile = Hostile::new();
    let (copy, _) = hostile.check_out(WorkspaceMode::Clone);
    assert_eq!(hostile.calls(), "", "the repository's programs ran");
    is_complete(&copy);
    assert!(!copy.join(".git/objects/info/alternates").exists());
}

#[test]
fn the_hostile_repository_is_hostile() {
    let hostile = Hostile::new();
    let output = Command::new("git")
        .args([
            "-C",
            text_of(&hostile.repository),
            "worktree",
            "add",
            "-b",
            "x",
        ])
        .arg(hostile.keep.join("x"))
        .output()
        .unwrap();
    for name in ["reference-transaction", "program"] {
        assert!(hostile.calls().contains(name), "{name}: {output:?}");
    }
}
