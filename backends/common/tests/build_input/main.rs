//! What goes into the archives images are built from, and what decides about their hash.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use bottle_api::{ContextBuild, Derive, ImageId, Recipe, RecipeFile, RecipeSource};
use bottle_backend_common::{BuildInput, PackError, base_images};
use tempfile::TempDir;

mod support;

use support::{derive, inside, layer, names, read, workspace, write};

#[test]
fn a_working_folder_keeps_contents_modes_and_links() {
    let dir = workspace();
    let (dockerfile, seen) = layer(&derive(dir.path()));
    assert_eq!(dockerfile, "FROM sha256:abc\nADD layer.tar /\n");
    let get = |name: &str| seen[format!("work/{name}").as_bytes()].clone();
    assert_eq!(
        get("src/main.rs"),
        ('f', 0o644, 1234, b"fn main() {}".to_vec())
    );
    assert_eq!(get("run.sh").1, 0o755);
    assert_eq!(get("secret.key").1, 0o600);
    assert_eq!(get("link"), ('l', 0o777, 1234, b"src/main.rs".to_vec()));
    assert_eq!(
        get("outside").3,
        b"/etc/passwd",
        "as a link, never its target"
    );
    let own = &seen[b"work".as_slice()];
    assert_eq!(
        (own.0, own.1, own.2),
        ('d', 0o750, 1234),
        "the folder itself"
    );
    assert!(
        !names(&seen).iter().any(|name| name.contains(".git")),
        "no .git anywhere: {:?}",
        names(&seen)
    );
}

#[test]
fn git_ignore_file_and_excludes_decide_what_goes_in() {
    let dir = workspace();
    write(dir.path(), ".dockerignore", "target\n*.key\n", 0o644);
    let mut derive = derive(dir.path());
    derive.include_git = true;
    derive.exclude = vec!["*.rs".into(), "!main.rs".into(), "/vendor/".into()];
    let found = inside(&layer(&derive).1);
    for (name, inside) in [
        (".git/HEAD", true),
        ("src/main.rs", true),
        ("run.sh", true),
        (".dockerignore", true),
        ("target", false),
        ("target/debug/x", false),
        ("secret.key", false),
        ("vendor", false),
    ] {
        assert_eq!(
            found.iter().any(|it| it == name),
            inside,
            "{name}: {found:?}"
        );
    }
}

#[test]
fn something_inside_of_an_excluded_folder_can_be_taken_back() {
    let dir = workspace();
    write(
        dir.path(),
        ".dockerignore",
        "target\nvendor\n!target/debug\n",
        0o644,
    );
    let found = inside(&layer(&derive(dir.path())).1);
    assert!(found.contains(&"target/debug/x".to_owned()));
    assert!(found.contains(&"target".to_owned()));
    assert!(!found.iter().any(|name| name.starts_with("vendor")));
}

#[test]
fn the_hash_changes_with_what_matters_and_only_then() {
    let dir = workspace();
    let base = ImageId::new("sha256:abc");
    let hash = |derive: &Derive| {
        BuildInput::Derive {
            base: &base,
            derive,
        }
        .digest()
        .unwrap()
        .to_string()
    };
    let plain = derive(dir.path());
    let first = hash(&plain);
    let touched = fs::File::options()
        .write(true)
        .open(dir.path().join("run.sh"))
        .unwrap();
    touched
        .set_modified(SystemTime::now() - Duration::from_secs(9999))
        .unwrap();
    assert_eq!(hash(&plain), first, "times do not matter");
    write(dir.path(), ".git/index", "changed", 0o644);
    assert_eq!(hash(&plain), first, "nor does what stays out");

    let mut all = vec![first];
    let mut next = |hash: String| {
        assert!(!all.contains(&hash));
        all.push(hash);
    };
    next(hash(&Derive {
        uid: 1,
        ..plain.clone()
    }));
    next(hash(&Derive {
        target: "/x".into(),
        ..plain.clone()
    }));
    next(hash(&Derive {
        include_git: true,
        ..plain.clone()
    }));
    let other = ImageId::new("sha256:def");
    next(
        BuildInput::Derive {
            base: &other,
            derive: &plain,
        }
        .digest()
        .unwrap()
        .to_string(),
    );
    write(dir.path(), "run.sh", "#!/bin/sh", 0o700);
    next(hash(&plain));
    write(dir.path(), "run.sh", "#!/bin/SH", 0o700);
    next(hash(&plain));
    fs::remove_file(dir.path().join("link")).unwrap();
    symlink("run.sh", dir.path().join("link")).unwrap();
    next(hash(&plain));
    fs::rename(dir.path().join("run.sh"), dir.path().join("go.sh")).unwrap();
    next(hash(&plain));
}

#[test]
fn odd_names_long_names_and_special_files() {
    let dir = TempDir::new().unwrap();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    write(dir.path(), &long, "x", 0o644);
    fs::write(dir.path().join(OsStr::from_bytes(b"\xff\xfe")), "raw").unwrap();
    symlink("t".repeat(300), dir.path().join("far")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let base = ImageId::new("b");
    let derive = derive(dir.path());
    let archive = BuildInput::Derive {
        base: &base,
        derive: &derive,
    }
    .archive()
    .unwrap();
    assert_eq!(archive.left_out, [PathBuf::from("pipe")]);
    let (_, seen) = layer(&derive);
    assert_eq!(seen[format!("work/{long}").as_bytes()].3, b"x");
    assert_eq!(seen[b"work/\xff\xfe".as_slice()].3, b"raw");
    assert_eq!(seen[b"work/far".as_slice()].3.len(), 300);
}

#[test]
fn the_target_is_part_of_every_path_and_of_no_instruction() {
    let dir = workspace();
    let mut derive = derive(dir.path());
    derive.target = "/a b/$HOME/\"q\"\nRUN x/".into();
    let (dockerfile, seen) = layer(&derive);
    assert_eq!(dockerfile, "FROM sha256:abc\nADD layer.tar /\n");
    assert!(seen.contains_key(b"a b/$HOME/\"q\"\nRUN x/run.sh".as_slice()));
    derive.target = "/".into();
    assert!(layer(&derive).1.contains_key(b"run.sh".as_slice()));
    let base = ImageId::new("b");
    for target in ["", "work", "/a/../b", "../x"] {
        derive.target = target.into();
        let error = BuildInput::Derive {
            base: &base,
            derive: &derive,
        }
        .digest()
        .unwrap_err();
        assert!(matches!(error, PackError::Target(_)), "{target}: {error}");
    }
}

fn recipe() -> Recipe {
    Recipe {
        repository: "agent-x".into(),
        dockerfile: "FROM debian\nCOPY a /a\n".into(),
        files: vec![RecipeFile {
            path: "a".into(),
            mode: 0o755,
            source: RecipeSource::Text("hello".into()),
        }],
        args: BTreeMap::new(),
    }
}

#[test]
fn a_recipe_is_its_dockerfile_files_and_arguments() {
    let recipe = recipe();
    let archive = BuildInput::Recipe(&recipe).archive().unwrap();
    let seen = read(archive.file);
    assert_eq!(names(&seen), ["Dockerfile", "a"]);
    assert_eq!(seen[b"a".as_slice()].1, 0o755);

    let hash = |recipe: &Recipe| BuildInput::Recipe(recipe).digest().unwrap();
    let mut with_argument = recipe.clone();
    with_argument.args.insert("V".into(), "1".into());
    let mut with_mode = recipe.clone();
    with_mode.files[0].mode = 0o644;
    assert_eq!(hash(&recipe), archive.digest);
    assert_ne!(hash(&recipe), hash(&with_argument));
    assert_ne!(hash(&recipe), hash(&with_mode));

    let dir = TempDir::new().unwrap();
    write(dir.path(), "tool", "v1", 0o644);
    let mut with_file = recipe.clone();
    with_file.files[0].source = RecipeSource::HostFile(dir.path().join("tool"));
    let before = hash(&with_file);
    write(dir.path(), "tool", "v2", 0o644);
    assert_ne!(before, hash(&with_file));
}

#[test]
fn a_context_honours_its_ignore_file_but_keeps_what_the_builder_needs() {
    let dir = workspace();
    write(dir.path(), "docker/Dockerfile", "FROM debian", 0o644);
    write(
        dir.path(),
        ".dockerignore",
        "*\n!src\ndocker\n.dockerignore",
        0o644,
    );
    let mut context = ContextBuild {
        repository: "x".into(),
        context: dir.path().to_owned(),
        dockerfile: "docker/Dockerfile".into(),
        args: BTreeMap::new(),
        target: None,
    };
    let archive = BuildInput::Context(&context).archive().unwrap();
    let seen = read(archive.file);
    assert_eq!(
        names(&seen),
        [
            ".dockerignore",
            "docker",
            "docker/Dockerfile",
            "src",
            "src/main.rs"
        ]
    );
    assert_eq!(seen[b"src/main.rs".as_slice()].2, 0, "root owns a context");

    write(
        dir.path(),
        "docker/Dockerfile.dockerignore",
        "**\n!run.sh",
        0o644,
    );
    let seen = read(BuildInput::Context(&context).archive().unwrap().file);
    assert!(names(&seen).contains(&"run.sh".to_owned()));
    assert!(!names(&seen).contains(&"src/main.rs".to_owned()));

    let before = BuildInput::Context(&context).digest().unwrap();
    context.target = Some("stage".into());
    assert_ne!(before, BuildInput::Context(&context).digest().unwrap());
}

#[test]
fn what_cannot_be_read_or_leaves_the_context_is_a_clear_error() {
    let dir = workspace();
    let base = ImageId::new("b");
    let error = |derive: &Derive| {
        BuildInput::Derive {
            base: &base,
            derive,
        }
        .archive()
        .unwrap_err()
    };
    let missing = error(&derive(&dir.path().join("nope")));
    assert!(missing.to_string().contains("nope"), "{missing}");
    let file = error(&derive(&dir.path().join("run.sh")));
    assert!(matches!(file, PackError::NotAFolder(_)), "{file}");
    write(dir.path(), ".dockerignore", "ok\n[x", 0o644);
    let bad = error(&derive(dir.path())).to_string();
    assert!(
        bad.contains(".dockerignore") && bad.contains("line 2"),
        "{bad}"
    );

    for path in ["../Dockerfile", "/Dockerfile", ""] {
        let context = ContextBuild {
            repository: "x".into(),
            context: dir.path().to_owned(),
            dockerfile: path.into(),
            args: BTreeMap::new(),
            target: None,
        };
        let error = BuildInput::Context(&context).digest().unwrap_err();
        assert!(matches!(error, PackError::Outside(_)), "{path}: {error}");
    }
    let mut recipe = recipe();
    recipe.files[0].path = "../a".into();
    assert!(BuildInput::Recipe(&recipe).digest().is_err());
}

#[test]
fn base_images_are_found_for_their_credentials() {
    let text = "ARG V=1\nFROM --platform=linux/amd64 ghcr.io/a/b:1 AS build\nRUN x\n\
                from debian\nFROM build\nFROM scratch\nFROM img:${V}\nFROM debian\n";
    assert_eq!(base_images(text), ["debian", "ghcr.io/a/b:1"]);
}
