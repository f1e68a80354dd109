//! `ca`: the way out and the session's certificate authority, as the agent's programs see them.

mod environment;
mod hash;
mod provisioner;
mod store;

pub use provisioner::{Ca, CaConfig};

/// The certificate alone, for programs that add it to the roots they know.
const CERTIFICATE: &str = "/etc/bottle/ca/ca.crt";
/// Public roots and the certificate, for programs that take a file instead of the roots they know.
const BUNDLE: &str = "/etc/bottle/ca/bundle.crt";
/// The bundle as Java wants it.
const TRUSTSTORE: &str = "/etc/bottle/ca/truststore.p12";
