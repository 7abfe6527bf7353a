"""A log -> the blocks that say why it failed, most likely cause first.

A log that passed gives nothing: it says itself that it passed, or it is complete and nothing in it says that it failed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final

from streams.core.extract.baseline import Baseline
from streams.core.extract.block import Block
from streams.core.extract.chunks import Chunk, Log, chunks
from streams.core.extract.flood import Floods
from streams.core.extract.gate import Gate, Hit
from streams.core.extract.rank import exit_code, ranked
from streams.core.extract.reader import Candidate, Reader
from streams.core.extract.sections import WORDS, Section, Sections, tells
from streams.core.extract.skim import Skim
from streams.core.extract.tools import RULES

BLOCKS_MAX: Final = 20
TESTS_MAX: Final = 100
"""Failed tests of one log that become blocks of their own."""
SECTION_SCORE: Final = 0.95
"""How surely a runner's own section of a failed test is a cause."""
_WORDS_ONLY: Final = ("generic.", "test.expected")
"""Rules of no tool in particular: where a runner names the failed tests, such words only tell of them again."""


def extract(
    log: Log,
    *,
    baseline: Baseline | None = None,
    limit: int = BLOCKS_MAX,
    failed: bool | None = None,
) -> tuple[Block, ...]:
    """The blocks that say why a job failed, most likely cause first; () for the log of a job that passed.

    `log` may be a stream: it is read once, in linear time and bounded memory. Line numbers count from 1.
    `baseline` is what passing runs of the job say. `failed` is what the CI system says of the job, where the caller
    knows; without it the log's own word counts. At most `limit` blocks.
    """
    reading = Pass(baseline)
    for chunk in chunks(log):
        reading.feed(chunk)
    return ranked(reading.reader, limit, failed=failed)[0]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a log says, most likely cause first, and how much more it says."""

    blocks: tuple[Block, ...]
    tests_left_out: int = 0
    """Failed tests beyond the limit."""
    others_left_out: int = 0
    """Other places that would have been a block of their own."""


def findings(
    log: Log,
    *,
    baseline: Baseline | None = None,
    limit: int = BLOCKS_MAX,
    tests_max: int = TESTS_MAX,
    failed: bool | None = None,
) -> Findings:
    """As `extract`, and each failed test that its runner reports in a section of its own is one block, exactly once.

    At most `tests_max` failed tests and `limit` other blocks; what is beyond is counted.
    """
    reading = Pass(baseline)
    for chunk in chunks(log):
        reading.feed(chunk)
    return reading.end(limit=limit, tests_max=tests_max, failed=failed)


class Pass:
    """One pass over a log: feed it the chunks, then `end` it."""

    def __init__(self, baseline: Baseline | None = None) -> None:
        self.reader = Reader(baseline)
        self.sections = Sections(baseline)
        self._known = frozenset[int]() if baseline is None else baseline.hashes
        self._floods = Floods()
        self._told: set[int] = set()
        """Lines of the chunk that say more than that something failed: steps, endings, tests."""

    def feed(self, chunk: Chunk) -> None:
        """Takes the next lines. Only those are looked at that hold a word, or belong to what is open."""
        reader, sections = self.reader, self.sections
        numbers = reader.window.slide(chunk.lines)
        if numbers.start == 1:
            reader.steps.first(reader.window.raw(1))
        hits = self._hits(chunk)
        at, end = numbers.start - 1, numbers.stop - 1
        skim, places, place = Skim(reader, chunk.data, hits, numbers.start), list(hits), 0
        while place <= len(places):
            upto = end if place == len(places) else numbers.start + places[place] - 1
            while at < upto and (reader.wants_next or sections.wants_next):
                at += 1
                self._look(at, None)
            if place == len(places):
                break
            at, hit = upto + 1, hits[places[place]]
            next_place = place + 1
            if hit.hash not in self._known or not hit.is_idle or reader.wants_next or sections.wants_next:
                self._look(at, hit)
                if not sections.wants_next:  # what is open there takes every line
                    next_place = skim.goes_on_at(place)
            if next_place > place + 1:
                at = numbers.start + places[next_place] - 1
            place = next_place
        reader.at = end
        self._learn(chunk, numbers.start)

    def _hits(self, chunk: Chunk) -> dict[int, Hit]:
        """The lines of the chunk that are to be looked at, from 0."""
        rest = self._floods.rest(chunk.data, chunk.lines)
        if rest is None:
            return _gate().hits(chunk.data, chunk.lines)
        lines = [chunk.lines[at] for at in rest]
        return {rest[at]: hit for at, hit in _gate().hits(b"\n".join(lines), lines).items()}

    def _learn(self, chunk: Chunk, first: int) -> None:
        """Tells the floods which blocks were found that say no more than that something failed, and why."""
        closed, told = self.reader.closed, self._told
        blocks = [
            (one.opened - first, one.last - first)
            for one in closed
            if not (one.rule.fatal or one.rule.consequence or one.rule.joins)
            and (not told or told.isdisjoint(range(one.opened, one.last + 1)))
        ]
        self._floods.learn(chunk.data, chunk.lines, blocks)
        closed.clear()
        told.clear()

    def _look(self, at: int, hit: Hit | None) -> None:
        reader, sections, window = self.reader, self.sections, self.reader.window
        if reader.steps.watches:
            reader.at = at
            if (line := reader.steps.each(raw := window.raw(at))) is not raw:
                window.put(at, line)
                data = window.bytes(at)
                hit = _gate().hits(data, (data,)).get(0)
            reader.enter_step()
        reader.feed(at, hit)
        if sections.wants_next or (hit is not None and not hit.marks.isdisjoint(_OPENS)):
            marks = _NO_MARKS if hit is None else hit.marks
            before = len(sections.found) + sections.beyond
            sections.feed(at, window.raw(at), window.text(at), reader.step, marks)
            if sections.wants_next or len(sections.found) + sections.beyond > before:
                self._told.add(at)
        if hit is not None and hit.told:
            self._told.add(at)

    def spans(self) -> Iterator[tuple[int, int]]:
        """From and to: the lines in which something was found so far."""
        reader, sections = self.reader, self.sections
        for candidate in (*reader.candidates, *filter(None, (reader.open,))):
            yield candidate.first, candidate.last
        yield from sections.spans()

    def end(self, *, limit: int = BLOCKS_MAX, tests_max: int = TESTS_MAX, failed: bool | None = None) -> Findings:
        """What the log says, now that it ended. Limits as `findings` has them."""
        return concluded(self.reader, self.sections, limit=limit, tests_max=tests_max, failed=failed)


def concluded(
    reader: Reader,
    sections: Sections,
    *,
    limit: int = BLOCKS_MAX,
    tests_max: int = TESTS_MAX,
    failed: bool | None = None,
) -> Findings:
    """What a log says that both have read to its end. They are of no use afterwards."""
    sections.end(reader.at)
    reader.close()
    if failed is False or (failed is None and reader.failed is False):
        return Findings(())
    found = sections.found
    if sections.passed:
        reader.candidates = _outside(reader.candidates, sections.passed)
    if not found:
        blocks, left_out = ranked(reader, limit, failed=failed)
        return Findings(blocks, 0, left_out)
    reader.candidates = _untold(reader.candidates, sections)
    blocks, left_out = ranked(reader, limit, failed=failed, best=SECTION_SCORE)
    tests = tuple(_of(section, reader) for section in found[:tests_max])
    ordered = sorted((*tests, *blocks), key=lambda block: (-block.score, block.first))
    return Findings(tuple(ordered), len(found) - len(tests) + sections.beyond, left_out)


_NO_MARKS: Final = frozenset[str]()
_OPENS: Final = frozenset(WORDS)


@cache
def _gate() -> Gate:
    """Shared by all passes: what it remembers is true for every log. Made with the first of them."""
    return Gate(RULES, WORDS, tells)


def _untold(candidates: list[Candidate], sections: Sections) -> list[Candidate]:
    """The candidates that the sections do not tell of: outside of them, and of no rule that finds what they tell."""
    retold = {name for section in sections.found for name in section.runner.retells}
    names = (*retold, *_WORDS_ONLY)
    spans = [*sections.areas, *((section.first, section.last) for section in sections.found)]
    tested = {section.step for section in sections.found}
    kept = [one for one in _outside(candidates, spans) if not one.rule.id.startswith(names)]
    for one in kept:
        one.retold = one.retells and one.step in tested
    return kept


def _outside(candidates: list[Candidate], spans: list[tuple[int, int]]) -> list[Candidate]:
    """The candidates whose line that says why stands in none of the spans."""
    ordered = sorted(spans)
    starts = [first for first, _ in ordered]
    ends = list(accumulate((last for _, last in ordered), max))

    def is_inside(at: int) -> bool:
        before = bisect_right(starts, at)
        return bool(before) and ends[before - 1] >= at

    return [one for one in candidates if not is_inside(one.evidence)]


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
        job=section.step.job,
        test=section.test,
        opening=section.opening,
    )
