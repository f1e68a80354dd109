"""Host names: one spelling, patterns, and what counts as an address."""

from __future__ import annotations

import ipaddress
import re

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def normalise(host: str) -> str | None:
    """Lower case, punycode, no trailing dot, no brackets; `None` for what is no host."""
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1].lower() if _address(host[1:-1]) else None
    if _address(host):
        return host.lower()
    host = host.removesuffix(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    host = host.lower()
    if not host or len(host) > 253:
        return None
    if not all(_LABEL.match(label) for label in host.split(".")):
        return None
    return host


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None


def is_literal(host: str) -> bool:
    """Whether a resolver could read `host` as an address: `1.2.3.4`, `::1`, but `127.1`,
    `0x7f.1` and `2130706433` too. No top-level domain begins with a digit."""
    return _address(host) is not None or host.rsplit(".", 1)[-1][:1].isdigit()


def split_authority(authority: str) -> tuple[str, int | None] | None:
    """`host`, `host:port`, `[v6]:port`; `None` for anything else, user names included."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:@/?#\s]+)(?::(\d{1,5}))?", authority)
    if not match:
        return None
    host = normalise(match[1])
    if host is None:
        return None
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 65536:
        return None
    return host, port


def embedded_v4(address: Address) -> Address:
    """The IPv4 address inside a mapped, NAT64 or 6to4 address; otherwise the address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address.sixtofour:
            return address.sixtofour
        if address in ipaddress.IPv6Network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def may_dial(address: Address, *, trusted: bool) -> bool:
    """Whether a last hop may connect there. Link-local (where clouds keep their metadata),
    multicast and unspecified addresses never; private ones for trusted names only."""
    address = embedded_v4(address)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return trusted or address.is_global


class HostPattern:
    """A name, or `*.` and a name: everything below that name and not the name itself."""

    __slots__ = ("text", "_suffix")

    def __init__(self, text: str) -> None:
        wild = text.startswith("*.")
        name = normalise(text[2:] if wild else text)
        if name is None or is_literal(name) or (wild and "." not in name):
            raise ValueError(f"`{text}` is not a host pattern")
        self.text = ("*." if wild else "") + name
        self._suffix = "." + name if wild else None

    @property
    def exact(self) -> bool:
        """Whether it names one host."""
        return self._suffix is None

    def matches(self, host: str) -> bool:
        """Whether a normalised host falls under it."""
        if self._suffix is None:
            return host == self.text
        return host.endswith(self._suffix) and len(host) > len(self._suffix)

    def __repr__(self) -> str:
        return f"HostPattern({self.text!r})"
