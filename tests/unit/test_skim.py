"""Floods in which no two errors are alike: most of them are passed over, and nothing that is found changes."""

from __future__ import annotations

import random
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.extract import extract as extracting
from streams.core.extract.baseline import Baseline
from streams.core.extract.extract import findings
from streams.core.extract.gate import LINES_MIN, SAMPLE, SAMPLE_CHARS_MAX, Gate
from streams.core.extract.reader import SAME_RULE_MAX, Reader
from streams.core.extract.sections import WORDS, tells
from streams.core.extract.skim import Skim
from streams.core.extract.tools import RULES

LETTERS = "ghijklmnopqrstuvwxyz"


def word(r: random.Random) -> str:
    return "".join(r.choices(LETTERS, k=8))


def compiler(r: random.Random) -> str:
    return f"src/{word(r)}.c:{r.randint(1, 99)}:5: error: unknown type name '{word(r)}'"


def linker(r: random.Random) -> str:
    return f"/usr/bin/ld: {word(r)}.o: in function `{word(r)}':\n{word(r)}.c: undefined reference to `{word(r)}'"


def python(r: random.Random) -> str:
    name = word(r).title()
    return f'Traceback (most recent call last):\n  File "{name}.py", line 3, in {word(r)}\n{name}Error: {word(r)}'


def java(r: random.Random) -> str:
    return f"java.lang.RuntimeException: {word(r)}\n\tat {word(r)}.java:7\nCaused by: java.io.IOException: {word(r)}"


def plain(r: random.Random) -> str:
    return f"ERROR: {word(r)} {word(r)}"


def annotated(r: random.Random) -> str:
    return f"##[error]{word(r)}.ts(3,7): error TS2304: Cannot find name '{word(r)}'."


def aside(r: random.Random) -> str:
    return r.choice(
        (
            "",
            "make: *** [all] Error 2",
            "0 errors",
            "+ error: no",
            "done",
            "No space left on device",
            "--- FAIL: TestCart (0.00s)",
        )
    )


FLOODS = (compiler, linker, python, java, plain, annotated)


def flood(seed: int, *, mixed: bool) -> list[str]:
    r = random.Random(seed)
    kinds = r.sample(FLOODS, 2)
    made = []
    for n in range(1_200):
        if n % 5 == 0 and mixed and r.random() < 0.1:
            made.append(aside(r))
        made.append(r.choice(made) if made and r.random() < 0.01 else r.choice(kinds)(r))
    return "\n".join(made).split("\n")


@settings(max_examples=5)
@given(seed=st.integers(0, 10**9), mixed=st.booleans(), is_known=st.booleans())
def test_what_is_passed_over_changes_nothing(*, seed: int, mixed: bool, is_known: bool) -> None:
    lines = flood(seed, mixed=mixed)
    baseline = Baseline.of(lines[: len(lines) // 3]) if is_known else None
    quick = findings(lines, baseline=baseline)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Skim, "goes_on_at", lambda _, place: place + 1)
        gate = Gate(RULES, WORDS, tells)
        patch.setattr(extracting, "_gate", lambda: gate)
        patch.setattr("streams.core.extract.gate.SHORTCUTS_MAX", 0)
        assert asdict(quick) == asdict(findings(lines, baseline=baseline))


def test_the_section_of_a_failed_test_takes_every_line_of_a_flood() -> None:
    r = random.Random(1)
    made = []
    for _ in range(SAME_RULE_MAX + 10):
        errors = [f"error[E0425]: {word(r)}" for _ in range(3)]
        made += [f"--- FAIL: Test{word(r)} (0.00s)", *errors[:2], f"panic: {word(r)}", errors[2]]
    found = findings(made, failed=True, limit=len(made))
    told = [block.evidence for block in found.blocks if block.reason == "go.section"]
    assert len(told) == SAME_RULE_MAX + 10
    assert all(made[at - 1].startswith("panic: ") for at in told)


@pytest.mark.parametrize("kind", FLOODS, ids=lambda kind: kind.__name__)
def test_few_blocks_of_a_flood_are_looked_at(kind: object, monkeypatch: pytest.MonkeyPatch) -> None:
    r = random.Random(1)
    assert callable(kind)
    lines = "\n".join(kind(r) for _ in range(5_000)).split("\n")
    looked = 0
    feed = Reader.feed

    def counted(self: Reader, at: int, hit: object) -> None:
        nonlocal looked
        looked += 1
        feed(self, at, hit)  # type: ignore[arg-type]

    monkeypatch.setattr(Reader, "feed", counted)
    found = findings(lines, failed=True)
    assert found.blocks
    assert looked < len(lines) / 3


def test_of_the_lines_a_shortcut_is_made_of_no_more_is_kept_than_their_beginnings() -> None:
    r = random.Random(1)
    gate = Gate(RULES, WORDS, tells)
    lines = [f"{compiler(r)} {word(r) * 400}".encode() for _ in range(SAMPLE - 1)]
    gate.hits(b"\n".join(lines), lines)
    assert max(len(text) for sample in gate._samples.values() for text in sample) == SAMPLE_CHARS_MAX


def test_a_shortcut_knows_the_lines_of_a_kind_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    r = random.Random(1)
    gate, slow = (Gate(RULES, WORDS, tells) for _ in range(2))
    looked, lines = list[int](), list[bytes]()
    searched = Gate._searched

    def counted(self: Gate, held: dict, lines: list) -> dict:  # type: ignore[type-arg]
        looked.append(len(held))
        return searched(self, held, lines)

    for _ in range(3):
        lines = [compiler(r).encode() for _ in range(max(LINES_MIN, SAMPLE))]
        lines += [f"c++ -Werror={word(r)} -c {word(r)}.c".encode() for _ in range(SAMPLE)]
        lines[7] = b"FAILED tests/test_cart.py::test_adds - error: no"
        lines[9] = b"No space left on device: error: " + word(r).encode()
        with monkeypatch.context() as patch:
            patch.setattr(Gate, "_searched", counted)
            quick = gate.hits(b"\n".join(lines), lines)
        one_by_one = {at: hit for at, line in enumerate(lines) for hit in slow.hits(line, [line]).values()}
        assert [(at, hit.rule, hit.told, hit.marks) for at, hit in quick.items()] == [
            (at, hit.rule, hit.told, hit.marks) for at, hit in one_by_one.items()
        ]
    assert looked[0] == len(lines)
    assert looked[-1] < len(lines) / 10
