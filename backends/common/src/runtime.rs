//! OCI runtimes, and the machine that containers run on.

/// gVisor and Kata, by the program if the engine names it, else by the name.
pub fn has_own_kernel(name: &str, path: Option<&str>) -> bool {
    let program = path
        .filter(|path| !path.is_empty())
        .and_then(|path| path.rsplit('/').next())
        .unwrap_or(name);
    ["runsc", "kata", "containerd-shim-kata"]
        .iter()
        .any(|known| program.starts_with(known))
        || matches!(
            program.strip_prefix("io.containerd."),
            Some(shim) if shim.starts_with("runsc") || shim.starts_with("kata")
        )
}

/// What this process knows about the machine it runs on.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its kernel's release.
    pub kernel: String,
    /// `rp_filter` for new interfaces.
    pub rp_filter: Option<u8>,
}

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        let uname = rustix::system::uname();
        let filter = |interface: &str| -> Option<u8> {
            let path = format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter");
            std::fs::read_to_string(path).ok()?.trim().parse().ok()
        };
        Self {
            name: uname.nodename().to_string_lossy().into_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
            // The kernel takes the greater one; new interfaces begin with the default.
            rp_filter: filter("all").zip(filter("default")).map(|(a, b)| a.max(b)),
        }
    }
    /// Whether an engine that calls its machine so runs on this one.
    pub fn is(&self, name: Option<&str>, kernel: Option<&str>) -> bool {
        name == Some(self.name.as_str()) && kernel == Some(self.kernel.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_judged_by_their_program() {
        for (name, path, own) in [
            ("runsc", None, true),
            ("runsc", Some("/opt/runc"), false),
            ("io.containerd.runsc.v1", None, true),
            ("io.containerd.kata.v2", None, true),
            ("io.containerd.runc.v2", Some("runc"), false),
            ("kata-runtime", Some(""), true),
            ("crun", None, false),
        ] {
            assert_eq!(has_own_kernel(name, path), own, "{name} {path:?}");
        }
    }
}
