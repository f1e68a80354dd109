"""Fixtures: one origin and one CA for all; hops and proxies per module, they are slow to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from support.certs import Authority  # noqa: E402
from support.hop import TOKEN, Hop  # noqa: E402
from support.origin import Origin  # noqa: E402
from support.proxy import Proxy  # noqa: E402

NAMES = ["api.test", "other.test", "llm.test", "pinned.test", "bulk.test", "localhost"]
PLACEHOLDER = "bottle-placeholder-api-key-0a1b2c"
SECRET = "real-secret-value-73hf8w0qkfj3"


class World:
    """What tests share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = Authority("origin roots")
        self.ca_file = self.ca.write_cert(folder / "origin-ca.pem")
        self.origin = Origin(self.ca.leaf(NAMES, folder / "origin.pem"))

    def hop(self) -> Hop:
        """A fresh next hop in front of the origin."""
        return Hop(self.origin.port, self.ca_file)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.origin.close()


@pytest.fixture(scope="module")
def hop(world: World) -> Iterator[Hop]:
    hop = world.hop()
    yield hop
    hop.stop()


@pytest.fixture(autouse=True)
def fresh(world: World) -> None:
    world.origin.seen.clear()
    world.origin.release.clear()


def credential(**more: Any) -> dict[str, Any]:
    """The credential of `llm.test`."""
    return {
        "name": "API_KEY",
        "placeholder": PLACEHOLDER,
        "hosts": ["llm.test"],
        "header": "x-api-key",
    } | more


def policy_for(hop: Hop | None, **more: Any) -> dict[str, Any]:
    """A policy over the names of the origin."""
    policy: dict[str, Any] = {
        "version": 1,
        "names": ["mitm-here"],
        "allow": [
            {"host": "api.test"},
            {"host": "llm.test"},
            {"host": "other.test", "methods": ["GET"], "paths": ["/repos/acme/**", "/ws"]},
            {"host": "bulk.test", "class": "tunnel"},
            {"host": "pinned.test", "class": "passthrough"},
        ],
        "credentials": [credential()],
    }
    if hop is not None:
        policy["next"] = {
            "host": "127.0.0.1",
            "port": hop.port,
            "accepts": ["connect", "absolute_http", "absolute_https"],
            "scan": {
                "port": hop.scan_port,
                "path": "/api/v1/scan",
                "dialect": "pipelock-v1",
                "token": "scan-token",
            },
            "health": {
                "port": hop.port,
                "path": "/health",
                "expect": {"forward_proxy_enabled": True},
            },
        }
    return policy | more


SECRETS = {"API_KEY": SECRET, "scan-token": TOKEN}


def _launching(world: World, folders: pytest.TempPathFactory) -> Iterator[Any]:
    running: list[Proxy] = []

    def start(policy: dict[str, Any], secrets: dict[str, str] = SECRETS, **more: Any) -> Proxy:
        more.setdefault("trust", world.ca_file)
        proxy = Proxy(folders.mktemp("proxy"), policy, secrets, **more)
        running.append(proxy)
        return proxy

    yield start
    for proxy in running:
        proxy.stop()


@pytest.fixture(scope="module")
def launch(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Starts proxies that end with the module."""
    yield from _launching(world, tmp_path_factory)


@pytest.fixture
def launch_once(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Starts proxies that end with the test."""
    yield from _launching(world, tmp_path_factory)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says which real parts took part."""
    import shutil

    from mitmproxy import version

    found = shutil.which("pipelock") or "not on the PATH: its tests were skipped"
    terminalreporter.write_line(f"mitmproxy {version.VERSION}; pipelock {found}")
