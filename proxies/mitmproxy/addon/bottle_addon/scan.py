"""Asks the next hop's scan service, and its health endpoint."""

from __future__ import annotations

import json

from . import wire
from .policy import Health, NextHop, Scan
from .refuse import Refused

_TIMEOUT = 15.0
# A secret that lies across two pieces must be whole in one of them.
_OVERLAP = 4096


class ScanDown(Refused):
    """The scan service did not judge; nothing may pass unjudged."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "scan-unavailable",
            f"the next hop could not scan the request: {why}",
            hint="this is a fault of the bottle, not of the request; try again",
            status=503,
        )


async def _ask(hop: NextHop, scan: Scan, kind: str, key: str, text: str) -> str | None:
    """`None` when it may pass, otherwise the findings by name."""
    body = json.dumps({"kind": kind, "input": {key: text}}).encode()
    try:
        status, answer = await wire.request(
            hop.host,
            scan.port,
            "POST",
            scan.path,
            body=body,
            headers={
                "Authorization": f"Bearer {scan.token}",
                "Content-Type": "application/json",
            },
            timeout=_TIMEOUT,
        )
        document = wire.json_object(answer)
    except wire.WireError as error:
        raise ScanDown(str(error)) from None
    decision = document.get("decision")
    if status != 200 or document.get("status") != "completed":
        raise ScanDown(f"it answered {status}")
    if decision == "allow":
        return None
    if decision != "deny":
        raise ScanDown("it gave no decision")
    findings = document.get("findings")
    names = [
        str(finding.get("rule_id", "unnamed"))
        for finding in (findings if isinstance(findings, list) else [])
        if isinstance(finding, dict)
    ]
    return ", ".join(sorted(set(names))) or "unnamed"


async def url(hop: NextHop, scan: Scan, text: str) -> str | None:
    """Judges a URL."""
    return await _ask(hop, scan, "url", "url", text)


async def content(hop: NextHop, scan: Scan, text: str) -> str | None:
    """Judges text, in pieces of the size that the service takes."""
    # The limit counts bytes, of which a character takes up to four.
    size = max(scan.max_text // (1 if text.isascii() else 4), _OVERLAP * 2)
    start = 0
    while start < len(text):
        piece = text[start : start + size]
        if piece.strip():
            found = await _ask(hop, scan, "dlp", "text", piece)
            if found is not None:
                return found
        if start + size >= len(text):
            break
        start += size - _OVERLAP
    return None


async def health(hop: NextHop, health_at: Health) -> str | None:
    """`None` when the hop is healthy, otherwise why not."""
    try:
        status, answer = await wire.request(
            hop.host, health_at.port, "GET", health_at.path, timeout=3.0
        )
        if status != 200:
            return f"its health endpoint answered {status}"
        document = wire.json_object(answer) if health_at.expect else {}
    except wire.WireError as error:
        return str(error)
    for key, wanted in health_at.expect.items():
        if document.get(key) != wanted:
            return f"its health endpoint says `{key}` is {document.get(key)!r}"
    return None


async def check(hop: NextHop) -> str | None:
    """Whether the hop is healthy and takes our scan token: `None`, or why not."""
    if hop.health is not None:
        why = await health(hop, hop.health)
        if why is not None:
            return why
    if hop.scan is not None:
        try:
            found = await content(hop, hop.scan, "ready")
        except ScanDown as error:
            return error.reason
        if found is not None:
            return "its scan service refuses harmless text"
    return None
