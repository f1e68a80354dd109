//! Provisioners.

use std::sync::atomic::{AtomicU64, Ordering};

use bottle_api::{
    AgentFiles, AgentHandle, AgentPatch, Content, ExecRequest, FilePlan, HostStep, PluginError,
    ProvisionContext, Provisioner, PutFile, SecretRef, async_trait,
};
use bottle_conformance::ProvisionerSuite;

use crate::assert_fails;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Name,
    Clock,
    LeavesFiles,
    ReadsSecrets,
    RelativePath,
    Variable,
    Setuid,
    NoUndo,
    AfterItself,
    Moody,
    AppendsAgain,
    Random,
    PutsSetuid,
    SwallowsErrors,
    ActsAnyway,
    SwallowsApplyErrors,
}

#[derive(Debug)]
struct Note(Fault);

static CLOCK: AtomicU64 = AtomicU64::new(0);
fn now() -> u64 {
    CLOCK.fetch_add(1, Ordering::Relaxed)
}

#[async_trait]
impl Provisioner for Note {
    fn name(&self) -> &'static str {
        if self.0 == Fault::Name {
            "Note"
        } else {
            "note"
        }
    }
    fn after(&self) -> &'static [&'static str] {
        if self.0 == Fault::AfterItself {
            &["note"]
        } else {
            &[]
        }
    }
    fn patch(&self, cx: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
        let mut patch = AgentPatch::default();
        let mut note = FilePlan {
            path: "/etc/note".into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            content: Content::Text("note".into()),
        };
        match self.0 {
            Fault::Clock => note.content = Content::Text(now().to_string()),
            Fault::LeavesFiles => {
                let left = std::fs::write(cx.workspace.folder.join(".note"), "left");
                drop(left);
            }
            Fault::ReadsSecrets => {
                for credential in &cx.policy.credentials {
                    if let SecretRef::FromFile(path) = &credential.secret {
                        let value = std::fs::read_to_string(path).unwrap_or_default();
                        patch.env.insert("KEY".into(), value.into());
                    }
                }
            }
            Fault::RelativePath => note.path = "/etc/../note".into(),
            Fault::Variable => drop(patch.env.insert("A=B".into(), "x".into())),
            Fault::Setuid => note.mode = 0o4755,
            Fault::NoUndo => patch.host_steps.push(HostStep {
                label: "make something".into(),
                argv: vec!["true".into()],
                undo: None,
            }),
            _ => {}
        }
        patch.files.push(note);
        Ok(patch)
    }
    async fn prepare(
        &self,
        _: &ProvisionContext<'_>,
        agent: &dyn AgentFiles,
    ) -> Result<(), PluginError> {
        let read = agent.read("/etc/passwd").await;
        if self.0 == Fault::SwallowsErrors && read.is_err() {
            return Ok(());
        }
        let mut bytes = read?.unwrap_or_default();
        let line = match self.0 {
            Fault::Random => format!("# {}\n", now()),
            _ => "# noted\n".to_owned(),
        };
        if self.0 != Fault::AppendsAgain && bytes.ends_with(line.as_bytes()) {
            return Ok(());
        }
        bytes.extend(line.into_bytes());
        let mode = if self.0 == Fault::PutsSetuid {
            0o4755
        } else {
            0o644
        };
        let file = PutFile {
            path: "/etc/passwd".into(),
            mode,
            uid: 0,
            gid: 0,
            bytes,
        };
        Ok(agent.put(vec![file]).await?)
    }
    fn applies(&self, _: &ProvisionContext<'_>) -> bool {
        match self.0 {
            Fault::Moody => now().is_multiple_of(2),
            Fault::ActsAnyway => false,
            _ => true,
        }
    }
    async fn apply(
        &self,
        _: &ProvisionContext<'_>,
        agent: &dyn AgentHandle,
    ) -> Result<(), PluginError> {
        let done = agent.exec(&ExecRequest::new(["true"]), b"").await;
        if self.0 == Fault::SwallowsApplyErrors {
            return Ok(());
        }
        done?;
        Ok(())
    }
}

type Wrong = (&'static str, Fault, &'static [&'static str]);
const WRONG: [Wrong; 17] = [
    ("no fault", Fault::None, &[]),
    (
        "has another name than it is registered under",
        Fault::Name,
        &["provisioner::it has the name it is registered under"],
    ),
    (
        "reads a clock",
        Fault::Clock,
        &["patch::the same input gives the same patch"],
    ),
    (
        "leaves files on the host",
        Fault::LeavesFiles,
        &["patch::planning leaves nothing on the host"],
    ),
    (
        "reads the values of secrets",
        Fault::ReadsSecrets,
        &["patch::no secret value is in it, nor is any read"],
    ),
    (
        "puts files beside their path",
        Fault::RelativePath,
        &["patch::its files and mounts have absolute paths"],
    ),
    (
        "sets what is no variable",
        Fault::Variable,
        &["patch::its variables can be set"],
    ),
    (
        "plans a setuid program",
        Fault::Setuid,
        &["patch::it puts no setuid program into the bottle"],
    ),
    (
        "never undoes what it does on the host",
        Fault::NoUndo,
        &["patch::what it makes on the host is undone, or kept where it may be"],
    ),
    (
        "comes after itself",
        Fault::AfterItself,
        &["patch::it does not come after itself"],
    ),
    (
        "applies by the mood",
        Fault::Moody,
        &["patch::whether it applies depends on the bottle alone"],
    ),
    (
        "prepares again and again",
        Fault::AppendsAgain,
        &["prepare::preparing again changes nothing more"],
    ),
    (
        "prepares by chance",
        Fault::Random,
        &[
            "prepare::preparing again changes nothing more",
            "prepare::the same image gives the same files",
        ],
    ),
    (
        "puts a setuid program",
        Fault::PutsSetuid,
        &["prepare::it puts files at absolute paths, none of them setuid"],
    ),
    (
        "swallows the engine's errors",
        Fault::SwallowsErrors,
        &["prepare::an engine that fails is an error, not a half-made bottle"],
    ),
    (
        "acts though it does not apply",
        Fault::ActsAnyway,
        &["apply::it acts only when it says that it applies"],
    ),
    (
        "swallows the engine's errors while applying",
        Fault::SwallowsApplyErrors,
        &["apply::an engine that fails is an error"],
    ),
];

#[test]
fn each_wrong_provisioner_fails_the_sentences_that_name_its_fault() {
    for (text, fault, fails) in WRONG {
        let suite = ProvisionerSuite::new("note", move || Ok(Box::new(Note(fault))));
        // A fault that meets another kind of bottle first is found there.
        let report = suite.report();
        if fault == Fault::Moody {
            let moody = report.broken().any(|(name, _)| fails.contains(&name));
            assert!(moody, "{text}: {report}");
            continue;
        }
        assert_fails(text, &report, fails);
    }
}
