"""Blocks with their lines, fit to be shown: what a log or a report says failed, most likely cause first.

The same blocks as `joblog` makes failures of, with the lines as they stand in the log. Credentials are taken out, as
from everything that we print: the output of a job's step ends in a log, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from streams.contract.failure import Ci, Failure
from streams.core.extract.baseline import Baseline
from streams.core.extract.block import Block
from streams.core.extract.chunks import Chunk, Log
from streams.core.extract.extract import Findings
from streams.core.extract.follow import Following
from streams.core.redact import redact
from streams.producers.fitting import Fitting
from streams.producers.formats import Records
from streams.producers.github_logs import Steps
from streams.producers.held import Held
from streams.producers.joblog import LOG_BYTES_MAX, blocks_in, evidence_of, left_out, said

LINES_MAX: Final = 1_000
"""Of one excerpt: around the line that says why, most of them below it."""
ABOVE_SHARE: Final = 3
"""One line of so many stands above the one that says why, where there are too many."""


class Line(msgspec.Struct, frozen=True):
    """A line as its tool wrote it: no colours, no time stamps of the CI, no credentials."""

    line: int | None
    """Its number in the log, from 1; none in a report."""
    text: str


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """One block of a log, or one failure of a report."""

    rank: int
    """1 is the most likely cause; counted in each log of an archive by itself."""
    first: int | None = None
    last: int | None = None
    """The block's first and last line in the log, from 1; none in a report."""
    evidence_line: int | None = None
    """The line that says why."""
    evidence: str
    """Its text."""
    score: float | None = None
    """How likely the block is the cause, 0 to 1; to be compared within one log only."""
    rule: str
    """What found it; of a report the format's name."""
    tool: str
    exit_code: int | None = None
    test: str = ""
    step: str = ""
    step_number: int | None = None
    job: str = ""
    member: str = ""
    """The entry of the archive that `first` and `last` count in."""
    lines: tuple[Line, ...] = ()
    lines_left_out: int = 0
    """Of the block, beyond `lines`."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which log of an input it is."""

    member: str = ""
    job: str = ""
    steps: Steps | None = None


class Watch:
    """One log that is still being written: feed it as it comes, then `end`.

    Whether the baseline is of this job is decided when `FIRST_BYTES` are there, or the log ends. What is certain before
    is told by what the beginning says so far; then these first lines are read again where it comes out otherwise.
    """

    def __init__(self, place: Place, baseline: Baseline | None = None) -> None:
        self._place = place
        self._held = Held(bytes_max=LOG_BYTES_MAX)
        self._baseline = baseline
        """What the log is held against now."""
        self._fitting = Fitting(baseline) if baseline is not None else None
        """None once it is decided."""
        self._following = Following(baseline)
        self._notes: list[str] = []
        self._blocks: list[Block] = []
        self.told: list[Excerpt] = []
        """What was certain before the end."""

    @property
    def lines(self) -> int:
        """How many came."""
        return len(self._held)

    def feed(self, chunk: Chunk) -> list[Excerpt]:
        """Takes the next lines, and gives what they make certain (`streams.core.extract.follow` says when that is)."""
        blocks = self._following.feed(chunk)
        if self._fitting is not None:
            self._fitting.take(chunk)
            if self._fitting.is_full:
                blocks = self._decided(self._fitting, blocks)
            elif blocks or self._fitting.is_due:
                blocks = self._fitted(self._fitting.fitting([]), self._fitting.first, blocks)
        self._held.take(chunk, self._following.spans)
        found = [_excerpt(block, self._held, self._place, len(self.told) + n) for n, block in enumerate(blocks, 1)]
        self._blocks += blocks
        self.told += found
        return found

    def end(self, *, failed: bool | None = None) -> tuple[list[Excerpt], list[str]]:
        """All of it, most likely cause first, and notes. `failed`: what the caller knows of the job."""
        if self._fitting is not None:
            self._decided(self._fitting, ())
        found = self._following.end(failed=failed)
        return _excerpts(found, self._held, self._place, self._blocks), [*self._notes, *left_out(found, self._held)]

    def _decided(self, fitting: Fitting, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        self._fitting = None
        return self._fitted(fitting.fitting(self._notes), fitting.first, blocks)

    def _fitted(self, baseline: Baseline | None, first: list[Chunk], blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        """What became certain just now, `blocks` if the log is held against this baseline already; else it is read
        again, which makes other blocks certain."""
        if baseline is self._baseline:
            return blocks
        self._baseline = baseline
        self._following = Following(baseline, told=self._blocks)
        return tuple(block for chunk in first for block in self._following.feed(chunk))


def of_log(
    log: Log, place: Place, baseline: Baseline | None = None, *, failed: bool | None = None
) -> tuple[list[Excerpt], list[str], int]:
    """What a log says, most likely cause first; notes of what was left out; how many lines it has.

    Nothing for a log that passed; `failed` None: the log's own word counts. Memory is bounded as `joblog` bounds it.
    """
    notes: list[str] = []
    found, held = blocks_in(log, notes, baseline=baseline, failed=failed)
    return _excerpts(found, held, place), notes, len(held)


def of_report(records: Records, place: Place) -> Iterator[Excerpt]:
    """What failed by a report, in its order. Raises: UnreadableInput."""
    for rank, failure in enumerate(records, 1):
        yield _reported(failure, records.form, place, rank)


def _excerpts(found: Findings, held: Held, place: Place, told: Sequence[Block] = ()) -> list[Excerpt]:
    """What was told is not left out, though a builder of images tells the end of a step twice."""
    kept = {block.evidence for block in told}
    seen: set[str] = set()
    blocks = []
    for block in found.blocks:
        error = evidence_of(block, held)[1]
        if error not in seen or block.evidence in kept:
            blocks.append(block)
        if error:
            seen.add(error)
    return [_excerpt(block, held, place, rank) for rank, block in enumerate(blocks, 1)]


def _excerpt(block: Block, held: Held, place: Place, rank: int) -> Excerpt:
    numbered = held.numbered(block.first, block.last)
    if block.opening:
        numbered = [*held.numbered(block.opening, block.opening), *numbered]
    evidence = evidence_of(block, held)[0]
    shown = _around(numbered, evidence)
    texts = _safe(said([line for _, line in shown], block))
    lines = tuple(Line(number, text) for (number, _), text in zip(shown, texts, strict=True))
    steps = place.steps if place.steps is not None and place.steps.lines == len(held) else None
    number, name = (steps.at(block.evidence) if steps is not None else None) or (block.step_number, block.step)
    return Excerpt(
        rank=rank,
        first=block.first,
        last=block.last,
        evidence_line=evidence,
        evidence=next((line.text for line in lines if line.line == evidence), ""),
        score=block.score,
        rule=block.reason,
        tool=block.tool,
        exit_code=block.exit_code,
        test=block.test,
        step=name.removeprefix("Run "),
        step_number=number,
        job=place.job,
        member=place.member,
        lines=lines,
        lines_left_out=block.last - block.first + 1 + bool(block.opening) - len(lines),
    )


def _reported(failure: Failure, form: str, place: Place, rank: int) -> Excerpt:
    ci = failure.ci or Ci()
    texts = _safe([line for text in (failure.message, failure.traceback) if text for line in text.split("\n")])
    lines = tuple(Line(None, text) for text in texts[:LINES_MAX])
    return Excerpt(
        rank=rank,
        evidence=texts[0] if texts else "",
        rule=form,
        tool=form,
        exit_code=failure.exit_code,
        test=f"{ci.test_class}::{ci.test_name}" if ci.test_class else ci.test_name,
        step=ci.step_name,
        job=place.job,
        member=place.member,
        lines=lines,
        lines_left_out=len(texts) - len(lines),
    )


def _around(lines: list[tuple[int, str]], evidence: int) -> list[tuple[int, str]]:
    """At most LINES_MAX of the lines, the one that says why among them."""
    if len(lines) <= LINES_MAX:
        return lines
    at = next((n for n, (number, _) in enumerate(lines) if number >= evidence), 0)
    first = max(0, min(at - LINES_MAX // ABOVE_SHARE, len(lines) - LINES_MAX))
    return lines[first : first + LINES_MAX]


def _safe(lines: list[str]) -> list[str]:
    """The lines without credentials, as many as before: one of several lines leaves empty ones behind."""
    text = "\n".join(lines)
    told = redact(text)
    if told is text:
        return lines
    safe = told.split("\n")
    if len(safe) == len(lines):
        return safe
    # A credential of several lines became one line; the lines behind it are found again by what is left of each.
    single = [redact(line) for line in lines]
    found = [""] * len(lines)
    at = 0
    for line in safe:
        at = next((n for n in range(at, len(single)) if single[n] == line), at)
        if at < len(found):
            found[at] = line
        at += 1
    return found
