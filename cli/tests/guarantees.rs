//! What the chains of real proxies promise about content.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::World;
use serde_json::Value;

const OFF: &str =
    "[proxy.mitmproxy.dlp]\nurl = 'off'\nheaders = 'off'\ninspect = 'off'\ntunnel = 'off'\n";
const INSPECT_OFF: &str = "[proxy.mitmproxy.dlp]\ninspect = 'off'\n";
const UPSTREAM: &str = "[proxy.mitmproxy]\nmode = 'upstream'\n";
const UPSTREAM_OFF: &str = "[proxy.mitmproxy]\nmode = 'upstream'\n[proxy.mitmproxy.dlp]\nurl = 'off'\nheaders = 'off'\ninspect = 'off'\ntunnel = 'off'\n";
const PASSTHROUGH: &str = "[proxy.mitmproxy]\npassthrough = ['a.example']\n";
const TUNNEL_OFF: &str =
    "[proxy.mitmproxy]\ntunnel = ['a.example']\n[proxy.mitmproxy.dlp]\ntunnel = 'off'\n";
const OPENED: &str = "[proxy.pipelock]\ntls_interception = true\n";

/// Chain, class of one host, settings: whether `tls_inspected` and `dlp` are given.
#[test]
fn content_is_promised_only_where_somebody_reads_it() {
    let (both, mitm, lock) = ("'mitmproxy', 'pipelock'", "'mitmproxy'", "'pipelock'");
    for (chain, class, settings, expected) in [
        (both, "inspect", "", (true, true)),
        (both, "tunnel", "", (true, true)),
        (both, "passthrough", "", (false, false)),
        (both, "passthrough", OPENED, (false, false)),
        (both, "inspect", PASSTHROUGH, (false, false)),
        (both, "inspect", TUNNEL_OFF, (true, false)),
        (both, "inspect", OFF, (true, false)),
        (both, "inspect", INSPECT_OFF, (true, true)),
        (both, "tunnel", INSPECT_OFF, (true, true)),
        (both, "inspect", UPSTREAM, (true, true)),
        (both, "inspect", UPSTREAM_OFF, (true, false)),
        (mitm, "inspect", "", (true, true)),
        (mitm, "inspect", INSPECT_OFF, (true, false)),
        (mitm, "inspect", PASSTHROUGH, (false, false)),
        (mitm, "passthrough", "", (false, false)),
        (lock, "inspect", "", (false, false)),
        (lock, "inspect", OPENED, (true, true)),
        (lock, "tunnel", OPENED, (false, false)),
        (lock, "passthrough", OPENED, (false, false)),
    ] {
        let world = World::new();
        world.user_config(&format!(
            "[launch]\nagent = 'shell'\nproxies = [{chain}]\n[egress]\n\
             allow = [{{ host = 'a.example', class = '{class}' }}, 'b.example']\n{settings}"
        ));
        let case = format!("[{chain}] {class} {settings}");
        let (code, out, err) = world.run("plan --json");
        assert_eq!(code, 0, "{case}: {err}");
        let plan: Value = serde_json::from_str(&out).unwrap();
        let said = plan["guarantees"].as_array().unwrap();
        let find = |name: &str| said.iter().find(|s| s["guarantee"] == name).unwrap();
        let given = |name: &str| find(name)["given"] == true;
        let found = (given("tls_inspected"), given("dlp"));
        assert_eq!(found, expected, "{case}: {said:#?}");
        for mode in ["warn", "off"] {
            let line = format!("plan --dlp {mode} --require dlp");
            let (code, _, err) = world.run(&line);
            assert_eq!(code, 125, "{case} {mode}: {err}");
            assert!(err.contains("`dlp`") && err.contains("hint:"), "{err}");
        }
    }
}
