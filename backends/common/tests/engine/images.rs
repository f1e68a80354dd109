//! `ensure_image`, `has_image`, `prune_images`.

use std::collections::BTreeMap;

use bottle_api::{
    Backend, BackendErrorKind, ContextBuild, Event, ImageSource, PullPolicy, Recipe, RecipeFile,
    RecipeSource,
};

use crate::{
    harness::{IMAGE, call, discard, drain, listening, test, unique},
    lane::{FREE_SPACE, LOCAL},
};

fn pull(reference: &str, policy: PullPolicy) -> ImageSource {
    ImageSource::Pull {
        reference: reference.into(),
        policy,
    }
}

/// Its content is new each time, so that it is really built.
fn recipe(run: &str) -> Recipe {
    Recipe {
        repository: "engine-tests".into(),
        dockerfile: format!(
            "FROM {IMAGE}\nARG WORD=none\nCOPY tool /usr/local/bin/tool\nRUN {run}\n"
        ),
        files: vec![RecipeFile {
            path: "tool".into(),
            mode: 0o755,
            source: RecipeSource::Text(format!("#!/bin/sh\necho {}\n", unique())),
        }],
        args: BTreeMap::new(),
    }
}

#[test]
fn what_is_here_is_taken_and_what_is_not_is_missing() {
    test(async |engine| {
        let ensure = async |source| engine.backend.ensure_image(&source, &discard()).await;
        let never = ensure(pull(IMAGE, PullPolicy::Never)).await.unwrap();
        assert_eq!(never, engine.image);
        assert!(never.as_str().starts_with("sha256:"));
        let has = async |source| engine.backend.has_image(&source).await.unwrap();
        assert_eq!(has(pull(IMAGE, PullPolicy::Missing)).await, Some(true));

        // Nobody listens there.
        let gone = "127.0.0.1:1/bottle/none:1";
        assert_eq!(has(pull(gone, PullPolicy::Missing)).await, Some(false));
        for policy in [PullPolicy::Never, PullPolicy::Missing] {
            let error = ensure(pull(gone, policy)).await.unwrap_err();
            assert_eq!(error.kind(), BackendErrorKind::ImageMissing, "{error}");
            assert!(error.to_string().contains(gone) && error.hint().is_some());
        }
        let error = ensure(pull(gone, PullPolicy::Always)).await.unwrap_err();
        assert_eq!(error.kind(), BackendErrorKind::Other, "{error}");
        for bad in ["../x", "a?b", "UPPER", ""] {
            let error = ensure(pull(bad, PullPolicy::Missing)).await.unwrap_err();
            assert_eq!(error.kind(), BackendErrorKind::Other, "{error}");
        }
    });
}

#[test]
fn a_recipe_is_built_once_with_progress_and_label() {
    test(async |engine| {
        let mut recipe = recipe("echo $WORD > /word && tool >> /word");
        recipe.args.insert("WORD".into(), "given".into());
        let source = ImageSource::Recipe(recipe);
        assert_eq!(
            engine.backend.has_image(&source).await.unwrap(),
            Some(false)
        );

        let (cx, mut events) = listening();
        let id = engine.backend.ensure_image(&source, &cx).await.unwrap();
        engine.remove_later(id.as_str());
        let steps: Vec<_> = drain(&mut events)
            .into_iter()
            .filter_map(|event| match event {
                Event::Progress { current, total, .. } => Some((current, total)),
                _ => None,
            })
            .collect();
        // The four of the recipe, and the builder's own for the labels.
        let total = steps.len() as u64;
        assert!(total >= 4, "{steps:?}");
        let expected: Vec<_> = (1..=total).map(|n| (Some(n), Some(total))).collect();
        assert_eq!(steps, expected, "a step at a time");
        let image = call("GET", &format!("/images/{id}/json"), None)
            .await
            .json();
        assert_eq!(image["Config"]["Labels"]["bottle.image"], "build");
        let tag = image["RepoTags"][0].as_str().unwrap().to_owned();
        assert!(
            tag.starts_with(&format!("{LOCAL}bottle/engine-tests:")),
            "{tag}"
        );

        let (cx, mut events) = listening();
        let again = engine.backend.ensure_image(&source, &cx).await.unwrap();
        assert_eq!((again, drain(&mut events)), (id.clone(), vec![]));
        assert_eq!(engine.backend.has_image(&source).await.unwrap(), Some(true));
        let cached = engine.backend.prune_images(true).await.unwrap();
        assert!(cached.contains(&tag), "{cached:?}");

        let mut plan = engine.plan("agent", "runc");
        plan.command = vec![
            "bash".into(),
            "-c".into(),
            "cat /word; stat -c %a /usr/local/bin/tool".into(),
        ];
        let lines = engine.lines_of(&plan, &id).await;
        assert_eq!((lines[0].as_str(), lines[2].as_str()), ("given", "755"));
        let used = engine.backend.prune_images(true).await.unwrap();
        assert!(!used.contains(&tag), "a container uses it: {used:?}");
    });
}

/// On an engine of one's own only: others build with the same label.
#[test]
fn pruning_removes_what_no_container_uses() {
    test(async |engine| {
        if std::env::var("BOTTLE_TEST_ENGINE_OWN").is_err() {
            return eprintln!(
                "skipped: pruning removes the images of others too; set `BOTTLE_TEST_ENGINE_OWN=1` \
                 on an engine of your own"
            );
        }
        let source = ImageSource::Recipe(recipe("true"));
        let id = engine.image_of(&source).await;
        let removed = engine.backend.prune_images(false).await.unwrap();
        assert!(!removed.is_empty());
        let status = call("GET", &format!("/images/{id}/json"), None)
            .await
            .status;
        assert_eq!(status, 404);
        assert_eq!(
            call("GET", &format!("/images/{}/json", engine.image), None)
                .await
                .status,
            200
        );
    });
}

#[test]
fn a_failing_step_shows_its_last_lines() {
    test(async |engine| {
        let source = ImageSource::Recipe(recipe("echo one; echo two >&2; exit 3"));
        let error = engine.no_image(&source).await;
        assert_eq!(error.kind(), BackendErrorKind::BuildFailed, "{error}");
        let text = error.to_string();
        assert!(text.contains(": RUN echo one"), "{text}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        let mut lines: Vec<_> = cause.lines().skip(1).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["one", "two"], "{cause:?}");
    });
}

#[test]
fn a_missing_base_image_is_a_missing_image() {
    test(async |engine| {
        let mut recipe = recipe("true");
        recipe.dockerfile = "FROM 127.0.0.1:1/bottle/none:1\nRUN true\n".into();
        let source = ImageSource::Recipe(recipe);
        let error = engine.no_image(&source).await;
        assert_eq!(error.kind(), BackendErrorKind::ImageMissing, "{error}");
    });
}

#[test]
fn a_full_disk_is_told_as_such() {
    test(async |engine| {
        // A device that is always full stands in for the engine's disk.
        let source = ImageSource::Recipe(recipe("cat /etc/passwd > /dev/full"));
        let error = engine.no_image(&source).await;
        assert_eq!(error.kind(), BackendErrorKind::DiskFull, "{error}");
        assert!(error.hint().unwrap().contains(FREE_SPACE));
    });
}

#[test]
fn a_context_is_built_with_its_ignore_file_and_stage() {
    test(async |engine| {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let mark = unique();
        write(
            "Containerfile",
            &format!(
                "FROM {IMAGE} AS first\nCOPY . /ctx/\nRUN echo {mark} > /mark\nFROM first AS second\nRUN false\n"
            ),
        );
        write(".dockerignore", "*.log\n!keep.log\nContainerfile\n");
        write("a.log", "x");
        write("keep.log", "x");
        write("b", "x");
        let context = ContextBuild {
            repository: "engine-tests".into(),
            context: folder.path().to_owned(),
            dockerfile: "Containerfile".into(),
            args: BTreeMap::new(),
            target: Some("first".into()),
        };
        let source = ImageSource::Context(context.clone());
        let id = engine.image_of(&source).await;
        engine.remove_later(id.as_str());
        let mut plan = engine.plan("agent", "runc");
        plan.command = vec!["ls".into(), "-A".into(), "/ctx".into()];
        let mut files = engine.lines_of(&plan, &id).await;
        files.sort();
        assert_eq!(files, [".dockerignore", "b", "keep.log"]);
        let again = engine.image_of(&source).await;
        assert_eq!(again, id);

        let whole = ImageSource::Context(ContextBuild {
            target: None,
            ..context.clone()
        });
        let error = engine.no_image(&whole).await;
        assert_eq!(error.kind(), BackendErrorKind::BuildFailed, "{error}");

        let none = ImageSource::Context(ContextBuild {
            dockerfile: "nope".into(),
            ..context
        });
        let error = engine.no_image(&none).await;
        assert!(error.to_string().contains("nope"), "{error}");
        let gone = folder.path().to_owned();
        drop(folder);
        let error = engine.no_image(&source).await;
        assert!(
            error.to_string().contains(gone.to_str().unwrap()),
            "{error}"
        );
    });
}
