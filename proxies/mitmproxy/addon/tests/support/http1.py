"""Just enough HTTP/1.1 over blocking sockets, so that tests see every byte and its order."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

# Only so that a broken test ends; nothing is asserted about time.
HANG = 30.0


def wait_for(condition: Callable[[], object]) -> None:
    """Waits until it holds; hangs no longer than `HANG`."""
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


class Closed(Exception):
    """The peer closed before the message was whole."""


@dataclass
class Message:
    """A request or a response."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """The first header of this name."""
        return next((v for n, v in self.headers if n.lower() == name), None)

    def all(self, name: str) -> list[str]:
        """Every header of this name."""
        return [v for n, v in self.headers if n.lower() == name]

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.line.split(" ")[1])

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Stream:
    """A socket with a buffer."""

    sock: socket.socket
    buffer: bytes = field(default=b"")

    def fill(self) -> None:
        """Reads more, or raises `Closed`."""
        data = self.sock.recv(65536)
        if not data:
            raise Closed
        self.buffer += data

    def until(self, end: bytes) -> bytes:
        """Up to and with `end`."""
        while end not in self.buffer:
            self.fill()
        head, _, self.buffer = self.buffer.partition(end)
        return head + end

    def exactly(self, count: int) -> bytes:
        """This many bytes."""
        while len(self.buffer) < count:
            self.fill()
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def head(self) -> Message:
        """The first line and the headers."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = [
            (name.strip(), value.strip())
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        ]
        return Message(lines[0], headers)

    def chunk(self) -> bytes:
        """One chunk of a chunked body; empty at its end."""
        size = int(self.until(b"\r\n").strip(), 16)
        data = self.exactly(size)
        self.until(b"\r\n")
        return data

    def rest(self, message: Message, *, bodyless: bool = False) -> bytes:
        """The body that belongs to `message`."""
        if bodyless:
            return b""
        if "chunked" in (message.get("transfer-encoding") or ""):
            out = b""
            while data := self.chunk():
                out += data
            return out
        length = message.get("content-length")
        if length is not None:
            return self.exactly(int(length))
        if message.line.startswith("HTTP/"):
            try:
                while True:
                    self.fill()
            except Closed:
                out, self.buffer = self.buffer, b""
                return out
        return b""

    def message(self, *, bodyless: bool = False) -> Message:
        """A whole message."""
        message = self.head()
        message.body = self.rest(message, bodyless=bodyless)
        return message

    def close(self) -> None:
        """Closes the socket."""
        self.sock.close()


def render(line: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """A message as bytes."""
    text = line + "\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n"
    return text.encode("latin-1") + body


def reply(status: int, kind: str, body: bytes, extra: Sequence[tuple[str, str]] = ()) -> bytes:
    """A response with a length that ends its connection."""
    headers = [
        ("content-type", kind),
        ("content-length", str(len(body))),
        ("connection", "close"),
        *extra,
    ]
    return render(f"HTTP/1.1 {status} X", headers, body)
