"""Logs that say the same again and again: most of it is passed over, and nothing is lost by it."""

from __future__ import annotations

import pytest

from streams.core.extract import flood
from streams.core.extract.extract import findings
from streams.core.extract.flood import KEPT, LINES_MIN, SEEN_MIN, Floods

TRACE = (
    "Traceback (most recent call last):",
    '  File "a.py", line {n}, in f',
    "    g()",
    "ValueError: port {n} is shut",
)
KINDS = {
    "a line": ("error: cannot open file {n}",),
    "a compiler's line": ("src/a{n}.c:{n}:5: error: unknown type name 'x{n}'",),
    "a stack": TRACE,
    "a logger's line": ("2026-11-20 10:00:01,{n} ERROR pool.Main - cannot reach 10.0.0.{n}:5432: Connection refused",),
    "a retried download": ("curl: (28) Operation timed out after {n} ms", "retrying in {n} s"),
    "failed tests": ("FAILED tests/test_a.py::test_b[{n}] - AssertionError: assert {n} == 0",),
    "counts of tests": ("Tests run: 5, Failures: {n}, Errors: 0",),
}
PIECE = 24 * 1024
OTHER = ["", "thread 'main' panicked at src/a.rs:1:2:", "no stock left", ""]
END = ["make: *** [Makefile:3: all] Error 2", "##[error]Process completed with exit code 2."]


def said_again(kind: str, count: int = 700) -> list[str]:
    return [line.format(n=n) for n in range(count) for line in KINDS[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_again_and_again_gives_the_same_as_when_each_is_looked_at(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = said_again(kind)
    data = "\n".join([*lines, *OTHER, *lines, *END]).encode()
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    found = findings(pieces)
    monkeypatch.setattr(flood, "SEEN_MIN", 10**9)
    whole = findings(pieces)
    if "logger" in kind:  # its blocks hold lines of their neighbours, so they may begin one line off
        assert {b.reason for b in found.blocks} == {b.reason for b in whole.blocks}
    else:
        assert found == whole
    assert found.blocks


def test_most_of_it_is_passed_over_and_what_differs_in_the_middle_is_not() -> None:
    floods = Floods()
    lines = [line.encode() for line in said_again("a stack", LINES_MIN)]
    size = len(TRACE)
    blocks = [(at, at + size - 1) for at in range(0, len(lines), size)]
    assert floods.rest(b"\n".join(lines), lines) is None
    floods.learn(b"\n".join(lines), lines, blocks)
    rest = floods.rest(b"\n".join(lines), lines)
    assert rest == [*range(KEPT * size), *range(len(lines) - KEPT * size, len(lines))]
    middle = len(lines) // 2 + size - 1
    lines[middle] = b"KeyError: 'x'"
    assert middle in (floods.rest(b"\n".join(lines), lines) or [])


def test_a_chunk_of_few_lines_is_looked_at_as_a_whole_and_so_is_what_was_seen_seldom() -> None:
    floods, few = Floods(), [b"error: no"] * (LINES_MIN - 1)
    many = [*few, b"error: no"]
    floods.learn(b"\n".join(many), many, [(at, at) for at in range(SEEN_MIN - 1)])
    assert floods.rest(b"\n".join(many), many) is None
    floods.learn(b"\n".join(many), many, [(at, at) for at in range(KEPT)])
    assert floods.rest(b"\n".join(few), few) is None
    assert len(floods.rest(b"\n".join(many), many) or []) == 2 * KEPT
