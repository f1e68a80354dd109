"""mitmproxy as the only hop: it dials by itself, so it has to refuse by itself."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from conftest import PLACEHOLDER, SECRET, World, credential, policy_for
from support.http1 import render
from support.origin import read_frame
from support.proxy import ConnectRefused, Proxy


def local(world: World, **more: Any) -> dict[str, Any]:
    """A policy for the origin under a name that the resolver knows."""
    policy = policy_for(
        None,
        allow=[{"host": "localhost", "ports": [world.origin.port]}],
        credentials=[credential(hosts=["localhost"])],
        trusted_private=["localhost"],
    )
    return policy | more


@pytest.fixture(scope="module")
def proxy(world: World, launch: Any) -> Proxy:
    started: Proxy = launch(local(world)).wait_ready()
    return started


@pytest.fixture
def base(world: World) -> str:
    return f"https://localhost:{world.origin.port}"


def test_dials_the_origin_and_injects(proxy: Proxy, base: str, world: World) -> None:
    answer = proxy.ask(f"{base}/a?b=c", headers=[("x-api-key", PLACEHOLDER)])
    assert answer.json()["line"] == "GET /a?b=c HTTP/1.1"
    assert world.origin.seen[0].all("x-api-key") == [SECRET]
    assert proxy.event(decision="allow")["credential"] == "API_KEY"


def test_plain_http_to_a_named_port(proxy: Proxy, base: str) -> None:
    assert proxy.ask(base.replace("https", "http") + "/plain").status == 200


def test_refuses_what_is_not_listed(proxy: Proxy, world: World) -> None:
    with pytest.raises(ConnectRefused) as caught:
        proxy.tunnel("evil.test")
    assert caught.value.answer.json()["rule"] == "allowlist"
    with pytest.raises(ConnectRefused) as caught:
        proxy.tunnel("localhost", world.origin.port + 1)
    assert caught.value.answer.json()["rule"] == "port"


@pytest.mark.parametrize("target", ["127.0.0.1", "127.1", "2130706433"])
def test_refuses_addresses(proxy: Proxy, world: World, target: str) -> None:
    with pytest.raises(ConnectRefused) as caught:
        proxy.tunnel(target, world.origin.port)
    assert caught.value.answer.json()["rule"] == "ip-literal"
    assert world.origin.seen == []


def test_finds_secrets_without_a_scanning_hop(proxy: Proxy, base: str, world: World) -> None:
    token = "ghp_" + "a1B2" * 9
    body = gzip.compress(json.dumps({"t": token}).encode())
    for answer in (
        proxy.ask(f"{base}/?t={token}"),
        proxy.ask(base, headers=[("x-t", token)]),
        proxy.ask(f"{base}/?t={SECRET}"),
        proxy.ask(base, "POST", [], SECRET.encode()),
    ):
        assert answer.status == 403
    assert world.origin.seen == []
    # A host with credentials is a conversation: shapes in bodies are noted, not refused.
    assert proxy.ask(base, "POST", [("content-encoding", "gzip")], body).status == 200
    proxy.event(decision="warn", rule="dlp:github-token")


def test_refuses_secrets_in_bodies_elsewhere(launch_once: Any, world: World, base: str) -> None:
    proxy = launch_once(local(world, credentials=[])).wait_ready()
    for text in ("ghp_" + "a1B2" * 9, "-----BEGIN RSA PRIVATE KEY-----"):
        body = gzip.compress(json.dumps({"t": text}).encode())
        answer = proxy.ask(base, "POST", [("content-encoding", "gzip")], body)
        assert answer.status == 403
        assert answer.json()["rule"].startswith("dlp:")
    assert world.origin.seen == []
    packed = gzip.compress(b"harmless")
    assert proxy.ask(base, "POST", [("content-encoding", "gzip")], packed).status == 200
    # Without a next hop that could not read it, the body stays as it was sent.
    assert world.origin.seen[0].body == packed


def test_streams_events(proxy: Proxy, world: World) -> None:
    stream = proxy.tunnel("localhost", world.origin.port)
    host = f"localhost:{world.origin.port}"
    stream.sock.sendall(render("GET /sse HTTP/1.1", [("host", host)]))
    stream.head()
    assert stream.chunk() == b"data: first\n\n"
    world.origin.release.set()
    assert stream.chunk() == b"data: last\n\n"


def test_websocket(proxy: Proxy, world: World) -> None:
    stream = proxy.tunnel("localhost", world.origin.port)
    headers = [
        ("host", f"localhost:{world.origin.port}"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "MDEyMzQ1Njc4OWFiY2RlZg=="),
    ]
    stream.sock.sendall(render("GET /ws HTTP/1.1", headers))
    assert stream.head().status == 101
    assert read_frame(stream) == (1, b"hello ")


def test_an_untrusted_name_may_not_resolve_to_a_private_address(
    launch_once: Any, world: World, base: str
) -> None:
    proxy = launch_once(local(world, trusted_private=[])).wait_ready()
    assert proxy.ask(f"{base}/").status == 502
    plain = proxy.ask(base.replace("https", "http") + "/")
    assert plain.status == 502
    assert world.origin.seen == []
    assert "private address" in proxy.event(decision="error")["reason"]


def test_upstream_certificates_are_verified(launch_once: Any, world: World, base: str) -> None:
    proxy = launch_once(local(world), trust=None).wait_ready()
    assert proxy.ask(f"{base}/").status == 502
    assert world.origin.seen == []
    assert "certificate" in proxy.event(decision="error")["reason"].lower()


def test_passthrough(launch_once: Any, world: World) -> None:
    rule = {"host": "localhost", "ports": [world.origin.port], "class": "passthrough"}
    proxy = launch_once(local(world, allow=[rule], credentials=[])).wait_ready()
    stream = proxy.tunnel("localhost", world.origin.port, ca=world.ca_file)
    host = f"localhost:{world.origin.port}"
    stream.sock.sendall(render("GET /own HTTP/1.1", [("host", host)]))
    assert stream.message().status == 200


def test_passthrough_is_no_way_to_private_addresses(launch_once: Any, world: World) -> None:
    rule = {"host": "localhost", "ports": [world.origin.port], "class": "passthrough"}
    policy = local(world, allow=[rule], credentials=[], trusted_private=[])
    proxy = launch_once(policy).wait_ready()
    with pytest.raises(OSError):
        proxy.tunnel("localhost", world.origin.port, ca=world.ca_file)
    assert world.origin.seen == []
