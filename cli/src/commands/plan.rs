//! `bottle plan`: what a launch would do.

use bottle_api::Stdio;
use bottle_engine::PrintablePlan;

use super::End;
use crate::{
    args::LaunchArgs,
    context::Context,
    launch::prepare,
    output::{Failure, render_plan},
};

pub(super) async fn run(cx: &Context, args: &LaunchArgs, stdio: Stdio) -> Result<End, Failure> {
    let prepared = prepare(cx, args, stdio).await?;
    let printable = PrintablePlan::new(&prepared.plan);
    for warning in &printable.warnings {
        cx.printer.warn(warning);
    }
    if cx.printer.json() {
        cx.printer.document(&printable.plan);
    } else {
        let engine = &prepared.info.engine;
        cx.printer
            .lines(render_plan(&printable.plan, engine, cx.printer.style()));
    }
    Ok(End::SUCCESS)
}
