"""mitmdump as the sidecar starts it, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .certs import Authority
from .http1 import HANG, Message, Stream, render

ADDON = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Proxy:
    """A running mitmdump with its private folder, and the lines it wrote."""

    def __init__(
        self,
        folder: Path,
        policy: dict[str, Any],
        secrets: dict[str, str],
        *,
        trust: Path | None = None,
        mode: str = "regular",
        body_limit: str = "1m",
        environ: dict[str, str] | None = None,
        tamper: Any = None,
    ) -> None:
        self.conf = folder / "conf"
        self.conf.mkdir()
        self.port = free_port()
        self.lines: list[str] = []
        self.ca = Authority("bottle test session")
        self.ca_file = self.ca.write_cert(folder / "ca.crt")
        self.ca.write_both(self.conf / "mitmproxy-ca.pem")
        shutil.copy(ADDON / "dhparam.pem", self.conf / "mitmproxy-dhparam.pem")
        shutil.copytree(
            ADDON,
            self.conf / "addon",
            ignore=shutil.ignore_patterns("tests", "__pycache__", ".*"),
        )
        self.write(policy, secrets)
        if tamper is not None:
            tamper(self.conf / "addon")
        # As in the sidecar: nothing in there can be written by mitmproxy.
        self._argv = self._arguments(mode, body_limit)
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(folder),
            "BOTTLE_POLICY": str(self.conf / "policy.json"),
            "BOTTLE_SECRETS": str(self.conf / "secrets.json"),
            **({"BOTTLE_TRUST": str(trust)} if trust else {}),
            **(environ or {}),
        }
        self.process = subprocess.Popen(
            self._argv,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _arguments(self, mode: str, body_limit: str) -> list[str]:
        values = {
            "mode": mode,
            "listen": "127.0.0.1",
            "port": str(self.port),
            "conf": str(self.conf),
            "body_limit": body_limit,
        }
        lines = (ADDON / "mitmdump.args").read_text().splitlines()
        mitmdump = Path(sys.executable).parent / "mitmdump"
        return [str(mitmdump), *(line.format(**values) for line in lines)]

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def write(self, policy: Any, secrets: Any = None) -> None:
        """Replaces the policy (and the secrets) by renaming, as a writer should."""
        for name, value in (("secrets.json", secrets), ("policy.json", policy)):
            if value is None:
                continue
            text = value if isinstance(value, str) else json.dumps(value)
            fresh = self.conf / f".{name}"
            fresh.write_text(text)
            fresh.rename(self.conf / name)

    def probe(self, timeout: float = HANG) -> subprocess.CompletedProcess[str]:
        """The readiness check of the sidecar."""
        return subprocess.run(
            [
                sys.executable,
                str(self.conf / "addon" / "probe.py"),
                "--proxy",
                f"127.0.0.1:{self.port}",
                "--timeout",
                str(timeout),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

    def wait_ready(self) -> Proxy:
        """Fails with everything that was written when it does not get ready."""
        result = self.probe()
        assert result.returncode == 0, result.stdout + "\n".join(self.lines)
        return self

    def unready(self) -> subprocess.CompletedProcess[str]:
        """The readiness check's verdict once mitmdump listens; it must be a refusal."""
        while True:
            result = self.probe(timeout=0)
            if "does not answer" not in result.stdout:
                assert result.returncode == 1, "ready, but should not be"
                return result
            assert self.process.poll() is None, "\n".join(self.lines)

    def events(self, kind: str = "egress") -> list[dict[str, Any]]:
        """The JSON lines of one kind so far."""
        found = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [event for event in found if event["bottle"] == kind]

    def event(self, **wanted: Any) -> dict[str, Any]:
        """Waits for an event with these members; the last such one."""
        kind = wanted.pop("bottle", "egress")
        end = time.monotonic() + HANG
        while True:
            for event in reversed(self.events(kind)):
                if all(event.get(name) == value for name, value in wanted.items()):
                    return event
            if time.monotonic() > end:
                raise AssertionError(f"no event {wanted} in\n" + "\n".join(self.lines))
            time.sleep(0.02)

    # An agent's ways in

    def connect(self) -> Stream:
        """A connection to the proxy."""
        return Stream(socket.create_connection(("127.0.0.1", self.port), timeout=HANG))

    def tunnel(
        self,
        host: str,
        port: int = 443,
        *,
        sni: str | None = None,
        ca: Path | None = None,
    ) -> Stream:
        """CONNECT and TLS with the session's CA."""
        stream = self.connect()
        target = f"{host}:{port}"
        stream.sock.sendall(render(f"CONNECT {target} HTTP/1.1", [("host", target)]))
        answer = stream.head()
        if answer.status != 200:
            answer.body = stream.rest(answer)
            raise ConnectRefused(answer)
        context = ssl.create_default_context(cafile=str(ca or self.ca_file))
        if sni is not None and sni != host:
            context.check_hostname = False
        return Stream(context.wrap_socket(stream.sock, server_hostname=sni or host))

    def ask(
        self,
        url: str,
        method: str = "GET",
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
        *,
        host: str | None = None,
    ) -> Message:
        """One request as an agent would make it, on a connection of its own."""
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        name, _, port = authority.partition(":")
        path = slash + path or "/"
        fields = [("host", host or authority), *(headers or [])]
        if body:
            fields.append(("content-length", str(len(body))))
        if scheme == "https":
            stream = self.tunnel(name, int(port or 443))
            target = path
        else:
            stream = self.connect()
            target = url
        with stream.sock:
            stream.sock.sendall(render(f"{method} {target} HTTP/1.1", fields, body))
            return stream.message(bodyless=method == "HEAD")

    def stop(self) -> None:
        """Ends mitmdump."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class ConnectRefused(Exception):
    """The proxy refused the tunnel itself."""

    def __init__(self, answer: Message) -> None:
        super().__init__(answer.line)
        self.answer = answer


def curl(proxy: Proxy, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("curl")
    assert program, "these tests need curl"
    return subprocess.run(
        [
            program,
            "-sS",
            "--max-time",
            "30",
            "--proxy",
            f"http://127.0.0.1:{proxy.port}",
            "--cacert",
            str(proxy.ca_file),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
