//! How each runtime is asked whether it trusts the bottle's certificate authority.

/// A program that may be in an image.
#[derive(Debug)]
pub(super) struct Probe {
    /// What people call it.
    pub(super) name: &'static str,
    /// What must be there: a shell command that succeeds.
    pub(super) present: &'static str,
    /// A shell script that makes one request to `$1`. What it prints is judged.
    pub(super) script: &'static str,
}

/// How a request went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// TLS was established; what was answered does not matter.
    Trusted,
    /// The certificate was refused.
    Untrusted(String),
    /// No connection was made, so nothing can be said.
    Unknown(String),
}

pub(super) const PROBES: [Probe; 7] = [
    Probe {
        name: "curl",
        present: "command -v curl",
        script: "curl -sS -o /dev/null --max-time 20 \"https://$1/\" && echo REACHED",
    },
    Probe {
        name: "git",
        present: "command -v git",
        script: "GIT_TERMINAL_PROMPT=0 git ls-remote \"https://$1/bottle-doctor.git\" && echo REACHED",
    },
    Probe {
        name: "Python",
        present: "command -v python3",
        script: "python3 -c 'import sys, urllib.request, urllib.error
try: urllib.request.urlopen(\"https://%s/\" % sys.argv[1], timeout=20)
except urllib.error.HTTPError: pass
print(\"REACHED\")' \"$1\"",
    },
    Probe {
        name: "Python requests",
        present: "command -v python3 && python3 -c 'import requests'",
        script: "python3 -c 'import sys, requests
requests.get(\"https://%s/\" % sys.argv[1], timeout=20)
print(\"REACHED\")' \"$1\"",
    },
    Probe {
        name: "Node",
        present: "command -v node",
        script: "node -e 'fetch(`https://${process.argv[1]}/`).then(
() => console.log(\"REACHED\"), e => console.log(String(e), String(e.cause), e.cause?.code))' \"$1\"",
    },
    Probe {
        name: "Java",
        present: "command -v java && command -v javac",
        script: "d=$(mktemp -d) && cat > \"$d/P.java\" <<'END'
public class P {
  public static void main(String[] a) throws Exception {
    var c = (java.net.HttpURLConnection) new java.net.URL(\"https://\" + a[0] + \"/\").openConnection();
    c.getResponseCode();
    System.out.println(\"REACHED\");
  }
}
END
java \"$d/P.java\" \"$1\"; rm -r \"$d\"",
    },
    Probe {
        name: "cargo",
        present: "command -v cargo",
        script: "d=$(mktemp -d) && CARGO_NET_RETRY=0 CARGO_HOME=\"$d\" cargo search --index \"sparse+https://$1/\" bottle \
                 && echo REACHED; rm -r \"$d\"",
    },
];

/// Words of a refused certificate, in every tongue above.
const UNTRUSTED: [&str; 10] = [
    "error setting certificate",
    "certificate problem",
    "certificate verif",
    "CERTIFICATE_VERIFY_FAILED",
    "SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT",
    "PKIX path",
    "SSLHandshakeException",
    "unknown CA",
];

/// Words of a server that answered, inside TLS, something else than success.
const ANSWERED: [&str; 7] = [
    "REACHED",
    "returned error:",
    "not found",
    "could not read Username",
    "Authentication failed",
    "unexpected http status code",
    "failed to get successful HTTP response",
];

/// Words of a proxy that refused to connect; some of them contain words of an answer.
const REFUSED: [&str; 6] = [
    "CONNECT",
    "Tunnel connection failed",
    "Unable to tunnel",
    "Proxy response",
    "ProxyError",
    "proxy",
];

impl Verdict {
    /// Reads it off what the script printed.
    pub(super) fn of(output: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| output.contains(word));
        let last = || {
            let mut lines = output.lines().map(str::trim);
            let line = lines.rfind(|line| !line.is_empty());
            line.unwrap_or("it said nothing")
                .chars()
                .take(160)
                .collect()
        };
        if has(&UNTRUSTED) {
            Self::Untrusted(last())
        } else if output.contains("REACHED") || (has(&ANSWERED) && !has(&REFUSED)) {
            Self::Trusted
        } else {
            Self::Unknown(last())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runtimes_really_say() {
        for trusted in [
            "REACHED",
            "remote: no\nfatal: repository 'https://h/x.git/' not found",
            "fatal: unable to access 'https://h/x.git/': The requested URL returned error: 502",
            "Caused by:\n  failed to get successful HTTP response from `https://h/config.json`, got 502",
            "fatal: could not read Username for 'https://h': terminal prompts disabled",
        ] {
            assert_eq!(Verdict::of(trusted), Verdict::Trusted, "{trusted}");
        }
        for untrusted in [
            "curl: (77) error setting certificate file: /nowhere",
            "curl: (60) SSL certificate problem: unable to get local issuer certificate",
            "fatal: unable to access 'https://h/': server certificate verification failed.",
            "urllib.error.URLError: <urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] x>",
            "TypeError: fetch failed Error: x SELF_SIGNED_CERT_IN_CHAIN",
            "javax.net.ssl.SSLHandshakeException: PKIX path building failed",
        ] {
            assert!(
                matches!(Verdict::of(untrusted), Verdict::Untrusted(_)),
                "{untrusted}"
            );
        }
        for unknown in [
            "",
            "curl: (56) CONNECT tunnel failed, response 502",
            "fatal: unable to access 'https://h/': CONNECT tunnel failed, response 404",
            "OSError: Tunnel connection failed: 502 Bad Gateway",
            "java.io.IOException: Unable to tunnel through proxy. Proxy returns \"HTTP/1.1 403\"",
        ] {
            assert!(
                matches!(Verdict::of(unknown), Verdict::Unknown(_)),
                "{unknown}"
            );
        }
    }
}
