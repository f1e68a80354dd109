//! `bottle init`: a configuration to begin with.

use std::io::ErrorKind;

use bottle_api::AgentSpec;
use bottle_config::{Flags, TrustMode, init};

use super::End;
use crate::{args::InitArgs, context::Context, output::Failure};

pub(super) fn run(cx: &Context, args: &InitArgs) -> Result<End, Failure> {
    let loader = cx.loader(Flags::default(), TrustMode::Report)?;
    let (path, text) = if args.project {
        (loader.cwd.join("bottle.toml"), init::PROJECT.to_owned())
    } else {
        (loader.dirs.user_config(), init::user(&cx.registry))
    };
    let known = |agent: &AgentSpec| agent.name == args.agent;
    if !cx.presets.iter().any(known) {
        let names: Vec<&str> = cx.presets.iter().map(|agent| agent.name.as_str()).collect();
        return Err(
            Failure::new(format!("there is no agent `{}` yet", args.agent)).hint(format!(
                "begin with one of {}, and define your own in the file",
                names.join(", ")
            )),
        );
    }
    match init::write(&path, &init::with_agent(&text, &args.agent)) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(
                Failure::new(format!("`{}` is there already", path.display()))
                    .hint("edit it, or move it away; `bottle config check` checks it"),
            );
        }
        Err(error) => {
            return Err(Failure::because(
                format!("cannot write `{}`", path.display()),
                &error,
            ));
        }
    }
    if cx.printer.json() {
        cx.printer.document(&serde_json::json!({ "written": path }));
    } else {
        cx.printer.line(format_args!("wrote {}", path.display()));
        cx.printer
            .note("`bottle config show` shows what is in effect, `bottle plan` what it would do");
    }
    Ok(End::SUCCESS)
}
