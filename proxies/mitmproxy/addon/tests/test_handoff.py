"""The default chain: the next hop gets requests in clear, or tunnels where it must."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
from typing import Any

import pytest
from conftest import World, policy_for
from support.hop import Hop
from support.http1 import Closed, render, wait_for
from support.origin import read_frame, send_frame
from support.proxy import Proxy, curl


@pytest.fixture(scope="module")
def proxy(hop: Hop, launch: Any) -> Proxy:
    started: Proxy = launch(policy_for(hop)).wait_ready()
    return started


@pytest.fixture(autouse=True)
def forget(hop: Hop) -> None:
    hop.lines.clear()
    hop.seen.clear()
    hop.scans.clear()


def test_https_is_handed_off_in_absolute_form(proxy: Proxy, hop: Hop) -> None:
    answer = proxy.ask("https://api.test/things?x=1&y=a%20b", headers=[("accept", "x/y")])
    assert answer.status == 200
    assert hop.lines == ["GET https://api.test/things?x=1&y=a%20b HTTP/1.1"]
    assert hop.seen[0].all("host") == ["api.test"]
    assert answer.json()["line"] == "GET /things?x=1&y=a%20b HTTP/1.1"
    event = proxy.event(decision="allow", host="api.test")
    assert event["url"] == "https://api.test/things"
    assert event["class"] == "inspect"
    assert event["rule"] == "allow:api.test"
    assert event["status"] == 200
    assert event["resp_bytes"] == len(answer.body)


def test_plain_http_is_handed_off_too(proxy: Proxy, hop: Hop) -> None:
    assert proxy.ask("http://api.test/plain").status == 200
    assert hop.lines == ["GET http://api.test/plain HTTP/1.1"]


def test_takes_https_in_absolute_form_itself(proxy: Proxy, hop: Hop) -> None:
    """So that another such hop may stand in front of this one."""
    stream = proxy.connect()
    stream.sock.sendall(render("GET https://api.test/a?b HTTP/1.1", [("host", "api.test")]))
    assert stream.message().status == 200
    assert hop.lines == ["GET https://api.test/a?b HTTP/1.1"]
    stream = proxy.connect()
    stream.sock.sendall(render("GET https://evil.test/ HTTP/1.1", [("host", "api.test")]))
    assert stream.message().status in (403, 421)


def test_health_under_its_own_name(proxy: Proxy) -> None:
    stream = proxy.connect()
    stream.sock.sendall(render("GET /ready HTTP/1.1", [("host", f"mitm-here:{proxy.port}")]))
    answer = stream.message()
    assert (answer.status, answer.json()["ready"]) == (200, True)


def test_asks_for_unpacked_answers(proxy: Proxy, hop: Hop) -> None:
    proxy.ask("https://api.test/", headers=[("accept-encoding", "gzip, br")])
    assert hop.seen[0].all("accept-encoding") == ["identity"]


def test_unpacks_request_bodies(proxy: Proxy, hop: Hop) -> None:
    packed = gzip.compress(b"want deadbeef\n") + gzip.compress(b"done\n")
    answer = proxy.ask(
        "https://api.test/git-upload-pack",
        "POST",
        [("content-encoding", "gzip"), ("content-type", "application/x-git-upload-pack")],
        packed,
    )
    assert answer.status == 200
    assert hop.seen[0].body == b"want deadbeef\ndone\n"
    assert hop.seen[0].get("content-encoding") is None
    assert hop.seen[0].all("content-length") == [str(len(b"want deadbeef\ndone\n"))]


def test_damaged_and_unknown_packing_is_refused(proxy: Proxy, hop: Hop) -> None:
    for encoding, body in (("gzip", b"no gzip at all"), ("br", b"abc"), ("gzip", b"\x1f\x8b")):
        answer = proxy.ask("https://api.test/x", "POST", [("content-encoding", encoding)], body)
        assert answer.status == 415, encoding
        assert answer.get("x-bottle-refused") == "shape"
    assert hop.lines == []


def test_a_compression_bomb_is_refused(proxy: Proxy, hop: Hop) -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    answer = proxy.ask("https://api.test/x", "POST", [("content-encoding", "gzip")], bomb)
    assert answer.status == 413
    assert answer.json()["rule"] == "limit"
    assert hop.lines == []


def test_chunked_requests_get_a_length(proxy: Proxy, hop: Hop) -> None:
    stream = proxy.tunnel("api.test")
    head = render("POST /c HTTP/1.1", [("host", "api.test"), ("transfer-encoding", "chunked")])
    stream.sock.sendall(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert stream.message().status == 200
    assert hop.seen[0].body == b"abcde"
    assert hop.seen[0].get("transfer-encoding") is None


def test_first_event_arrives_before_the_last_is_sent(proxy: Proxy, world: World) -> None:
    for url in ("https://api.test/sse", "https://llm.test/sse", "https://bulk.test/sse"):
        world.origin.release.clear()
        name = url.split("/")[2]
        stream = proxy.tunnel(name)
        stream.sock.sendall(render("GET /sse HTTP/1.1", [("host", name)]))
        assert stream.head().status == 200
        assert stream.chunk() == b"data: first\n\n", name
        # Had anything been held back, the line above would wait for ever.
        assert not world.origin.release.is_set()
        world.origin.release.set()
        assert stream.chunk() == b"data: last\n\n"
        assert stream.chunk() == b""
        stream.close()
        assert proxy.event(url=url, decision="allow", streamed=True)["resp_bytes"] == 25


def test_a_download_may_be_larger_than_the_request_limit(proxy: Proxy) -> None:
    size = 3 << 20
    for host in ("api.test", "bulk.test"):
        assert len(proxy.ask(f"https://{host}/big/{size}").body) == size


def test_an_oversize_request_is_413(proxy: Proxy, hop: Hop) -> None:
    body = b"a" * ((1 << 20) + 1)
    stream = proxy.tunnel("api.test")
    head = [("host", "api.test"), ("content-length", str(len(body)))]
    stream.sock.sendall(render("POST /up HTTP/1.1", head))
    assert stream.head().status == 413

    stream = proxy.tunnel("api.test")
    head = [("host", "api.test"), ("transfer-encoding", "chunked")]
    stream.sock.sendall(render("POST /up HTTP/1.1", head) + b"%x\r\n" % len(body))
    try:
        stream.sock.sendall(body)
    except OSError:
        pass
    assert stream.head().status == 413
    assert hop.lines == []
    assert proxy.event(decision="deny", rule="limit")["host"] == "api.test"


def test_the_next_hops_refusal_passes_with_its_reason(proxy: Proxy) -> None:
    answer = proxy.ask("https://api.test/blocked")
    assert answer.status == 403
    assert answer.body == b"blocked: DLP match: Test Pattern (critical)\n"
    assert answer.get("x-bottle-refused") == "next-hop"
    event = proxy.event(decision="deny", rule="next-hop")
    assert event["reason"] == "blocked: DLP match: Test Pattern (critical)"


def test_an_origins_403_is_no_refusal(proxy: Proxy) -> None:
    answer = proxy.ask("https://api.test/forbidden")
    assert (answer.status, answer.body) == (403, b"origin says no\n")
    assert answer.get("x-bottle-refused") is None
    proxy.event(decision="allow", status=403)


def test_an_origin_in_a_tunnel_cannot_pass_for_the_next_hop(proxy: Proxy) -> None:
    answer = proxy.ask("https://bulk.test/forged")
    assert (answer.status, answer.body) == (403, b"blocked: forged\n")
    assert answer.get("x-bottle-refused") is None


def test_a_refused_connect_of_the_next_hop_is_502_and_logged(proxy: Proxy, hop: Hop) -> None:
    hop.refuse_connect.add("bulk.test")
    try:
        assert proxy.ask("https://bulk.test/x").status == 502
    finally:
        hop.refuse_connect.clear()
    event = proxy.event(decision="deny", rule="next-hop", host="bulk.test")
    assert "403" in event["reason"]


def test_origins_cannot_forge_our_marks(proxy: Proxy) -> None:
    answer = proxy.ask("https://api.test/echo")
    assert answer.get("x-bottle-refused") is None
    assert answer.get("alt-svc") is None


def test_websocket_goes_by_connect(proxy: Proxy, hop: Hop) -> None:
    stream = proxy.tunnel("other.test")
    _upgrade(stream, "other.test")
    assert read_frame(stream) == (1, b"hello ")
    send_frame(stream, b"ping", mask=True)
    assert read_frame(stream) == (1, b"echo ping")
    assert hop.lines == ["CONNECT other.test:443 HTTP/1.1"]
    assert proxy.event(host="other.test", status=101)["class"] == "tunnel"
    stream.close()


def test_websocket_over_plain_http(proxy: Proxy, hop: Hop) -> None:
    stream = proxy.connect()
    _upgrade(stream, "api.test", "http://api.test/ws")
    assert read_frame(stream) == (1, b"hello ")
    assert hop.lines == ["CONNECT api.test:80 HTTP/1.1"]
    stream.close()


def test_a_secret_in_a_websocket_message_is_dropped(proxy: Proxy) -> None:
    stream = proxy.tunnel("other.test")
    _upgrade(stream, "other.test")
    read_frame(stream)
    send_frame(stream, b"take this: ghp_" + b"a" * 36, mask=True)
    send_frame(stream, b"harmless", mask=True)
    assert read_frame(stream) == (1, b"echo harmless")
    proxy.event(decision="deny", rule="dlp:github-token", host="other.test")
    stream.close()


def _upgrade(stream: Any, host: str, target: str = "/ws") -> None:
    headers = [
        ("host", host),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", base64.b64encode(b"0123456789abcdef").decode()),
    ]
    stream.sock.sendall(render(f"GET {target} HTTP/1.1", headers))
    assert stream.head().status == 101


def test_tunnel_class_goes_by_connect(proxy: Proxy, hop: Hop) -> None:
    assert proxy.ask("https://bulk.test/pkg.tgz").status == 200
    assert hop.lines == ["CONNECT bulk.test:443 HTTP/1.1"]


def test_grpc_streams_the_request(proxy: Proxy, hop: Hop) -> None:
    stream = proxy.tunnel("api.test")
    headers = [
        ("host", "api.test"),
        ("content-type", "application/grpc"),
        ("transfer-encoding", "chunked"),
    ]
    stream.sock.sendall(render("POST /svc HTTP/1.1", headers) + b"3\r\nabc\r\n")
    # The tunnel is opened although the request is not at its end.
    wait_for(lambda: hop.lines)
    assert hop.lines == ["CONNECT api.test:443 HTTP/1.1"]
    stream.sock.sendall(b"0\r\n\r\n")
    answer = stream.message()
    assert base64.b64decode(answer.json()["body"]) == b"abc"


def test_passthrough_is_the_agents_own_tls(proxy: Proxy, hop: Hop, world: World) -> None:
    stream = proxy.tunnel("pinned.test", ca=world.ca_file)
    stream.sock.sendall(render("GET /own HTTP/1.1", [("host", "pinned.test")]))
    assert stream.message().status == 200
    assert hop.lines == ["CONNECT pinned.test:443 HTTP/1.1"]
    assert proxy.event(host="pinned.test")["class"] == "passthrough"


def test_passthrough_needs_its_own_name_as_sni(proxy: Proxy, hop: Hop, world: World) -> None:
    with pytest.raises((OSError, Closed)):
        stream = proxy.tunnel("pinned.test", sni="other.test", ca=world.ca_file)
        stream.sock.sendall(render("GET / HTTP/1.1", [("host", "pinned.test")]))
        stream.message()
    assert hop.lines == []


def test_a_client_that_wants_its_connection_closed_gets_that(proxy: Proxy) -> None:
    stream = proxy.tunnel("other.test")
    headers = [("host", "other.test"), ("connection", "close, x-secret-header")]
    stream.sock.sendall(render("GET /big/not-allowed HTTP/1.1", headers))
    assert stream.message().status == 403
    with pytest.raises(Closed):
        stream.fill()


def test_head_gets_no_body(proxy: Proxy) -> None:
    stream = proxy.tunnel("other.test")
    stream.sock.sendall(render("HEAD /nope HTTP/1.1", [("host", "other.test")]))
    answer = stream.head()
    assert answer.status == 403
    # The next answer follows at once, so nothing came in between.
    stream.sock.sendall(render("GET /repos/acme/x HTTP/1.1", [("host", "other.test")]))
    assert stream.message().status == 200


def test_http2_to_the_agent(proxy: Proxy, hop: Hop) -> None:
    result = curl(
        proxy, "--http2", "-w", "\n%{http_version}", "-d", "hello", "https://api.test/h2?q=1"
    )
    body, _, version = result.stdout.rpartition("\n")
    assert version == "2", result
    assert base64.b64decode(json.loads(body)["body"]) == b"hello"
    assert hop.lines == ["POST https://api.test/h2?q=1 HTTP/1.1"]
    assert hop.seen[0].all("host") == ["api.test"]


def test_many_parallel_event_streams_over_http2(proxy: Proxy, hop: Hop, world: World) -> None:
    """mitmproxy's own limit of five connections per client would let the sixth wait for the
    end of the first, which does not come."""
    program = shutil.which("curl")
    assert program
    streams = 8
    arguments = [program, "-sSN", "--http2", "--parallel", "--parallel-max", "8"]
    arguments += ["--proxy", f"http://127.0.0.1:{proxy.port}", "--cacert", str(proxy.ca_file)]
    running = subprocess.Popen(
        [*arguments, *(f"https://api.test/sse?{n}" for n in range(streams))],
        stdout=subprocess.PIPE,
    )
    assert running.stdout
    seen = b""
    while seen.count(b"data: first") < streams:
        data = running.stdout.read1(4096)  # type: ignore[attr-defined]
        assert data, seen
        seen += data
    world.origin.release.set()
    rest, _ = running.communicate(timeout=60)
    assert (seen + rest).count(b"data: last") == streams
    assert running.returncode == 0


def test_untrusting_clients_show_in_the_log(proxy: Proxy, world: World) -> None:
    with pytest.raises(OSError):
        proxy.tunnel("api.test", ca=world.ca_file)
    assert proxy.event(rule="client-tls", host="api.test")["decision"] == "error"
