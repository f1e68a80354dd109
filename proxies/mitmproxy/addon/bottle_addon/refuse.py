"""Refusals: one exception inside, one JSON answer outside."""

from __future__ import annotations

import json
import re

from mitmproxy import http

_NOT_IN_HEADER = re.compile(r"[^\x21-\x7e]")


class Refused(Exception):
    """A request may not pass. `rule` says what decided, `hint` what to do about it."""

    def __init__(
        self,
        rule: str,
        reason: str,
        *,
        hint: str = "",
        status: int = 403,
        decision: str = "deny",
    ) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason
        self.hint = hint
        self.status = status
        self.decision = decision


def response(refused: Refused, host: str, *, body: bool = True) -> http.Response:
    """The structured answer. `body=False` for `HEAD`."""
    text = json.dumps(
        {
            "error": "bottle_refused",
            "rule": refused.rule,
            "reason": refused.reason,
            "hint": refused.hint,
            "host": host,
        }
    )
    return http.Response.make(
        refused.status,
        (text + "\n").encode() if body else b"",
        {
            "content-type": "application/json",
            "cache-control": "no-store",
            "x-bottle-refused": _NOT_IN_HEADER.sub("?", refused.rule)[:200],
        },
    )
