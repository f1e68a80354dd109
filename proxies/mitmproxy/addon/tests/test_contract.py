"""The policies that the Rust half writes are the ones that this half reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bottle_addon.policy import parse

SNAPSHOTS = Path(__file__).parents[2] / "tests" / "snapshots"
NAMES = [
    "as_the_only_hop",
    "before_a_scanning_hop",
    "with_every_setting",
    "with_nothing_allowed",
]


def read(name: str) -> Any:
    text = (SNAPSHOTS / f"policy__{name}.snap").read_text()
    # A header between two lines of dashes comes first.
    return json.loads(text.split("---\n", 2)[2])


def test_every_policy_snapshot_is_read() -> None:
    found = {path.stem.removeprefix("policy__") for path in SNAPSHOTS.glob("policy__*.snap")}
    assert found == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_parser_takes_it(name: str) -> None:
    document = read(name)
    secrets = {one["name"]: "x" * 20 for one in document["credentials"] if one["inject"]}
    secrets["scan token"] = "y" * 20
    policy = parse(document, secrets)
    assert len(policy.rules.allow) == len(document["allow"])
    assert policy.mode == document["mode"]
    assert (policy.next is None) == ("next" not in document)
    if policy.next is not None:
        assert policy.next.scan is not None
        assert policy.next.scan.token == "y" * 20
