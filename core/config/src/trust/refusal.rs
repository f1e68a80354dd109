//! The error for a repository's file that asks for too much.

use super::{FileSet, Trust, Widening};
use crate::diagnostic::Diagnostic;

/// One error per file, each with a caret under every key that needs trust.
pub(crate) fn refusal(found: &[Widening], status: &Trust, set: &FileSet) -> Vec<Diagnostic> {
    let mut groups: Vec<Vec<&Widening>> = Vec::new();
    for one in found {
        let same = |group: &&mut Vec<&Widening>| group[0].source.same_text(&one.source);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
        .into_iter()
        .map(|group| one(&group, status, set))
        .collect()
}

fn one(group: &[&Widening], status: &Trust, set: &FileSet) -> Diagnostic {
    let path = set.path.display();
    let state = match status {
        Trust::Changed { files } => {
            let names: Vec<String> = files
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            format!("has changed since you trusted it ({})", names.join(", "))
        }
        Trust::Untrusted | Trust::Trusted => "is not trusted".to_owned(),
    };
    let mut error = Diagnostic::error(format!(
        "`{path}` {state}, and asks for more than your own configuration grants"
    ));
    for one in group {
        error = error.at(&one.source, format!("{}: {}", one.key, one.why));
    }
    error.hint(format!("read it, then run `bottle trust {path}`"))
}
