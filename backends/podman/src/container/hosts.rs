//! `/etc/hosts`, ours alone: neither the host's own nor a name for the host.

use std::fmt::Write as _;

use bottle_api::ContainerRequest;

/// An archive for `/` that holds the file.
pub(super) fn archive(request: &ContainerRequest<'_>) -> std::io::Result<Vec<u8>> {
    let text = text(request);
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(text.len() as u64);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "etc/hosts", text.as_bytes())?;
    tar.into_inner()
}

fn text(request: &ContainerRequest<'_>) -> String {
    let mut text = String::from("127.0.0.1 localhost\n");
    for (name, address) in request.hosts {
        let _ = writeln!(text, "{address} {name}");
    }
    for network in request.networks {
        let _ = writeln!(text, "{} {}", network.address, request.plan.hostname);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use bottle_api::{
        ContainerPlan, ImageId, ImagePlan, InstanceId, Ownership, ResolvedAttachment, Role,
        SessionId,
    };

    #[test]
    fn names_addresses_and_nothing_else() {
        let owner = Ownership {
            session: SessionId::new("s"),
            role: Role::agent(),
            instance: InstanceId::new("i"),
        };
        let plan = ContainerPlan::new(owner, "n".into(), ImagePlan::pull("i", "test"));
        let image = ImageId::new("i");
        let hosts = [("proxy".to_owned(), "10.0.0.2".parse().unwrap())];
        let networks = [ResolvedAttachment {
            network: "n".into(),
            internal: true,
            address: "10.0.0.3".parse().unwrap(),
        }];
        let request = ContainerRequest::new(&plan, "n", &image)
            .hosts(&hosts)
            .networks(&networks);
        assert_eq!(
            text(&request),
            "127.0.0.1 localhost\n10.0.0.2 proxy\n10.0.0.3 agent\n"
        );
        assert!(!archive(&request).unwrap().is_empty());
    }
}
