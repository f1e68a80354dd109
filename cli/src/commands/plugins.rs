//! `bottle plugins`: what is linked into this binary.

use bottle_api::{API_VERSION, Registration};
use serde::Serialize;

use super::End;
use crate::{context::Context, output::Table};

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    kind: &'static str,
    name: &'static str,
    package: &'static str,
    version: &'static str,
    api: u32,
    summary: &'static str,
}

impl Row {
    fn of<T: ?Sized>(kind: &'static str, registration: &Registration<T>) -> Self {
        Self {
            kind,
            name: registration.name,
            package: registration.origin.package,
            version: registration.origin.version,
            api: registration.api,
            summary: registration.summary,
        }
    }
}

pub(super) fn run(cx: &Context) -> End {
    let rows = rows(cx);
    if cx.printer.json() {
        let document = serde_json::json!({ "api": API_VERSION, "plugins": rows });
        cx.printer.document(&document);
        return End::SUCCESS;
    }
    let mut table = Table::new(["KIND", "NAME", "CRATE", "VERSION", "API", "SUMMARY"]);
    for row in rows {
        table.row([
            row.kind.to_owned(),
            row.name.to_owned(),
            row.package.to_owned(),
            row.version.to_owned(),
            row.api.to_string(),
            row.summary.to_owned(),
        ]);
    }
    cx.printer.lines(table.lines(cx.printer.style()));
    End::SUCCESS
}

fn rows(cx: &Context) -> Vec<Row> {
    let registry = &cx.registry;
    let mut rows: Vec<Row> = registry
        .backends()
        .map(|found| Row::of("backend", found))
        .collect();
    rows.extend(registry.proxies().map(|found| Row::of("proxy", found)));
    rows.extend(
        registry
            .provisioners()
            .map(|found| Row::of("provisioner", found)),
    );
    rows
}
