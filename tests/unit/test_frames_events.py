"""Errors as trackers print them: one problem is one group, whatever lines, addresses, hashes and values it shows."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from streams.core.alias import grouped
from streams.core.fingerprint import fingerprint

EVENTS = [
    (head.strip(), text.rstrip("\n"))
    for head, _, text in (
        case.partition("\n")
        for case in Path(__file__).with_name("events.txt").read_text(encoding="utf-8").split("====== ")[1:]
    )
]
"""(problem, text)."""

KNOWN_SPLIT = {("py-rel", "py-rel")}
"""One frame of one's own does not say where a failure comes from without its message."""

KNOWN_MERGED = {("lib-a", "lib-b")}
"""Frames of libraries alone do not tell two failures with one message apart."""


def test_events_of_one_problem_are_one_group_and_those_of_two_are_two() -> None:
    groups = grouped([fingerprint(origin="ci", message=text) for _, text in EVENTS])
    pairs = [(EVENTS[i][0], EVENTS[j][0], groups[i] == groups[j]) for i, j in combinations(range(len(EVENTS)), 2)]
    assert {(a, b) for a, b, is_one in pairs if a == b and not is_one} == KNOWN_SPLIT
    assert {(a, b) for a, b, is_one in pairs if a != b and is_one} == KNOWN_MERGED
