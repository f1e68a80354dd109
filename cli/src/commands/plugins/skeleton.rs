//! `bottle plugin new`: a crate to begin with, that compiles and has its conformance test.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    args::{NewPluginArgs, NewPluginKind},
    commands::End,
    context::Context,
    output::Failure,
};

const CARGO: &str = include_str!("../../../templates/Cargo.toml.in");

/// The files of a kind: library and conformance test.
fn templates(kind: NewPluginKind) -> (&'static str, &'static str) {
    match kind {
        NewPluginKind::Backend => (
            include_str!("../../../templates/backend/lib.rs.in"),
            include_str!("../../../templates/backend/conformance.rs.in"),
        ),
        NewPluginKind::Proxy => (
            include_str!("../../../templates/proxy/lib.rs.in"),
            include_str!("../../../templates/proxy/conformance.rs.in"),
        ),
        NewPluginKind::Provisioner => (
            include_str!("../../../templates/provisioner/lib.rs.in"),
            include_str!("../../../templates/provisioner/conformance.rs.in"),
        ),
    }
}

pub(super) fn write(cx: &Context, args: &NewPluginArgs) -> Result<End, Failure> {
    check(&args.name)?;
    let package = format!("bottle-{}-{}", args.kind.as_str(), args.name);
    let folder = args
        .folder
        .clone()
        .unwrap_or_else(|| package.clone().into());
    if folder.exists() {
        return Err(
            Failure::new(format!("`{}` is there already", folder.display()))
                .hint("choose another place with `--folder`; nothing was written"),
        );
    }
    let fill = |template: &str| {
        template
            .replace("@PACKAGE@", &package)
            .replace("@MODULE@", &package.replace('-', "_"))
            .replace("@NAME@", &args.name)
            .replace("@TYPE@", &type_name(&args.name))
            .replace("@KIND@", args.kind.as_str())
    };
    let cargo = fill(CARGO)
        .replace("@API@", &dependency(args, "core/api")?)
        .replace("@CONFORMANCE@", &dependency(args, "tests/conformance")?)
        .replace(
            "@DEPENDENCIES@",
            match args.kind {
                NewPluginKind::Backend => "bytes = \"1\"\n",
                NewPluginKind::Proxy | NewPluginKind::Provisioner => "",
            },
        );
    let (library, test) = templates(args.kind);
    let files = [
        ("Cargo.toml", cargo),
        ("src/lib.rs", fill(library)),
        ("tests/conformance.rs", fill(test)),
    ];
    for (name, text) in files {
        put(&folder.join(name), &text)?;
    }
    report(cx, &folder, &package);
    Ok(End::SUCCESS)
}

/// A name as config selects it.
fn check(name: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && name.chars().all(plain) && !name.ends_with('-') && !name.contains("--") {
        return Ok(());
    }
    Err(Failure::new(format!("`{name}` cannot be a plugin's name"))
        .hint("use lower-case letters, digits and hyphens, such as `my-proxy`"))
}

/// `my-proxy` as a type: `MyProxy`.
fn type_name(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut chars = word.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(chars).collect::<String>()
        })
        .collect()
}

/// A crate of bottle's as `Cargo.toml` names it: the published one, or that of a checkout.
fn dependency(args: &NewPluginArgs, folder: &str) -> Result<String, Failure> {
    let Some(checkout) = &args.checkout else {
        let version = env!("CARGO_PKG_VERSION");
        let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
        return Ok(format!("\"{minor}\""));
    };
    let path = checkout.join(folder);
    let path = path.canonicalize().map_err(|error| {
        Failure::because(
            format!("`{}` is no checkout of bottle", checkout.display()),
            &error,
        )
    })?;
    Ok(format!("{{ path = {:?} }}", path.display().to_string()))
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let written = match path.parent() {
        Some(folder) => fs::create_dir_all(folder),
        None => Err(ErrorKind::InvalidInput.into()),
    };
    written
        .and_then(|()| fs::write(path, text))
        .map_err(|error| Failure::because(format!("cannot write `{}`", path.display()), &error))
}

fn report(cx: &Context, folder: &PathBuf, package: &str) {
    if cx.printer.json() {
        let document = serde_json::json!({ "package": package, "folder": folder });
        return cx.printer.document(&document);
    }
    cx.printer
        .line(format_args!("wrote {package} to {}", folder.display()));
    let module = package.replace('-', "_");
    cx.printer.note(format_args!(
        "`cargo test` there runs its conformance suite; `use {module} as _;` in a command of your \
         own links it in"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_become_types() {
        for good in ["squid", "my-proxy", "a2"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "My", "-a", "a-", "a--b", "1a", "a_b", "a/b", "../x"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(type_name("my-proxy-2"), "MyProxy2");
    }
}
