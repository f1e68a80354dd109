//! Provisioners on a live engine: what they did is seen from inside a real bottle.

use bottle_backend_docker::Docker;
use bottle_conformance::{BackendSuite, ProvisionerSuite, Step};
use bottle_provisioners::{Files, Git, Prompt, User};

fn docker() -> BackendSuite {
    BackendSuite::of::<Docker>("")
}

bottle_conformance::provisioner_main!(
    ProvisionerSuite::of::<User>("")
        .live(docker())
        .shows(Step::stat("/home/agent"), "folder 755 1000:1000")
        .shows(Step::User, "1000:1000"),
    ProvisionerSuite::of::<Git>("name = 'A Name'\nemail = 'a@example.com'\nfrom_host = false")
        .live(docker())
        .shows(Step::stat("/etc/bottle/gitconfig"), "file 644 0:0"),
    ProvisionerSuite::of::<Prompt>("text = 'be brief'")
        .live(docker())
        .shows(Step::read("/home/agent/AGENTS.md"), "be brief"),
    ProvisionerSuite::of::<Files>("'~/note' = { text = 'for the agent' }")
        .any_key()
        .live(docker())
        .shows(Step::read("/home/agent/note"), "for the agent"),
);
