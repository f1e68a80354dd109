//! The working folder in each of its modes.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use bottle_e2e::{
    lane::Lane,
    world::{World, assert_code, stdout},
};

const CHAIN: &[&str] = &["mitmproxy"];

pub(crate) fn a_bound_folder_is_the_hosts_own(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    let output = world.sh(&[], "cat hello.txt && echo from inside > made.txt");
    assert_code(&output, 0);
    assert_eq!(stdout(&output), "hello from the host\n");
    let made = world.path("work/made.txt");
    assert_eq!(fs::read_to_string(&made).unwrap(), "from inside\n");
    assert_eq!(fs::metadata(&made).unwrap().uid(), world.agent_uid());
    world.assert_empty();
}

pub(crate) fn a_copied_folder_keeps_its_modes_and_leaves_the_host_alone(lane: Lane) {
    let world = World::chained(lane, CHAIN, "");
    // The same content every time: a copy is cached by it.
    world.write("work/tool", "#!/bin/sh\necho the tool ran\n");
    world.write("work/.dockerignore", "left-out\n");
    world.write("work/left-out", "x");
    fs::set_permissions(world.path("work/tool"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("tool", world.path("work/link")).unwrap();
    let output = world.sh(
        &["--workspace-mode", "copy"],
        "./tool; readlink link; stat -c '%a %u' tool; test -e left-out || echo ignored; \
         echo changed > hello.txt && rm tool",
    );
    assert_code(&output, 0);
    let uid = world.agent_uid();
    let expected = format!("the tool ran\ntool\n750 {uid}\nignored\n");
    assert_eq!(stdout(&output), expected);
    let hello = fs::read_to_string(world.path("work/hello.txt")).unwrap();
    assert_eq!(hello, "hello from the host\n");
    assert!(world.path("work/tool").exists());
    world.assert_empty();
}

pub(crate) fn a_clone_brings_commits_back_on_a_branch_of_its_own(lane: Lane) {
    let world = repository(lane);
    let output = world.sh(&["--workspace-mode", "clone"], COMMIT);
    assert_code(&output, 0);
    // The clone is kept; the workspace's own repository knows nothing of it.
    let clone = only_folder(&world.path("state/bottle/workspaces"));
    assert_eq!(git(&clone, &["log", "-1", "--format=%s"]), "from inside");
    assert!(git(&clone, &["branch", "--show-current"]).starts_with("bottle/"));
    let work = world.path("work");
    assert_eq!(git(&work, &["log", "-1", "--format=%s"]), "first");
    assert_eq!(git(&work, &["status", "--porcelain"]), "");
    world.assert_empty();
}

pub(crate) fn a_worktree_commits_into_the_repository_on_a_branch_of_its_own(lane: Lane) {
    let world = repository(lane);
    let hook = world.path("work/.git/hooks/post-checkout");
    let ran = world.path("hook-ran");
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let output = world.sh(
        &["--workspace-mode", "worktree"],
        &format!(
            "{COMMIT}; common=$(git rev-parse --git-common-dir); \
             echo x >> $common/config || echo config is closed; \
             echo x > $common/hooks/pre-commit || echo hooks are closed"
        ),
    );
    assert_code(&output, 0);
    let out = stdout(&output);
    assert!(out.contains("config is closed"), "{out}");
    assert!(out.contains("hooks are closed"), "{out}");
    let work = world.path("work");
    assert_eq!(git(&work, &["log", "-1", "--format=%s"]), "first");
    let branches = git(&work, &["log", "--branches=bottle/*", "-1", "--format=%s"]);
    assert_eq!(branches, "from inside");
    assert!(!ran.exists(), "making the worktree ran a hook on the host");
    world.assert_empty();
}

const COMMIT: &str = "git config user.name >/dev/null || exit 3; echo new > new.txt && \
                      git add new.txt && git commit -qm 'from inside'";

/// A world whose workspace is a repository with one commit. It is root's, as git on the host
/// wants it: the tests run as root.
fn repository(lane: Lane) -> World {
    let world = World::chained(
        lane,
        CHAIN,
        "[provisioner.git]\nname = \"A\"\nemail = \"a@b\"\n",
    );
    let work = world.path("work");
    for path in [work.clone(), work.join("hello.txt")] {
        std::os::unix::fs::chown(path, Some(0), Some(0)).unwrap();
    }
    for args in [
        &["init", "-q", "-b", "main"][..],
        &["add", "."],
        &[
            "-c",
            "user.name=h",
            "-c",
            "user.email=h@h",
            "commit",
            "-qm",
            "first",
        ],
    ] {
        git(&work, args);
    }
    world
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(args)
        .output();
    let output = output.unwrap();
    assert_code(&output, 0);
    stdout(&output).trim().to_owned()
}

fn only_folder(folder: &Path) -> std::path::PathBuf {
    let mut entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let only = entries.next().unwrap();
    assert_eq!(entries.next(), None);
    only
}
