//! Rules of ARCHITECTURE.md that a machine can check.
#![expect(clippy::unwrap_used, reason = "a check fails loudly")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Workspace crates and the workspace crates each depends on, tests excluded.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata failed");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |package: &serde_json::Value| package["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    packages
        .iter()
        .map(|package| {
            let wanted = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .map(name)
                .filter(|dependency| ours.contains(dependency))
                .collect();
            (name(package), wanted)
        })
        .collect()
}

fn allowed(krate: &str) -> Option<&'static [&'static str]> {
    Some(match krate {
        "bottle-api" => &[],
        "bottle-config" | "bottle-engine" | "bottle-provisioners" | "bottle-backend-common" => {
            &["bottle-api"]
        }
        // Behaviour suites, whole launches among them; the engine in memory is their test bench.
        "bottle-conformance" => &["bottle-api", "bottle-engine", "bottle-backend-memory"],
        name if name.starts_with("bottle-proxy-") => &["bottle-api"],
        name if name.starts_with("bottle-backend-") => &["bottle-api", "bottle-backend-common"],
        _ => return None,
    })
}

#[test]
fn crates_depend_only_downwards() {
    let all = dependencies();
    assert!(
        all.contains_key("bottle-engine"),
        "metadata lists our crates"
    );
    let mut wrong = Vec::new();
    for (krate, wanted) in &all {
        let Some(allowed) = allowed(krate) else {
            continue;
        };
        for dependency in wanted {
            if !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{krate} -> {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden dependencies: {wrong:?}");
}

#[test]
fn only_the_command_and_the_tests_name_plugins() {
    let plugins = |name: &String| {
        name.starts_with("bottle-proxy-")
            || (name.starts_with("bottle-backend-") && name != "bottle-backend-common")
    };
    for (krate, wanted) in dependencies() {
        let may = [
            "bottle-cli",
            "bottle-e2e",
            "bottle-bench",
            "bottle-conformance",
        ];
        if !may.contains(&krate.as_str()) {
            let named: Vec<_> = wanted.iter().filter(|name| plugins(name)).collect();
            assert!(named.is_empty(), "{krate} names {named:?}");
        }
    }
}

fn tracked() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "git ls-files failed");
    String::from_utf8(output.stdout)
        .unwrap()
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect()
}

#[test]
fn a_file_is_a_room() {
    let code = |path: &Path| {
        path.extension()
            .is_some_and(|extension| ["rs", "py", "sh"].iter().any(|known| extension == *known))
    };
    let mut long = Vec::new();
    let mut seen = 0;
    for path in tracked().into_iter().filter(|path| code(path)) {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else {
            continue; // deleted in the working tree
        };
        seen += 1;
        let lines = text.lines().count();
        if lines > 400 {
            long.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(seen > 50, "the check must see the sources, it saw {seen}");
    assert!(long.is_empty(), "over 400 lines: {long:#?}");
}

/// Nothing of it decides by a product: that is left to plugins. Comments of code may name one as
/// an example; a template's comments are what users get.
#[test]
fn core_names_no_product() {
    let products = [
        "docker",
        "runsc",
        "runc",
        "gvisor",
        "mitmproxy",
        "pipelock",
        "squid",
        "bollard",
        "podman",
        "crossterm",
    ];
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for path in tracked() {
        let mut parts = path.iter().filter_map(|part| part.to_str());
        let (Some("core"), Some(krate), Some("src")) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let is = |extension: &str| path.extension().is_some_and(|own| own == extension);
        if is("snap") || path.ends_with("testing.rs") {
            continue; // of tests
        }
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else {
            continue;
        };
        seen.insert(krate.to_owned());
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            // An address has slashes, too.
            let comment = line.match_indices("//").map(|(at, _)| at);
            let mut comment = comment.filter(|at| !line[..*at].ends_with(':'));
            let end = comment.next().filter(|_| is("rs")).unwrap_or(line.len());
            let code = line[..end].to_lowercase();
            let mut words = code.split(|c: char| !c.is_alphanumeric());
            if let Some(product) = words.find(|word| products.contains(word)) {
                found.push(format!("{}:{}: {product}", path.display(), number + 1));
            }
        }
    }
    let crates: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(crates, ["api", "config", "engine", "provisioners"]);
    // The default chain and its names are data of the configuration, in one place.
    found.retain(|place| !place.starts_with("core/config/src/defaults.rs"));
    assert!(found.is_empty(), "product names in core: {found:#?}");
}

/// What a backend's author must know of a verb, and a conformance suite can hold it to.
#[test]
fn every_verb_says_what_a_second_call_does_and_what_rests_on_it() {
    let text = std::fs::read_to_string(root().join("core/api/src/backend.rs")).unwrap();
    let (mut docs, mut seen, mut silent) = (String::new(), 0, Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            docs += &doc.to_lowercase();
            docs = docs.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
        } else if let Some(verb) = line.strip_prefix("async fn ") {
            seen += 1;
            let lacks = |words: &[&str]| !words.iter().any(|word| docs.contains(word));
            let found = [
                ("idempotence", lacks(&["idempotent"])),
                ("guarantees", lacks(&["rests on it"])),
            ];
            let found = found.iter().filter(|(_, lacking)| *lacking);
            silent.extend(found.map(|(what, _)| format!("{verb} says nothing of {what}")));
        } else if !line.is_empty() {
            docs.clear();
        }
    }
    assert!(seen > 15, "the check must see the verbs, it saw {seen}");
    assert!(silent.is_empty(), "{silent:#?}");
}
