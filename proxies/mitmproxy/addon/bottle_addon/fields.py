"""Reads JSON strictly: wrong types and unknown keys are errors that name their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_MISSING: Any = object()


class PolicyError(Exception):
    """The policy or the secrets cannot be used. Never carries a value, only its place."""


class Fields:
    """One JSON object. Take every key, then `finish`."""

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise PolicyError(f"`{place}` is not an object")
        self._rest = dict(value)
        self._place = place

    def at(self, key: str) -> str:
        """The place of a key, for errors."""
        return f"{self._place}.{key}" if self._place else key

    def _take(self, key: str, default: Any) -> Any:
        value = self._rest.pop(key, default)
        if value is _MISSING:
            raise PolicyError(f"`{self.at(key)}` is missing")
        return value

    def text(self, key: str, default: str = _MISSING) -> str:
        """A string."""
        value = self._take(key, default)
        if not isinstance(value, str):
            raise PolicyError(f"`{self.at(key)}` is not a string")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str = _MISSING) -> str:
        """One of these strings."""
        value = self.text(key, default)
        if value not in choices:
            raise PolicyError(f"`{self.at(key)}` is not one of {', '.join(choices)}")
        return value

    def flag(self, key: str, default: bool = _MISSING) -> bool:
        """A boolean."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise PolicyError(f"`{self.at(key)}` is not true or false")
        return value

    def number(self, key: str, low: int, high: int, default: int = _MISSING) -> int:
        """An integer within limits."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise PolicyError(f"`{self.at(key)}` is not a number from {low} to {high}")
        return value

    def items(self, key: str, read: Callable[[Any, str], T]) -> list[T]:
        """A list, each item read by `read(item, place)`; absent is empty."""
        value = self._take(key, [])
        if not isinstance(value, list):
            raise PolicyError(f"`{self.at(key)}` is not a list")
        return [read(item, f"{self.at(key)}[{index}]") for index, item in enumerate(value)]

    def member(self, key: str, read: Callable[[Fields], T]) -> T | None:
        """An object read by `read`, or `None` when absent or null."""
        value = self._take(key, None)
        if value is None:
            return None
        inner = Fields(value, self.at(key))
        result = read(inner)
        inner.finish()
        return result

    def table(self, key: str) -> dict[str, Any]:
        """An object taken as it is; absent is empty."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise PolicyError(f"`{self.at(key)}` is not an object")
        return value

    def finish(self) -> None:
        """Refuses keys that nobody took."""
        if self._rest:
            raise PolicyError(f"`{self.at(sorted(self._rest)[0])}` is not a known key")


def plain(value: Any, place: str) -> str:
    """A string item of a list."""
    if not isinstance(value, str):
        raise PolicyError(f"`{place}` is not a string")
    return value


def port(value: Any, place: str) -> int:
    """A port item of a list."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65536:
        raise PolicyError(f"`{place}` is not a port")
    return value
