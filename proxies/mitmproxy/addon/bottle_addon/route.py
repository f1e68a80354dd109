"""Where a checked request goes: handed off, tunnelled through the next hop, or dialled."""

from __future__ import annotations

from mitmproxy import connection, http

from . import rules
from .policy import ABSOLUTE_HTTP, ABSOLUTE_HTTPS, CONNECT, NextHop, Policy
from .refuse import Refused
from .request import Passage, is_websocket


def route(flow: http.HTTPFlow, policy: Policy, at: Passage) -> None:
    """Points the flow at the way that its class takes. Nothing may change it afterwards."""
    at.routed = True
    if policy.credentials_for(at.host):
        # A reflected credential can only be found in an answer that is not packed.
        flow.request.headers["accept-encoding"] = "identity"
    hop = policy.next
    if hop is None:
        return
    if hands_off(flow, policy, hop, at):
        at.handed_off = True
        _hand_off(flow, hop, at)
    elif CONNECT in hop.accepts:
        _tunnel(flow, hop, at)
    else:
        raise Refused(
            "chain",
            f"the next hop takes no {at.scheme} traffic of class {at.cls}",
            hint="this is a fault of the bottle's chain, not of the request",
            status=502,
        )


def hands_off(flow: http.HTTPFlow, policy: Policy, hop: NextHop, at: Passage) -> bool:
    """Whether the next hop gets the request itself, and not a tunnel."""
    if is_websocket(flow.request):
        return False
    if at.scheme == "http":
        return ABSOLUTE_HTTP in hop.accepts
    return at.cls == rules.INSPECT and policy.mode == "handoff" and ABSOLUTE_HTTPS in hop.accepts


def _hand_off(flow: http.HTTPFlow, hop: NextHop, at: Passage) -> None:
    """Sends `METHOD https://host/path` to the next hop, which makes the TLS connection.

    No `via`: the flow ends at the hop, so mitmproxy makes no CONNECT.
    """
    request = flow.request
    # A hop that reads answers cannot read compressed ones.
    request.headers["accept-encoding"] = "identity"
    flow.server_conn = connection.Server(address=hop.address)
    request.host, request.port, request.scheme = hop.host, hop.port, "http"
    request.authority = ""
    request.data.path = at.url.encode("latin-1")
    host = at.url.split("://", 1)[1].split("/", 1)[0]
    request.headers["host"] = host


def _tunnel(flow: http.HTTPFlow, hop: NextHop, at: Passage) -> None:
    """Reaches the origin by CONNECT through the next hop."""
    server = connection.Server(address=(flow.request.host, at.port))
    server.via = ("http", hop.address)
    flow.server_conn = server
