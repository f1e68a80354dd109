//! A `bottle` with a home of its own.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// A user with a home, a project folder, and nothing of the real user's environment.
pub(crate) struct World {
    root: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["home", "project", "state", "config/bottle"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        Self { root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        // As the command sees it: without links on the way.
        self.root.path().canonicalize().unwrap().join(name)
    }
    pub(crate) fn project(&self) -> PathBuf {
        self.path("project")
    }
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state/bottle")
    }
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
    /// The user's own configuration.
    pub(crate) fn user_config(&self, text: &str) {
        self.write("config/bottle/config.toml", text);
    }
    /// The project's `bottle.toml`.
    pub(crate) fn project_config(&self, text: &str) {
        self.write("project/bottle.toml", text);
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bottle"));
        command
            .args(line.split_whitespace())
            .current_dir(self.project())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_STATE_HOME", self.path("state"))
            // Docker is what these tests launch on, whatever else the machine has.
            .env("CONTAINER_HOST", "unix:///nowhere")
            .env("LANG", "C.UTF-8");
        command
    }

    /// Runs it to the end: exit code, standard output, standard error.
    pub(crate) fn run(&self, line: &str) -> (i32, String, String) {
        done(&self.command(line).output().unwrap())
    }
}

/// A test that fails half-way must not leave its bottles running.
impl Drop for World {
    fn drop(&mut self) {
        if self.state().join("instance").exists() {
            let _ = self.command("stop --all").output();
            let _ = self.command("cleanup").output();
        }
    }
}

pub(crate) fn done(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Replaces what differs between machines and runs.
pub(crate) fn filters(world: &World) -> Vec<(String, &'static str)> {
    let folder = |path: &Path| regex_escape(&path.display().to_string());
    vec![
        (
            folder(&world.path("")).trim_end_matches('/').to_owned(),
            "[ROOT]",
        ),
        (r"\b\d+\.\d+\.\d+[\w.+~-]*\b".to_owned(), "[VERSION]"),
    ]
}

fn regex_escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let special = "\\.+*?()|[]{}^$".contains(c);
            special.then_some('\\').into_iter().chain([c])
        })
        .collect()
}

/// A snapshot of what a command said, with this world's paths and versions replaced.
#[macro_export]
macro_rules! snapshot {
    ($world:expr, $name:expr, $line:expr) => {{
        let world = &$world;
        let mut settings = insta::Settings::clone_current();
        for (from, to) in $crate::common::filters(world) {
            settings.add_filter(&from, to);
        }
        settings.set_omit_expression(true);
        settings.bind(|| {
            let (code, out, err) = world.run($line);
            let text = format!("$ bottle {}\n[exit {code}]\n{out}--- stderr\n{err}", $line);
            insta::assert_snapshot!($name, text);
        });
    }};
}
