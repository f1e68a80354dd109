"""Hooks on the way back: stream everything, take reflected secrets out, log the outcome."""

from __future__ import annotations

from mitmproxy import http

from . import vault
from .policy import Credential
from .refuse import Refused
from .request import Passage
from .state import State, guarded, log, passage_of
from .streams import Pipe, Swapper

# Never passed on: offers of a protocol that cannot be proxied, and marks that only we set.
_DROPPED = ("alt-svc", "x-bottle-refused")
_REFUSAL_STATUS = (403, 405, 429, 502, 503)
_REFUSAL_LIMIT = 8192
_REFUSAL_PREFIXES = (
    "blocked:",
    "CONNECT blocked:",
    "forward proxy",
    '{"error":"kill_switch_active"',
)


class Responses:
    """From the first line of an answer to its end."""

    def __init__(self, state: State) -> None:
        self._state = state

    @guarded(kill=True)
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Nothing is ever held back: every body streams, but for a short refusal of the next
        hop, which is read for its reason."""
        at = passage_of(flow)
        reply = flow.response
        if at is None or reply is None:
            raise Refused("internal", "an answer to a request that was not judged")
        if at.ours or not at.routed:
            return
        for name in _DROPPED:
            reply.headers.pop(name, None)
        policy = at.policy
        if policy is None:
            raise Refused("internal", "an answer to a request that was not judged")
        credentials = at.credentials or policy.credentials_for(at.host)
        pipe = self._redact(flow, reply, credentials)
        if reply.status_code == 101 or (pipe is None and _maybe_refusal(at, reply)):
            return
        at.pipe = pipe or Pipe()
        reply.stream = at.pipe

    def _redact(
        self, flow: http.HTTPFlow, reply: http.Response, credentials: list[Credential]
    ) -> Pipe | None:
        """Puts placeholders back where an origin reflects a real value."""
        if not credentials:
            return None
        swaps = vault.swaps(credentials)
        for real, placeholder in swaps:
            reply.headers.fields = tuple(
                (name, value.replace(real, placeholder)) for name, value in reply.headers.fields
            )
        if not _has_body(flow, reply):
            return None
        if reply.headers.get("content-type", "").lower().startswith("application/grpc"):
            # Its frames say how long they are.
            return Pipe(Swapper([(real, b"*" * len(real)) for real, _ in swaps]))
        coding = reply.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", "x-gzip"):
            raise Refused(
                "response-encoding",
                f"the answer is packed as `{coding}` although it was asked not to be, "
                "so reflected credentials could not be found",
            )
        unpack = coding != "identity"
        reply.headers.pop("content-encoding", None)
        if unpack or any(len(real) != len(fake) for real, fake in swaps):
            # The length is not known before the end.
            reply.headers.pop("content-length", None)
            if flow.request.http_version == "HTTP/1.1":
                reply.headers["transfer-encoding"] = "chunked"
        return Pipe(Swapper(swaps), unpack=unpack)

    @guarded(kill=True)
    def response(self, flow: http.HTTPFlow) -> None:
        """The answer is complete (or, for a WebSocket, the handshake is)."""
        at = passage_of(flow)
        reply = flow.response
        if at is None or reply is None or at.ours or not at.routed:
            return
        if at.pipe is None and _maybe_refusal(at, reply):
            text = (reply.get_text(strict=False) or "").strip()
            if text.startswith(_REFUSAL_PREFIXES):
                reply.headers["x-bottle-refused"] = "next-hop"
                log(flow, "deny", "next-hop", text)
                return
        log(flow, "allow", at.rule_name, None)

    @guarded(kill=True)
    def error(self, flow: http.HTTPFlow) -> None:
        """The flow ended otherwise: no answer from upstream, or the agent went away."""
        at = passage_of(flow)
        if at is None or at.ours or flow.error is None:
            return
        why = flow.error.msg
        if "refused HTTP CONNECT request" in why:
            log(flow, "deny", "next-hop", why)
        elif "body_size_limit" in why:
            log(flow, "deny", "limit", "the request's body is larger than the limit")
        elif flow.response is not None and at.routed:
            log(flow, "allow", at.rule_name, f"ended early: {why}")
        else:
            log(flow, "error", at.rule_name, why)

    @guarded(kill=True)
    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Real secrets do not leave in a message, and do not come back in one."""
        at = passage_of(flow)
        if at is None or at.policy is None or flow.websocket is None:
            raise Refused("internal", "a message of a WebSocket that was not judged")
        message = flow.websocket.messages[-1]
        # Only the last one matters; an agent's socket may live for hours.
        del flow.websocket.messages[:-1]
        policy = at.policy
        if not message.from_client:
            for real, placeholder in vault.swaps(policy.credentials_for(at.host)):
                if real in message.content:
                    message.content = message.content.replace(real, placeholder)
            return
        finder = self._state.finder(policy)
        name = finder.own(message.content)
        kind = None if policy.dlp.tunnel == "off" else finder.shape(message.content)
        if name is None and (kind is None or policy.dlp.tunnel == "warn"):
            if kind is not None:
                log(flow, "warn", f"dlp:{kind}", "found in a WebSocket message")
            return
        message.drop()
        rule = f"secret:{name}" if name is not None else f"dlp:{kind}"
        at.logged = False
        log(flow, "deny", rule, "a WebSocket message held a secret and was dropped")


def _has_body(flow: http.HTTPFlow, reply: http.Response) -> bool:
    return (
        flow.request.method.upper() != "HEAD"
        and reply.status_code not in (204, 304)
        and reply.status_code >= 200
    )


def _maybe_refusal(at: Passage, reply: http.Response) -> bool:
    """Whether a short text that could be the next hop's own refusal is on its way. Such an
    answer says how long it is, so reading it cannot hold a stream back."""
    if not at.handed_off or reply.status_code not in _REFUSAL_STATUS:
        return False
    kind = reply.headers.get("content-type", "").lower()
    length = reply.headers.get("content-length", "")
    return (
        kind.startswith(("text/plain", "application/json"))
        and length.isdigit()
        and int(length) <= _REFUSAL_LIMIT
    )
