"""A log that is still being written: what is certain already is told at once, and the order of all at the end.

A block is *certain* when
1. the log has said at its line, or later, that something failed for good: a line that only failing jobs print;
2. it is whole: no line that may come adds a line to it, or takes one from it;
3. it says why (the rank of what was read so far has it, clearly), and is no repeat of what was said before.

What was told is not taken back: the blocks at the end hold its lines, whatever came after. There is one exception, and
it is no secret: when the log says last that the job passed (or no more than passing runs say), it has no blocks, and
what was told was no reason to fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from streams.core.extract.baseline import Baseline
from streams.core.extract.block import Block
from streams.core.extract.chunks import Chunk
from streams.core.extract.extract import BLOCKS_MAX, TESTS_MAX, Findings, Pass, concluded
from streams.core.extract.reader import CONCLUDES_LINES

CLEARLY: Final = 0.5
"""A score from which on a block is told before the end: below, what comes later is often the better reason."""
PAUSE_LINES_MAX: Final = 64
"""So many lines pass at most between two looks at what became certain, while there is something to look for."""


class Following:
    """One log: feed it as it comes, then `end`. Linear time; memory bounded as for a log that is there as a whole."""

    def __init__(
        self,
        baseline: Baseline | None = None,
        *,
        told: Iterable[Block] = (),
        limit: int = BLOCKS_MAX,
        tests_max: int = TESTS_MAX,
    ) -> None:
        """`told`: what was certain when the same log was read with another baseline; it is not taken back either."""
        self._pass = Pass(baseline)
        self._reader, self._sections = self._pass.reader, self._pass.sections
        self._limit, self._tests_max = limit, tests_max
        self._fatal_at = 0
        """The last line of which is known that something failed for good; 0 while there is nothing to look for."""
        self._look_at = 0
        self._pause = 1
        self.told: list[Block] = list(told)
        """What was certain before the end, in the order in which it became so."""

    @property
    def at(self) -> int:
        """How many lines came."""
        return self._reader.at

    def spans(self) -> Iterator[tuple[int, int]]:
        """From and to: the lines in which something was found so far."""
        return self._pass.spans()

    def feed(self, chunk: Chunk) -> tuple[Block, ...]:
        """Takes the next lines, and gives the blocks that they make certain, in the order of the log.

        A chunk is what came at once, be it a line.
        """
        reader = self._reader
        self._pass.feed(chunk)
        if reader.fatal_at > self._fatal_at:
            if not self._look_at:
                self._look_at, self._pause = reader.fatal_at + CONCLUDES_LINES, 1
            self._fatal_at = reader.fatal_at
        if not self._look_at or reader.at < self._look_at:
            return ()
        return self._look()

    def _look(self) -> tuple[Block, ...]:
        found, waits = self._certain()
        self.told += found
        self._pause = 1 if found else min(2 * self._pause, PAUSE_LINES_MAX)
        is_full = len(self.told) >= self._limit + self._tests_max
        self._look_at = self._reader.at + self._pause if waits and not is_full else 0
        return found

    def _certain(self) -> tuple[tuple[Block, ...], bool]:
        """The blocks that are certain and were not told, and whether others may become so without a further sign."""
        reader = self._reader
        repeats = {one.repeat.evidence for one in reader.candidates if one.repeat is not None}
        so_far = concluded(reader.so_far(), self._sections.so_far(), limit=self._limit, tests_max=self._tests_max)
        spoken = {one.at for one in reader.consequences}
        told = {block.evidence for block in self.told}
        found, waits = [], reader.open is not None and reader.open.evidence <= self._fatal_at
        for block in so_far.blocks:
            known = block.evidence in told or block.evidence in repeats or block.evidence in spoken
            if known or block.score < CLEARLY or block.evidence > self._fatal_at or _holds(self.told, block):
                continue
            if reader.is_whole(block.last):
                found.append(block)
            else:
                waits = True
        return tuple(sorted(found, key=lambda block: block.first)), waits

    def end(self, *, failed: bool | None = None) -> Findings:
        """What the whole log says, most likely cause first: what `findings` gives, and what was told before the end."""
        found = concluded(self._reader, self._sections, limit=self._limit, tests_max=self._tests_max, failed=failed)
        if not found.blocks:
            return found
        blocks = list(found.blocks)
        for block in self.told:
            at = next((n for n, one in enumerate(blocks) if one.evidence == block.evidence), None)
            if at is not None:
                first, last = min(blocks[at].first, block.first), max(blocks[at].last, block.last)
                blocks[at] = replace(blocks[at], first=first, last=last)
            elif not _holds(blocks, block):
                blocks.append(replace(block, score=min(block.score, blocks[-1].score)))
        return replace(found, blocks=tuple(blocks))


def _holds(blocks: list[Block], block: Block) -> bool:
    return any(one.first <= block.first and block.last <= one.last for one in blocks)
