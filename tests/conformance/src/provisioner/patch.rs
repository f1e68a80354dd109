//! `patch`, `applies`, `after`: the pure part.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bottle_api::{EnvValue, Mount, SecretRef};

use super::{ProvisionerSuite, each_scene, scenes};
use crate::{
    Checked,
    plugin::{is_inside, is_variable, task},
    runner::Task,
    scene,
    verdict::{ensure, same},
};

pub(super) fn tasks(suite: &ProvisionerSuite) -> Vec<Task> {
    vec![
        task(suite, "patch::the same input gives the same patch", pure),
        task(
            suite,
            "patch::planning leaves nothing on the host",
            leaves_nothing,
        ),
        task(
            suite,
            "patch::no secret value is in it, nor is any read",
            no_secret,
        ),
        task(
            suite,
            "patch::its files and mounts have absolute paths",
            paths,
        ),
        task(suite, "patch::its variables can be set", variables),
        task(
            suite,
            "patch::it puts no setuid program into the bottle",
            modes,
        ),
        task(
            suite,
            "patch::what it makes on the host is undone, or kept where it may be",
            host_steps,
        ),
        task(suite, "patch::it does not come after itself", after),
        task(
            suite,
            "patch::whether it applies depends on the bottle alone",
            applies,
        ),
    ]
}

fn pure(suite: &ProvisionerSuite) -> Checked {
    let other = suite.provisioner()?;
    each_scene(suite, |provisioner, scene| {
        let ask = || {
            provisioner
                .patch(&scene.context())
                .map_err(|e| e.to_string())
        };
        let first = ask();
        // Neither a clock nor chance has a say.
        std::thread::sleep(Duration::from_millis(2));
        same!(ask(), first, "asked again");
        let again = other.patch(&scene.context()).map_err(|e| e.to_string());
        same!(again, first, "asked of another one of the same table");
        Ok(())
    })
}

/// Paths and times of everything in a folder.
fn listing(folder: &Path) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let time = entry.metadata().and_then(|meta| meta.modified()).ok();
            if path.is_dir() {
                folders.push(path.clone());
            }
            all.insert(path, time);
        }
    }
    all
}

fn leaves_nothing(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let before = listing(&scene.workspace.folder);
        // A refusal is no matter here.
        let _ = provisioner.patch(&scene.context());
        let _ = provisioner.applies(&scene.context());
        same!(
            listing(&scene.workspace.folder),
            before,
            "the working folder"
        );
        Ok(())
    })
}

fn no_secret(suite: &ProvisionerSuite) -> Checked {
    let value = "bottle-secret-of-the-policy";
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(value.as_bytes())?;
    let secret = SecretRef::FromFile(file.path().to_owned());
    let policy = scene::credential_policy("api.one.test", secret);
    each_scene(suite, |provisioner, scene| {
        let mut scene = scene.clone();
        scene.policy = policy.clone();
        if let Ok(patch) = provisioner.patch(&scene.context()) {
            ensure!(
                !format!("{patch:?}").contains(value),
                "the value of a secret"
            );
        }
        Ok(())
    })
}

fn paths(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let Ok(patch) = provisioner.patch(&scene.context()) else {
            return Ok(());
        };
        for file in &patch.files {
            ensure!(
                is_inside(&file.path),
                "`{}` is not an absolute path",
                file.path
            );
        }
        for mount in &patch.mounts {
            let target = match mount {
                Mount::Bind { source, target, .. } => {
                    ensure!(source.is_absolute(), "`{}` of the host", source.display());
                    target
                }
                Mount::Volume { target } | Mount::Tmpfs { target, .. } => target,
            };
            ensure!(is_inside(target) && target != "/", "mounted at `{target}`");
        }
        let derived = patch.derive.iter().map(|derive| &derive.target);
        for target in derived.chain(&patch.workdir) {
            ensure!(is_inside(target), "`{target}` is not an absolute path");
        }
        Ok(())
    })
}

fn variables(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let Ok(patch) = provisioner.patch(&scene.context()) else {
            return Ok(());
        };
        for (name, value) in &patch.env {
            ensure!(is_variable(name), "{name:?} is no name of a variable");
            if let EnvValue::Literal(text) = value {
                ensure!(!text.contains('\0'), "`{name}` has a NUL in its value");
            }
        }
        Ok(())
    })
}

fn modes(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let Ok(patch) = provisioner.patch(&scene.context()) else {
            return Ok(());
        };
        for file in &patch.files {
            ensure!(
                file.mode & 0o6000 == 0,
                "`{}` has mode {:o}",
                file.path,
                file.mode
            );
        }
        Ok(())
    })
}

fn host_steps(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let Ok(patch) = provisioner.patch(&scene.context()) else {
            return Ok(());
        };
        for step in &patch.host_steps {
            ensure!(!step.argv.is_empty(), "`{}` has no program", step.label);
            let kept = scene.workspace.keep.to_string_lossy();
            let in_keep = step.argv.iter().any(|word| word.starts_with(&*kept));
            ensure!(
                step.undo.is_some() || in_keep,
                "`{}` is never undone",
                step.label
            );
        }
        Ok(())
    })
}

fn after(suite: &ProvisionerSuite) -> Checked {
    let provisioner = suite.provisioner()?;
    let names = provisioner.after();
    ensure!(
        !names.contains(&provisioner.name()),
        "it comes after itself"
    );
    same!(provisioner.after(), names, "asked again");
    Ok(())
}

fn applies(suite: &ProvisionerSuite) -> Checked {
    let folder = tempfile::tempdir()?;
    let (one, other) = (suite.provisioner()?, suite.provisioner()?);
    for scene in scenes(folder.path()) {
        let first = one.applies(&scene.context());
        same!(
            one.applies(&scene.context()),
            first,
            "{}: asked again",
            scene.what
        );
        same!(
            other.applies(&scene.context()),
            first,
            "{}: of another one",
            scene.what
        );
    }
    Ok(())
}
