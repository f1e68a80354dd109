"""A next hop on loopback that records what it is asked: stands in for any such proxy."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from pathlib import Path
from urllib.parse import urlsplit

from .http1 import HANG, Closed, Message, Stream, render, reply

TOKEN = "scan-token-for-tests-0123456789"


class Hop:
    """Accepts CONNECT, absolute-form http and https; has health and a scan service."""

    def __init__(self, origin_port: int, origin_ca: Path) -> None:
        self.lines: list[str] = []
        self.seen: list[Message] = []
        self.scans: list[dict[str, object]] = []
        self.refuse_connect: set[str] = set()
        self.scan_status = 200
        self.health: dict[str, object] = {"status": "healthy", "forward_proxy_enabled": True}
        self._origin_port = origin_port
        self._context = ssl.create_default_context(cafile=str(origin_ca))
        self._listeners: list[socket.socket] = []
        self.port = self._listen(self._proxy)
        self.scan_port = self._listen(self._scan)

    def _listen(self, serve: object, port: int = 0) -> int:
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()
        return int(listener.getsockname()[1])

    def _accept(self, listener: socket.socket, serve) -> None:  # type: ignore[no-untyped-def]
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._guard, args=(client, serve), daemon=True).start()

    @staticmethod
    def _guard(client: socket.socket, serve) -> None:  # type: ignore[no-untyped-def]
        client.settimeout(HANG)
        try:
            serve(Stream(client))
        except (OSError, Closed, ValueError):
            pass
        finally:
            client.close()

    def stop(self) -> None:
        """Goes away, with both ports."""
        for listener in self._listeners:
            # Closing alone leaves the thread in accept(), and with it the port.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._listeners = []

    def start_again(self) -> None:
        """Comes back on the same ports."""
        self._listen(self._proxy, self.port)
        self._listen(self._scan, self.scan_port)

    def _proxy(self, stream: Stream) -> None:
        while True:
            request = stream.head()
            method, target, _ = request.line.split(" ")
            if target != "/health":
                self.lines.append(request.line)
            if method == "CONNECT":
                self._connect(stream, target)
                return
            request.body = stream.rest(request)
            if target.startswith("/"):
                body = json.dumps(self.health).encode()
                stream.sock.sendall(reply(200, "application/json", body))
                return
            self.seen.append(request)
            self._absolute(stream, request, method, target)
            return

    def _connect(self, stream: Stream, target: str) -> None:
        if target.split(":")[0] in self.refuse_connect:
            stream.sock.sendall(
                reply(403, "text/plain", b"CONNECT blocked: domain not in allowlist\n")
            )
            return
        upstream = socket.create_connection(("127.0.0.1", self._origin_port))
        stream.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if stream.buffer:
            upstream.sendall(stream.buffer)
        other = threading.Thread(target=_pump, args=(upstream, stream.sock), daemon=True)
        other.start()
        _pump(stream.sock, upstream)
        other.join(HANG)

    def _absolute(self, stream: Stream, request: Message, method: str, target: str) -> None:
        url = urlsplit(target)
        if url.path.startswith("/blocked"):
            text = b"blocked: DLP match: Test Pattern (critical)\n"
            stream.sock.sendall(reply(403, "text/plain; charset=utf-8", text))
            return
        assert url.hostname
        upstream: socket.socket = socket.create_connection(("127.0.0.1", self._origin_port))
        if url.scheme == "https":
            upstream = self._context.wrap_socket(upstream, server_hostname=url.hostname)
        upstream.settimeout(HANG)
        path = url.path + (f"?{url.query}" if url.query else "")
        headers = [
            (n, v)
            for n, v in request.headers
            if n.lower() not in ("transfer-encoding", "content-length")
        ]
        if request.body:
            headers.append(("content-length", str(len(request.body))))
        upstream.sendall(render(f"{method} {path} HTTP/1.1", headers, request.body))
        _pump(upstream, stream.sock)
        stream.sock.close()

    def _scan(self, stream: Stream) -> None:
        request = stream.message()
        if request.get("authorization") != f"Bearer {TOKEN}":
            stream.sock.sendall(reply(401, "application/json", b'{"status":"error"}'))
            return
        asked = json.loads(request.body)
        self.scans.append(asked)
        if self.scan_status != 200:
            stream.sock.sendall(reply(self.scan_status, "application/json", b'{"status":"error"}'))
            return
        text = json.dumps(asked["input"])
        findings = [{"scanner": "t", "rule_id": "Evil"}] if "EVIL" in text else []
        answer = {
            "status": "completed",
            "decision": "deny" if findings else "allow",
            "findings": findings,
        }
        stream.sock.sendall(reply(200, "application/json", json.dumps(answer).encode()))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
