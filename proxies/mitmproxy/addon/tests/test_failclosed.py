"""Whatever breaks, nothing passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import SECRETS, World, policy_for
from support.hop import Hop
from support.http1 import Closed
from support.proxy import ConnectRefused, Proxy


def ask(proxy: Proxy, url: str) -> int:
    """The status, or 0 when the connection was closed."""
    try:
        return proxy.ask(url).status
    except ConnectRefused as refused:
        return refused.answer.status
    except (Closed, OSError):
        return 0


def test_an_exception_in_a_hook_refuses(launch_once: Any, hop: Hop, world: World) -> None:
    def tamper(addon: Path) -> None:
        path = addon / "bottle_addon" / "vault.py"
        text = path.read_text()
        assert "def check_headers(" in text
        broken = """

def check_headers(policy, host, headers):
    if "x-boom" in headers:
        raise RuntimeError("boom")
"""
        path.write_text(text + broken)

    proxy = launch_once(policy_for(hop), tamper=tamper).wait_ready()
    assert proxy.ask("https://api.test/").status == 200
    hop.lines.clear()
    answer = proxy.ask("https://api.test/", headers=[("x-boom", "1")])
    assert (answer.status, answer.json()["rule"]) == (502, "internal")
    assert hop.lines == []
    fault = proxy.event(bottle="internal", hook="requestheaders")
    # The kind and the place, not the message: that could quote traffic.
    assert fault["error"] == "RuntimeError"
    assert "boom" not in "".join(line for line in proxy.lines if line.startswith("{"))


@pytest.mark.parametrize("hook", ["request", "responseheaders", "response"])
def test_an_exception_in_a_later_hook_refuses(launch_once: Any, hop: Hop, hook: str) -> None:
    def tamper(addon: Path) -> None:
        name = "requests.py" if hook == "request" else "responses.py"
        path = addon / "bottle_addon" / name
        lines = path.read_text().splitlines()
        at = next(i for i, line in enumerate(lines) if f"def {hook}(self" in line)
        lines.insert(
            at + 1,
            '        if passage_of(flow).path == "/boom": raise RuntimeError("boom")',
        )
        path.write_text("\n".join(lines))

    proxy = launch_once(policy_for(hop), tamper=tamper).wait_ready()
    hop.lines.clear()
    assert ask(proxy, "https://api.test/echo") == 200
    hop.lines.clear()
    status = ask(proxy, "https://api.test/boom")
    if hook == "request":
        assert status == 502
        assert hop.lines == []
    elif hook == "responseheaders":
        # The request is out, but no answer comes back.
        assert status == 0
    # When `response` fails, the answer has been streamed already.
    proxy.event(bottle="internal", hook=hook)


def test_a_request_that_was_not_routed_goes_nowhere(
    launch_once: Any, hop: Hop, world: World
) -> None:
    """With a next hop there is no other way out, even if the add-on forgets to use it."""
    policy = policy_for(hop)
    policy["allow"].append({"host": "localhost", "ports": [world.origin.port]})

    def tamper(addon: Path) -> None:
        path = addon / "bottle_addon" / "route.py"
        broken = "\n\ndef route(flow, policy, at):\n    at.routed = True\n"
        path.write_text(path.read_text() + broken)

    proxy = launch_once(policy, tamper=tamper).wait_ready()
    for scheme in ("https", "http"):
        assert ask(proxy, f"{scheme}://localhost:{world.origin.port}/") == 502
    assert world.origin.seen == []
    proxy.event(decision="deny", rule="chain", host="localhost")


@pytest.mark.parametrize("mode", ["handoff", "upstream"])
def test_a_removed_add_on_passes_nothing(launch_once: Any, hop: Hop, mode: str) -> None:
    option = "regular" if mode == "handoff" else f"upstream:http://127.0.0.1:{hop.port}"
    proxy = launch_once(policy_for(hop, mode=mode), mode=option).wait_ready()
    assert ask(proxy, "https://api.test/") == 200
    (proxy.conf / "addon" / "entry.py").unlink()
    # mitmproxy looks every second and unloads it.
    while proxy.probe(timeout=0).returncode == 0:
        pass
    assert "add-on is not loaded" in proxy.probe(timeout=0).stdout
    hop.lines.clear()
    for url in ("https://api.test/", "http://api.test/", "https://evil.test/", "http://x.test/"):
        assert ask(proxy, url) == 502, url
    assert hop.lines == []


def test_a_broken_file_over_the_add_on_passes_nothing(launch_once: Any, hop: Hop) -> None:
    proxy = launch_once(policy_for(hop)).wait_ready()
    (proxy.conf / "addon" / "entry.py").write_text("this is no python\n")
    while proxy.probe(timeout=0).returncode == 0:
        pass
    hop.lines.clear()
    assert ask(proxy, "https://api.test/") == 502
    assert hop.lines == []


def test_without_the_add_on_the_last_hop_passes_nothing(launch_once: Any, world: World) -> None:
    """This one has a way out of its own, so the mark of the block list is all there is."""
    port = world.origin.port
    policy = policy_for(
        None, allow=[{"host": "localhost", "ports": [port]}], trusted_private=["localhost"]
    )
    proxy = launch_once(policy).wait_ready()
    assert ask(proxy, f"https://localhost:{port}/") == 200
    (proxy.conf / "addon" / "entry.py").unlink()
    while proxy.probe(timeout=0).returncode == 0:
        pass
    world.origin.seen.clear()
    for url in (f"https://localhost:{port}/", f"http://localhost:{port}/"):
        assert ask(proxy, url) == 502
    assert world.origin.seen == []


def test_an_add_on_that_cannot_be_imported_is_never_ready(launch_once: Any, hop: Hop) -> None:
    def tamper(addon: Path) -> None:
        (addon / "bottle_addon" / "rules.py").write_text("import no_such_module\n")

    proxy = launch_once(policy_for(hop), tamper=tamper)
    assert proxy.process.wait(60) == 1
    result = proxy.probe(timeout=0)
    assert result.returncode == 1
    assert "does not answer" in result.stdout


def test_a_stopped_next_hop_is_502_and_unready(launch_once: Any, world: World) -> None:
    hop = world.hop()
    proxy = launch_once(policy_for(hop)).wait_ready()
    assert ask(proxy, "https://api.test/") == 200
    hop.stop()
    assert ask(proxy, "https://api.test/") == 502
    assert ask(proxy, "https://bulk.test/") == 502
    assert ask(proxy, "https://llm.test/") == 503
    result = proxy.probe(timeout=0)
    assert result.returncode == 1
    assert "127.0.0.1" in result.stdout
    proxy.event(decision="error", host="api.test")
    hop.start_again()
    assert ask(proxy, "https://api.test/") == 200
    proxy.wait_ready()
    hop.stop()


def test_not_ready_while_the_next_hop_is_unhealthy(launch_once: Any, world: World) -> None:
    hop = world.hop()
    hop.health["forward_proxy_enabled"] = False
    proxy = launch_once(policy_for(hop))
    assert "forward_proxy_enabled" in proxy.unready().stdout
    hop.health["forward_proxy_enabled"] = True
    proxy.wait_ready()
    answer = proxy.ask("http://bottle.invalid/ready")
    names = [hop["name"] for hop in answer.json()["hops"]]
    assert (answer.json()["ready"], names) == (True, ["mitmproxy", "127.0.0.1"])
    hop.stop()


def test_not_ready_with_a_wrong_scan_token(launch_once: Any, hop: Hop) -> None:
    proxy = launch_once(policy_for(hop), SECRETS | {"scan-token": "another-token-entirely"})
    result = proxy.unready()
    assert result.returncode == 1
    assert "401" in result.stdout


@pytest.mark.parametrize(
    "setting",
    ["upstream_cert=true", "connection_strategy=eager", "rawtcp=true", "ssl_insecure=true"],
)
def test_wrong_options_refuse_everything(
    launch_once: Any, hop: Hop, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Proxy._arguments

    def arguments(self: Proxy, mode: str, limit: str) -> list[str]:
        name = setting.split("=")[0]
        kept = [one for one in original(self, mode, limit) if not one.startswith(f"{name}=")]
        # A lone `--set` is left where one was taken out.
        return [one for i, one in enumerate(kept) if kept[i : i + 2] != ["--set", "--set"]] + [
            "--set",
            setting,
        ]

    monkeypatch.setattr(Proxy, "_arguments", arguments)
    proxy = launch_once(policy_for(hop))
    result = proxy.unready()
    assert setting.split("=")[0] in result.stdout
    hop.lines.clear()
    assert ask(proxy, "http://api.test/") == 503
    assert hop.lines == []


def test_mode_and_policy_must_agree(launch_once: Any, hop: Hop) -> None:
    proxy = launch_once(policy_for(hop, mode="upstream"))
    result = proxy.unready()
    assert result.returncode == 1
    assert "regular" in result.stdout


def test_every_option_we_set_exists() -> None:
    """mitmproxy ignores unknown names in `--set` without a word."""
    import subprocess
    import sys

    from support.proxy import ADDON

    mitmdump = Path(sys.executable).parent / "mitmdump"
    known = subprocess.run(
        [str(mitmdump), "--options"], capture_output=True, text=True, check=True
    ).stdout
    lines = (ADDON / "mitmdump.args").read_text().splitlines()
    names = [b.split("=")[0] for a, b in zip(lines, lines[1:], strict=False) if a == "--set"]
    assert len(names) > 8
    for name in names:
        assert f"\n{name}:" in "\n" + known, name
