"""A request as the policy sees it, and the checks that need no body."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mitmproxy import http

from . import rules
from .hosts import is_literal, normalise, split_authority
from .policy import Credential, Policy
from .refuse import Refused
from .rules import Rule
from .streams import Pipe

MAGIC_HOST = "bottle.invalid"
KEY = "bottle"

_METHOD = re.compile(r"[A-Z][A-Z0-9_-]{0,31}\Z", re.IGNORECASE)
_PATH = re.compile(rb"/[\x21-\x7e]*\Z")
_HIGH = re.compile(rb"[\x80-\xff]")
_BAD_IN_VALUE = re.compile(rb"[\r\n\0]")
_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_HOP_HEADERS = ("proxy-authorization", "proxy-connection", "keep-alive")


@dataclass(slots=True)
class Passage:
    """What is known of one request on its way; lives in the flow's metadata."""

    host: str
    port: int
    scheme: str
    method: str
    path: str
    url: str
    started: float
    rule: Rule | None = None
    cls: str = rules.INSPECT
    policy: Policy | None = None
    credentials: list[Credential] = field(default_factory=list)
    routed: bool = False
    handed_off: bool = False
    finding: str | None = None
    request_bytes: int | None = None
    pipe: Pipe | None = None
    upload: Pipe | None = None
    logged: bool = False
    # The answer is ours, not an origin's.
    ours: bool = False

    @property
    def rule_name(self) -> str | None:
        """The rule that let it pass, for the log."""
        return self.rule.name if self.rule else None


def passage(flow: http.HTTPFlow, now: float) -> Passage:
    """Reads a request without judging it; refuses what cannot be read one way only."""
    request = flow.request
    host = normalise(request.host)
    if host is None:
        raise Refused("host", "the request's host is no host name", status=400)
    # Raw bytes above ASCII are read differently by different servers.
    path = _HIGH.sub(lambda byte: b"%%%02X" % byte[0][0], request.data.path)
    request.data.path = path
    return Passage(
        host=host,
        port=request.port,
        scheme=request.scheme,
        method=request.method.upper(),
        path=path.split(b"?", 1)[0].decode("latin-1"),
        url=f"{request.scheme}://{host}{_port(request)}{path.decode('latin-1')}",
        started=now,
    )


def _port(request: http.Request) -> str:
    default = 443 if request.scheme == "https" else 80
    return "" if request.port == default else f":{request.port}"


def check_shape(flow: http.HTTPFlow, at: Passage) -> None:
    """Refuses requests that two parsers could read in two ways."""
    request = flow.request
    if request.scheme not in ("http", "https"):
        raise Refused("shape", "only http and https pass", status=400)
    if not _METHOD.match(request.method) or at.method in ("CONNECT", "TRACE"):
        raise Refused("shape", "this method does not pass", status=400)
    if not _PATH.match(request.data.path):
        raise Refused("shape", "the path holds characters that no path may hold", status=400)
    for name, value in request.headers.fields:
        if _BAD_IN_VALUE.search(value) or _BAD_IN_VALUE.search(name):
            raise Refused("shape", "a header holds a line break", status=400)
    coding = request.headers.get("transfer-encoding", "chunked")
    if coding.strip().lower() != "chunked":
        raise Refused("shape", "only `chunked` is accepted as transfer-encoding", status=400)
    _check_names(flow, at)


def _check_names(flow: http.HTTPFlow, at: Passage) -> None:
    """CONNECT target, SNI, `:authority` and Host must name the same host (no fronting)."""
    request = flow.request
    names = [("host", value) for value in request.headers.get_all("host")]
    if len(names) > 1:
        raise Refused("shape", "the request has two Host headers", status=400)
    if request.authority:
        names.append(("authority", request.authority))
    default = 443 if at.scheme == "https" else 80
    for kind, value in names:
        parts = split_authority(value)
        if parts is None or (parts[0], parts[1] or default) != (at.host, at.port):
            raise Refused(
                "fronting",
                f"the request's {kind} is not the host of its connection",
                hint="use one connection per host",
                status=421,
            )
    client = flow.client_conn
    if client.tls_established and not is_literal(at.host):
        if client.sni is None or normalise(client.sni) != at.host:
            raise Refused(
                "fronting",
                "the TLS server name is not the host of the connection",
                hint="send the host's own name as SNI",
                status=421,
            )


def check_literal(host: str) -> None:
    """Refuses addresses: policy is about names."""
    if is_literal(host):
        raise Refused(
            "ip-literal",
            "addresses are refused, only host names pass",
            hint="use the host's name, and allow that",
        )


def methods_of(request: http.Request) -> list[str]:
    """The method, and those that headers ask the server to use instead."""
    found = [request.method.upper()]
    for name in _OVERRIDES:
        found += [value.strip().upper() for value in request.headers.get_all(name)]
    return found


def is_websocket(request: http.Request) -> bool:
    """Whether it asks for a WebSocket."""
    return (
        request.method.upper() == "GET"
        and request.headers.get("upgrade", "").strip().lower() == "websocket"
    )


def is_grpc(request: http.Request) -> bool:
    """Whether it is gRPC or a Connect stream: both sides talk at once."""
    kind = request.headers.get("content-type", "").lower()
    return kind.startswith(("application/grpc", "application/connect+"))


def classify(policy: Policy, at: Passage, request: http.Request) -> str:
    """The traffic class: what the rule says, unless the traffic itself asks for more."""
    assert at.rule is not None
    if is_websocket(request) or is_grpc(request):
        return rules.TUNNEL
    if at.rule.cls == rules.TUNNEL:
        return rules.TUNNEL
    if policy.credentials_for(at.host):
        return rules.CREDENTIALED
    # A passthrough rule is about closed TLS; what arrives open is looked at.
    return rules.INSPECT


def clean(request: http.Request) -> None:
    """Removes what is between the agent and this hop only."""
    for name in _HOP_HEADERS:
        request.headers.pop(name, None)
    if not is_websocket(request):
        request.headers.pop("upgrade", None)
        # What else it names is no business of the next hop.
        if "close" in request.headers.pop("connection", "").lower():
            request.headers["connection"] = "close"
