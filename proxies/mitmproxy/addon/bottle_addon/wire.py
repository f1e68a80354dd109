"""One bounded HTTP/1.1 request to the next hop, for its scan service and its health."""

from __future__ import annotations

import asyncio
import json
from typing import Any

_LIMIT = 1 << 20


class WireError(Exception):
    """The request failed; the text names neither token nor content."""


async def request(
    host: str,
    port: int,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    timeout: float,
) -> tuple[int, bytes]:
    """Status and body. Every failure is a `WireError`."""
    try:
        return await asyncio.wait_for(
            _request(host, port, method, path, body, headers or {}), timeout
        )
    except TimeoutError:
        raise WireError(f"{host}:{port} did not answer within {timeout:g} s") from None
    except OSError as error:
        raise WireError(f"{host}:{port}: {error.strerror or type(error).__name__}") from None
    except (ValueError, IndexError, EOFError, asyncio.LimitOverrunError):
        raise WireError(f"{host}:{port} gave no valid HTTP answer") from None


async def _request(
    host: str, port: int, method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(host, port, limit=_LIMIT)
    try:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        fields = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        if "chunked" in fields.get("transfer-encoding", "").lower():
            return status, await _chunks(reader)
        if "content-length" in fields:
            length = int(fields["content-length"])
            if not 0 <= length <= _LIMIT:
                raise ValueError
            return status, await reader.readexactly(length)
        return status, await reader.read(_LIMIT)
    finally:
        writer.close()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    out = b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";", 1)[0], 16)
        if size == 0:
            return out
        if len(out) + size > _LIMIT:
            raise ValueError
        out += await reader.readexactly(size)
        await reader.readexactly(2)


def json_object(data: bytes) -> dict[str, Any]:
    """A JSON object, or a `WireError`."""
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise WireError("the answer is no JSON object")
    return value
