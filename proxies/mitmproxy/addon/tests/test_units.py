"""The parts that need no mitmproxy process: patterns, globs, searches, streams, files."""

from __future__ import annotations

import base64
import gzip
import ipaddress
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from bottle_addon import events, rules
from bottle_addon.dlp import Finder, json_strings, spellings
from bottle_addon.fields import PolicyError
from bottle_addon.hosts import HostPattern, is_literal, may_dial, normalise, split_authority
from bottle_addon.policy import parse
from bottle_addon.refuse import Refused
from bottle_addon.scan import content
from bottle_addon.store import Store
from bottle_addon.streams import Pipe, Swapper, TooLarge, Unreadable, unpack

SECRET = "real-secret-value-73hf8w0qkfj3"


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("API.Test.", "api.test"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[::1]", "::1"),
        ("1.2.3.4", "1.2.3.4"),
        ("a_b.example", "a_b.example"),
        ("", None),
        (".", None),
        ("a..b", None),
        ("a b", None),
        ("a/b", None),
        ("a@b", None),
        ("-a.b", None),
        ("[nope]", None),
        ("x" * 64 + ".test", None),
        ("a\u2024b.test\n", None),
    ],
)
def test_host_spelling(text: str, wanted: str | None) -> None:
    assert normalise(text) == wanted


@pytest.mark.parametrize("host", ["1.2.3.4", "::1", "127.1", "2130706433", "0x7f.0.0.1", "0177.1"])
def test_literals(host: str) -> None:
    assert is_literal(host)


def test_names_are_no_literals() -> None:
    for host in ("api.test", "1password.com", "x1.y2.z"):
        assert not is_literal(host)


def test_patterns() -> None:
    wild = HostPattern("*.GitHub.com")
    assert wild.matches("api.github.com")
    assert wild.matches("a.b.github.com")
    for host in ("github.com", "evilgithub.com", ".github.com", "github.com.evil.org"):
        assert not wild.matches(host), host
    assert HostPattern("github.com").matches("github.com")
    assert not HostPattern("github.com").matches("api.github.com")
    for text in ("", "*", "*.com", "a.*.b", "1.2.3.4", "127.1", "a.b:443", "https://a.b"):
        with pytest.raises(ValueError):
            HostPattern(text)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("a.test", ("a.test", None)),
        ("a.test:8443", ("a.test", 8443)),
        ("[::1]:1", ("::1", 1)),
        ("u@a.test", None),
        ("a.test:0", None),
        ("a.test:70000", None),
        ("a.test:", None),
        ("a.test:1:2", None),
        ("a.test/x", None),
        ("", None),
    ],
)
def test_authorities(text: str, wanted: Any) -> None:
    assert split_authority(text) == wanted


@pytest.mark.parametrize(
    "address, public, trusted",
    [
        ("93.184.216.34", True, True),
        ("10.0.0.1", False, True),
        ("127.0.0.1", False, True),
        ("100.64.0.1", False, True),
        ("169.254.169.254", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("::1", False, True),
        ("fe80::1", False, False),
        ("fd00::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:0a00:0001::1", False, True),
        ("2606:4700::1", True, True),
    ],
)
def test_where_a_last_hop_may_dial(address: str, public: bool, trusted: bool) -> None:
    parsed = ipaddress.ip_address(address)
    assert may_dial(parsed, trusted=False) is public
    assert may_dial(parsed, trusted=True) is trusted


@pytest.mark.parametrize(
    "glob, path, fits",
    [
        ("/a", "/a", True),
        ("/a", "/a/", False),
        ("/a/*", "/a/b", True),
        ("/a/*", "/a/b/c", False),
        ("/a/**", "/a/b/c", True),
        ("/a/**", "/ab", False),
        ("/a/*/c", "/a/b/c", True),
        ("/a.b", "/axb", False),
        ("/a?", "/ab", True),
        ("/a?", "/a/", False),
        ("**/x", "/p/q/x", True),
        ("/a/**", "/a/\n", True),
    ],
)
def test_globs(glob: str, path: str, fits: bool) -> None:
    assert bool(rules.path_regex(glob).match(path)) is fits


def rule(host: str, **more: Any) -> dict[str, Any]:
    return {"host": host} | more


def decide(allow: list[dict[str, Any]], *target: Any) -> str:
    policy = parse({"version": 1, "allow": allow}, {})
    host, port, scheme, method, path = target
    try:
        found = policy.rules.decide(host, port, scheme, [method], path)
    except Refused as refused:
        return refused.rule
    return f"{found.name} {found.cls}"


def test_the_most_specific_rule_decides_the_class() -> None:
    allow = [
        rule("*.a.test", **{"class": "tunnel"}),
        rule("x.a.test"),
        rule("x.a.test", paths=["/big/**"], **{"class": "tunnel"}),
    ]
    for order in itertools.permutations(allow):
        for host, path, wanted in (
            ("x.a.test", "/big/x", "allow:x.a.test tunnel"),
            ("x.a.test", "/small", "allow:x.a.test inspect"),
            ("y.a.test", "/", "allow:*.a.test tunnel"),
        ):
            assert decide(list(order), host, 443, "https", "GET", path) == wanted


def test_a_second_rule_may_allow_what_the_first_does_not() -> None:
    allow = [rule("a.test", methods=["get"]), rule("a.test", paths=["/up"])]
    assert decide(allow, "a.test", 443, "https", "GET", "/x").startswith("allow:a.test")
    assert decide(allow, "a.test", 443, "https", "POST", "/up").startswith("allow:a.test ")
    assert decide(allow, "a.test", 443, "https", "POST", "/x") == "allow:a.test"


def test_ports() -> None:
    allow = [rule("a.test"), rule("b.test", ports=[8443])]
    assert decide(allow, "a.test", 443, "https", "GET", "/").startswith("allow:a")
    assert decide(allow, "a.test", 80, "http", "GET", "/").startswith("allow:a")
    assert decide(allow, "a.test", 80, "https", "GET", "/") == "port"
    assert decide(allow, "a.test", 443, "http", "GET", "/") == "port"
    assert decide(allow, "b.test", 8443, "https", "GET", "/").startswith("allow:b")
    assert decide(allow, "b.test", 443, "https", "GET", "/") == "port"


def test_passthrough_needs_every_rule_of_the_best_pattern() -> None:
    closed = rule("a.test", **{"class": "passthrough"})
    for allow, wanted in (
        ([closed], True),
        ([closed, rule("*.test.example")], True),
        ([closed, rule("a.test", methods=["GET"])], False),
    ):
        policy = parse({"version": 1, "allow": allow}, {})
        assert policy.rules.passes_through("a.test", 443) is wanted


def test_spellings_are_found_at_every_offset() -> None:
    finder = Finder({"KEY": SECRET}, {})
    for lead in range(7):
        for trail in range(5):
            text = b"a" * lead + SECRET.encode() + b"b" * trail
            for encoded in (base64.b64encode(text), base64.urlsafe_b64encode(text)):
                assert finder.own(b"..." + encoded + b"...") == "KEY"
    assert finder.own(b"nothing here") is None
    for form in spellings(SECRET):
        # A form so short that it matches by chance would refuse everything.
        assert len(form) >= len(SECRET)


def test_placeholders_are_no_shapes() -> None:
    placeholder = "sk-ant-api03-" + "placeholder" * 4
    finder = Finder({}, {"KEY": placeholder})
    assert finder.shape(f"x {placeholder} y".encode()) is None
    assert finder.shape(b"sk-ant-api03-" + b"other" * 8) == "anthropic-key"
    assert finder.placeholders(placeholder.encode()) == ["KEY"]


def test_shapes_are_seen_through_percent_encoding() -> None:
    finder = Finder({}, {})
    assert finder.shape(b"/q?a=sk%2Dant-api03-" + b"other" * 8) == "anthropic-key"
    assert finder.shape(b"/q?a=%67hp_" + b"a1B2" * 9) == "github-token"


def test_ordinary_text_has_no_shape() -> None:
    finder = Finder({}, {})
    for text in (
        b"ask-me-anything-about-tasks-and-risk-management-of-the-whole-company",
        b"sk-short ghp_short AKIA npm_config_cache=/tmp hf_hub_download",
        b"-----BEGIN PUBLIC KEY-----",
        b"https://files.test/x?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260101&X-Amz-Signature=0a",
        b"-----BEGIN CERTIFICATE-----",
        os.urandom(1 << 16).hex().encode(),
    ):
        assert finder.shape(text) is None, text[:60]


def test_json_strings() -> None:
    document = {"k\u0065y": ["a\nb", {"deep": "\u00e9"}], "n": 1, "z": None}
    assert json_strings(json.dumps(document).encode()) == "key\na\nb\ndeep\n\u00e9\nn\nz"
    assert json_strings(b'{"a": "one", "a": "two"}') == "a\none\na\ntwo"
    assert json_strings(b"{") is None
    assert json_strings(b"[" * 100_000) is None


def test_swapping_across_every_split() -> None:
    data = b"start " + SECRET.encode() + b" middle " + SECRET.encode()[:-1] + b"# end"
    wanted = data.replace(SECRET.encode(), b"PLACE")
    for size in range(1, len(data) + 1):
        swapper = Swapper([(SECRET.encode(), b"PLACE")])
        out = b"".join(swapper.feed(data[i : i + size]) for i in range(0, len(data), size))
        assert out + swapper.finish() == wanted, size
        assert swapper.hits == 1


def test_swapping_holds_nothing_back_that_is_no_beginning() -> None:
    swapper = Swapper([(b"secret", b"x"), (b"sesame", b"y")])
    assert swapper.feed(b"data: event\n\n") == b"data: event\n\n"
    assert swapper.feed(b"open se") == b"open "
    assert swapper.feed(b"same!") == b"y!"
    assert swapper.feed(b"sesecret") == b"sex"
    assert swapper.finish() == b""


def test_pipes_never_make_an_empty_chunk() -> None:
    """One would end a chunked body."""
    pipe = Pipe(Swapper([(b"secret", b"x")]))
    assert pipe(b"sec") == []
    assert pipe(b"ret") == [b"x"]
    assert pipe(b"") == []
    assert pipe.count == 6


def test_pipes_unpack_every_member() -> None:
    packed = gzip.compress(b"one sec") + gzip.compress(b"ret two")
    for size in (1, 7, len(packed)):
        pipe = Pipe(Swapper([(b"secret", b"x")]), unpack=True)
        chunks = [pipe(packed[i : i + size]) for i in range(0, len(packed), size)]
        out = b"".join(b"".join(part) for part in [*chunks, pipe(b"")])
        assert out == b"one x two"


def test_unpacking() -> None:
    from mitmproxy.net import encoding

    text = b"hello " * 1000
    packed = encoding.encode(text, "zstd") + encoding.encode(b"more", "zstd")
    assert unpack(packed, "zstd", 1 << 20) == text + b"more"
    assert unpack(gzip.compress(gzip.compress(text)), "gzip, gzip", 1 << 20) == text
    assert unpack(text, "identity", 10) == text
    for data, encoding in ((packed, "zstd"), (gzip.compress(text), "gzip")):
        with pytest.raises(TooLarge):
            unpack(data, encoding, len(text) - 1)
        with pytest.raises(Unreadable):
            unpack(data[:20], encoding, 1 << 20)
    with pytest.raises(Unreadable):
        unpack(text, "compress", 1 << 20)


def test_long_text_is_scanned_in_overlapping_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from bottle_addon import scan
    from bottle_addon.policy import NextHop, Scan

    pieces: list[str] = []

    async def ask(hop: Any, service: Any, kind: str, key: str, text: str) -> None:
        pieces.append(text)

    monkeypatch.setattr(scan, "_ask", ask)
    service = Scan(1, "/", "token-token", 10_000)
    hop = NextHop("hop.test", 1, frozenset(), service, None)
    text = "".join(chr(97 + i % 26) for i in range(95_000))
    asyncio.run(content(hop, service, text))
    assert max(map(len, pieces)) == 10_000
    for at in range(0, len(text) - 4096, 997):
        assert any(text[at : at + 4096] in piece for piece in pieces), at
    pieces.clear()
    service = Scan(1, "/", "token-token", 40_000)
    asyncio.run(content(hop, service, "\u00e9" * 95_000))
    assert max(len(piece.encode()) for piece in pieces) <= 40_000
    pieces.clear()
    asyncio.run(content(hop, service, "  \n"))
    assert pieces == []


def test_the_files_are_looked_at_five_times_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_write", lambda event: None)
    now = [0.0]
    for name, value in (("policy.json", {"version": 1}), ("secrets.json", {})):
        (tmp_path / name).write_text(json.dumps(value))
    store = Store(str(tmp_path / "policy.json"), str(tmp_path / "secrets.json"), lambda: now[0])
    first = store.poll()
    assert first is not None
    (tmp_path / "policy.json").write_text('{"version": 1, "deny": ["a.test"]}')
    now[0] = 0.19
    assert store.poll() is first
    now[0] = 0.2
    assert store.poll() is not first


@pytest.mark.parametrize(
    "secrets",
    [[], {"A": 1}, {"A": "short"}, {"A": "line\nbreak-in-it"}, {"A": "sm\u00f6rg\u00e5sbord"}],
)
def test_unusable_secrets_are_named_but_not_shown(secrets: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        parse({"version": 1}, secrets)
    assert "break-in-it" not in str(caught.value)


def test_log_lines_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    events.egress("deny", reason='x\n{"bottle":"egress"}\r\u2028', host=None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    event = json.loads(lines[0])
    assert event["reason"].startswith("x\n")
    assert "host" not in event
