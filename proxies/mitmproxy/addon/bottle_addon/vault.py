"""Credentials: where a placeholder may stand, and putting the real value in its place."""

from __future__ import annotations

import base64
import binascii

from mitmproxy.http import Headers

from .policy import Credential, Policy
from .refuse import Refused


def _basic(value: str) -> str | None:
    """What an `Authorization: Basic` value says, or `None`."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def readable(value: str) -> str:
    """A header value, with the text inside Basic authentication laid open beside it."""
    inner = _basic(value)
    return value if inner is None else f"{value}\n{inner}"


def _swap(value: str, credential: Credential) -> str:
    inner = _basic(value)
    if inner is not None and credential.placeholder in inner:
        inner = inner.replace(credential.placeholder, credential.secret)
        return "Basic " + base64.b64encode(inner.encode()).decode()
    return value.replace(credential.placeholder, credential.secret)


def check_headers(policy: Policy, host: str, headers: Headers) -> None:
    """Refuses a placeholder on its way to a host that it is not for, and, at a host with
    credentials, a credential that the agent brought from elsewhere: that would be a way to
    carry data out under somebody else's account."""
    for credential in policy.credentials:
        if credential.belongs_to(host):
            continue
        if any(credential.placeholder in readable(value) for value in headers.values()):
            raise wrong_host(credential, host)
    if policy.foreign_credentials == "allow":
        return
    mine = [one for one in policy.credentials if one.belongs_to(host)]
    for credential in mine:
        rivals = [one for one in mine if one.header == credential.header]
        for value in headers.get_all(credential.header):
            text = readable(value)
            if not any(rival.placeholder in text for rival in rivals):
                raise Refused(
                    f"credential:{credential.name}",
                    f"header `{credential.header}` at `{host}` does not carry the "
                    f"placeholder of `{credential.name}`",
                    hint="send the placeholder that the agent was given, or set "
                    'foreign_credentials = "allow"',
                )


def wrong_host(credential: Credential, host: str) -> Refused:
    """The refusal of a placeholder that is on its way to the wrong host."""
    return Refused(
        f"credential:{credential.name}",
        f"the placeholder of `{credential.name}` is not for `{host}`",
        hint=f"it is only for {', '.join(p.text for p in credential.hosts)}",
    )


def wants_injection(policy: Policy, host: str, headers: Headers) -> list[Credential]:
    """The credentials that this request would get."""
    found = []
    for credential in policy.credentials_for(host):
        values = headers.get_all(credential.header)
        if any(credential.placeholder in readable(value) for value in values) or (
            not values and credential.always
        ):
            found.append(credential)
    return found


def inject(credentials: list[Credential], headers: Headers) -> None:
    """Puts the real values in. The caller has made sure of host, TLS and scan."""
    for credential in credentials:
        values = headers.get_all(credential.header)
        if values:
            headers.set_all(credential.header, [_swap(value, credential) for value in values])
        else:
            value = credential.format.replace("{}", credential.secret)
            headers.set_all(credential.header, [value])


def swaps(credentials: list[Credential]) -> list[tuple[bytes, bytes]]:
    """Real value to placeholder, for what an origin reflects."""
    return [(one.secret.encode(), one.placeholder.encode()) for one in credentials]


def hide(text: str, policy: Policy) -> str:
    """A text fit for logs: without any secret of the session."""
    for name, value in policy.secrets.items():
        if value in text:
            text = text.replace(value, f"[{name}]")
    return text
