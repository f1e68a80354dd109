"""The policy in force: read again when a file changes, the last good one kept otherwise."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from . import events
from .fields import PolicyError
from .policy import Policy, parse
from .refuse import Refused

_POLL_SECONDS = 0.2

Stamp = tuple[int, int, int] | None


def _stamp(path: str) -> Stamp:
    try:
        info = os.stat(path)
    except OSError:
        return None
    return (info.st_ino, info.st_mtime_ns, info.st_size)


def _read(path: str) -> Any:
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise PolicyError(f"`{name}` cannot be read: {error.strerror}") from None
    except ValueError as error:
        line = getattr(error, "lineno", "?")
        # The text of a JSON error can quote the file.
        raise PolicyError(f"`{name}` is not JSON (line {line})") from None


class Store:
    """Keeps the policy of two files. Nothing good ever read means that nothing may pass."""

    def __init__(
        self,
        policy_path: str,
        secrets_path: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = (policy_path, secrets_path)
        self._clock = clock
        self._stamps: tuple[Stamp, ...] | None = None
        self._polled = float("-inf")
        self._policy: Policy | None = None
        self.error: str | None = "the policy was not read yet"

    def poll(self) -> Policy | None:
        """The policy in force, after looking for a change at most every 200 ms."""
        now = self._clock()
        if now - self._polled >= _POLL_SECONDS:
            self._polled = now
            stamps = tuple(_stamp(path) for path in self._paths)
            if stamps != self._stamps:
                self._stamps = stamps
                self._load()
        return self._policy

    def _load(self) -> None:
        try:
            policy = parse(*(_read(path) for path in self._paths))
        except PolicyError as error:
            self.error = str(error)
            events.policy("rejected", self.error, kept=self._policy is not None)
            return
        self._policy = policy
        self.error = None
        events.policy("loaded", None, kept=False)

    def policy(self) -> Policy:
        """The policy in force; refuses when there is none."""
        policy = self.poll()
        if policy is None:
            raise Refused(
                "policy",
                f"there is no valid policy: {self.error}",
                hint="this is a fault of the bottle, not of the request",
                status=503,
            )
        return policy
