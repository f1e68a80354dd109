"""Policy is data: a good change counts at once, a bad one changes nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from conftest import PLACEHOLDER, SECRET, SECRETS, World, credential, policy_for
from support.hop import Hop
from support.proxy import ConnectRefused, Proxy


@pytest.fixture(scope="module")
def proxy(hop: Hop, launch: Any) -> Proxy:
    started: Proxy = launch(policy_for(hop)).wait_ready()
    return started


def refused(proxy: Proxy, host: str) -> bool:
    try:
        return proxy.ask(f"https://{host}/").status != 200
    except ConnectRefused:
        return True


def until(proxy: Proxy, host: str, *, passes: bool) -> None:
    """Asks until the change has been seen."""
    end = time.monotonic() + 30
    while refused(proxy, host) == passes:
        assert time.monotonic() < end, "the change never counted"


def test_a_change_counts_without_a_restart(proxy: Proxy, hop: Hop) -> None:
    assert refused(proxy, "localhost")
    policy = policy_for(hop)
    policy["allow"].append({"host": "localhost"})
    proxy.write(policy)
    until(proxy, "localhost", passes=True)
    proxy.write(policy | {"deny": ["localhost"]})
    until(proxy, "localhost", passes=False)
    assert proxy.event(host="localhost", decision="deny")["rule"] == "deny:localhost"


def test_a_change_counts_on_an_open_connection(proxy: Proxy, hop: Hop) -> None:
    proxy.write(policy_for(hop))
    until(proxy, "api.test", passes=True)
    stream = proxy.tunnel("api.test")
    proxy.write(policy_for(hop, deny=["api.test"]))
    until(proxy, "api.test", passes=False)
    # The tunnel was opened while it was allowed; what comes through it is judged anew.
    stream.sock.sendall(b"GET / HTTP/1.1\r\nhost: api.test\r\n\r\n")
    answer = stream.message()
    assert (answer.status, answer.json()["rule"]) == (403, "deny:api.test")
    proxy.write(policy_for(hop))
    until(proxy, "api.test", passes=True)


def test_a_new_secret_counts(proxy: Proxy, hop: Hop, world: World) -> None:
    fresh = "another-real-value-9d7fh3"
    proxy.write(policy_for(hop), SECRETS | {"API_KEY": fresh})
    end = time.monotonic() + 30
    while True:
        world.origin.seen.clear()
        proxy.ask("https://llm.test/", headers=[("x-api-key", PLACEHOLDER)])
        if world.origin.seen[0].all("x-api-key") == [fresh]:
            break
        assert time.monotonic() < end
    proxy.write(policy_for(hop), SECRETS)


BAD: dict[str, Any] = {
    "no json": '{"version": 1,',
    "a list": [],
    "version": {"version": 2},
    "unknown key": {"version": 1, "allowed": []},
    "unknown key deep": {"version": 1, "allow": [{"host": "api.test", "method": ["GET"]}]},
    "address": {"version": 1, "allow": [{"host": "10.0.0.1"}]},
    "star": {"version": 1, "allow": [{"host": "*"}]},
    "wide star": {"version": 1, "allow": [{"host": "*.test"}]},
    "inner star": {"version": 1, "allow": [{"host": "a.*.test"}]},
    "port": {"version": 1, "allow": [{"host": "api.test", "ports": [0]}]},
    "path": {"version": 1, "allow": [{"host": "api.test", "paths": ["acme"]}]},
    "closed with path": {
        "version": 1,
        "allow": [{"host": "api.test", "paths": ["/a"], "class": "passthrough"}],
    },
    "no such secret": {"version": 1, "credentials": [credential(name="NONE")]},
    "placeholder is secret": {"version": 1, "credentials": [credential(placeholder=SECRET)]},
    "header": {"version": 1, "credentials": [credential(header="a b")]},
    "no hosts": {"version": 1, "credentials": [credential(hosts=[])]},
    "format": {"version": 1, "credentials": [credential(format="Bearer")]},
    "mode": {"version": 1, "mode": "upstream"},
    "dlp": {"version": 1, "dlp": {"url": "maybe"}},
    "next": {"version": 1, "next": {"host": "127.0.0.1", "port": "8888"}},
    "flag": {"version": 1, "credentials": [credential(always="yes")]},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_policy_keeps_the_last_good_one(proxy: Proxy, hop: Hop, name: str) -> None:
    proxy.write(policy_for(hop), SECRETS)
    until(proxy, "api.test", passes=True)
    before = len(proxy.events("policy"))
    proxy.write(BAD[name])
    end = time.monotonic() + 30
    while len(proxy.events("policy")) == before:
        assert proxy.ask("https://api.test/").status == 200
        assert time.monotonic() < end, "the bad file was never noticed"
    event = proxy.events("policy")[-1]
    assert event["status"] == "rejected"
    assert event["kept"] == "the last good policy"
    assert SECRET not in event["error"]
    assert proxy.ask("https://api.test/").status == 200
    assert refused(proxy, "evil.test")


def test_a_missing_file_keeps_the_last_good_one(proxy: Proxy, hop: Hop) -> None:
    proxy.write(policy_for(hop))
    until(proxy, "api.test", passes=True)
    (proxy.conf / "policy.json").unlink()
    end = time.monotonic() + 30
    while proxy.events("policy")[-1]["status"] != "rejected":
        assert proxy.ask("https://api.test/").status == 200
        assert time.monotonic() < end
    proxy.write(policy_for(hop))


def test_no_good_policy_ever_refuses_everything(launch_once: Any, hop: Hop) -> None:
    proxy = launch_once("{")
    assert "no valid policy" in proxy.unready().stdout
    hop.lines.clear()
    answer = proxy.ask("http://api.test/")
    assert (answer.status, answer.json()["rule"]) == (503, "policy")
    with pytest.raises(ConnectRefused) as caught:
        proxy.tunnel("api.test")
    assert caught.value.answer.status == 503
    assert hop.lines == []
    # A good one later is taken.
    proxy.write(policy_for(hop))
    proxy.wait_ready()
    assert proxy.ask("https://api.test/").status == 200
