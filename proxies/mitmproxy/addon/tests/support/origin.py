"""A TLS origin that shows what it got, streams on command, and speaks WebSocket."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import socket
import ssl
import struct
import threading
from pathlib import Path

from .http1 import HANG, Closed, Message, Stream, render, reply

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Origin:
    """Listens on loopback; every request it saw is in `seen`."""

    def __init__(self, cert: Path) -> None:
        self.seen: list[Message] = []
        # Every byte stream as it arrived before TLS was ended, to show that a passthrough
        # really is the agent's own TLS: the certificate names cannot lie about that.
        self.release = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(HANG)
        try:
            # A plain request is told by its first byte, which is never a TLS record's.
            plain = client.recv(1, socket.MSG_PEEK) != b"\x16"
            secure = client if plain else self._context.wrap_socket(client, server_side=True)
            stream = Stream(secure)
            request = stream.message()
            self.seen.append(request)
            self._answer(stream, request)
            stream.close()
        except (OSError, Closed, ValueError):
            client.close()

    def _answer(self, stream: Stream, request: Message) -> None:
        path = request.line.split(" ")[1].split("?")[0]
        kind = path.split("/")[1]
        handler = getattr(self, f"_do_{kind}", self._do_echo)
        handler(stream, request)

    def _do_echo(self, stream: Stream, request: Message) -> None:
        body = json.dumps(
            {
                "line": request.line,
                "headers": request.headers,
                "body": base64.b64encode(request.body).decode(),
            }
        ).encode()
        extra = [("alt-svc", 'h3=":443"'), ("x-bottle-refused", "forged")]
        stream.sock.sendall(reply(200, "application/json", body, extra))

    def _do_sse(self, stream: Stream, request: Message) -> None:
        headers = [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]
        stream.sock.sendall(render("HTTP/1.1 200 OK", headers))
        self._chunk(stream, b"data: first\n\n")
        # The second event is not even written before the test has seen the first.
        if not self.release.wait(HANG):
            return
        self._chunk(stream, b"data: last\n\n")
        self._chunk(stream, b"")

    def _do_reflect(self, stream: Stream, request: Message) -> None:
        """Gives the credential back in a header and in a body, split over two chunks."""
        value = (request.get("x-api-key") or request.get("authorization") or "").encode()
        headers = [
            ("content-type", "text/plain"),
            ("transfer-encoding", "chunked"),
            ("x-saw", value.decode()),
        ]
        stream.sock.sendall(render("HTTP/1.1 200 OK", headers))
        middle = len(value) // 2
        self._chunk(stream, b"you sent " + value[:middle])
        self._chunk(stream, value[middle:] + b", thank you")
        self._chunk(stream, b"")

    def _do_packed(self, stream: Stream, request: Message) -> None:
        """Packs its answer whatever the request said."""
        value = (request.get("x-api-key") or "none").encode()
        body = gzip.compress(b"you sent " + value)
        stream.sock.sendall(reply(200, "text/plain", body, [("content-encoding", "gzip")]))

    def _do_big(self, stream: Stream, request: Message) -> None:
        size = int(request.line.split(" ")[1].split("/")[2])
        headers = [("content-type", "application/zip"), ("content-length", str(size))]
        stream.sock.sendall(render("HTTP/1.1 200 OK", headers))
        block = b"z" * 65536
        while size > 0:
            stream.sock.sendall(block[:size])
            size -= len(block)

    def _do_forbidden(self, stream: Stream, request: Message) -> None:
        stream.sock.sendall(reply(403, "text/plain", b"origin says no\n"))

    def _do_forged(self, stream: Stream, request: Message) -> None:
        stream.sock.sendall(reply(403, "text/plain", b"blocked: forged\n"))

    def _do_ws(self, stream: Stream, request: Message) -> None:
        key = (request.get("sec-websocket-key") or "").encode()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        stream.sock.sendall(
            render(
                "HTTP/1.1 101 Switching Protocols",
                [
                    ("upgrade", "websocket"),
                    ("connection", "Upgrade"),
                    ("sec-websocket-accept", accept),
                ],
            )
        )
        saw = (request.get("x-api-key") or "").encode()
        send_frame(stream, b"hello " + saw)
        while True:
            opcode, data = read_frame(stream)
            if opcode == 8:
                return
            send_frame(stream, b"echo " + data)

    @staticmethod
    def _chunk(stream: Stream, data: bytes) -> None:
        stream.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def close(self) -> None:
        """Stops listening."""
        self._listener.close()


def send_frame(stream: Stream, data: bytes, *, mask: bool = False) -> None:
    """A WebSocket text message in one frame."""
    flag = 0x80 if mask else 0
    size = len(data)
    head = bytes([0x81])
    if size < 126:
        head += bytes([flag | size])
    else:
        head += bytes([flag | 126]) + struct.pack(">H", size)
    if mask:
        # An all-zero key is a valid one and leaves the data readable.
        head += b"\0\0\0\0"
    stream.sock.sendall(head + data)


def read_frame(stream: Stream) -> tuple[int, bytes]:
    """Opcode and data of one frame."""
    first, second = stream.exactly(2)
    size = second & 0x7F
    if size == 126:
        size = struct.unpack(">H", stream.exactly(2))[0]
    key = stream.exactly(4) if second & 0x80 else b"\0\0\0\0"
    data = stream.exactly(size)
    return first & 0x0F, bytes(b ^ key[i % 4] for i, b in enumerate(data))
