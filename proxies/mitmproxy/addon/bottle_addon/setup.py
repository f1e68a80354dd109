"""Start-up: what mitmproxy must run with, and two of its limits that do not fit agents."""

from __future__ import annotations

import asyncio
import collections
import inspect
import os
import tempfile
from collections.abc import Generator
from typing import Any

import certifi
from mitmproxy import ctx
from mitmproxy.proxy import server
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.utils import human

from . import events, netguard
from .state import State

BLOCK_LIST = "/!~marked/502"
_REQUIRED: dict[str, Any] = {
    "block_list": [BLOCK_LIST],
    "connection_strategy": "lazy",
    "http3": False,
    "ignore_hosts": [],
    "allow_hosts": [],
    "rawtcp": False,
    "ssl_insecure": False,
    "stream_large_bodies": None,
    "upstream_cert": False,
    "validate_inbound_headers": True,
    "websocket": True,
}
# A client with HTTP/2 gets one connection per stream to a hop that speaks HTTP/1.
_CONNECTIONS_PER_CLIENT = 128


class Setup:
    """Loads first: prepares mitmproxy and says when it is as it must be."""

    def __init__(self, state: State, trust: list[str]) -> None:
        self._state = state
        self._trust = trust

    def load(self, _loader: Any) -> None:
        """Runs once, before anything is served. An error here ends mitmdump."""
        limit_requests_only()
        widen_connection_limit()
        netguard.install(asyncio.get_running_loop(), self._state.store)
        if self._trust:
            ctx.options.update(ssl_verify_upstream_trusted_ca=_bundle(self._trust))
        self._state.store.poll()

    def running(self) -> None:
        """The listener is up. Requests are refused until the options are known to be right."""
        try:
            self._state.problem = self._options_problem()
            size = human.parse_size(ctx.options.body_size_limit)
            if size is None:
                self._state.problem = "mitmproxy runs without body_size_limit"
            else:
                self._state.body_limit = size
        except Exception as error:
            events.internal("running", error)
            self._state.problem = "the proxy add-on failed while starting"

    def configure(self, _updated: set[str]) -> None:
        """Options may not change under a running bottle."""
        if self._state.problem is None:
            self._state.problem = self._options_problem()

    def _options_problem(self) -> str | None:
        for name, wanted in _REQUIRED.items():
            found = getattr(ctx.options, name)
            if isinstance(wanted, list):
                found = list(found)
            if found != wanted:
                return f"mitmproxy runs with {name}={found!r} instead of {wanted!r}"
        modes = [mode.split(":", 1)[0].split("@", 1)[0] for mode in ctx.options.mode]
        if modes not in (["regular"], ["upstream"]):
            return f"mitmproxy runs in mode {modes}"
        self._state.mode = modes[0]
        return None


def _bundle(paths: list[str]) -> str:
    """Public roots and further ones in one file: mitmproxy's option replaces its roots."""
    parts = []
    for path in [certifi.where(), *paths]:
        with open(path, encoding="utf-8") as file:
            parts.append(file.read())
    handle, name = tempfile.mkstemp(prefix="bottle-trust-", suffix=".pem")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))
    return name


def limit_requests_only() -> None:
    """Makes `body_size_limit` a limit of requests.

    mitmproxy applies it to answers too, also to those that are streamed: a download larger
    than the limit would be a 502. Requests must keep it, because they are held in memory.
    """
    original = HttpStream.check_body_size
    if getattr(original, "_bottle", False):
        return
    if list(inspect.signature(original).parameters) != ["self", "request"]:
        raise RuntimeError("this version of mitmproxy is not supported: check_body_size")

    def check_body_size(self: Any, request: bool) -> Generator[Any, Any, bool]:
        if not request:
            return False
        return (yield from original(self, True))

    check_body_size._bottle = True  # type: ignore[attr-defined]
    HttpStream.check_body_size = check_body_size  # type: ignore[method-assign]


def widen_connection_limit() -> None:
    """Raises the number of connections that one client may have to one server from five,
    which six parallel event streams over HTTP/2 would exhaust for ever."""
    original = server.ConnectionHandler.__init__
    if getattr(original, "_bottle", False):
        return

    def init(self: Any, context: Any) -> None:
        original(self, context)
        self.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(_CONNECTIONS_PER_CLIENT))

    init._bottle = True  # type: ignore[attr-defined]
    server.ConnectionHandler.__init__ = init  # type: ignore[method-assign]
