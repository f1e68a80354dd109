"""Transformations of bodies that pass in chunks and must not be held back."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

# Part of Python from 3.14. Before that mitmproxy brings it along: the backport of that same
# module from 12.3, another one earlier.
try:
    from compression.zstd import ZstdDecompressor as _new_zstd
    from compression.zstd import ZstdError as _ZstdError
except ImportError:
    try:
        from backports.zstd import ZstdDecompressor as _new_zstd
        from backports.zstd import ZstdError as _ZstdError
    except ImportError:
        from zstandard import ZstdDecompressor
        from zstandard import ZstdError as _ZstdError

        def _new_zstd() -> Any:
            return ZstdDecompressor().decompressobj()


_ZSTD_STEP = 512
# The longest secret-shaped text is shorter.
_WINDOW = 1024
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class Swapper:
    """Replaces byte strings in a stream, also across chunks.

    Only a tail that could be the beginning of a needle is kept until the next chunk, so a
    server-sent event is never delayed by it.
    """

    def __init__(self, swaps: list[tuple[bytes, bytes]]) -> None:
        self._swaps = sorted(swaps, key=lambda swap: len(swap[0]), reverse=True)
        self._tail = b""
        self.hits = 0

    def feed(self, data: bytes) -> bytes:
        """The next chunk in, what may go on out."""
        data = self._replace(self._tail + data)
        keep = max((self._overlap(data, needle) for needle, _ in self._swaps), default=0)
        self._tail = data[len(data) - keep :]
        return data[: len(data) - keep]

    def finish(self) -> bytes:
        """What was still kept when the stream ended."""
        tail, self._tail = self._tail, b""
        return tail

    def _replace(self, data: bytes) -> bytes:
        for needle, replacement in self._swaps:
            if needle in data:
                self.hits += data.count(needle)
                data = data.replace(needle, replacement)
        return data

    @staticmethod
    def _overlap(data: bytes, needle: bytes) -> int:
        """The longest beginning of `needle` (not all of it) that `data` ends with."""
        longest = min(len(needle) - 1, len(data))
        # Each candidate starts where the needle's first byte is.
        at = data.find(needle[:1], len(data) - longest) if longest else -1
        while at != -1:
            if needle.startswith(data[at:]):
                return len(data) - at
            at = data.find(needle[:1], at + 1)
        return 0


class _Gunzip:
    """Unpacks a gzip stream of any number of members, as it comes."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)

    def feed(self, data: bytes) -> bytes:
        """Packed bytes in, all that they unpack to out; `b""` is the end."""
        if not data:
            return self._member.flush()
        out = b""
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
            out += self._member.decompress(data)
            data = self._member.unused_data
        return out


class Watch:
    """Looks at a stream while it passes, over the borders of its chunks.

    `found` is told what was seen, once a kind, and says whether the stream ends there: then
    neither that chunk nor any later one goes on.
    """

    def __init__(self, look: Callable[[bytes], str | None], found: Callable[[str], bool]) -> None:
        self._look = look
        self._found = found
        self._told: set[str] = set()
        self._tail = b""
        self._over = False

    def feed(self, data: bytes) -> bytes:
        """The next chunk in, what may go on out."""
        if self._over:
            return b""
        window = self._tail + data
        self._tail = window[-_WINDOW:]
        kind = self._look(window)
        if kind is not None and kind not in self._told:
            self._told.add(kind)
            self._over = self._found(kind)
        return b"" if self._over else data


class Pipe:
    """The callable that mitmproxy feeds with a body's chunks; `b""` is the end.

    Counts, optionally unpacks gzip or deflate, watches and swaps. Always returns a list:
    an empty chunk would end a chunked body.
    """

    def __init__(
        self, swapper: Swapper | None = None, *, watch: Watch | None = None, unpack: bool = False
    ) -> None:
        self._swapper = swapper
        self._watch = watch
        self._unpacker = _Gunzip() if unpack else None
        self.count = 0

    def __call__(self, chunk: bytes) -> list[bytes]:
        self.count += len(chunk)
        end = not chunk
        if self._unpacker is not None:
            chunk = self._unpacker.feed(chunk)
        if self._watch is not None:
            chunk = self._watch.feed(chunk)
        if self._swapper is not None:
            chunk = self._swapper.feed(chunk)
            if end:
                chunk += self._swapper.finish()
        return [chunk] if chunk else []


class TooLarge(Exception):
    """An unpacked body is larger than the limit."""


class Unreadable(Exception):
    """A body cannot be unpacked, so it cannot be looked at."""


def unpack(data: bytes, encoding: str, limit: int) -> bytes:
    """A request body without its content-encoding, bounded against compression bombs."""
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("", "identity"):
            continue
        if name in ("gzip", "x-gzip", "deflate"):
            data = _inflate(data, limit)
        elif name == "zstd":
            data = _zstd(data, limit)
        else:
            raise Unreadable(f"content-encoding `{name}` is not supported in requests")
    return data


def _inflate(data: bytes, limit: int) -> bytes:
    out = bytearray()
    while data:
        unpacker = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
        try:
            out += unpacker.decompress(data, limit + 1 - len(out))
        except zlib.error:
            raise Unreadable("the compressed body is damaged") from None
        if len(out) > limit:
            raise TooLarge
        if not unpacker.eof:
            raise Unreadable("the compressed body is cut short")
        # gzip allows further members; whoever unpacks only the first would miss the rest.
        data = unpacker.unused_data
    return bytes(out)


def _zstd(data: bytes, limit: int) -> bytes:
    out = bytearray()
    while data:
        unpacker = _new_zstd()
        rest = memoryview(data)
        try:
            # It takes no limit on what comes out, so it gets little at a time.
            while rest and not unpacker.eof:
                out += unpacker.decompress(bytes(rest[:_ZSTD_STEP]))
                rest = rest[_ZSTD_STEP:]
                if len(out) > limit:
                    raise TooLarge
        except _ZstdError:
            raise Unreadable("the compressed body is damaged") from None
        if not unpacker.eof:
            raise Unreadable("the compressed body is cut short")
        data = unpacker.unused_data + bytes(rest)
    return bytes(out)
