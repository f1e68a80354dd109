"""The magic host: says whether this hop and the one behind it are ready."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from mitmproxy import http

from . import scan
from .policy import NextHop
from .refuse import Refused
from .request import Passage

if TYPE_CHECKING:
    from .state import State


async def _reaches(hop: NextHop) -> str | None:
    """Whether a hop without a health endpoint takes connections at all."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(hop.host, hop.port), timeout=3.0)
    except (OSError, TimeoutError) as error:
        return f"no connection: {getattr(error, 'strerror', None) or type(error).__name__}"
    writer.close()
    return None


async def _report(state: State) -> tuple[bool, list[dict[str, Any]]]:
    policy = None
    mine: str | None = None
    try:
        policy = state.policy()
    except Refused as refused:
        mine = refused.reason
    hops: list[dict[str, Any]] = [_hop("mitmproxy", mine)]
    if policy is not None and policy.next is not None:
        why = await scan.check(policy.next)
        if why is None and policy.next.health is None:
            why = await _reaches(policy.next)
        hops.append(_hop(policy.next.host, why))
    return all(hop["ready"] for hop in hops), hops


def _hop(name: str, why: str | None) -> dict[str, Any]:
    return (
        {"name": name, "ready": True}
        if why is None
        else {
            "name": name,
            "ready": False,
            "reason": why,
        }
    )


async def answer(state: State, at: Passage) -> http.Response:
    """200 when the whole chain from here on is ready, 503 otherwise."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if at.path != "/ready" or at.method != "GET":
        return http.Response.make(404, b"{}\n", headers)
    ready, hops = await _report(state)
    body = json.dumps({"ready": ready, "hops": hops}) + "\n"
    return http.Response.make(200 if ready else 503, body.encode(), headers)
