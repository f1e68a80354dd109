"""The policy file as types. The format is written by the Rust half of this plugin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from . import rules
from .fields import Fields, PolicyError, plain, port
from .hosts import HostPattern, normalise
from .rules import Rule, RuleSet

CONNECT = "connect"
ABSOLUTE_HTTP = "absolute_http"
ABSOLUTE_HTTPS = "absolute_https"
DIALECTS = ("pipelock-v1",)
MODES = ("block", "warn", "off")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Scan:
    """The scan service of the next hop."""

    port: int
    path: str
    token: str
    max_text: int


@dataclass(frozen=True, slots=True)
class Health:
    """Where the next hop says that it is healthy."""

    port: int
    path: str
    expect: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NextHop:
    """The hop behind this one."""

    host: str
    port: int
    accepts: frozenset[str]
    scan: Scan | None
    health: Health | None

    @property
    def address(self) -> tuple[str, int]:
        """As mitmproxy writes addresses."""
        return (self.host, self.port)


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that is put into requests on their way out."""

    name: str
    placeholder: str
    secret: str
    hosts: tuple[HostPattern, ...]
    header: str
    format: str
    always: bool
    # False when a hop behind this one puts the value in; then it is not known here.
    inject: bool

    def belongs_to(self, host: str) -> bool:
        """Whether this host may see it."""
        return any(pattern.matches(host) for pattern in self.hosts)


@dataclass(frozen=True, slots=True)
class Dlp:
    """What to do about secret-shaped text, by place."""

    url: str
    headers: str
    inspect: str
    credentialed: str
    tunnel: str
    # Headers in which the agent may send credentials of its own.
    skip_headers: frozenset[str]

    def body(self, cls: str) -> str:
        """The mode for the body of a traffic class."""
        return {
            rules.INSPECT: self.inspect,
            rules.CREDENTIALED: self.credentialed,
            rules.TUNNEL: self.tunnel,
        }[cls]


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the add-on enforces."""

    mode: str
    rules: RuleSet
    credentials: tuple[Credential, ...]
    foreign_credentials: str
    dlp: Dlp
    # Names under which this hop itself is asked for its health.
    names: frozenset[str]
    trusted_private: tuple[HostPattern, ...]
    next: NextHop | None
    # Every secret value of the session by name, tokens between hops included.
    secrets: dict[str, str]

    def credentials_for(self, host: str) -> list[Credential]:
        """The credentials that are put in here on their way to a host."""
        return [one for one in self.credentials if one.inject and one.belongs_to(host)]


def parse(document: Any, secrets: Any) -> Policy:
    """Builds a policy from the two parsed files, or says what is wrong with them."""
    values = _secrets(secrets)
    fields = Fields(document, "")
    if fields.number("version", 0, 1 << 31) != 1:
        raise PolicyError("`version` is not 1")
    mode = fields.choice("mode", ("handoff", "upstream"), "handoff")
    allow = fields.items("allow", _rule)
    deny = fields.items("deny", _pattern)
    credentials = fields.items("credentials", lambda v, p: _credential(v, p, values))
    policy = Policy(
        mode=mode,
        rules=RuleSet(allow, deny),
        credentials=tuple(credentials),
        foreign_credentials=fields.choice("foreign_credentials", ("refuse", "allow"), "refuse"),
        dlp=fields.member("dlp", _dlp) or _dlp(Fields({}, "dlp")),
        names=frozenset(fields.items("names", plain)),
        trusted_private=tuple(fields.items("trusted_private", _pattern)),
        next=fields.member("next", lambda f: _next(f, values)),
        secrets=values,
    )
    fields.finish()
    if mode == "upstream" and policy.next is None:
        raise PolicyError("`mode` is upstream, but there is no `next` hop")
    return policy


def _secrets(document: Any) -> dict[str, str]:
    if not isinstance(document, dict):
        raise PolicyError("the secrets are not an object")
    for name, value in document.items():
        if not isinstance(value, str) or len(value) < _SHORTEST_SECRET:
            raise PolicyError(
                f"secret `{name}` is not a string of {_SHORTEST_SECRET} characters or more"
            )
        if not value.isascii() or not value.isprintable():
            raise PolicyError(f"secret `{name}` holds characters that no header may carry")
    return dict(document)


def _pattern(value: Any, place: str) -> HostPattern:
    try:
        return HostPattern(plain(value, place))
    except ValueError:
        raise PolicyError(f"`{place}` is not a host pattern") from None


def _rule(value: Any, place: str) -> Rule:
    fields = Fields(value, place)
    host = _pattern(fields.text("host"), fields.at("host"))
    ports = frozenset(fields.items("ports", port))
    methods = frozenset(m.upper() for m in fields.items("methods", plain))
    globs = tuple(fields.items("paths", plain))
    cls = fields.choice("class", (rules.INSPECT, rules.TUNNEL, rules.PASSTHROUGH), rules.INSPECT)
    fields.finish()
    for method in methods:
        if not _TOKEN.match(method):
            raise PolicyError(f"`{place}.methods` holds something that is no method")
    if not all(glob.startswith(("/", "*")) for glob in globs):
        raise PolicyError(f"`{place}.paths` holds a path that does not begin with `/`")
    if cls == rules.PASSTHROUGH and (methods or globs):
        raise PolicyError(f"`{place}` asks for methods or paths of traffic that stays closed")
    paths = tuple(rules.path_regex(glob) for glob in globs)
    return Rule(host, ports, methods, globs, paths, cls)


def _credential(value: Any, place: str, secrets: dict[str, str]) -> Credential:
    fields = Fields(value, place)
    name = fields.text("name")
    inject = fields.flag("inject", True)
    if inject and name not in secrets:
        raise PolicyError(f"`{place}`: there is no secret `{name}`")
    credential = Credential(
        name=name,
        placeholder=fields.text("placeholder"),
        secret=secrets[name] if inject else "",
        hosts=tuple(fields.items("hosts", _pattern)),
        header=fields.text("header").lower(),
        format=fields.text("format", "{}"),
        always=fields.flag("always", False),
        inject=inject,
    )
    fields.finish()
    if len(credential.placeholder) < _SHORTEST_SECRET:
        raise PolicyError(f"`{place}.placeholder` is shorter than {_SHORTEST_SECRET}")
    if credential.placeholder == credential.secret:
        raise PolicyError(f"`{place}.placeholder` is the secret itself")
    if not credential.hosts:
        raise PolicyError(f"`{place}.hosts` is empty")
    if not _TOKEN.match(credential.header):
        raise PolicyError(f"`{place}.header` is no header name")
    if "{}" not in credential.format:
        raise PolicyError(f"`{place}.format` has no `{{}}`")
    return credential


def _dlp(fields: Fields) -> Dlp:
    return Dlp(
        url=fields.choice("url", MODES, "block"),
        headers=fields.choice("headers", MODES, "block"),
        inspect=fields.choice("inspect", MODES, "block"),
        credentialed=fields.choice("credentialed", MODES, "warn"),
        tunnel=fields.choice("tunnel", MODES, "block"),
        skip_headers=frozenset(name.lower() for name in fields.items("skip_headers", plain)),
    )


def _next(fields: Fields, secrets: dict[str, str]) -> NextHop:
    host = normalise(fields.text("host"))
    if host is None:
        raise PolicyError(f"`{fields.at('host')}` is no host name")

    def accept(value: Any, place: str) -> str:
        if value not in (CONNECT, ABSOLUTE_HTTP, ABSOLUTE_HTTPS):
            raise PolicyError(f"`{place}` is no known way to talk to a hop")
        return str(value)

    return NextHop(
        host=host,
        port=fields.number("port", 1, 65535),
        accepts=frozenset(fields.items("accepts", accept)),
        scan=fields.member("scan", lambda f: _scan(f, secrets)),
        health=fields.member("health", _health),
    )


def _scan(fields: Fields, secrets: dict[str, str]) -> Scan:
    fields.choice("dialect", DIALECTS)
    token = fields.text("token")
    if token not in secrets:
        raise PolicyError(f"`{fields.at('token')}`: there is no secret `{token}`")
    return Scan(
        port=fields.number("port", 1, 65535),
        path=_path(fields),
        token=secrets[token],
        max_text=fields.number("max_text", 1024, 1 << 30, 1 << 18),
    )


def _health(fields: Fields) -> Health:
    return Health(
        port=fields.number("port", 1, 65535),
        path=_path(fields),
        expect=fields.table("expect"),
    )


def _path(fields: Fields) -> str:
    path = fields.text("path")
    if not re.fullmatch(r"/[!-~]*", path):
        raise PolicyError(f"`{fields.at('path')}` is no path")
    return path
