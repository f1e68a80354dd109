//! The planner's input.

use std::os::unix::fs::chown;

use bottle_api::{
    Delivery, EnvValue, Mount, PromptTarget, RuntimeChoice, SecretRef, WorkspaceMode,
};
use bottle_config::Flags;

use crate::world::World;

fn claude() -> World {
    World::new().flags(Flags {
        agent: Some("claude".into()),
        ..Flags::default()
    })
}

#[test]
fn without_any_file_everything_has_a_default() {
    let world = claude();
    let spec = world.spec();
    assert_eq!(spec.agent.name, "claude");
    assert_eq!(spec.runtime, RuntimeChoice::Auto);
    assert_eq!(spec.workspace.mode, WorkspaceMode::Bind);
    assert_eq!(spec.workspace.folder, world.path("home/repo"));
    assert_eq!(spec.workspace.target, "/workspace");
    assert_eq!(
        spec.workspace.keep,
        world.path("home/.local/state/bottle/workspaces")
    );
    assert!(spec.workspace.include_git);
    assert_eq!(spec.limits, bottle_api::Limits::default());
    assert_eq!(
        (spec.name.base.as_str(), spec.name.pinned),
        ("claude-repo", false)
    );
    assert_eq!(world.config().network_pool().to_string(), "10.213.0.0/16");
    assert!(spec.secrets.is_empty(), "no key is set, so none is used");
    assert!(world.config().backend().is_none());
    assert!(world.config().provisioners().is_none());
}

#[test]
fn the_agent_logs_in_with_what_is_there() {
    let spec = claude().env("ANTHROPIC_API_KEY", "").spec();
    assert!(spec.secrets.is_empty(), "an empty variable is not there");
    let spec = claude().env("ANTHROPIC_API_KEY", "value").spec();
    assert_eq!(spec.secrets.len(), 1);
    assert!(
        !format!("{spec:?}").contains("\"value\""),
        "values are not read"
    );
    let own = "[secret.ANTHROPIC_API_KEY]\nfrom_env = 'K'\ninject = { hosts = ['api.anthropic.com'], header = 'X-Api-Key' }\n";
    let spec = claude().env("ANTHROPIC_API_KEY", "value").user(own).spec();
    assert_eq!(spec.secrets.len(), 1, "one's own replaces the preset's");
    assert_eq!(spec.secrets[0].source, SecretRef::FromEnv("K".into()));
}

#[test]
fn deliveries_and_their_defaults() {
    let spec = claude()
        .user(
            "[secret.A]\nfrom_env = 'A'\ninject = { hosts = ['a.b'] }\n\
             [secret.B]\nprompt = 'B?'\ninject = { hosts = ['a.b'], header = 'X-Key', format = 'k={}', always = true, env = [] }\n\
             [secret.C]\nfrom_env = 'C'\nenv = true\n\
             [secret.D]\nfrom_env = 'D'\nenv = 'OTHER'\n\
             [secret.E]\nfrom_env = 'E'\nfile = '~/.e'\n\
             [secret.has-hyphen]\nfrom_env = 'F'\ninject = { hosts = ['a.b'], header = 'h' }\n",
        )
        .spec();
    let delivery = |name: &str| {
        let secret = spec.secrets.iter().find(|secret| secret.name == name);
        secret.unwrap().delivery.clone()
    };
    let inject = |env: &[&str], header: &str, format: &str, always| Delivery::Inject {
        env: env.iter().map(|name| (*name).to_owned()).collect(),
        hosts: vec!["a.b".parse().unwrap()],
        header: header.to_owned(),
        format: format.to_owned(),
        always,
    };
    assert_eq!(
        delivery("A"),
        inject(&["A"], "authorization", "Bearer {}", false)
    );
    assert_eq!(delivery("B"), inject(&[], "x-key", "k={}", true));
    assert_eq!(delivery("C"), Delivery::Env { name: "C".into() });
    assert_eq!(
        delivery("D"),
        Delivery::Env {
            name: "OTHER".into()
        }
    );
    assert_eq!(
        delivery("E"),
        Delivery::File {
            path: "~/.e".into()
        }
    );
    assert_eq!(delivery("has-hyphen"), inject(&[], "h", "{}", false));
}

#[test]
fn a_preset_can_be_changed_and_extended() {
    let world = World::new().user(
        "[launch]\nagent = 'mine'\n\
         [agent.claude]\nimage = 'other:2'\nenv = { A = 'x' }\n\
         [agent.mine]\nextends = 'claude'\nsummary = 'my own'\nallow = ['x.test', { host = 'y.test', methods = ['get'] }]\n\
         prompt = { args = ['-p', '{}'] }\nskills_dir = '~/s'\nreplace_command = true\n\
         login.EXTRA = { from_env = 'EXTRA', env = true }\n\
         [[agent.mine.file]]\npath = '~/.rc'\ntext = 'hi'\nmode = '0600'\n",
    );
    let spec = world.env("EXTRA", "1").spec();
    let agent = &spec.agent;
    assert_eq!(
        (agent.name.as_str(), agent.summary.as_str()),
        ("mine", "my own")
    );
    assert_eq!(agent.command, ["claude"]);
    assert!(agent.replace_command);
    assert_eq!(agent.image.config_key, "agent.mine.image");
    assert!(
        format!("{:?}", agent.image).contains("other:2"),
        "through the changed preset"
    );
    assert_eq!(agent.env["A"], EnvValue::from("x"));
    assert_eq!(agent.env["UPDATES"], EnvValue::from("off"));
    assert_eq!(
        agent.prompt,
        Some(PromptTarget::Args(vec!["-p".into(), "{}".into()]))
    );
    assert_eq!(agent.files[0].mode, 0o600);
    let hosts: Vec<&str> = spec.allow.iter().map(|rule| rule.host.as_str()).collect();
    assert_eq!(hosts, ["api.anthropic.com", "x.test", "y.test"]);
    assert_eq!(spec.allow[2].methods, ["GET"]);
    assert_eq!(spec.secrets.len(), 1);
}

#[test]
fn flags_about_the_agent() {
    let mut flags = Flags {
        agent: Some("shell".into()),
        image: Some("tools:1".into()),
        env: vec!["A=b=c".into(), "HOME_TOKEN".into()],
        mounts: vec!["~:/a".into(), "src:/b:rw".into()],
        ..Flags::default()
    };
    let world = World::new().flags(flags.clone());
    let spec = world.spec();
    assert_eq!(spec.agent.image.config_key, "--image");
    assert_eq!(spec.env["A"], EnvValue::from("b=c"));
    let handed_on = EnvValue::Secret(SecretRef::FromEnv("HOME_TOKEN".into()));
    assert_eq!(spec.env["HOME_TOKEN"], handed_on);
    let mount = |source, target: &str, read_only| Mount::Bind {
        source: world.path(source),
        target: target.to_owned(),
        read_only,
    };
    let expected = [
        mount("home", "/a", true),
        mount("home/repo/src", "/b", false),
    ];
    assert_eq!(spec.mounts, expected);
    flags.image = Some("--privileged".into());
    assert!(
        World::new()
            .flags(flags)
            .errors()
            .contains("is not an image")
    );
}

#[test]
fn limits_can_be_taken_away() {
    let spec = claude()
        .user("[limits]\nmemory = 'unlimited'\ncpus = 1.5\npids = 'unlimited'\nnofile = 1_000\n")
        .spec();
    let limits = spec.limits;
    assert_eq!((limits.memory, limits.milli_cpus), (None, Some(1500)));
    assert_eq!((limits.pids, limits.nofile), (None, Some(1000)));
}

#[test]
fn the_agent_is_the_owner_of_what_it_works_on() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give folders away");
        return;
    }
    let world = claude().file("home/repo/.git/HEAD", "ref: refs/heads/main\n");
    let user = |world: &World, owner: u32, mode: &str| {
        chown(world.path("home/repo"), Some(owner), Some(owner)).unwrap();
        let mut world_flags = world.flags.clone();
        world_flags.workspace_mode = Some(mode.to_owned());
        let mut loader = world.loader();
        loader.flags = world_flags;
        let config = loader
            .load(&world.registry, &crate::samples::presets())
            .unwrap();
        let spec = config.spec(&bottle_config::SpecRequest::default()).unwrap();
        (spec.user.uid, spec.user.gid, spec.user.home)
    };
    let home = || "/home/agent".to_owned();
    assert_eq!(user(&world, 4242, "bind"), (4242, 4242, home()));
    assert_eq!(user(&world, 4242, "copy"), (4242, 4242, home()));
    assert_eq!(user(&world, 0, "bind"), (0, 0, "/root".to_owned()));
    assert_eq!(user(&world, 0, "copy"), (1000, 1000, home()));
    assert_eq!(user(&world, 0, "none"), (1000, 1000, home()));
    assert_eq!(user(&world, 4242, "clone"), (0, 0, "/root".to_owned()));
}

#[test]
fn a_project_is_worked_on_from_any_folder_of_it() {
    let world = claude().project("");
    let mut loader = world.loader();
    loader.cwd = world.path("home/repo/src");
    let config = loader
        .load(&world.registry, &crate::samples::presets())
        .unwrap();
    let spec = config.spec(&bottle_config::SpecRequest::default()).unwrap();
    assert_eq!(spec.workspace.folder, world.path("home/repo"));
}

#[test]
fn a_secret_for_a_closed_host_is_worth_a_word() {
    let text =
        "[secret.A]\nfrom_env = 'A'\ninject = { hosts = ['a.b.test', 'api.anthropic.com'] }\n";
    let claude = || claude().env("ANTHROPIC_API_KEY", "some-key");
    let world = claude().user(text);
    let (config, spec) = (world.config(), world.spec());
    let warnings = config.warnings(&spec);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].is_warning());
    let message = warnings[0].message();
    assert_eq!(
        message,
        "secret `A` is injected for `a.b.test`, which no rule allows"
    );
    let world = claude().user(&format!("{text}[egress]\nallow = ['*.b.test']\n"));
    assert!(world.config().warnings(&world.spec()).is_empty());
    let world = claude().user(text).env("BOTTLE_PROXY", "none");
    assert!(world.config().warnings(&world.spec()).is_empty());
}

#[test]
fn an_agent_that_cannot_log_in_is_told_before_the_launch() {
    let told = |world: &World| {
        let warnings = world.config().warnings(&world.spec());
        let texts = warnings.iter().map(|w| w.render(false, 100));
        texts.collect::<String>()
    };
    let text = told(&claude());
    assert!(
        text.contains("`claude` has nothing to log in with"),
        "{text}"
    );
    assert!(text.contains("set environment variable `"), "{text}");
    let login = claude().spec().agent.login[0].name.clone();
    let own = format!(
        "[secret.{login}]\nfrom_file = 'key'\ninject = {{ hosts = ['api.anthropic.com'] }}\n"
    );
    let by_variable = format!("[secret.mine]\nfrom_file = 'key'\nenv = '{login}'\n");
    for world in [
        claude().env(&login, "some-value-or-other"),
        claude().user(&own),
        claude().user(&by_variable),
        claude().user(&format!("[env]\n{login} = 'x'\n")),
        claude().user("[launch]\nproxies = []\n"),
    ] {
        let text = told(&world);
        assert!(!text.contains("log in"), "{text}");
    }
}

#[test]
fn clones_and_worktrees_need_a_repository() {
    for (mode, head, path, wrong) in [
        (
            "clone",
            None,
            "",
            Some(("is no git repository", "`bind` or `copy`")),
        ),
        (
            "worktree",
            None,
            "",
            Some(("is no git repository", "`bind` or `copy`")),
        ),
        ("clone", Some(".git/HEAD"), "", None),
        ("worktree", Some(".git/HEAD"), "", None),
        (
            "worktree",
            Some(".git/HEAD"),
            "src",
            Some(("inside a git repository", "--workspace /home/repo`")),
        ),
        (
            "clone",
            Some(".git/HEAD"),
            "src",
            Some(("inside a git repository", "--workspace /home/repo`")),
        ),
        ("clone", Some(".git"), "", None),
        (
            "worktree",
            Some(".git"),
            "",
            Some(("its repository is elsewhere", "`clone`")),
        ),
        ("bind", None, "", None),
    ] {
        let mut world = World::new().flags(bottle_config::Flags {
            agent: Some("claude".into()),
            workspace: Some(format!("./{path}").into()),
            workspace_mode: Some(mode.into()),
            ..Default::default()
        });
        if let Some(head) = head {
            world = world.file(&format!("home/repo/{head}"), "ref: refs/heads/main\n");
        }
        match wrong {
            None => assert_eq!(world.spec().workspace.folder, world.path("home/repo")),
            Some((message, hint)) => {
                let text = world.errors();
                assert!(text.contains(message) && text.contains(hint), "{text}");
            }
        }
    }
}
