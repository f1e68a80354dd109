"""Credentials: scanned as placeholders, put in for their hosts only, taken out of answers."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from conftest import PLACEHOLDER, SECRET, SECRETS, World, credential, policy_for
from support.hop import TOKEN, Hop
from support.http1 import Closed, Message, render, wait_for
from support.origin import read_frame, send_frame
from support.proxy import Proxy

GIT_PLACEHOLDER = "bottle-placeholder-git-token-0a1b2c"
GIT_SECRET = "git-secret-kq82jd01md83hs"


@pytest.fixture(scope="module")
def proxy(hop: Hop, launch: Any) -> Proxy:
    policy = policy_for(hop)
    policy["allow"] += [{"host": "localhost"}]
    policy["credentials"] += [
        credential(
            name="GIT",
            placeholder=GIT_PLACEHOLDER,
            hosts=["bulk.test", "localhost"],
            header="authorization",
            format="Bearer {}",
            always=True,
        )
    ]
    started: Proxy = launch(policy, SECRETS | {"GIT": GIT_SECRET}).wait_ready()
    return started


@pytest.fixture(autouse=True)
def forget(hop: Hop) -> None:
    hop.lines.clear()
    hop.seen.clear()
    hop.scans.clear()
    hop.scan_status = 200


def refused(answer: Message, rule: str, hop: Hop) -> None:
    assert (answer.status, answer.json()["rule"]) == (403, rule)
    assert hop.lines == []


def test_the_origin_sees_the_real_value(proxy: Proxy, hop: Hop, world: World) -> None:
    answer = proxy.ask(
        "https://llm.test/v1/messages",
        "POST",
        [("x-api-key", PLACEHOLDER), ("content-type", "application/json")],
        b'{"prompt": "hi"}',
    )
    assert answer.status == 200
    assert world.origin.seen[0].all("x-api-key") == [SECRET]
    # By a tunnel, so the next hop never saw it.
    assert hop.lines == ["CONNECT llm.test:443 HTTP/1.1"]
    event = proxy.event(url="https://llm.test/v1/messages", decision="allow")
    assert (event["credential"], event["class"]) == ("API_KEY", "credentialed")


def test_the_scan_comes_first_and_sees_placeholders_only(proxy: Proxy, hop: Hop) -> None:
    proxy.ask(
        "https://llm.test/v1?a=b",
        "POST",
        [("x-api-key", PLACEHOLDER), ("x-note", "words"), ("content-type", "application/json")],
        json.dumps({"say": "line\none"}).encode(),
    )
    wait_for(lambda: len(hop.scans) >= 3)
    assert hop.scans[0] == {"kind": "url", "input": {"url": "https://llm.test/v1?a=b"}}
    text = json.dumps(hop.scans)
    assert "x-note: words" in text
    assert "line\\none" in json.dumps(hop.scans[-1]["input"])
    assert SECRET not in text


def test_a_url_that_the_scan_refuses_does_not_leave(proxy: Proxy, hop: Hop) -> None:
    answer = proxy.ask("https://llm.test/EVIL", headers=[("x-api-key", PLACEHOLDER)])
    refused(answer, "scan:Evil", hop)


def test_a_header_that_the_scan_refuses_does_not_leave(proxy: Proxy, hop: Hop) -> None:
    answer = proxy.ask(
        "https://llm.test/", headers=[("x-note", "EVIL"), ("x-api-key", PLACEHOLDER)]
    )
    refused(answer, "scan:Evil", hop)


def test_a_body_finding_is_only_a_warning_here(proxy: Proxy, hop: Hop) -> None:
    """A secret in a conversation is sent again with every turn; blocking would wedge it."""
    answer = proxy.ask("https://llm.test/v1", "POST", [("x-api-key", PLACEHOLDER)], b"EVIL")
    assert answer.status == 200
    event = proxy.event(decision="warn", rule="scan:Evil")
    assert "body" in event["reason"]


def test_a_silent_scan_service_refuses(proxy: Proxy, hop: Hop) -> None:
    hop.scan_status = 500
    answer = proxy.ask("https://llm.test/", headers=[("x-api-key", PLACEHOLDER)])
    assert (answer.status, answer.json()["rule"]) == (503, "scan-unavailable")
    assert hop.lines == []
    assert TOKEN not in "\n".join(proxy.lines)


def test_placeholder_inside_a_longer_value(proxy: Proxy, world: World) -> None:
    proxy.ask("https://bulk.test/", headers=[("Authorization", f"token {GIT_PLACEHOLDER}")])
    assert world.origin.seen[0].all("authorization") == [f"token {GIT_SECRET}"]


def test_placeholder_inside_basic_authentication(proxy: Proxy, world: World) -> None:
    value = base64.b64encode(f"x-access-token:{GIT_PLACEHOLDER}".encode()).decode()
    proxy.ask("https://bulk.test/a.git", headers=[("Authorization", f"Basic {value}")])
    scheme, _, rest = world.origin.seen[0].all("authorization")[0].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(rest) == f"x-access-token:{GIT_SECRET}".encode()


def test_an_absent_header_is_added_when_asked(proxy: Proxy, world: World) -> None:
    proxy.ask("https://bulk.test/")
    assert world.origin.seen[0].all("authorization") == [f"Bearer {GIT_SECRET}"]
    world.origin.seen.clear()
    proxy.ask("https://llm.test/")
    assert world.origin.seen[0].all("x-api-key") == []


def test_credentials_in_a_websocket_handshake(proxy: Proxy, world: World) -> None:
    stream = proxy.tunnel("llm.test")
    headers = [
        ("host", "llm.test"),
        ("x-api-key", PLACEHOLDER),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", base64.b64encode(b"0123456789abcdef").decode()),
    ]
    stream.sock.sendall(render("GET /ws HTTP/1.1", headers))
    assert stream.head().status == 101
    assert world.origin.seen[0].all("x-api-key") == [SECRET]
    # The origin's first message quotes the key; the agent must not learn it.
    assert read_frame(stream) == (1, b"hello " + PLACEHOLDER.encode())
    send_frame(stream, b"x", mask=True)
    assert read_frame(stream) == (1, b"echo x")
    stream.close()


@pytest.mark.parametrize(
    "url, headers, body",
    [
        ("https://api.test/", [("x-api-key", PLACEHOLDER)], b""),
        ("https://api.test/", [("x-other", f"a {PLACEHOLDER} b")], b""),
        ("https://api.test/?k=" + PLACEHOLDER, [], b""),
        (f"https://api.test/{PLACEHOLDER}/x", [], b""),
        ("https://api.test/", [], b"k=" + PLACEHOLDER.encode()),
        ("http://api.test/", [("x-api-key", PLACEHOLDER)], b""),
        ("https://bulk.test/", [("authorization", f"Bearer {PLACEHOLDER}")], b""),
        (
            "https://api.test/",
            [
                (
                    "authorization",
                    "Basic " + base64.b64encode(f"u:{PLACEHOLDER}".encode()).decode(),
                )
            ],
            b"",
        ),
    ],
)
def test_a_placeholder_for_another_host_is_refused(
    proxy: Proxy, hop: Hop, url: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    answer = proxy.ask(url, "POST" if body else "GET", headers, body)
    refused(answer, "credential:API_KEY", hop)
    assert "llm.test" in answer.json()["hint"]


def test_credentials_leave_over_tls_only(proxy: Proxy, hop: Hop) -> None:
    answer = proxy.ask("http://llm.test/", headers=[("x-api-key", PLACEHOLDER)])
    refused(answer, "credential:API_KEY", hop)


def test_a_foreign_credential_is_refused(proxy: Proxy, hop: Hop) -> None:
    answer = proxy.ask("https://llm.test/", headers=[("x-api-key", "attackers-own-key-1")])
    refused(answer, "credential:API_KEY", hop)


def _spellings() -> list[Any]:
    raw = SECRET.encode()
    lead = base64.b64encode(b"xy" + raw + b"zz").decode()
    return [
        pytest.param(SECRET, id="raw"),
        pytest.param(raw.hex(), id="hex"),
        pytest.param(raw.hex().upper(), id="HEX"),
        pytest.param(base64.b64encode(raw).decode(), id="base64"),
        pytest.param(lead, id="base64-inside"),
        pytest.param(quote("".join(f"%{b:02x}" for b in raw), safe="%"), id="percent"),
    ]


@pytest.mark.parametrize("text", _spellings())
@pytest.mark.parametrize("host", ["api.test", "llm.test", "bulk.test"])
def test_the_real_value_never_comes_from_the_agent(
    proxy: Proxy, hop: Hop, host: str, text: str
) -> None:
    rule = "secret:API_KEY"
    refused(proxy.ask(f"https://{host}/?q={text}"), rule, hop)
    refused(proxy.ask(f"https://{host}/", headers=[("x-a", text)]), rule, hop)
    refused(proxy.ask(f"https://{host}/", "POST", [], b"a=" + text.encode()), rule, hop)


def test_the_real_value_behind_json_escapes(proxy: Proxy, hop: Hop) -> None:
    escaped = "".join(f"\\u{ord(c):04x}" for c in SECRET)
    body = f'{{"a": ["{escaped}"]}}'.encode()
    refused(proxy.ask("https://llm.test/", "POST", [], body), "secret:API_KEY", hop)


def test_the_real_value_in_a_grpc_stream_is_blanked(proxy: Proxy, world: World) -> None:
    stream = proxy.tunnel("api.test")
    headers = [
        ("host", "api.test"),
        ("content-type", "application/grpc"),
        ("transfer-encoding", "chunked"),
    ]
    half = len(SECRET) // 2
    stream.sock.sendall(render("POST /svc HTTP/1.1", headers))
    for part in (SECRET[:half].encode(), SECRET[half:].encode()):
        stream.sock.sendall(b"%x\r\n%s\r\n" % (len(part), part))
    stream.sock.sendall(b"0\r\n\r\n")
    assert stream.message().status == 200
    assert world.origin.seen[0].body == b"*" * len(SECRET)


def test_a_secret_shape_in_a_grpc_stream_ends_it(proxy: Proxy, world: World) -> None:
    stream = proxy.tunnel("api.test")
    headers = [
        ("host", "api.test"),
        ("content-type", "application/grpc"),
        ("transfer-encoding", "chunked"),
    ]
    token = "ghp_" + "a1B2" * 9
    stream.sock.sendall(render("POST /svc HTTP/1.1", headers))
    with pytest.raises((OSError, Closed)):
        for part in ("harmless ", token[:20], token[20:], "more"):
            stream.sock.sendall(b"%x\r\n%s\r\n" % (len(part), part.encode()))
        stream.sock.sendall(b"0\r\n\r\n")
        assert stream.message().status != 200
        raise Closed
    assert proxy.event(decision="deny")["rule"] == "dlp:github-token"
    assert all(token[20:].encode() not in seen.body for seen in world.origin.seen)


def test_a_compressed_grpc_stream_is_refused(proxy: Proxy, hop: Hop) -> None:
    headers = [("content-type", "application/grpc+proto"), ("grpc-encoding", "gzip")]
    refused(proxy.ask("https://api.test/", "POST", headers, b"x"), "dlp:unreadable", hop)


@pytest.mark.parametrize(
    "kind, text",
    [
        ("anthropic-key", "sk-ant-api03-" + "a1B2" * 8),
        ("openai-key", "sk-proj-" + "a1B2" * 8),
        ("github-token", "ghp_" + "a1B2" * 9),
        ("aws-key-id", "AKIA" + "A1B2" * 4),
        ("gitlab-token", "glpat-" + "a1B2" * 5),
        ("slack-token", "xoxb-" + "1234567890-abcdef"),
        ("google-key", "AIza" + "a1B2c" * 7),
        ("npm-token", "npm_" + "a1B2" * 9),
        ("pypi-token", "pypi-AgE" + "a1B2" * 13),
        ("private-key", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    ],
)
def test_secret_shapes_are_refused(proxy: Proxy, hop: Hop, kind: str, text: str) -> None:
    rule = f"dlp:{kind}"
    for host in ("api.test", "bulk.test"):
        if " " not in text:
            refused(proxy.ask(f"https://{host}/x?t={text}"), rule, hop)
            refused(proxy.ask(f"https://{host}/x/{text}/y"), rule, hop)
        refused(proxy.ask(f"https://{host}/", headers=[("x-t", text)]), rule, hop)
        refused(proxy.ask(f"https://{host}/", "POST", [], text.encode()), rule, hop)
    # In a conversation it is only noted.
    assert proxy.ask("https://llm.test/", "POST", [], text.encode()).status == 200
    proxy.event(decision="warn", rule=rule, host="llm.test")
    assert text not in "\n".join(proxy.lines)


@pytest.mark.parametrize("path", ["reflect", "packed"])
def test_a_reflected_secret_is_taken_out(proxy: Proxy, world: World, path: str) -> None:
    answer = proxy.ask(
        f"https://llm.test/{path}",
        headers=[("x-api-key", PLACEHOLDER), ("accept-encoding", "gzip")],
    )
    thanks = b", thank you" if path == "reflect" else b""
    assert answer.body == b"you sent " + PLACEHOLDER.encode() + thanks
    assert answer.get("content-encoding") is None
    assert answer.get("content-length") is None
    assert answer.all("x-saw") == ([PLACEHOLDER] if path == "reflect" else [])
    assert world.origin.seen[0].all("accept-encoding") == ["identity"]


def test_a_hop_behind_may_put_the_credentials_in(launch_once: Any, hop: Hop, world: World) -> None:
    policy = policy_for(hop, credentials=[credential(inject=False)])
    proxy = launch_once(policy, {"scan-token": TOKEN}).wait_ready()
    answer = proxy.ask("https://llm.test/", headers=[("x-api-key", PLACEHOLDER)])
    assert answer.status == 200
    # Handed over for the next hop to do its part; not a tunnel that it could not open.
    assert hop.seen[0].all("x-api-key") == [PLACEHOLDER]
    hop.lines.clear()
    answer = proxy.ask("https://api.test/", headers=[("x-api-key", PLACEHOLDER)])
    refused(answer, "credential:API_KEY", hop)
    answer = proxy.ask("https://llm.test/", headers=[("x-api-key", "attackers-own-key-1")])
    refused(answer, "credential:API_KEY", hop)


def test_headers_for_the_agents_own_credentials(launch_once: Any, hop: Hop, world: World) -> None:
    policy = policy_for(hop, dlp={"skip_headers": ["Authorization"]})
    proxy = launch_once(policy).wait_ready()
    hop.lines.clear()
    token = "ghp_" + "a1B2" * 9
    assert proxy.ask("https://api.test/", headers=[("authorization", token)]).status == 200
    hop.lines.clear()
    refused(proxy.ask("https://api.test/", headers=[("x-t", token)]), "dlp:github-token", hop)
    # A real secret of the session is none of the agent's own.
    answer = proxy.ask("https://api.test/", headers=[("authorization", SECRET)])
    refused(answer, "secret:API_KEY", hop)


def test_nothing_secret_is_ever_logged(proxy: Proxy) -> None:
    """Runs last in this module: all the traffic above has been logged."""
    proxy.ask(f"https://api.test/{SECRET}/path?x={SECRET}")
    proxy.event(rule="secret:API_KEY", decision="deny")
    text = "\n".join(proxy.lines)
    for value in (SECRET, GIT_SECRET, TOKEN):
        assert value not in text
    assert "?" not in "".join(event.get("url", "") for event in proxy.events())
