//! `bottle plan`: what a launch would do.

use bottle_api::Stdio;

use super::End;
use crate::{
    args::LaunchArgs,
    context::Context,
    launch::prepare,
    output::{Failure, render_plan},
};

pub(super) async fn run(cx: &Context, args: &LaunchArgs, stdio: Stdio) -> Result<End, Failure> {
    let prepared = prepare(cx, args, stdio).await?;
    if cx.printer.json() {
        cx.printer.document(&prepared.plan);
    } else {
        let engine = &prepared.info.engine;
        cx.printer
            .lines(render_plan(&prepared.plan, engine, cx.printer.style()));
    }
    Ok(End::SUCCESS)
}
