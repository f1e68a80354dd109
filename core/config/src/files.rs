//! Finding and reading files, and the files they extend.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use bottle_api::HostPattern;
use toml::{Spanned, de::DeValue};

use crate::{
    diagnostic::{Diagnostic, Sink},
    dirs::Dirs,
    document::Document,
    node::{Node, Reading, absolute},
    section::{Overlay, Sections},
    source::{Layer, Located, Source},
    suggest,
};

/// The name of a project's file.
pub const PROJECT_FILE: &str = "bottle.toml";

/// More than any config needs; a device or a mistaken path must not fill the memory.
const LARGEST: u64 = 1 << 20;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct ReadFile {
    /// Where it is.
    pub path: PathBuf,
    /// On whose behalf it was read: a profile that a project extends is the project's.
    pub layer: Layer,
    pub(crate) document: Arc<Document>,
}

/// The nearest `bottle.toml` upward. The home folder and the root are looked at only when they
/// are the current folder: what lies there is no project of the folders below.
pub(crate) fn nearest_project(cwd: &Path, home: &Path) -> Option<PathBuf> {
    cwd.ancestors()
        .take_while(|folder| *folder == cwd || (*folder != home && *folder != Path::new("/")))
        .map(|folder| folder.join(PROJECT_FILE))
        .find(|file| file.is_file())
}

/// Reads files of one layer.
pub(crate) struct Files<'a> {
    pub(crate) dirs: &'a Dirs,
    pub(crate) cwd: &'a Path,
    pub(crate) layer: Layer,
    pub(crate) sink: &'a Sink,
    pub(crate) read: &'a mut Vec<ReadFile>,
}

impl Files<'_> {
    /// A file and everything it extends, merged. `named` is where it was asked for.
    pub(crate) fn load(&mut self, path: &Path, named: &Source) -> Sections {
        let folder = settled(path).parent().map(Path::to_owned);
        // Whoever wrote the repository must not choose which of the user's files are opened:
        // a mistake in one is shown with the lines around it.
        let within = folder.filter(|_| self.layer == Layer::Project);
        self.load_below(path, named, within.as_deref(), &mut vec![])
    }

    /// A profile, or a path, as `extends` and `--profile` name it.
    pub(crate) fn load_named(&mut self, name: &Located<String>) -> Sections {
        match self.find(name, self.cwd) {
            Some(path) => self.load(&path, &name.source),
            None => Sections::default(),
        }
    }

    /// `within` is the folder that files may not lead out of.
    fn load_below(
        &mut self,
        path: &Path,
        named: &Source,
        within: Option<&Path>,
        chain: &mut Vec<PathBuf>,
    ) -> Sections {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let path = &settled(path);
        if let Some(folder) = within.filter(|folder| !real.starts_with(folder)) {
            self.outside(path, folder, named);
            return Sections::default();
        }
        if chain.contains(&real) {
            chain.push(real);
            let circle: Vec<String> = chain.iter().map(|path| self.shown(path)).collect();
            chain.pop();
            self.sink.push(
                Diagnostic::error(format!(
                    "`extends` goes in a circle: {}",
                    circle.join(" -> ")
                ))
                .at(named, "closes the circle")
                .hint("take one of them out"),
            );
            return Sections::default();
        }
        // Through the checked path: a link that is changed meanwhile is not followed again.
        let text = match read(if within.is_some() { &real } else { path }) {
            Ok(text) => text,
            Err(why) => {
                let shown = self.shown(path);
                self.sink.push(
                    Diagnostic::error(format!("cannot read `{shown}`: {why}"))
                        .at(named, "named here")
                        .hint("check that the file is there, is TOML and may be read by you"),
                );
                return Sections::default();
            }
        };
        let document = Document::file(self.layer, path, self.shown(path), text);
        let document = Arc::new(document);
        self.read.push(ReadFile {
            path: path.clone(),
            layer: self.layer,
            document: Arc::clone(&document),
        });
        let mut own = self.parse(&document);
        chain.push(real);
        let mut below = Sections::default();
        for name in std::mem::take(&mut own.extends) {
            if let Some(path) = self.find(&name, document.base()) {
                // A profile is the user's own, and so is what it builds on.
                let within = within.filter(|_| is_path(&name));
                let lower = self.load_below(&path, &name.source, within, chain);
                below = lower.over(below);
            }
        }
        chain.pop();
        own.over(below)
    }

    fn outside(&self, path: &Path, folder: &Path, named: &Source) {
        self.sink.push(
            Diagnostic::error(format!(
                "`{}` is outside of `{}`, and a repository's file may only build on files below \
                 its own folder; it was not read",
                self.shown(path),
                folder.display()
            ))
            .at(named, "leads out of the repository")
            .hint(format!(
                "put a copy (not a link) into the repository, or make it a profile of your own \
                 in `{}` and name that",
                self.dirs.profiles().display()
            )),
        );
    }

    fn parse(&self, document: &Arc<Document>) -> Sections {
        let (tree, errors) = document.tree();
        for error in errors.iter().take(5) {
            let at = error.span().unwrap_or_default();
            let message = document.scrub(error.message().lines().next().unwrap_or_default());
            self.sink.push(
                Diagnostic::error(format!("`{}` is not TOML: {message}", document.label()))
                    .at(&Source::text(document, at), "here"),
            );
        }
        if !errors.is_empty() {
            return Sections::default();
        }
        let root = Spanned::new(tree.span(), DeValue::Table(tree.into_inner()));
        let reading = Reading {
            document,
            home: &self.dirs.home,
            sink: self.sink,
        };
        Sections::read(&Node::root(reading, &root))
    }

    /// The file that a name means: a path has a `/` or ends in `.toml`, all else is a profile.
    fn find(&self, name: &Located<String>, base: &Path) -> Option<PathBuf> {
        if is_path(name) {
            return Some(absolute(name, base, &self.dirs.home));
        }
        let path = self.dirs.profile(name);
        // The rules of one label of a host name are those of a file name that surprises nobody.
        let good = name.parse::<HostPattern>().is_ok() && !name.contains('.');
        if good && path.is_file() {
            return Some(path);
        }
        let known = profiles(&self.dirs.profiles());
        let hint = suggest::hint(name, known.iter().map(String::as_str), "there are");
        self.sink.push(
            Diagnostic::error(format!("unknown profile `{}`", name.value))
                .at(&name.source, "no such profile")
                .hint(format!(
                    "{hint}\nprofiles are files in `{}`; a path has a `/` or ends in `.toml`",
                    self.dirs.profiles().display()
                )),
        );
        None
    }

    /// A path as people like to read it: short below the current folder.
    fn shown(&self, path: &Path) -> String {
        let short = path.strip_prefix(self.cwd).unwrap_or(path);
        short.display().to_string()
    }
}

/// Whether `extends` or `--profile` means a path by this, and not a profile.
fn is_path(name: &Located<String>) -> bool {
    name.contains('/') || name.ends_with(".toml")
}

/// The path with its folder's links followed. The file itself may be a link: what it says is
/// about the folder it was found in.
pub(crate) fn settled(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

fn profiles(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".toml").map(str::to_owned)
    };
    entries.filter_map(name).collect()
}

fn read(path: &Path) -> Result<String, String> {
    // Before opening: to open a pipe is to wait for its writer.
    let about = std::fs::metadata(path).map_err(|error| reason(&error))?;
    if !about.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|error| reason(&error))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| reason(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err("it is larger than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_below_home_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let deep = home.join("repo/src/deep");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(home.join(PROJECT_FILE), "").unwrap();
        std::fs::write(folder.path().join(PROJECT_FILE), "").unwrap();
        assert_eq!(nearest_project(&deep, &home), None);
        assert_eq!(nearest_project(&home, &home), Some(home.join(PROJECT_FILE)));
        std::fs::write(home.join("repo/bottle.toml"), "").unwrap();
        let found = nearest_project(&deep, &home);
        assert_eq!(found, Some(home.join("repo/bottle.toml")));
        std::fs::write(home.join("repo/src/bottle.toml"), "").unwrap();
        let found = nearest_project(&deep, &home);
        assert_eq!(found, Some(home.join("repo/src/bottle.toml")));
    }
}
