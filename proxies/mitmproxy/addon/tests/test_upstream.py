"""The other setting, and next hops that take tunnels only."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import PLACEHOLDER, SECRET, World, policy_for
from support.hop import Hop
from support.http1 import render
from support.proxy import ConnectRefused, Proxy


@pytest.fixture(autouse=True)
def forget(hop: Hop) -> None:
    hop.lines.clear()
    hop.scans.clear()


@pytest.fixture(scope="module")
def upstream(hop: Hop, launch: Any) -> Proxy:
    policy = policy_for(hop, mode="upstream")
    started: Proxy = launch(policy, mode=f"upstream:http://127.0.0.1:{hop.port}").wait_ready()
    return started


@pytest.fixture(scope="module")
def tunnels(hop: Hop, launch: Any) -> Proxy:
    policy = policy_for(hop)
    policy["next"]["accepts"] = ["connect"]
    started: Proxy = launch(policy).wait_ready()
    return started


@pytest.fixture(params=["upstream", "tunnels"])
def proxy(request: pytest.FixtureRequest) -> Proxy:
    found: Proxy = request.getfixturevalue(request.param)
    return found


def test_https_goes_by_connect(proxy: Proxy, hop: Hop) -> None:
    answer = proxy.ask("https://api.test/x?y=z", "POST", [], b"body")
    assert answer.json()["line"] == "POST /x?y=z HTTP/1.1"
    assert hop.lines == ["CONNECT api.test:443 HTTP/1.1"]


def test_plain_http(upstream: Proxy, tunnels: Proxy, hop: Hop) -> None:
    assert upstream.ask("http://api.test/x").status == 200
    assert hop.lines == ["GET http://api.test/x HTTP/1.1"]
    hop.lines.clear()
    assert tunnels.ask("http://api.test/x").status == 200
    assert hop.lines == ["CONNECT api.test:80 HTTP/1.1"]


def test_policy_still_counts(proxy: Proxy, hop: Hop) -> None:
    with pytest.raises(ConnectRefused) as caught:
        proxy.tunnel("evil.test")
    assert caught.value.answer.json()["rule"] == "allowlist"
    assert proxy.ask("https://other.test/repos/else").status == 403
    assert proxy.ask("http://evil.test/").status == 403
    stream = proxy.tunnel("api.test")
    stream.sock.sendall(render("GET / HTTP/1.1", [("host", "llm.test")]))
    assert stream.message().status == 421
    assert hop.lines == []


def test_credentials_are_scanned_then_put_in(proxy: Proxy, hop: Hop, world: World) -> None:
    answer = proxy.ask("https://llm.test/reflect", headers=[("x-api-key", PLACEHOLDER)])
    assert world.origin.seen[0].all("x-api-key") == [SECRET]
    assert SECRET.encode() not in answer.body
    assert hop.scans[0]["kind"] == "url"
    assert SECRET not in str(hop.scans)


def test_what_the_hop_cannot_read_is_scanned_by_its_service(
    upstream: Proxy, tunnels: Proxy, hop: Hop
) -> None:
    """A hop that only takes tunnels is asked; one that opens them is not asked twice."""
    answer = tunnels.ask("https://api.test/", "POST", [], b"EVIL")
    assert (answer.status, answer.json()["rule"]) == (403, "scan:Evil")
    assert hop.lines == []
    assert upstream.ask("https://api.test/", "POST", [], b"EVIL").status == 200


def test_events_stream(proxy: Proxy, world: World) -> None:
    stream = proxy.tunnel("api.test")
    stream.sock.sendall(render("GET /sse HTTP/1.1", [("host", "api.test")]))
    stream.head()
    assert stream.chunk() == b"data: first\n\n"
    world.origin.release.set()
    assert stream.chunk() == b"data: last\n\n"


def test_passthrough(proxy: Proxy, hop: Hop, world: World) -> None:
    stream = proxy.tunnel("pinned.test", ca=world.ca_file)
    stream.sock.sendall(render("GET /own HTTP/1.1", [("host", "pinned.test")]))
    assert stream.message().status == 200
    assert hop.lines == ["CONNECT pinned.test:443 HTTP/1.1"]


def test_a_refused_connect_is_502_and_logged(proxy: Proxy, hop: Hop) -> None:
    hop.refuse_connect.add("api.test")
    try:
        assert proxy.ask("https://api.test/").status == 502
    finally:
        hop.refuse_connect.clear()
    proxy.event(decision="deny", rule="next-hop", host="api.test")


def test_a_hop_that_takes_neither_is_a_refusal(launch_once: Any, hop: Hop) -> None:
    policy = policy_for(hop)
    policy["next"]["accepts"] = ["absolute_http"]
    proxy = launch_once(policy).wait_ready()
    hop.lines.clear()
    answer = proxy.ask("https://api.test/")
    assert (answer.status, answer.json()["rule"]) == (502, "chain")
    assert hop.lines == []
