//! One contract for both: the stand-in that the tests of `bottle` may use, and the real
//! pipelock when it is on `PATH`. Every case starts its own process, on loopback, with a
//! configuration file that the plugin wrote.
//!
//! `BOTTLE_PIPELOCK_STANDIN` names a stand-in that is built already; else cargo builds it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod binaries;
mod cases;
mod client;
mod origin;
mod proxy;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use libtest_mimic::{Arguments, Failed, Trial};

/// A case: its name and what it does with a binary.
type Case = (&'static str, fn(&Path) -> cases::Outcome);

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let real = binaries::real();
    let standin = if args.list {
        PathBuf::new()
    } else {
        binaries::standin()
    };
    #[expect(
        clippy::print_stderr,
        reason = "which binaries were held to the contract"
    )]
    {
        eprintln!("pipelock contract: stand-in {}", standin.display());
        match &real {
            Some(path) => eprintln!("pipelock contract: real {}", path.display()),
            None => eprintln!(
                "pipelock contract: NO REAL PIPELOCK on PATH; its cases are listed as ignored"
            ),
        }
    }
    let mut trials = Vec::new();
    for &(name, run) in cases::ALL {
        let path = standin.clone();
        trials.push(trial("standin", name, run, path));
        let path = real.clone().unwrap_or_default();
        trials.push(trial("real", name, run, path).with_ignored_flag(real.is_none()));
    }
    libtest_mimic::run(&args, trials).exit_code()
}

fn trial(binary: &str, name: &str, run: fn(&Path) -> cases::Outcome, path: PathBuf) -> Trial {
    Trial::test(format!("{binary}::{name}"), move || {
        run(&path).map_err(|error| Failed::from(format!("{error:?}")))
    })
}
