//! What is generated from the command line's own description.

use clap::{Command, CommandFactory};
use clap_complete::generate;
use clap_mangen::{Man, generate_to};

use super::End;
use crate::{
    args::{Cli, CompletionsArgs, ManArgs},
    context::Context,
    output::Failure,
};

/// `bottle completions`.
pub(super) fn completions(cx: &Context, args: &CompletionsArgs) -> End {
    let mut script = vec![];
    generate(args.shell, &mut visible(), "bottle", &mut script);
    cx.printer.bytes(&script);
    End::SUCCESS
}

/// The command without what people are not meant to type, which the generators would offer.
fn visible() -> Command {
    let all = Cli::command();
    let commands = all
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    Command::new("bottle")
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(commands.cloned())
}

/// `bottle man`.
pub(super) fn man(cx: &Context, args: &ManArgs) -> Result<End, Failure> {
    let Some(folder) = &args.out else {
        let mut page = vec![];
        let rendered = Man::new(Cli::command()).render(&mut page);
        rendered.map_err(|error| Failure::because("cannot write the page", &error))?;
        cx.printer.bytes(&page);
        return Ok(End::SUCCESS);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| generate_to(Cli::command(), folder))
        .map_err(|error| {
            Failure::because(format!("cannot write into `{}`", folder.display()), &error)
        })?;
    Ok(End::SUCCESS)
}
