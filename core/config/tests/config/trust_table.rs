//! What a repository may say by itself, and what needs trust: one line each.

use crate::world::World;

const USER: &str = "[launch]\nagent = 'claude'\nbackend = 'docker'\nrequire = ['dlp']\n\
    [egress]\nallow = ['*.user.test', { host = 'api.user.test', ports = [8443], methods = ['GET'] }]\n\
    trusted_private = ['*.lan.test']\nhosts = { 'h.lan.test' = '10.1.1.1' }\n\
    [secret.OWN]\nfrom_env = 'OWN'\nenv = true\n\
    [workspace]\nmode = 'copy'\ninclude_git = false\nexclude = ['*.key']\n\
    [limits]\nmemory = '2GiB'\ncpus = 2\n\
    [env]\nHOST = { from_env = 'HOST' }\n\
    [[mount]]\nsource = '/usr'\ntarget = '/usr2'\n\
    [agent.own]\nextends = 'codex'\ncommand = ['safe']\n\
    [provisioner.skills]\nroot = true\n[provisioner.prompt]\ntext = 'x'\n";

/// The keys of a repository's file that need trust, over [`USER`].
fn needs_trust(project: &str) -> Vec<String> {
    let world = World::new()
        .user(USER)
        .project(project)
        .file("home/repo/skills/x", "")
        .file("home/outside/x", "")
        .reporting();
    std::os::unix::fs::symlink(world.path("home/outside"), world.path("home/repo/link")).unwrap();
    let config = world.config();
    let mut keys: Vec<String> = config
        .widenings()
        .iter()
        .map(|one| one.key.clone())
        .collect();
    keys.sort();
    keys
}

#[test]
fn a_repository_may_choose_and_narrow() {
    for project in [
        "",
        "[launch]\nagent = 'codex'\nname = 'fix'\nbackend = 'docker'\n",
        "[launch]\nagent = 'own'\n",
        "[launch]\nruntime = 'runsc'\nrequire = ['dns_closed']\n",
        "[launch]\nruntime = 'auto'\nproxies = ['mitmproxy', 'pipelock']\n",
        "[launch]\nproxies = []\n",
        "[launch]\nproxies = ['mitmproxy', 'mitmproxy', 'pipelock']\n",
        "[egress]\ndeny = ['a.b']\ndlp = 'block'\n",
        "[egress]\nallow = ['x.user.test', '*.y.user.test', { host = 'x.user.test', methods = ['GET'], paths = ['/a'] }]\n",
        "[egress]\nallow = [{ host = 'api.user.test', ports = [8443], methods = ['GET'] }, { host = 'z.user.test', ports = [443] }]\n",
        "[egress]\nallow = ['api.anthropic.com']\n",
        "[egress]\ntrusted_private = ['a.lan.test']\nhosts = { 'h.lan.test' = '10.1.1.1' }\n",
        "[secret.OWN]\nfrom_env = 'OWN'\nenv = true\n",
        "[workspace]\nmode = 'none'\npath = 'src'\ntarget = '/w'\ninclude_git = false\nexclude = ['*.key', 'x']\nbranch = 'b'\n",
        "[limits]\nmemory = '1GiB'\ncpus = 1.5\npids = 100\nnofile = 100\n",
        "[env]\nLOG = 'debug'\nHOST = { from_env = 'HOST' }\n",
        "[[mount]]\nsource = '/usr'\ntarget = '/usr2'\n",
        "[agent.claude]\nimage = 'registry.test/x:1'\nprompt = { file = '~/P.md' }\nskills_dir = '~/s'\nenv = { A = 'b' }\n",
        "[agent.new]\nextends = 'claude'\nallow = ['api.anthropic.com', 'a.user.test']\n[launch]\nagent = 'new'\n[egress]\nallow = ['api.anthropic.com']\n",
        "[provisioner.prompt]\ntext = 'be kind'\nfolders = ['skills', './skills/x']\n",
        "[network]\npool = '10.213.0.0/16'\n",
    ] {
        assert_eq!(needs_trust(project), Vec::<String>::new(), "{project}");
    }
}

/// A repository's file and the keys in it that need trust.
const WIDER: &[(&str, &[&str])] = &[
    ("[launch]\nbackend = 'other'\n", &["launch.backend"]),
    ("[launch]\nruntime = 'runc'\n", &["launch.runtime"]),
    ("[launch]\nproxies = ['mitmproxy']\n", &["launch.proxies"]),
    (
        "[launch]\nproxies = ['pipelock', 'mitmproxy']\n",
        &["launch.proxies"],
    ),
    (
        "[launch]\nprovisioners = ['prompt']\n",
        &["launch.provisioners"],
    ),
    ("[egress]\ndlp = 'warn'\n", &["egress.dlp"]),
    ("[egress]\nallow = ['x.test.org']\n", &["egress.allow"]),
    ("[egress]\nallow = ['user.test']\n", &["egress.allow"]),
    ("[egress]\nallow = ['api.openai.com']\n", &["egress.allow"]),
    (
        "[launch]\nagent = 'codex'\n[egress]\nallow = ['api.anthropic.com']\n",
        &["egress.allow"],
    ),
    (
        "[egress]\nallow = [{ host = 'a.user.test', ports = [22] }]\n",
        &["egress.allow"],
    ),
    (
        "[egress]\nallow = [{ host = 'a.user.test', class = 'tunnel' }]\n",
        &["egress.allow"],
    ),
    (
        "[egress]\nallow = [{ host = 'api.user.test', ports = [8443] }]\n",
        &["egress.allow"],
    ),
    (
        "[egress]\ntrusted_private = ['x.test.org']\n",
        &["egress.trusted_private"],
    ),
    (
        "[egress]\nhosts = { 'h.lan.test' = '10.1.1.2' }\n",
        &["egress.hosts.h.lan.test"],
    ),
    (
        "[secret.NEW]\nfrom_env = 'NEW'\nenv = true\n",
        &["secret.NEW"],
    ),
    (
        "[secret.OWN]\nfrom_env = 'OWN'\nfile = '~/x'\n",
        &["secret.OWN"],
    ),
    ("[workspace]\nmode = 'bind'\n", &["workspace.mode"]),
    ("[workspace]\npath = '..'\n", &["workspace.path"]),
    ("[workspace]\npath = 'link'\n", &["workspace.path"]),
    ("[workspace]\npath = '~'\n", &["workspace.path"]),
    (
        "[workspace]\npath = 'missing/../../x'\n",
        &["workspace.path"],
    ),
    (
        "[workspace]\ninclude_git = true\n",
        &["workspace.include_git"],
    ),
    ("[workspace]\nexclude = []\n", &["workspace.exclude"]),
    ("[limits]\nmemory = '3GiB'\n", &["limits.memory"]),
    ("[limits]\ncpus = 'unlimited'\n", &["limits.cpus"]),
    ("[limits]\npids = 5000\n", &["limits.pids"]),
    ("[limits]\nnofile = 'unlimited'\n", &["limits.nofile"]),
    ("[env]\nX = { from_env = 'X' }\n", &["env.X"]),
    ("[env]\nHOST = { from_file = '~/x' }\n", &["env.HOST"]),
    (
        "[[mount]]\nsource = '/usr'\ntarget = '/usr2'\nread_only = false\n",
        &["mount"],
    ),
    ("[[mount]]\nsource = 'src'\ntarget = '/x'\n", &["mount"]),
    (
        "[agent.claude]\ncommand = ['sh']\n",
        &["agent.claude.command"],
    ),
    (
        "[agent.claude]\nimage = { build = '.' }\n",
        &["agent.claude.image"],
    ),
    (
        "[agent.claude]\nimage = { recipe = 'FROM x' }\n",
        &["agent.claude.image"],
    ),
    (
        "[agent.claude]\nallow = ['x.test.org']\n",
        &["agent.claude.allow"],
    ),
    (
        "[agent.claude]\nlogin.X = { from_env = 'X', env = true }\nenv = { Y = { from_env = 'Y' } }\n\
             [[agent.claude.file]]\npath = '~/x'\ntext = ''\n",
        &[
            "agent.claude.env.Y",
            "agent.claude.file",
            "agent.claude.login.X",
        ],
    ),
    ("[agent.own]\nextends = 'codex'\n", &["agent.own"]),
    (
        "[agent.evil]\nextends = 'claude'\nallow = ['evil.test']\n[launch]\nagent = 'evil'\n[egress]\nallow = ['evil.test']\n",
        &["agent.evil.allow", "egress.allow"],
    ),
    ("[network]\npool = '10.0.0.0/16'\n", &["network.pool"]),
    ("[backend.docker]\nhost = 'x'\n", &["backend.docker.host"]),
    (
        "[proxy.pipelock]\nport = 1\nimage = 'x'\n",
        &["proxy.pipelock.image", "proxy.pipelock.port"],
    ),
    (
        "[provisioner.prompt]\nroot = true\n",
        &["provisioner.prompt.root"],
    ),
    (
        "[provisioner.prompt]\nfolders = ['skills', '../outside']\n",
        &["provisioner.prompt.folders"],
    ),
    (
        "[provisioner.prompt]\nfolders = ['link/x']\n",
        &["provisioner.prompt.folders"],
    ),
    (
        "[provisioner.prompt]\nfolders = ['~/repo/skills']\n",
        &["provisioner.prompt.folders"],
    ),
    (
        "[provisioner.skills]\ntext = 'x'\n",
        &["provisioner.skills"],
    ),
];

#[test]
fn what_widens_needs_trust() {
    for (project, keys) in WIDER {
        assert_eq!(needs_trust(project), *keys, "{project}");
    }
}

#[test]
fn what_the_user_says_above_is_not_the_repositorys_doing() {
    for (variable, value, project) in [
        ("BOTTLE_RUNTIME", "auto", "[launch]\nruntime = 'runc'\n"),
        ("BOTTLE_BACKEND", "docker", "[launch]\nbackend = 'other'\n"),
        (
            "BOTTLE_PROXY",
            "mitmproxy,pipelock",
            "[launch]\nproxies = ['pipelock']\n",
        ),
        (
            "BOTTLE_ALLOW",
            "x.test.org",
            "[egress]\nallow = ['x.test.org']\n",
        ),
        ("BOTTLE_DLP", "block", "[egress]\ndlp = 'off'\n"),
        ("BOTTLE_MEMORY", "1GiB", "[limits]\nmemory = '64GiB'\n"),
        ("BOTTLE_WORKSPACE", "src", "[workspace]\npath = '..'\n"),
        (
            "BOTTLE_WORKSPACE_MODE",
            "none",
            "[workspace]\nmode = 'bind'\n",
        ),
    ] {
        let world = World::new().user(USER).project(project);
        assert!(world.load().is_err(), "{project}");
        let world = world.env(variable, value);
        assert!(world.config().widenings().is_empty(), "{variable}");
    }
}
