"""The log of a CI job -> failures: one for each block that says why the job failed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from streams.contract.failure import MESSAGE_BYTES_MAX, Ci, Failure, Origin, Source, bounded, head_and_tail, identified
from streams.core.extract.baseline import Baseline
from streams.core.extract.block import Block
from streams.core.extract.clean import clean, last_drawn
from streams.core.extract.extract import BLOCKS_MAX, extract

LOG_BYTES_MAX: Final = 64 * 1024 * 1024
"""A longer log keeps its beginning and its end: half each."""
_BY_TOOL: Final = {
    "buildkit": Source.BUILDKIT,
    "docker": Source.BUILDKIT,
    "kaniko": Source.BUILDKIT,
    "buildah": Source.BUILDKIT,
    "pytest": Source.PYTEST,
    "rust": Source.RUST_TEST,
}


class _Held:
    """The lines of a log in bounded memory: all of it, or its beginning and its end with their true numbers."""

    def __init__(self, lines: Iterable[str], chars_max: int) -> None:
        self.head: list[str] = []
        self.tail: deque[str] = deque()
        self.skipped = 0
        room = chars_max // 2
        held = 0
        for raw in lines:
            line = last_drawn(raw)
            if room > 0:
                room -= len(line) + 1
                self.head.append(line)
                continue
            self.tail.append(line)
            held += len(line) + 1
            while held > chars_max // 2:
                held -= len(self.tail.popleft()) + 1
                self.skipped += 1

    def __iter__(self) -> Iterator[str]:
        yield from self.head
        for _ in range(self.skipped):
            yield ""
        yield from self.tail

    def cut(self, first: int, last: int) -> list[str]:
        """Lines `first` to `last`, counted from 1."""
        found = self.head[first - 1 : last]
        start = len(self.head) + self.skipped
        if last > start:
            rest = list(self.tail)
            found += rest[max(0, first - 1 - start) : last - start]
        return found


def text_of(lines: Iterable[str]) -> str:
    """The lines of a block as its tool wrote them, at most MESSAGE_BYTES_MAX, without the indent that all share."""
    cleaned = [clean(line) for line in lines]
    filled = [line for line in cleaned if line]
    indent = min((len(line) - len(line.lstrip()) for line in filled), default=0)
    return head_and_tail("\n".join(line[indent:] for line in cleaned).strip("\n"), MESSAGE_BYTES_MAX)


def read_log(
    lines: Iterable[str],
    context: Ci,
    *,
    occurred_at_ms: int,
    baseline: Baseline | None = None,
    limit: int = BLOCKS_MAX,
    failed: bool | None = None,
) -> Iterator[Failure]:
    """The failures that a job's log tells of, most likely cause first; nothing for a log that passed.

    `context` says which job it was; source, step and lines are added. `lines` is read once, with or without line ends.
    The place in the log is in `ci.log_lines`; the rule that found it and its weight are labels. At most `limit`.
    `failed` is what the CI system says of the job, where the caller knows it.
    """
    held = _Held((line.rstrip("\n") for line in lines), LOG_BYTES_MAX)
    ordinals: dict[tuple[str, str], int] = {}
    for block in extract(held, baseline=baseline, limit=limit, failed=failed):
        yield _failure(block, held, context, occurred_at_ms, ordinals)


def _failure(
    block: Block, held: _Held, context: Ci, occurred_at_ms: int, ordinals: dict[tuple[str, str], int]
) -> Failure:
    message = text_of(held.cut(block.first, block.last)) or block.reason
    step = context.step_name or block.step.removeprefix("Run ")
    ordinal = ordinals[step, message] = ordinals.get((step, message), -1) + 1
    evidence = next(iter(held.cut(block.evidence, block.evidence)), "")
    source = _BY_TOOL.get(block.tool) or (Source.GITHUB_JOB_LOG if context.provider == "github" else Source.FULL_LOG)
    if context.source is not Source.FULL_LOG:
        source = context.source
    ci = msgspec.structs.replace(context, source=source, step_name=step, log_lines=(block.first, block.last))
    return identified(
        bounded(
            Failure(
                origin=Origin.CI,
                occurred_at_ms=occurred_at_ms,
                message=message,
                exit_code=block.exit_code,
                ordinal=ordinal,
                labels={
                    "rule": block.reason,
                    "score": f"{block.score:.2f}",
                    "evidence": clean(evidence)[:1000],
                    "evidence_line": str(block.evidence),
                },
                ci=ci,
            )
        )
    )
