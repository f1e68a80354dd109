//! `prepare` and `apply`, on a bench.

use super::{ProvisionerSuite, bench::Bench, each_scene};
use crate::{
    Checked, Miss,
    plugin::{block_on, is_inside, task},
    runner::Task,
    verdict::{ensure, same},
};

pub(super) fn tasks(suite: &ProvisionerSuite) -> Vec<Task> {
    vec![
        task(
            suite,
            "prepare::it works on an image that has next to nothing",
            bare,
        ),
        task(
            suite,
            "prepare::preparing again changes nothing more",
            idempotent,
        ),
        task(
            suite,
            "prepare::the same image gives the same files",
            same_files,
        ),
        task(
            suite,
            "prepare::it puts files at absolute paths, none of them setuid",
            puts,
        ),
        task(
            suite,
            "prepare::an engine that fails is an error, not a half-made bottle",
            fails,
        ),
        task(
            suite,
            "apply::it acts only when it says that it applies",
            quiet,
        ),
        task(
            suite,
            "apply::an engine that fails is an error",
            apply_fails,
        ),
    ]
}

fn bare(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let bench = Bench::new(&suite.files);
        block_on(async { Ok(provisioner.prepare(&scene.context(), &bench).await?) })
    })
}

fn idempotent(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let bench = Bench::new(&suite.files);
        let prepare =
            || block_on(async { Ok(provisioner.prepare(&scene.context(), &bench).await?) });
        prepare()?;
        let first = bench.files();
        prepare()?;
        let changed: Vec<_> = bench
            .files()
            .into_iter()
            .filter(|(path, file)| first.get(path) != Some(file))
            .map(|(path, _)| path)
            .collect();
        ensure!(changed.is_empty(), "changed once more: {changed:?}");
        Ok(())
    })
}

fn same_files(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let prepared = || {
            let bench = Bench::new(&suite.files);
            block_on(async { Ok(provisioner.prepare(&scene.context(), &bench).await?) })?;
            Checked::Ok(bench.files())
        };
        let (one, other) = (prepared()?, prepared()?);
        let differ: Vec<_> = one
            .iter()
            .filter(|(path, file)| other.get(*path) != Some(file))
            .map(|(path, _)| path)
            .collect();
        same!(differ, Vec::<&String>::new(), "files that differ");
        same!(one.len(), other.len(), "how many files there are");
        Ok(())
    })
}

fn puts(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let bench = Bench::new(&suite.files);
        block_on(async { Ok(provisioner.prepare(&scene.context(), &bench).await?) })?;
        for path in bench.puts() {
            ensure!(is_inside(&path), "`{path}` is not an absolute path");
        }
        for (path, (mode, ..)) in bench.files() {
            ensure!(mode & 0o6000 == 0, "`{path}` has mode {mode:o}");
        }
        Ok(())
    })
}

fn fails(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        let bench = Bench::broken();
        let prepared = block_on(async { Ok(provisioner.prepare(&scene.context(), &bench).await) })?;
        ensure!(
            prepared.is_err() || bench.calls() == 0,
            "{} calls failed, and it says that all is well",
            bench.calls()
        );
        Ok(())
    })
}

fn quiet(suite: &ProvisionerSuite) -> Checked {
    each_scene(suite, |provisioner, scene| {
        if provisioner.applies(&scene.context()) {
            return Ok(());
        }
        let bench = Bench::new(&suite.files);
        block_on(async { Ok(provisioner.apply(&scene.context(), &bench).await?) })?;
        same!(bench.calls(), 0, "programs run though it does not apply");
        Ok(())
    })
}

fn apply_fails(suite: &ProvisionerSuite) -> Checked {
    let tried = std::cell::Cell::new(false);
    each_scene(suite, |provisioner, scene| {
        if !provisioner.applies(&scene.context()) {
            return Ok(());
        }
        tried.set(true);
        let bench = Bench::broken();
        let applied = block_on(async { Ok(provisioner.apply(&scene.context(), &bench).await) })?;
        ensure!(
            applied.is_err() || bench.calls() == 0,
            "{} programs could not be run, and it says that all is well",
            bench.calls()
        );
        Ok(())
    })?;
    if tried.get() {
        return Ok(());
    }
    Err(Miss::not_here(
        "it never applies: it has no programs to run",
    ))
}
