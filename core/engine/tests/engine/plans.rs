//! The planner: the same input, the same plan; what cannot work is refused with a way out.

use std::collections::BTreeSet;

use bottle_api::{
    AgentPatch, AllowRule, Content, Delivery, EnvValue, FilePlan, Guarantee, LaunchPlan, Mount,
    PluginError, ProvisionContext, Provisioner, RuntimeChoice, SecretSpec, SessionId,
};
use bottle_backend_memory::{Memory, MemoryConfig};
use bottle_engine::{PlanError, PlanInput, chain_view, plan};

use crate::support::{boxed, chain_text, spec};

/// Plans without a launcher.
async fn planned(
    plugins: &[&str],
    extra: Vec<Box<dyn Provisioner>>,
    change: impl FnOnce(&mut bottle_api::LaunchSpec),
) -> Result<LaunchPlan, PlanError> {
    planned_on(&Memory::default(), plugins, extra, change).await
}
async fn planned_on(
    memory: &Memory,
    plugins: &[&str],
    extra: Vec<Box<dyn Provisioner>>,
    change: impl FnOnce(&mut bottle_api::LaunchSpec),
) -> Result<LaunchPlan, PlanError> {
    let mut spec = spec();
    change(&mut spec);
    let (proxies, mut provisioners) = boxed(plugins);
    provisioners.extend(extra);
    let info = bottle_api::Backend::probe(memory).await.unwrap();
    plan(&PlanInput {
        session: &SessionId::new("s1"),
        instance: &"inst".into(),
        spec: &spec,
        backend: memory,
        info: &info,
        proxies: &proxies,
        provisioners: &provisioners,
    })
}
async fn refused(
    plugins: &[&str],
    change: impl FnOnce(&mut bottle_api::LaunchSpec),
) -> (String, String) {
    let error = planned(plugins, vec![], change)
        .await
        .expect_err("it is planned");
    (chain_text(&error), error.hints().join("\n"))
}

#[tokio::test]
async fn the_plan_is_pure_printable_and_holds_no_secret() {
    let all = &["front", "back", "trust", "helper"];
    let first = planned(all, vec![], |_| {}).await.unwrap();
    let second = planned(all, vec![], |_| {}).await.unwrap();
    assert_eq!(first, second);
    let text = serde_json::to_string(&first).unwrap();
    let read: LaunchPlan = serde_json::from_str(&text).unwrap();
    assert_eq!(read, first);
    assert!(!text.contains("r3al-key"));
    insta::assert_json_snapshot!(first);
}

#[tokio::test]
async fn the_chain_is_seen_as_the_agent_sees_it() {
    let full = planned(&["front", "back"], vec![], |_| {}).await.unwrap();
    let view = chain_view(&full).unwrap();
    assert_eq!(
        (view.url.as_str(), view.ends_tls),
        ("http://front:8080", true)
    );
    let alone = planned(&["back"], vec![], |s| s.secrets.clear())
        .await
        .unwrap();
    let view = chain_view(&alone).unwrap();
    assert_eq!(
        (view.url.as_str(), view.ends_tls),
        ("http://back:8888", false)
    );
    assert!(chain_view(&planned(&[], vec![], |_| {}).await.unwrap()).is_none());
}

#[tokio::test]
async fn a_proxy_that_cannot_forward_must_be_last() {
    let (text, hint) = refused(&["back", "front"], |_| {}).await;
    assert!(text.contains("`back` cannot forward"), "{text}");
    assert!(hint.contains(r#"proxies = ["front", "back"]"#), "{hint}");
    let (_, hint) = refused(&["back", "back"], |_| {}).await;
    assert!(hint.contains(r#"keep one of "back", "back""#), "{hint}");
}

#[tokio::test]
async fn a_chain_must_enforce_what_the_policy_says() {
    let rule = AllowRule {
        methods: vec!["GET".into()],
        ..AllowRule::host("api.github.com".parse().unwrap())
    };
    let (text, hint) = refused(&["back"], |s| {
        s.secrets.clear();
        s.allow.push(rule);
    })
    .await;
    assert!(
        text.contains("`api.github.com` names methods or paths"),
        "{text}"
    );
    assert!(hint.contains("decrypts"), "{hint}");
    let (text, _) = refused(&["lax", "lax"], |_| {}).await;
    assert!(
        text.contains("(`lax`, `lax`) enforces the allowed hosts"),
        "{text}"
    );
    let (text, hint) = refused(&["back"], |_| {}).await;
    assert!(text.contains("`API_KEY` is to be injected"), "{text}");
    assert!(hint.contains("`env` or `file`"), "{hint}");
}

#[tokio::test]
async fn the_same_proxy_twice_is_numbered() {
    let twice = planned(&["front", "front", "back"], vec![], |_| {})
        .await
        .unwrap();
    let names: Vec<_> = twice
        .sidecars
        .iter()
        .map(|s| s.container.hostname.as_str())
        .collect();
    assert_eq!(names, ["back", "front-2", "front"], "from the outside in");
    assert_eq!(
        twice.sidecars[2].container.command,
        ["--next=http://front-2:8080"]
    );
    assert_eq!(twice.networks.len(), 4);
}

#[tokio::test]
async fn required_guarantees_are_given_or_explained() {
    let require = |guarantees: &[Guarantee]| {
        let set: BTreeSet<_> = guarantees.iter().copied().collect();
        move |s: &mut bottle_api::LaunchSpec| s.require = set
    };
    let fine = [
        Guarantee::DnsClosed,
        Guarantee::HostClosed,
        Guarantee::EgressOnlyByChain,
        Guarantee::TlsInspected,
        Guarantee::Dlp,
        Guarantee::HostPolicy,
        Guarantee::CredentialsAtProxy,
        Guarantee::NonRoot,
        Guarantee::NoNewPrivs,
        Guarantee::Limits,
    ];
    let plan = planned(&["front", "back"], vec![], require(&fine))
        .await
        .unwrap();
    assert_eq!(plan.guarantees.len(), Guarantee::ALL.len());

    let (text, hint) = refused(&["front"], require(&[Guarantee::OwnKernel, Guarantee::Dlp])).await;
    assert!(
        text.contains("`own_kernel` (memory: `runc` shares"),
        "{text}"
    );
    assert!(text.contains("`dlp` (bottle: no proxy"), "{text}");
    assert!(
        hint.contains("runsc") && hint.lines().count() == 2,
        "{hint}"
    );

    let (text, _) = refused(&["front", "back"], |s| {
        s.require = [
            Guarantee::CredentialsAtProxy,
            Guarantee::NonRoot,
            Guarantee::Limits,
        ]
        .into();
        s.user.uid = 0;
        s.limits.memory = None;
        let name = "PW".to_owned();
        s.secrets[0].delivery = Delivery::Env { name };
    })
    .await;
    for part in ["holds `API_KEY`", "uid 0", "`memory` without a limit"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let closed = [
        Guarantee::DnsClosed,
        Guarantee::Dlp,
        Guarantee::EgressOnlyByChain,
    ];
    let plan = planned(&[], vec![], require(&closed)).await.unwrap();
    assert!(plan.egress.allow.is_empty() && plan.egress.credentials.is_empty());
}

#[tokio::test]
async fn runtimes_are_chosen_named_or_missed() {
    let both = Memory::with_config(MemoryConfig {
        runtimes: vec!["runc".into(), "runsc".into()],
        ..MemoryConfig::default()
    });
    let auto = planned_on(&both, &["front", "back"], vec![], |_| {})
        .await
        .unwrap();
    assert_eq!(auto.agent.runtime.as_deref(), Some("runsc"));
    assert!(auto.sidecars.iter().all(|s| s.container.runtime.is_none()));
    let own_kernel = |s: &bottle_api::Statement| s.guarantee == Guarantee::OwnKernel && s.given;
    assert!(auto.guarantees.iter().any(own_kernel));
    let few = planned_on(&both, &[], vec![], |s| s.limits.pids = Some(64)).await;
    assert!(
        few.unwrap_err()
            .to_string()
            .contains("`pids = 64` is too small")
    );

    let auto = planned(&[], vec![], |_| {}).await.unwrap();
    assert_eq!(auto.agent.runtime.as_deref(), Some("runc"));
    let named = |s: &mut bottle_api::LaunchSpec| s.runtime = RuntimeChoice::Named("runsc".into());
    let (text, hint) = refused(&[], named).await;
    assert!(text.contains("does not know the runtime `runsc`"), "{text}");
    assert!(
        hint.contains("add `runsc` to `runtimes`") && hint.contains("`runc`"),
        "{hint}"
    );
}

/// Wants one thing of the container.
#[derive(Debug)]
struct Wants(&'static str, AgentPatch);
impl Provisioner for Wants {
    fn name(&self) -> &'static str {
        self.0
    }
    fn patch(&self, _: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        Ok(self.1.clone())
    }
}
fn wants(name: &'static str, change: impl FnOnce(&mut AgentPatch)) -> Box<dyn Provisioner> {
    let mut patch = AgentPatch::default();
    change(&mut patch);
    Box::new(Wants(name, patch))
}
fn file(path: &str) -> FilePlan {
    FilePlan {
        path: path.into(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        content: Content::Text(String::new()),
    }
}
fn env(value: &str) -> impl FnOnce(&mut AgentPatch) {
    let value = EnvValue::from(value);
    move |patch| {
        patch.env.insert("MODE".into(), value);
    }
}

#[tokio::test]
async fn two_who_want_the_same_are_both_named() {
    let conflict = async |one, other| {
        let error = planned(&[], vec![one, other], |_| {}).await.unwrap_err();
        error.to_string()
    };
    let path = |path: &'static str| move |p: &mut AgentPatch| p.files.push(file(path));
    let text = conflict(wants("a", path("/x")), wants("b", path("/x"))).await;
    assert!(
        text.contains("`a` and provisioner `b` both write `/x`"),
        "{text}"
    );
    let text = conflict(wants("a", env("1")), wants("b", env("2"))).await;
    assert!(
        text.contains("`a` and provisioner `b` give `MODE` different values"),
        "{text}"
    );
    let same = planned(
        &[],
        vec![wants("a", env("1")), wants("b", env("1"))],
        |_| {},
    )
    .await;
    assert_eq!(same.unwrap().agent.env["MODE"], EnvValue::from("1"));

    let user = planned(&[], vec![wants("a", env("1"))], |s| {
        s.env.insert("MODE".into(), "mine".into());
    });
    assert_eq!(
        user.await.unwrap().agent.env["MODE"],
        EnvValue::from("mine")
    );
    let (text, _) = refused(&[], |s| {
        s.env.insert("API_KEY".into(), "mine".into());
    })
    .await;
    assert!(
        text.contains("`[env]` and secret `API_KEY` both set `API_KEY`"),
        "{text}"
    );
}

#[tokio::test]
async fn files_neither_stay_on_the_host_nor_vanish() {
    let bind = Mount::Bind {
        source: "/home/me/work".into(),
        target: "/workspace".into(),
        read_only: false,
    };
    let place = async |path: &'static str| {
        let bind = bind.clone();
        let wants = wants("a", move |p| {
            p.mounts.push(bind);
            p.files.push(file(path));
        });
        planned(&[], vec![wants], |_| {})
            .await
            .map(drop)
            .map_err(|e| e.to_string())
    };
    let error = place("/workspace/.env").await.unwrap_err();
    assert!(error.contains("left in `/home/me/work`"), "{error}");
    let error = place("/tmp/x").await.unwrap_err();
    assert!(
        error.contains("hidden by the memory file system"),
        "{error}"
    );
    let error = place("relative").await.unwrap_err();
    assert!(error.contains("not an absolute path"), "{error}");
    place("/workspaces/x").await.unwrap();
}

#[tokio::test]
async fn secrets_that_are_granted_and_agents_files_have_their_owner_and_home() {
    let plan = planned(&[], vec![], |s| {
        let mut own = file("~/.config/agent.json");
        own.uid = 77;
        s.agent.files.push(own);
        s.secrets.push(SecretSpec {
            name: "NETRC".into(),
            source: bottle_api::SecretRef::FromFile("/home/me/.netrc".into()),
            delivery: Delivery::File {
                path: "~/.netrc".into(),
            },
        });
    })
    .await
    .unwrap();
    let found: Vec<_> = plan
        .agent
        .files
        .iter()
        .map(|f| (f.path.as_str(), f.mode, f.uid))
        .collect();
    assert_eq!(
        found,
        [
            ("/home/agent/.config/agent.json", 0o644, 1000),
            ("/home/agent/.netrc", 0o600, 1000)
        ]
    );
    assert_eq!(plan.agent.env["HOME"], EnvValue::from("/home/agent"));
    assert_eq!(plan.agent.entrypoint, Some(vec![]));
    assert!(
        plan.agent
            .mounts
            .iter()
            .any(|m| matches!(m, Mount::Tmpfs { target, .. } if target == "/tmp"))
    );
}

#[tokio::test]
async fn commands_are_followed_or_replaced() {
    let args = async |replace: bool, command: &[&str]| {
        let command: Vec<String> = command.iter().map(|s| (*s).to_owned()).collect();
        let wants = wants("a", |p| p.args = vec!["--prompt".into()]);
        let plan = planned(&[], vec![wants], |s| {
            s.agent.replace_command = replace;
            s.agent.command = command;
        });
        plan.await.unwrap().agent
    };
    assert_eq!(
        args(false, &["x"]).await.command,
        ["x", "--prompt", "-p", "hello"]
    );
    assert_eq!(args(true, &["bash"]).await.command, ["-p", "hello"]);
    let image = args(false, &[]).await;
    assert_eq!((image.entrypoint, image.command.len()), (None, 3));
    let held = planned(&["helper"], vec![], |s| {
        s.agent.command.clear();
        s.args.clear();
    });
    let text = held.await.unwrap_err().to_string();
    assert!(text.contains("leaves its command to its image"), "{text}");
}
