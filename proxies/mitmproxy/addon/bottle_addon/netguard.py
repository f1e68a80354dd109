"""The last line: which connections this process opens at all, and to which addresses."""

from __future__ import annotations

import ipaddress
from typing import Any

from .hosts import is_literal, may_dial, normalise
from .policy import Policy
from .refuse import Refused
from .store import Store

_MARK = "_bottle_guarded"


def check_dial(policy: Policy, host: str, port: int) -> None:
    """Whether mitmproxy may open this connection. With a next hop: only to that."""
    hop = policy.next
    if hop is not None:
        if (host, port) == hop.address:
            return
        raise Refused("chain", "a connection past the next hop")
    name = normalise(host)
    if name is None or is_literal(name):
        raise Refused("ip-literal", "addresses are refused, only host names pass")
    if not policy.rules.knows(name):
        raise Refused("allowlist", f"host `{name}` is not on the allow list")


def check_addresses(policy: Policy, host: str, found: list[str]) -> None:
    """Refuses a name that resolves to any address where the last hop must not go."""
    name = normalise(host) or ""
    trusted = any(pattern.matches(name) for pattern in policy.trusted_private)
    for text in found:
        if not may_dial(ipaddress.ip_address(text.split("%", 1)[0]), trusted=trusted):
            raise OSError(
                f"host `{host}` resolves to {text}, a private address; "
                "add it to `trusted_private` if that is meant"
            )


def install(loop: Any, store: Store) -> None:
    """Puts the checks between this process and name resolution.

    A check before the resolver is asked a second time would be open to rebinding, so the
    addresses that are checked must be the very ones that are dialled.
    """
    if getattr(loop, _MARK, False):
        return
    resolve = loop.getaddrinfo

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        name = host.decode("ascii") if isinstance(host, bytes) else host
        if name is None or _literal(name):
            # Listening sockets. Dialling literals is refused before it gets here.
            return await resolve(host, port, **options)
        policy = store.poll()
        if policy is None:
            raise OSError("there is no valid policy")
        if policy.next is not None:
            if name != policy.next.host:
                raise OSError(f"host `{name}` is not the next hop")
            return await resolve(host, port, **options)
        try:
            check_dial(policy, name, 0)
        except Refused as refused:
            raise OSError(refused.reason) from None
        found = await resolve(host, port, **options)
        check_addresses(policy, name, [entry[4][0] for entry in found])
        return found

    loop.getaddrinfo = getaddrinfo
    setattr(loop, _MARK, True)


def _literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name.split("%", 1)[0])
    except ValueError:
        return False
    return True
