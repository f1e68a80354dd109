"""The same chain with the real pipelock, where it is on the PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PLACEHOLDER, SECRET, SECRETS, World, credential
from support.hop import TOKEN
from support.http1 import HANG, render
from support.origin import read_frame
from support.proxy import Proxy, free_port

PROGRAM = shutil.which("pipelock")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="`pipelock` is not on the PATH")

CONFIG = """\
version: 1
mode: strict
enforce: true
api_allowlist: ["localhost"]
trusted_domains: ["localhost"]
internal: ["10.0.0.0/8", "127.0.0.0/8"]
fetch_proxy:
  listen: "127.0.0.1:{port}"
  timeout_seconds: 3600
  max_response_mb: 64
  monitoring:
    max_url_length: 8192
    entropy_threshold: 6.0
    subdomain_entropy_threshold: 5.0
    max_requests_per_minute: 6000
forward_proxy:
  {{enabled: true, max_tunnel_seconds: 3600, idle_timeout_seconds: 600, sni_verification: true}}
dlp: {{scan_env: false, include_defaults: true}}
request_body_scanning:
  enabled: true
  action: block
  max_body_bytes: 67108864
  scan_headers: true
  header_mode: sensitive
  sensitive_headers: [Cookie, X-Token]
response_scanning:
  enabled: true
  action: warn
  include_defaults: true
  sse_streaming: {{enabled: true, action: warn, max_event_bytes: 4194304}}
media_policy: {{enabled: false}}
session_profiling: {{enabled: false}}
adaptive_enforcement: {{enabled: false}}
taint: {{enabled: false}}
logging: {{format: json, output: stdout, include_allowed: true, include_blocked: true}}
sentry: {{enabled: false}}
scan_api:
  listen: "127.0.0.1:{scan}"
  auth: {{bearer_tokens: ["{token}"]}}
  rate_limit: {{requests_per_minute: 60000, burst: 1000}}
  max_body_bytes: 8388608
  field_limits: {{url: 8192, text: 4194304, content: 4194304, arguments: 524288}}
  timeouts: {{read: 10s, write: 10s, scan: 10s}}
  connection_limit: 100
  kinds: {{url: true, dlp: true, prompt_injection: false, tool_call: false}}
"""


class Pipelock:
    """A running pipelock."""

    def __init__(self, folder: Path, world: World) -> None:
        assert PROGRAM
        self.port, self.scan_port = free_port(), free_port()
        config = folder / "pipelock.yaml"
        config.write_text(CONFIG.format(port=self.port, scan=self.scan_port, token=TOKEN))
        self.lines: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [PROGRAM, "run", "--config", str(config)],
            env={"HOME": str(folder), "SSL_CERT_FILE": str(world.ca_file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        end = time.monotonic() + HANG
        while not self._healthy():
            assert self.process.poll() is None and time.monotonic() < end
            time.sleep(0.05)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                self.lines.append(json.loads(line))

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return True
        except OSError:
            return False

    def event(self, **wanted: Any) -> dict[str, Any]:
        """Waits for a log line with these members."""
        end = time.monotonic() + HANG
        while True:
            for line in reversed(self.lines):
                if all(line.get(name) == value for name, value in wanted.items()):
                    return line
            assert time.monotonic() < end, self.lines
            time.sleep(0.02)


@pytest.fixture(scope="module")
def pipelock(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipelock]:
    started = Pipelock(tmp_path_factory.mktemp("pipelock"), world)
    yield started
    started.process.terminate()
    started.process.wait(20)


def policy(world: World, pipelock: Pipelock, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "allow": [{"host": "localhost", "ports": [world.origin.port]}],
        "next": {
            "host": "127.0.0.1",
            "port": pipelock.port,
            "accepts": ["connect", "absolute_http", "absolute_https"],
            "scan": {
                "port": pipelock.scan_port,
                "path": "/api/v1/scan",
                "dialect": "pipelock-v1",
                "token": "scan-token",
                "max_text": 4194304,
            },
            "health": {
                "port": pipelock.port,
                "path": "/health",
                "expect": {"forward_proxy_enabled": True, "mode": "strict"},
            },
        },
    } | more


@pytest.fixture(scope="module")
def inspect(world: World, pipelock: Pipelock, launch: Any) -> Proxy:
    started: Proxy = launch(policy(world, pipelock)).wait_ready()
    return started


@pytest.fixture(scope="module")
def llm(world: World, pipelock: Pipelock, launch: Any) -> Proxy:
    mine = [credential(hosts=["localhost"])]
    started: Proxy = launch(policy(world, pipelock, credentials=mine)).wait_ready()
    return started


@pytest.fixture
def base(world: World) -> str:
    return f"https://localhost:{world.origin.port}"


def test_handed_off_requests_are_seen_whole(inspect: Proxy, pipelock: Pipelock, base: str) -> None:
    answer = inspect.ask(f"{base}/seen/here?a=b", headers=[("accept-encoding", "br")])
    assert answer.json()["line"] == "GET /seen/here?a=b HTTP/1.1"
    pipelock.event(event="forward_http", url=f"{base}/seen/here?a=b")


def test_gzip_requests_and_posts(inspect: Proxy, base: str) -> None:
    import base64
    import gzip

    answer = inspect.ask(
        base, "POST", [("content-encoding", "gzip")], gzip.compress(b"want 0123\n")
    )
    assert base64.b64decode(answer.json()["body"]) == b"want 0123\n"


def test_events_stream_through_both(inspect: Proxy, llm: Proxy, world: World) -> None:
    for proxy in (inspect, llm):
        world.origin.release.clear()
        stream = proxy.tunnel("localhost", world.origin.port)
        host = f"localhost:{world.origin.port}"
        stream.sock.sendall(render("GET /sse HTTP/1.1", [("host", host)]))
        assert stream.head().status == 200
        seen = b""
        while b"data: first\n\n" not in seen:
            seen += stream.chunk()
        world.origin.release.set()
        while b"data: last\n\n" not in seen:
            seen += stream.chunk()


def test_its_refusal_passes_with_its_reason(inspect: Proxy, base: str, world: World) -> None:
    # A shape that pipelock knows and we do not.
    text = "postgres://user:hunter2hunter2@db.internal/x eyJhbGciOiJIUzI1NiJ9"
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcDEF123456789012345678901234"
    answer = inspect.ask(base, "POST", [("content-type", "text/plain")], (text + jwt).encode())
    assert answer.status == 403
    assert answer.body.startswith(b"blocked: ")
    assert answer.get("x-bottle-refused") == "next-hop"
    assert inspect.event(decision="deny", rule="next-hop")["reason"].startswith("blocked: ")
    assert world.origin.seen == []


def test_credentials_are_scanned_and_put_in(
    llm: Proxy, pipelock: Pipelock, base: str, world: World
) -> None:
    answer = llm.ask(
        f"{base}/reflect",
        "POST",
        [
            ("x-api-key", PLACEHOLDER),
            ("content-type", "application/json"),
            ("user-agent", "claude-cli/2.1.330 (external, sdk-cli)"),
            ("anthropic-version", "2023-06-01"),
            ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"),
            ("x-stainless-runtime-version", "v24.3.0"),
        ],
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode(),
    )
    assert answer.status == 200, answer.body
    assert world.origin.seen[0].all("x-api-key") == [SECRET]
    assert SECRET.encode() not in answer.body
    pipelock.event(event="tunnel_open")
    assert SECRET not in json.dumps(pipelock.lines)


def test_the_scan_service_refuses(llm: Proxy, base: str, world: World) -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcDEF123456789012345678901234"
    answer = llm.ask(f"{base}/?t={jwt}", headers=[("x-api-key", PLACEHOLDER)])
    assert answer.status == 403
    assert answer.json()["rule"].startswith("scan:")
    assert world.origin.seen == []
    # In a body it is only noted.
    assert llm.ask(base, "POST", [("x-api-key", PLACEHOLDER)], jwt.encode()).status == 200
    assert "body" in next_warning(llm)["reason"]


def next_warning(proxy: Proxy) -> dict[str, Any]:
    return proxy.event(decision="warn", host="localhost")


def test_websocket(inspect: Proxy, world: World) -> None:
    stream = inspect.tunnel("localhost", world.origin.port)
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


def test_a_wrong_token_is_not_ready(launch_once: Any, world: World, pipelock: Pipelock) -> None:
    wrong = SECRETS | {"scan-token": "another-token-entirely"}
    proxy = launch_once(policy(world, pipelock), wrong)
    assert "401" in proxy.unready().stdout
