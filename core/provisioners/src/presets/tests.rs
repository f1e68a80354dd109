use std::collections::BTreeSet;

use bottle_api::{Content, Delivery, ImageSource, Recipe, SecretRef, TrafficClass};

use super::*;

fn recipe(agent: &AgentSpec) -> &Recipe {
    match &agent.image.source {
        ImageSource::Recipe(recipe) => recipe,
        other => panic!("{}: {other:?}", agent.name),
    }
}

/// The last part of `name==1.2.3`, `@scope/name@1.2.3`.
fn is_exact(version: &str) -> bool {
    let parts: Vec<&str> = version.split('.').collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[test]
fn all_as_data() {
    insta::assert_json_snapshot!(presets());
}

#[test]
fn names_are_unique_and_keys_point_at_them() {
    let presets = presets();
    let names: BTreeSet<&str> = presets.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(
        names,
        ["claude", "codex", "gemini", "opencode", "shell"].into()
    );
    assert_eq!(names.len(), presets.len());
    for agent in &presets {
        assert_eq!(
            agent.image.config_key,
            format!("agent.{}.image", agent.name)
        );
        assert_eq!(recipe(agent).repository, format!("agent-{}", agent.name));
        assert!(!agent.command.is_empty() && !agent.summary.is_empty());
    }
}

#[test]
fn everything_a_recipe_takes_from_outside_has_a_version() {
    for agent in presets() {
        let recipe = recipe(&agent);
        let text = &recipe.dockerfile;
        assert!(!text.contains("latest"), "{text}");
        for line in text.lines().filter(|line| line.starts_with("FROM ")) {
            let image = line.split(' ').nth(1).unwrap();
            assert!(image.contains(':'), "{line}");
        }
        let pips = text.matches("pip install").count();
        let pinned = text.split_whitespace().filter(|word| word.contains("=="));
        let pinned: Vec<&str> = pinned.collect();
        assert_eq!(pinned.len(), pips);
        for word in pinned {
            assert!(is_exact(word.rsplit("==").next().unwrap()), "{word}");
        }
        match recipe.args.get("PACKAGE") {
            Some(package) => {
                let (name, version) = package.rsplit_once('@').unwrap();
                assert!(!name.is_empty() && is_exact(version), "{package}");
                assert!(text.contains("ARG PACKAGE\n") && text.contains("\"$PACKAGE\""));
            }
            None => assert!(!text.contains("npm install"), "{text}"),
        }
    }
}

#[test]
fn recipes_are_plain_for_old_builders_and_name_no_registry() {
    for agent in presets() {
        let text = &recipe(&agent).dockerfile;
        for new in ["--mount", "<<", "# syntax", "COPY --chmod", "COPY --link"] {
            assert!(!text.contains(new), "{new}");
        }
        assert!(!text.contains("://"), "{text}");
        assert!(text.ends_with("USER agent\nWORKDIR /home/agent\n"));
    }
    let node = |agent: &AgentSpec| {
        recipe(agent)
            .dockerfile
            .split("ARG")
            .next()
            .unwrap()
            .to_owned()
    };
    let firsts: BTreeSet<String> = presets()[..4].iter().map(node).collect();
    assert_eq!(firsts.len(), 1, "what comes before the package is shared");
}

#[test]
fn every_login_is_a_placeholder_for_an_allowed_host_that_is_read() {
    for agent in presets() {
        for secret in &agent.login {
            assert_eq!(secret.source, SecretRef::FromEnv(secret.name.clone()));
            let Delivery::Inject {
                env,
                hosts,
                header,
                format,
                always,
            } = &secret.delivery
            else {
                panic!("{} of {} is not injected", secret.name, agent.name);
            };
            assert_eq!(env, std::slice::from_ref(&secret.name));
            assert!(!always && format.contains("{}"));
            assert_eq!(*header, header.to_lowercase());
            for host in hosts {
                let rule = agent.allow.iter().find(|rule| rule.host.covers(host));
                assert_eq!(rule.unwrap().class, TrafficClass::Inspect);
            }
        }
    }
}

#[test]
fn files_are_in_the_home_and_well_formed() {
    for agent in presets() {
        for file in &agent.files {
            assert!(file.path.starts_with("~/"), "{}", file.path);
            let Content::Text(text) = &file.content else {
                panic!("{} is no text", file.path);
            };
            if std::path::Path::new(&file.path)
                .extension()
                .is_some_and(|end| end == "toml")
            {
                toml::from_str::<toml::Table>(text).unwrap();
            } else {
                serde_json::from_str::<serde_json::Value>(text).unwrap();
            }
        }
    }
}

/// Claude Code asks about a key of which it does not know the last twenty characters.
#[test]
fn the_key_claude_may_use_is_named_by_its_end() {
    let presets = presets();
    let Content::Text(text) = &presets[0].files[0].content else {
        panic!("no text");
    };
    let state: serde_json::Value = serde_json::from_str(text).unwrap();
    let approved = state["customApiKeyResponses"]["approved"][0]
        .as_str()
        .unwrap();
    assert_eq!(approved.len(), 20);
    assert!("bottle-placeholder-abc123-for-anthropic-api-key".ends_with(approved));
}
