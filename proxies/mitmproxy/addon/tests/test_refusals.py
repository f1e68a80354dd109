"""What may not pass, and what it is told."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import policy_for
from support.hop import Hop
from support.http1 import Closed, render
from support.proxy import ConnectRefused, Proxy, curl


@pytest.fixture(scope="module")
def proxy(hop: Hop, launch: Any) -> Proxy:
    started: Proxy = launch(policy_for(hop)).wait_ready()
    return started


@pytest.fixture(autouse=True)
def forget(hop: Hop) -> None:
    hop.lines.clear()


@pytest.mark.parametrize("target", ["evil.test", "sub.api.test", "api.test.evil.test"])
def test_unlisted_hosts_are_refused_at_connect(proxy: Proxy, hop: Hop, target: str) -> None:
    with pytest.raises(ConnectRefused) as caught:
        proxy.tunnel(target)
    answer = caught.value.answer
    assert answer.status == 403
    assert answer.get("x-bottle-refused") == "allowlist"
    body = answer.json()
    assert body["error"] == "bottle_refused"
    assert (body["rule"], body["host"]) == ("allowlist", target)
    assert target in body["reason"]
    assert target in body["hint"]
    assert hop.lines == []
    assert proxy.event(host=target, rule="allowlist")["decision"] == "deny"


def test_unlisted_hosts_are_refused_in_plain_http(proxy: Proxy, hop: Hop) -> None:
    answer = proxy.ask("http://evil.test/x?data=1")
    assert (answer.status, answer.json()["rule"]) == (403, "allowlist")
    assert hop.lines == []
    proxy.event(url="http://evil.test/x", rule="allowlist", decision="deny")


@pytest.mark.parametrize(
    "method, path, rule",
    [
        ("GET", "/repos/acme/x/y", None),
        ("POST", "/repos/acme/x", "allow:other.test"),
        ("GET", "/repos/other", "allow:other.test"),
        ("GET", "/repos/acme/../other", "allow:other.test"),
        ("GET", "/repos/acme/%2e%2e/other", "allow:other.test"),
        ("GET", "/repos/acme/..%2fother", "allow:other.test"),
        ("GET", "/repos/acme/%252e%252e/other", "allow:other.test"),
        ("GET", "//repos/acme/x", "allow:other.test"),
    ],
)
def test_methods_and_paths(
    proxy: Proxy, hop: Hop, method: str, path: str, rule: str | None
) -> None:
    answer = proxy.ask(f"https://other.test{path}", method)
    if rule is None:
        assert answer.status == 200
    else:
        assert (answer.status, answer.json()["rule"]) == (403, rule)
        assert hop.lines == []


def test_a_header_cannot_change_the_method(proxy: Proxy, hop: Hop) -> None:
    answer = proxy.ask(
        "https://other.test/repos/acme/x", headers=[("X-HTTP-Method-Override", "DELETE")]
    )
    assert (answer.status, answer.json()["rule"]) == (403, "allow:other.test")
    assert hop.lines == []


@pytest.mark.parametrize("port", [22, 80, 8443])
def test_ports_are_refused_unless_a_rule_names_them(proxy: Proxy, port: int) -> None:
    with pytest.raises(ConnectRefused) as caught:
        proxy.tunnel("api.test", port)
    assert caught.value.answer.json()["rule"] == "port"


@pytest.mark.parametrize("target", ["192.0.2.7", "127.0.0.1", "127.1", "2130706433", "0x7f.1"])
def test_addresses_are_refused(proxy: Proxy, hop: Hop, target: str) -> None:
    with pytest.raises(ConnectRefused) as caught:
        proxy.tunnel(target)
    assert caught.value.answer.json()["rule"] == "ip-literal"
    assert proxy.ask(f"http://{target}/").json()["rule"] == "ip-literal"
    assert hop.lines == []


def test_the_next_hop_cannot_be_asked_for_itself(proxy: Proxy, hop: Hop) -> None:
    assert proxy.ask(f"http://127.0.0.1:{hop.port}/health").status == 403
    assert hop.lines == []


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "llm.test")],
        [("host", "api.test:8443")],
        [("host", "api.test"), ("host", "llm.test")],
        [("host", "user@api.test")],
    ],
)
def test_fronting_by_host_header_is_refused(
    proxy: Proxy, hop: Hop, headers: list[tuple[str, str]]
) -> None:
    stream = proxy.tunnel("api.test")
    stream.sock.sendall(render("GET / HTTP/1.1", headers))
    answer = stream.message()
    assert answer.status in (400, 421)
    assert answer.get("x-bottle-refused") in ("fronting", "shape")
    assert hop.lines == []


def test_fronting_by_absolute_form_inside_a_tunnel_is_refused(proxy: Proxy, hop: Hop) -> None:
    stream = proxy.tunnel("api.test")
    stream.sock.sendall(render("GET https://llm.test/ HTTP/1.1", [("host", "api.test")]))
    assert stream.message().get("x-bottle-refused") == "fronting"
    assert hop.lines == []


def test_fronting_by_sni_is_refused(proxy: Proxy, hop: Hop) -> None:
    stream = proxy.tunnel("api.test", sni="llm.test")
    stream.sock.sendall(render("GET / HTTP/1.1", [("host", "api.test")]))
    assert stream.message().get("x-bottle-refused") == "fronting"
    assert hop.lines == []


@pytest.mark.parametrize(
    "raw",
    [
        b"POST / HTTP/1.1\r\nhost: api.test\r\ntransfer-encoding: gzip, chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: api.test\r\ntransfer-encoding: chunked\r\n"
        b"content-length: 3\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: api.test\r\nhost: api.test\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nhost: api.test\r\n\r\n",
    ],
)
def test_ambiguous_requests_are_refused(proxy: Proxy, hop: Hop, raw: bytes) -> None:
    stream = proxy.tunnel("api.test")
    stream.sock.sendall(raw)
    assert stream.head().status == 400
    assert hop.lines == []


def test_anything_but_http_in_a_tunnel_dies(proxy: Proxy, hop: Hop) -> None:
    stream = proxy.connect()
    stream.sock.sendall(render("CONNECT api.test:443 HTTP/1.1", [("host", "api.test:443")]))
    assert stream.head().status == 200
    stream.sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    try:
        answer = stream.head().line
    except (Closed, OSError):
        answer = "HTTP/1.1 400"
    assert answer.startswith("HTTP/1.1 4")
    assert hop.lines == []


def test_refusals_and_fronting_over_http2(proxy: Proxy, hop: Hop) -> None:
    result = curl(proxy, "--http2", "-i", "-H", "host: llm.test", "https://api.test/")
    assert "HTTP/2 421" in result.stdout
    assert '"rule": "fronting"' in result.stdout
    result = curl(proxy, "--http2", "-i", "-X", "PUT", "https://other.test/repos/acme/x")
    assert "x-bottle-refused: allow:other.test" in result.stdout
    assert hop.lines == []
