//! The nearest name to a wrong one.

/// The candidate nearest to `word`, when it is near enough to be a slip.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(word);
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&wanted, &plain(candidate));
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= (wanted.chars().count().max(candidate.len()) / 3).max(1)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// "did you mean ...", or everything there is.
pub(crate) fn hint<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    known: &str,
) -> String {
    let mut candidates: Vec<&str> = candidates.into_iter().collect();
    candidates.sort_unstable();
    candidates.dedup();
    match nearest(word, candidates.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if candidates.is_empty() => format!("{known}: none"),
        None => format!("{known}: {}", ticked(&candidates)),
    }
}

/// Names in back-ticks, separated by commas.
pub(crate) fn ticked(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_nonsense_does_not() {
        let names = ["docker", "podman", "memory"];
        assert_eq!(nearest("dokcer", names), Some("docker"));
        assert_eq!(nearest("Docker", names), Some("docker"));
        assert_eq!(nearest("kubernetes", names), None);
        assert_eq!(
            nearest("no-new-privs", ["no_new_privs"]),
            Some("no_new_privs")
        );
        assert_eq!(nearest("x", ["y", "host"]), Some("y"));
        assert_eq!(
            hint("zzz", names, "there are"),
            "there are: `docker`, `memory`, `podman`"
        );
    }
}
