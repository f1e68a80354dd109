"""Finds secrets on their way out: the session's own, its placeholders, and well-known shapes.

Findings are names, never the text that was found.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, unquote_to_bytes

# name, literals of which one must be present (a fast search before the slow one), expression
_SHAPES: list[tuple[str, tuple[bytes, ...], re.Pattern[bytes]]] = [
    (name, literals, re.compile(expression))
    for name, literals, expression in (
        ("anthropic-key", (b"sk-ant-",), rb"sk-ant-[A-Za-z0-9_-]{20,}"),
        (
            "openai-key",
            (b"sk-",),
            rb"(?<![A-Za-z0-9-])sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{40,})",
        ),
        (
            "github-token",
            (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
            rb"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
        ),
        (
            "aws-key-id",
            (b"AKIA", b"ASIA"),
            # A signed link to a file names the key of whoever signed it.
            rb"(?<![A-Za-z0-9])(?<!X-Amz-Credential=)(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        ),
        ("gitlab-token", (b"glpat-",), rb"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20,}"),
        (
            "slack-token",
            (b"xox", b"xapp-"),
            rb"(?<![A-Za-z0-9])(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,})",
        ),
        (
            "google-key",
            (b"AIza", b"ya29.", b"GOCSPX-"),
            rb"(?<![A-Za-z0-9])(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}"
            rb"|GOCSPX-[A-Za-z0-9_-]{20,})",
        ),
        ("npm-token", (b"npm_",), rb"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}"),
        ("pypi-token", (b"pypi-AgE",), rb"pypi-AgE[A-Za-z0-9_-]{50,}"),
        ("huggingface-token", (b"hf_",), rb"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}"),
        ("stripe-key", (b"k_live_",), rb"(?<![A-Za-z0-9])[sr]k_live_[A-Za-z0-9]{20,}"),
        (
            "private-key",
            (b"PRIVATE KEY",),
            rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        ),
    )
]


def _base64_cores(value: bytes) -> Iterable[bytes]:
    """What `value` looks like inside any longer base64 text, at each of the three offsets,
    without the characters at either end that its neighbours influence."""
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + value).rstrip(b"=")
        start = (0, 2, 3)[lead]
        # A trailing group of one or two bytes shares its last character with what follows.
        end = len(encoded) - (0 if (lead + len(value)) % 3 == 0 else 1)
        core = encoded[start:end]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")


def spellings(value: str) -> list[bytes]:
    """The forms in which a value is searched for."""
    raw = value.encode()
    forms = {
        raw,
        json.dumps(value)[1:-1].encode(),
        quote(value, safe="").encode(),
        quote_plus(value).encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        *_base64_cores(raw),
    }
    return sorted(forms, key=len)


class Finder:
    """Looks for a session's secrets and placeholders, and for the well-known shapes."""

    def __init__(self, secrets: dict[str, str], placeholders: dict[str, str]) -> None:
        self._secrets = [(name, spellings(value)) for name, value in secrets.items()]
        self._placeholders = {name: value.encode() for name, value in placeholders.items()}

    def own(self, data: bytes) -> str | None:
        """The name of a real secret of this session in `data`, in any spelling."""
        views = [data]
        if b"%" in data:
            views.append(unquote_to_bytes(data))
        for name, forms in self._secrets:
            if any(form in view for view in views for form in forms):
                return name
        return None

    def placeholders(self, data: bytes) -> list[str]:
        """The names of the placeholders in `data`."""
        return [name for name, text in self._placeholders.items() if text in data]

    def shape(self, data: bytes) -> str | None:
        """The kind of the first secret-shaped text in `data`. Placeholders do not count,
        whatever they look like."""
        for text in self._placeholders.values():
            if text in data:
                data = data.replace(text, b" ")
        views = [data]
        if b"%" in data:
            views.append(unquote_to_bytes(data))
        for name, literals, expression in _SHAPES:
            for view in views:
                if any(literal in view for literal in literals) and expression.search(view):
                    return name
        return None


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, in order."""


def json_strings(data: bytes) -> str | None:
    """Every string of a JSON document (keys too), one a line; `None` if it is none. This is
    what a plain-text scanner must be given, so that escapes hide nothing."""
    try:
        # As pairs: a dict would drop all but the last value of a key that is given twice.
        document = json.loads(data, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    out: list[str] = []
    stack = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
        elif isinstance(item, _Pairs):
            for key, value in reversed(item):
                stack.append(value)
                stack.append(key)
        elif isinstance(item, list):
            stack.extend(reversed(item))
    return "\n".join(out)
