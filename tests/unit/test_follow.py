"""A log that is still being written: what is told before its end stays true, and nothing is told twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples, some_of

from streams.core.extract.baseline import Baseline
from streams.core.extract.chunks import chunks, one_chunk
from streams.core.extract.extract import Pass, findings
from streams.core.extract.follow import Following

COMPILE = ("src/a.c:3:5: error: expected ';' before 'return'", "    3 |     x = 1", "      |          ^")
TRACEBACK = ("Traceback (most recent call last):", '  File "a.py", line 3, in f', "    g()", "ValueError: no such port")
PYTEST = (
    "=================================== FAILURES ===================================",
    "___________________________________ test_pays __________________________________",
    "    def test_pays():",
    ">       assert total() == 3",
    "E       assert 2 == 3",
    "tests/test_shop.py:4: AssertionError",
    "=========================== short test summary info ============================",
    "FAILED tests/test_shop.py::test_pays - assert 2 == 3",
    "============================== 1 failed in 0.03s ===============================",
)
PIECES = (
    ("compiling",),
    ("",),
    ("all is well", "", "downloading 40 %"),
    tuple(f"step {n} of 30" for n in range(30)),
    ("##[group]Run make test",),
    ("##[endgroup]",),
    ("##[error]Process completed with exit code 2.",),
    ("make: *** [Makefile:3: a.o] Error 1",),
    ("npm ERR! code ELIFECYCLE", "npm ERR! errno 1"),
    ("ERROR: Job failed: exit code 1",),
    (
        "java.lang.IllegalStateException: no",
        "\tat a.B.c(B.java:3)",
        "Caused by: java.io.IOException: gone",
        "\t... 2 more",
    ),
    ("Segmentation fault (core dumped)",),
    ("Finished: SUCCESS",),
    ("fatal: unable to access 'x': Could not resolve host: example.invalid",),
    COMPILE,
    TRACEBACK,
    PYTEST,
)
logs = some_of(PIECES, most=14).map(lambda pieces: [line for piece in pieces for line in piece])
baselines = st.none() | some_of(PIECES, most=4).map(
    lambda pieces: Baseline.of(line for piece in pieces for line in piece)
)


@examples(150)
@given(logs, baselines, st.integers(1, 7))
def test_what_was_told_is_among_the_blocks_at_the_end_and_no_line_changed_it(
    log: list[str], baseline: Baseline | None, at_once: int
) -> None:
    following, plain = Following(baseline), Pass(baseline)
    told = []
    for first in range(0, len(log), at_once):
        chunk = one_chunk(log[first : first + at_once])
        told += [(first + len(chunk.lines), block) for block in following.feed(chunk)]
    for chunk in chunks(log):
        plain.feed(chunk)
    plain.reader.close()
    found = following.end()
    whole = findings(log, baseline=baseline)
    assert [block.evidence for _, block in told] == list(dict.fromkeys(block.evidence for _, block in told))
    assert {block.evidence for block in whole.blocks} <= {block.evidence for block in found.blocks}
    assert [block.score for block in found.blocks] == sorted((block.score for block in found.blocks), reverse=True)
    for number, block in told:
        assert block.last < number
        for candidate in plain.reader.candidates:
            if (candidate.rule.id, candidate.evidence) == (block.reason, block.evidence):
                assert block.first <= candidate.first <= candidate.last <= block.last
        if whole.blocks:
            assert any(one.first <= block.first and block.last <= one.last for one in found.blocks)
        else:
            assert found.blocks == ()


@pytest.mark.parametrize(
    ("cause", "ending"),
    [
        (COMPILE, "ERROR: Job failed: exit code 1"),
        (TRACEBACK, "##[error]Process completed with exit code 1."),
        (PYTEST, "##[error]Process completed with exit code 1."),
    ],
)
def test_the_cause_is_told_one_line_after_the_log_says_that_it_failed(cause: tuple[str, ...], ending: str) -> None:
    log = ["begins", "", *cause, ending]
    following = Following()
    assert [following.feed(one_chunk([line])) for line in log] == [()] * len(log)
    (block,) = following.feed(one_chunk(["Post job cleanup."]))
    assert log[block.evidence - 1] in cause
    rest = [following.feed(one_chunk([f"cleaning {n}"])) for n in range(200)]
    assert not any(rest)
    assert following.end().blocks[0].evidence == block.evidence


def test_without_a_word_that_it_failed_nothing_is_told_before_the_end() -> None:
    following = Following()
    assert not any(following.feed(one_chunk([line])) for line in [*TRACEBACK, *(f"line {n}" for n in range(100))])
    assert following.told == []


def test_a_log_that_says_last_that_it_passed_has_no_blocks_at_the_end() -> None:
    following = Following()
    for line in [*COMPILE, "ERROR: Job failed: exit code 1", "again", "once more", "Finished: SUCCESS"]:
        following.feed(one_chunk([line]))
    assert len(following.told) == 1
    assert following.end().blocks == ()
