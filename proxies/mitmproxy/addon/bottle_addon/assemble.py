"""Puts the hooks together from the environment that the sidecar is started with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .connections import Connections
from .requests import Requests
from .responses import Responses
from .setup import Setup
from .state import State
from .store import Store


def build(environ: Mapping[str, str]) -> list[Any]:
    """The add-ons, in the order mitmproxy calls them.

    `BOTTLE_POLICY` and `BOTTLE_SECRETS` name the two files of the policy, `BOTTLE_TRUST`
    (optional, separated by colons) PEM files with further roots for upstream TLS.
    """
    state = State(Store(environ["BOTTLE_POLICY"], environ["BOTTLE_SECRETS"]))
    trust = [path for path in environ.get("BOTTLE_TRUST", "").split(":") if path]
    return [Setup(state, trust), Connections(state), Requests(state), Responses(state)]
