"""What happened, as one compact JSON line each on standard output."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

_LONGEST = 300


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write(event: dict[str, Any]) -> None:
    # A control character or a raw line break would let traffic write lines of its own.
    line = json.dumps(event, separators=(",", ":"), ensure_ascii=True)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def egress(decision: str, **fields: Any) -> None:
    """One decision about traffic. Members that are `None` are left out."""
    event: dict[str, Any] = {"bottle": "egress", "ts": _now()}
    for name, value in fields.items():
        if value is not None:
            event[name] = value[:_LONGEST] if isinstance(value, str) else value
    event["decision"] = decision
    _write(event)


def policy(status: str, error: str | None, *, kept: bool) -> None:
    """The policy was read, well or not."""
    event: dict[str, Any] = {"bottle": "policy", "ts": _now(), "status": status}
    if error is not None:
        event["error"] = error
        event["kept"] = "the last good policy" if kept else "nothing: all is refused"
    _write(event)


def internal(hook: str, error: BaseException) -> None:
    """A fault of the add-on. Only the kind: a message could quote traffic."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    _write(
        {
            "bottle": "internal",
            "ts": _now(),
            "hook": hook,
            "error": type(error).__name__,
            "at": place,
        }
    )
