"""A log -> the blocks that say why it failed, most likely cause first.

A log that passed gives nothing: it says itself that it passed, or it is complete and nothing in it says that it failed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from streams.core.extract.baseline import Baseline
from streams.core.extract.block import Block
from streams.core.extract.rank import exit_code, ranked
from streams.core.extract.reader import Candidate, Reader
from streams.core.extract.sections import Section, Sections

BLOCKS_MAX: Final = 20
TESTS_MAX: Final = 100
"""Failed tests of one log that become blocks of their own."""
SECTION_SCORE: Final = 0.95
"""How surely a runner's own section of a failed test is a cause."""
_WORDS_ONLY: Final = ("generic.", "test.expected")
"""Rules of no tool in particular: where a runner names the failed tests, such words only tell of them again."""


def extract(
    lines: Iterable[str],
    *,
    baseline: Baseline | None = None,
    limit: int = BLOCKS_MAX,
    failed: bool | None = None,
) -> tuple[Block, ...]:
    """The blocks that say why a job failed, most likely cause first; () for the log of a job that passed.

    `lines` may be a stream: it is read once, in linear time and bounded memory. Line numbers count from 1.
    `baseline` is what passing runs of the job say. `failed` is what the CI system says of the job, where the caller
    knows; without it the log's own word counts. At most `limit` blocks.
    """
    reader = Reader(baseline)
    for line in lines:
        reader.feed(line)
    return ranked(reader, limit, failed=failed)[0]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a log says, most likely cause first, and how much more it says."""

    blocks: tuple[Block, ...]
    tests_left_out: int = 0
    """Failed tests beyond the limit."""
    others_left_out: int = 0
    """Other places that would have been a block of their own."""


def findings(
    lines: Iterable[str],
    *,
    baseline: Baseline | None = None,
    limit: int = BLOCKS_MAX,
    tests_max: int = TESTS_MAX,
    failed: bool | None = None,
) -> Findings:
    """As `extract`, and each failed test that its runner reports in a section of its own is one block, exactly once.

    At most `tests_max` failed tests and `limit` other blocks; what is beyond is counted.
    """
    reader, sections = Reader(baseline), Sections(baseline)
    for line in lines:
        reader.feed(line)
        sections.feed(reader.at, reader.line, reader.step)
    return concluded(reader, sections, limit=limit, tests_max=tests_max, failed=failed)


def concluded(
    reader: Reader,
    sections: Sections,
    *,
    limit: int = BLOCKS_MAX,
    tests_max: int = TESTS_MAX,
    failed: bool | None = None,
) -> Findings:
    """What a log says of which every line was fed to both. They are of no use afterwards."""
    sections.end(reader.at)
    reader.close()
    if failed is False or (failed is None and reader.failed is False):
        return Findings(())
    found = sections.found
    if not found:
        blocks, left_out = ranked(reader, limit, failed=failed)
        return Findings(blocks, 0, left_out)
    reader.candidates = _untold(reader.candidates, sections)
    blocks, left_out = ranked(reader, limit, failed=failed, best=SECTION_SCORE)
    tests = tuple(_of(section, reader) for section in found[:tests_max])
    ordered = sorted((*tests, *blocks), key=lambda block: (-block.score, block.first))
    return Findings(tuple(ordered), len(found) - len(tests) + sections.beyond, left_out)


def _untold(candidates: list[Candidate], sections: Sections) -> list[Candidate]:
    """The candidates that the sections do not tell of: outside of them, and of no rule that finds what they tell."""
    retold = {name for section in sections.found for name in section.runner.retells}
    names = (*retold, *_WORDS_ONLY)
    spans = sorted([*sections.areas, *((section.first, section.last) for section in sections.found)])
    starts = [first for first, _ in spans]
    ends = list(accumulate((last for _, last in spans), max))
    kept = []
    for candidate in candidates:
        before = bisect_right(starts, candidate.evidence)
        if candidate.rule.id.startswith(names) or (before and ends[before - 1] >= candidate.evidence):
            continue
        kept.append(candidate)
    return kept


def _of(section: Section, reader: Reader) -> Block:
    return Block(
        first=section.first,
        last=section.last,
        evidence=section.evidence,
        score=SECTION_SCORE,
        reason=f"{section.runner.name}.section",
        tool=section.runner.name,
        exit_code=exit_code(reader, section.last, section.step),
        step=section.step.name,
        step_number=section.step.number,
        test=section.test,
        opening=section.opening,
    )
