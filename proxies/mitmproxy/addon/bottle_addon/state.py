"""What all hooks share, and how they fail: closed."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any

from mitmproxy import http

from . import events, vault
from .dlp import Finder
from .policy import Policy
from .refuse import Refused, response
from .request import KEY, Passage
from .store import Store

# mitmdump is started with a block_list that refuses every request without this mark. If the
# add-on is gone, nothing marks, and nothing passes.
MARK = ":bottle:"


class State:
    """The policy in force and what is made from it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.problem: str | None = "mitmproxy is still starting"
        self.body_limit: int = 64 << 20
        self.mode = "regular"
        self._finder: tuple[Policy, Finder] | None = None

    def policy(self) -> Policy:
        """The policy in force; refuses when there is none or mitmproxy runs otherwise than
        the add-on needs."""
        if self.problem is not None:
            raise Refused("setup", self.problem, status=503)
        policy = self.store.policy()
        if self.mode != ("upstream" if policy.mode == "upstream" else "regular"):
            raise Refused(
                "setup", f"the policy does not fit mitmproxy's mode `{self.mode}`", status=503
            )
        return policy

    def finder(self, policy: Policy) -> Finder:
        """The search for this policy's secrets."""
        if self._finder is None or self._finder[0] is not policy:
            placeholders = {one.name: one.placeholder for one in policy.credentials}
            self._finder = (policy, Finder(policy.secrets, placeholders))
        return self._finder[1]


def passage_of(flow: http.HTTPFlow) -> Passage | None:
    """What the request hooks found out about a flow."""
    return flow.metadata.get(KEY)


def log(flow: http.HTTPFlow, decision: str, rule: str | None, reason: str | None) -> None:
    """Writes the one line about a flow. A second call for the same flow is ignored, but for
    warnings."""
    at = passage_of(flow)
    if at is not None and decision != "warn":
        if at.logged:
            return
        at.logged = True
    request = flow.request
    status = flow.response.status_code if flow.response else None
    fields: dict[str, Any] = {
        "id": flow.id,
        "client": flow.client_conn.peername[0] if flow.client_conn.peername else None,
        "method": request.method,
        "host": at.host if at else request.host,
        "rule": rule,
        "reason": reason,
        "status": status,
    }
    if at is not None:
        fields |= {
            "url": _url(at, rule),
            "class": at.cls if at.rule else None,
            "req_bytes": at.upload.count if at.upload else at.request_bytes,
            "resp_bytes": at.pipe.count if at.pipe else None,
            "ms": round((time.time() - at.started) * 1000),
            "streamed": bool(at.pipe) or None,
            "credential": ", ".join(one.name for one in at.credentials) or None,
        }
        if at.policy is not None:
            for name in ("url", "reason", "method"):
                if fields[name]:
                    fields[name] = vault.hide(fields[name], at.policy)
    events.egress(decision, **fields)


def _url(at: Passage, rule: str | None) -> str:
    """Scheme, host and path; no path when something was found in the URL."""
    path = "/[hidden]" if rule and rule.startswith(("dlp", "credential", "secret")) else at.path
    return at.url.split("/", 3)[0] + "//" + at.url.split("/", 3)[2] + path


def refuse(flow: http.HTTPFlow, refused: Refused) -> None:
    """Answers a request with a refusal, and logs it."""
    at = passage_of(flow)
    host = at.host if at else flow.request.host
    if at is not None:
        at.ours = True
    flow.request.stream = False
    flow.response = response(refused, host, body=flow.request.method.upper() != "HEAD")
    log(flow, refused.decision, refused.rule, refused.reason)


def _fail(hook: str, flow: http.HTTPFlow, error: Exception, *, kill: bool) -> None:
    """The last resort of a hook: the flow gets an answer of ours, or dies."""
    events.internal(hook, error)
    if kill or flow.response is not None:
        if flow.killable:
            flow.kill()
        return
    try:
        refuse(
            flow,
            Refused(
                "internal",
                "the proxy add-on failed on this request",
                hint="this is a fault of the bottle, not of the request",
                status=502,
                decision="error",
            ),
        )
    except Exception as second:
        events.internal(hook, second)
        flow.response = http.Response.make(502, b"refused\n", {"x-bottle-refused": "internal"})


def guarded(*, kill: bool = False) -> Callable[[Any], Any]:
    """Makes a flow hook fail closed. Refusals become answers; any other exception becomes a
    502, or the end of the flow where an answer is no longer possible."""

    def wrap(hook: Callable[..., Any]) -> Callable[..., Any]:
        name = hook.__name__

        if inspect.iscoroutinefunction(hook):

            @functools.wraps(hook)
            async def waits(self: Any, flow: http.HTTPFlow) -> None:
                try:
                    await hook(self, flow)
                except Refused as refused:
                    _refused(name, flow, refused, kill=kill)
                except Exception as error:
                    _fail(name, flow, error, kill=kill)

            return waits

        @functools.wraps(hook)
        def plain(self: Any, flow: http.HTTPFlow) -> None:
            try:
                hook(self, flow)
            except Refused as refused:
                _refused(name, flow, refused, kill=kill)
            except Exception as error:
                _fail(name, flow, error, kill=kill)

        return plain

    return wrap


def _refused(name: str, flow: http.HTTPFlow, refused: Refused, *, kill: bool) -> None:
    try:
        if kill:
            log(flow, refused.decision, refused.rule, refused.reason)
            if flow.killable:
                flow.kill()
        else:
            refuse(flow, refused)
    except Exception as error:
        _fail(name, flow, error, kill=kill)
