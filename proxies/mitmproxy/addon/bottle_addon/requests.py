"""Hooks on the way out: judge, scan, inject, route."""

from __future__ import annotations

import asyncio
import time

from mitmproxy import http

from . import request as shape
from . import route, rules, scan, vault
from .dlp import json_strings
from .policy import NextHop, Policy, Scan
from .ready import answer
from .refuse import Refused
from .request import KEY, MAGIC_HOST, Passage
from .state import MARK, State, guarded, log, passage_of
from .streams import Pipe, Swapper, TooLarge, Unreadable, Watch, unpack

# Headers that say that a stream, or each message of it, is compressed.
_STREAM_ENCODINGS = ("content-encoding", "grpc-encoding", "connect-content-encoding")


class Requests:
    """From the request's first line to the moment it may leave."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._background: set[asyncio.Task[None]] = set()

    @guarded()
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """All that can be judged without the body. Only what passes here gets the mark."""
        at = shape.passage(flow, time.time())
        flow.metadata[KEY] = at
        if self._asks_for_us(at):
            at.ours = True
            at.logged = True
            flow.response = await answer(self._state, at)
            return
        policy = self._state.policy()
        at.policy = policy
        shape.check_shape(flow, at)
        shape.check_literal(at.host)
        at.rule = policy.rules.decide(
            at.host, at.port, at.scheme, shape.methods_of(flow.request), at.path
        )
        at.cls = shape.classify(policy, at, flow.request)
        self._check_head(flow, policy, at)
        shape.clean(flow.request)
        flow.marked = MARK
        if shape.is_grpc(flow.request) or (at.cls == rules.TUNNEL and policy.dlp.tunnel == "off"):
            await self._start_stream(flow, policy, at)

    def _asks_for_us(self, at: Passage) -> bool:
        if at.scheme != "http":
            return False
        policy = self._state.store.poll()
        return at.host == MAGIC_HOST or (policy is not None and at.host in policy.names)

    def _check_head(self, flow: http.HTTPFlow, policy: Policy, at: Passage) -> None:
        """URL and headers: real secrets, placeholders gone astray, secret-shaped text."""
        headers = flow.request.headers
        url = at.url.encode("latin-1")
        lines = _lines(headers, frozenset())
        finder = self._state.finder(policy)
        for where, data in (("URL", url), ("headers", lines)):
            name = finder.own(data)
            if name is not None:
                raise _own_secret(name, where)
        for credential in policy.credentials:
            if not credential.belongs_to(at.host) and credential.placeholder in at.url:
                raise vault.wrong_host(credential, at.host)
        vault.check_headers(policy, at.host, headers)
        self._shape_found(flow, policy.dlp.url, finder.shape(url), "URL")
        judged = _lines(headers, policy.dlp.skip_headers)
        self._shape_found(flow, policy.dlp.headers, finder.shape(judged), "headers")
        at.credentials = vault.wants_injection(policy, at.host, headers)
        if at.credentials and at.scheme != "https":
            raise Refused(
                f"credential:{at.credentials[0].name}",
                "credentials leave over TLS only",
                hint="use https",
            )

    def _shape_found(self, flow: http.HTTPFlow, mode: str, kind: str | None, where: str) -> None:
        if kind is None or mode == "off":
            return
        if mode == "block":
            raise Refused(
                f"dlp:{kind}",
                f"something shaped like a secret is in the request's {where}",
                hint="remove it; credentials are added by the proxy, the agent has placeholders",
            )
        log(flow, "warn", f"dlp:{kind}", f"found in the {where}")

    async def _start_stream(self, flow: http.HTTPFlow, policy: Policy, at: Passage) -> None:
        """A request that is answered while it is still being sent: everything is decided now,
        the session's own secrets are blanked in what follows, and a secret shape ends it."""
        await self._scan_url(policy, at)
        blank = [(value.encode(), b"*" * len(value)) for value in policy.secrets.values()]
        at.upload = Pipe(Swapper(blank), watch=self._watch(flow, policy, at))
        vault.inject(at.credentials, flow.request.headers)
        route.route(flow, policy, at)
        flow.request.stream = at.upload

    def _watch(self, flow: http.HTTPFlow, policy: Policy, at: Passage) -> Watch | None:
        """Looks for secret shapes in a stream, as strictly as in other bodies to that host."""
        cls = rules.INSPECT
        if at.rule is not None and at.rule.cls == rules.TUNNEL:
            cls = rules.TUNNEL
        elif policy.credentials_for(at.host):
            cls = rules.CREDENTIALED
        mode = policy.dlp.body(cls)
        if mode == "off":
            return None
        for name in _STREAM_ENCODINGS:
            encoding = flow.request.headers.get(name, "identity").strip().lower()
            if encoding not in ("", "identity") and mode == "block":
                raise Refused(
                    "dlp:unreadable",
                    f"a stream with `{name}: {encoding}` cannot be searched",
                    hint="send it without compression",
                )

        def found(kind: str) -> bool:
            if mode != "block":
                log(flow, "warn", f"dlp:{kind}", "found in the stream")
                return False
            # The answer may have begun, and with it a line that said "allow".
            at.logged = False
            log(flow, "deny", f"dlp:{kind}", "something shaped like a secret is in the stream")
            if flow.killable:
                flow.kill()
            return True

        return Watch(self._state.finder(policy).shape, found)

    @guarded()
    async def request(self, flow: http.HTTPFlow) -> None:
        """The whole request is here: scan it, put credentials in, send it on its way."""
        at = passage_of(flow)
        if flow.response is not None or flow.error is not None:
            return
        if at is None or at.policy is None or at.rule is None:
            raise Refused("internal", "the request was not judged", status=502)
        if at.routed:
            return
        policy = at.policy
        await self._check_body(flow, policy, at)
        vault.inject(at.credentials, flow.request.headers)
        route.route(flow, policy, at)

    async def _check_body(self, flow: http.HTTPFlow, policy: Policy, at: Passage) -> None:
        request = flow.request
        raw = request.raw_content or b""
        at.request_bytes = len(raw)
        body = self._unpacked(request, raw)
        mode = policy.dlp.body(at.cls)
        self._check_text(flow, policy, at, mode, body)
        hop = policy.next
        handed_off = hop is not None and route.hands_off(flow, policy, hop, at)
        if handed_off and "content-encoding" in request.headers:
            # The next hop refuses what it cannot read.
            del request.headers["content-encoding"]
            request.raw_content = body
        if raw or "content-length" in request.headers:
            # Whatever framing the client used, the next hop sees one that adds up.
            request.headers.pop("transfer-encoding", None)
            request.headers["content-length"] = str(len(request.raw_content or b""))
        if hop is None or hop.scan is None or handed_off or at.cls == rules.TUNNEL:
            return
        # A hop that opens the tunnel itself scans by itself, but must not be shown
        # credentials unscanned.
        if at.cls == rules.CREDENTIALED or policy.mode == "handoff":
            await self._scan(flow, policy, at, hop, hop.scan, mode, body)

    def _unpacked(self, request: http.Request, raw: bytes) -> bytes:
        encoding = request.headers.get("content-encoding", "")
        if not encoding or not raw:
            return raw
        try:
            return unpack(raw, encoding, self._state.body_limit)
        except TooLarge:
            raise Refused(
                "limit", "the request's body is too large once unpacked", status=413
            ) from None
        except Unreadable as error:
            raise Refused("shape", str(error), status=415) from None

    def _check_text(
        self, flow: http.HTTPFlow, policy: Policy, at: Passage, mode: str, body: bytes
    ) -> None:
        """Our own look at the body. A real secret of the session never passes; the rest is
        as the class says."""
        finder = self._state.finder(policy)
        views = [body]
        if b"\\" in body and (text := json_strings(body)) is not None:
            views.append(text.encode("utf-8", "surrogatepass"))
        for view in views:
            name = finder.own(view)
            if name is not None:
                raise _own_secret(name, "body")
        if mode == "off":
            return
        for view in views:
            for name in finder.placeholders(view):
                credential = next(one for one in policy.credentials if one.name == name)
                if credential.belongs_to(at.host):
                    continue
                if mode == "block":
                    raise vault.wrong_host(credential, at.host)
                log(flow, "warn", f"credential:{name}", "its placeholder is in the body")
            self._shape_found(flow, mode, finder.shape(view), "body")

    async def _scan_url(self, policy: Policy, at: Passage) -> None:
        hop = policy.next
        if hop is None or hop.scan is None:
            return
        found = await scan.url(hop, hop.scan, at.url)
        if found is not None:
            raise Refused(f"scan:{found}", "the next hop's scan refused the URL", hint=_SCAN_HINT)

    async def _scan(
        self,
        flow: http.HTTPFlow,
        policy: Policy,
        at: Passage,
        hop: NextHop,
        service: Scan,
        mode: str,
        body: bytes,
    ) -> None:
        """Lets the next hop judge what it will only see encrypted. Placeholders are still in
        place: real credentials never reach a scanner."""
        await self._scan_url(policy, at)
        headers = "\n".join(
            f"{name}: {vault.readable(value)}"
            for name, value in flow.request.headers.items()
            if name.lower() not in policy.dlp.skip_headers
            and not any(one.placeholder in vault.readable(value) for one in at.credentials)
        )
        found = await scan.content(hop, service, headers)
        self._scan_found(flow, policy.dlp.headers, found, "headers")
        if mode == "off" or not body:
            return
        text = json_strings(body) or body.decode("utf-8", "replace")
        if mode == "block":
            found = await scan.content(hop, service, text)
            self._scan_found(flow, mode, found, "body")
            return
        # Only a note would come of it, so the request does not wait.
        task = asyncio.ensure_future(self._scan_later(flow, hop, service, text))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _scan_later(
        self, flow: http.HTTPFlow, hop: NextHop, service: Scan, text: str
    ) -> None:
        try:
            found = await scan.content(hop, service, text)
        except Refused as error:
            log(flow, "warn", error.rule, error.reason)
            return
        if found is not None:
            log(flow, "warn", f"scan:{found}", "found in the body")

    def _scan_found(self, flow: http.HTTPFlow, mode: str, found: str | None, where: str) -> None:
        if found is None or mode == "off":
            return
        if mode == "block":
            raise Refused(
                f"scan:{found}", f"the next hop's scan refused the {where}", hint=_SCAN_HINT
            )
        log(flow, "warn", f"scan:{found}", f"found in the {where}")


def _lines(headers: http.Headers, without: frozenset[str]) -> bytes:
    # With the names: an agent chooses those, too.
    lines = (
        f"{name}\n{vault.readable(value)}"
        for name, value in headers.items()
        if name.lower() not in without
    )
    return "\n".join(lines).encode("utf-8", "surrogateescape")


_SCAN_HINT = "remove what is shaped like a secret from the request"


def _own_secret(name: str, where: str) -> Refused:
    return Refused(
        f"secret:{name}",
        f"the real value of `{name}` is in the request's {where}",
        hint="send the placeholder that the agent was given",
    )
