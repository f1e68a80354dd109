//! The provisioners that come with bottle keep the contract of a provisioner.

use bottle_conformance::ProvisionerSuite;
use bottle_provisioners::{Ca, Env, Files, Git, Prompt, Skills, Ssh, User, Workspace};

bottle_conformance::provisioner_main!(
    ProvisionerSuite::of::<User>(""),
    ProvisionerSuite::of::<Ca>("")
        .image_file("/etc/ssl/certs/ca-certificates.crt", "PUBLIC ROOTS\n"),
    ProvisionerSuite::of::<Workspace>(""),
    ProvisionerSuite::of::<Git>("name = 'A Name'\nemail = 'a@example.com'\nfrom_host = false"),
    ProvisionerSuite::of::<Prompt>("text = 'be brief'"),
    ProvisionerSuite::of::<Skills>(""),
    ProvisionerSuite::of::<Ssh>(""),
    ProvisionerSuite::of::<Files>("'~/note' = { text = 'for the agent' }").any_key(),
    ProvisionerSuite::of::<Env>(""),
);
