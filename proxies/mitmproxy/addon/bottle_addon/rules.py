"""Allow rules: which host, port, method and path may pass, and how it is treated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .hosts import HostPattern
from .refuse import Refused

INSPECT = "inspect"
CREDENTIALED = "credentialed"
TUNNEL = "tunnel"
PASSTHROUGH = "passthrough"

# A server may read these as something other than a literal byte of the path; a path rule that
# let them pass could be walked around.
_AMBIGUOUS = re.compile(r"%2e|%2f|%5c|%00|%25|\\|//|/\.{1,2}(?:/|;|\Z)|/\.{1,2}%", re.IGNORECASE)
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_STRICTNESS = {INSPECT: 2, TUNNEL: 1, PASSTHROUGH: 0}


def path_regex(glob: str) -> re.Pattern[str]:
    """`*` and `?` stay inside a segment, `**` crosses segments."""
    out = []
    for part in re.split(r"(\*\*|\*|\?)", glob):
        out.append({"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)))
    return re.compile("".join(out) + r"\Z", re.DOTALL)


def plain_path(path: str) -> str:
    """The path with percent-encoded unreserved characters decoded, upper-case hex."""

    def one(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if _UNRESERVED.match(char) else match[0].upper()

    return _PERCENT.sub(one, path)


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission."""

    host: HostPattern
    ports: frozenset[int]
    methods: frozenset[str]
    globs: tuple[str, ...]
    paths: tuple[re.Pattern[str], ...]
    cls: str

    @property
    def name(self) -> str:
        """How refusals and logs call it."""
        return f"allow:{self.host.text}"

    def reaches(self, host: str, port: int, scheme: str) -> bool:
        """Whether it is about this host and port. Without ports: 443, and 80 in plain HTTP."""
        if not self.host.matches(host):
            return False
        if self.ports:
            return port in self.ports
        return port == (443 if scheme == "https" else 80)

    def objection(self, methods: Iterable[str], path: str) -> str | None:
        """Why a request that it reaches still does not fit."""
        if self.methods:
            for method in methods:
                if method not in self.methods:
                    return f"method `{method}` is not among {', '.join(sorted(self.methods))}"
        if self.paths:
            if _AMBIGUOUS.search(path):
                return "the path is written ambiguously, which a path rule does not accept"
            path = plain_path(path)
            if not any(glob.match(path) for glob in self.paths):
                return f"the path is under none of {', '.join(self.globs)}"
        return None

    def rank(self) -> tuple[bool, int, bool, bool, int]:
        """The most specific rule wins, then the one that looks closest."""
        return (
            self.host.exact,
            len(self.host.text),
            bool(self.paths),
            bool(self.methods),
            _STRICTNESS[self.cls],
        )


class RuleSet:
    """All permissions and prohibitions of a policy."""

    def __init__(self, allow: Iterable[Rule], deny: Iterable[HostPattern]) -> None:
        self.allow = sorted(allow, key=Rule.rank, reverse=True)
        self.deny = list(deny)

    def _refuse_denied(self, host: str) -> None:
        for pattern in self.deny:
            if pattern.matches(host):
                raise Refused(
                    f"deny:{pattern.text}",
                    f"host `{host}` is on the deny list",
                    hint="the bottle's config denies this host",
                )

    def reaching(self, host: str, port: int, scheme: str) -> list[Rule]:
        """The rules about this host and port, most specific first; refuses if there is none."""
        self._refuse_denied(host)
        found = [rule for rule in self.allow if rule.reaches(host, port, scheme)]
        if found:
            return found
        if any(rule.host.matches(host) for rule in self.allow):
            raise Refused(
                "port",
                f"port {port} of `{host}` is not allowed for {scheme}",
                hint=f"name the port in the rule: ports = [{port}]",
            )
        raise Refused(
            "allowlist",
            f"host `{host}` is not on the allow list",
            hint=f'allow it with `--allow {host}` or `[egress] allow = ["{host}"]`',
        )

    def knows(self, host: str) -> bool:
        """Whether some rule is about this host at all, and none denies it."""
        return not any(p.matches(host) for p in self.deny) and any(
            rule.host.matches(host) for rule in self.allow
        )

    def decide(self, host: str, port: int, scheme: str, methods: list[str], path: str) -> Rule:
        """The rule that lets this request pass; refuses if there is none."""
        objections: dict[str, str] = {}
        for rule in self.reaching(host, port, scheme):
            why = rule.objection(methods, path)
            if why is None:
                return rule
            objections.setdefault(rule.name, why)
        name, why = next(iter(objections.items()))
        raise Refused(
            name,
            f"host `{host}` is allowed, but {why}",
            hint="widen `methods` or `paths` of the rule if the agent needs this",
        )

    def passes_through(self, host: str, port: int) -> bool:
        """Whether TLS to this host is left closed: every rule of the most specific pattern
        says so."""
        found = self.reaching(host, port, "https")
        best = [rule for rule in found if rule.host.text == found[0].host.text]
        return all(rule.cls == PASSTHROUGH for rule in best)
