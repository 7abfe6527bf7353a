"""A log -> the blocks that say why it failed, most likely cause first.

A log that passed gives nothing: it says itself that it passed, or it is complete and nothing in it says that it failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from streams.core.extract.baseline import Baseline
from streams.core.extract.block import Block
from streams.core.extract.rank import ranked
from streams.core.extract.reader import Reader

BLOCKS_MAX: Final = 20


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
    return ranked(reader, limit, failed=failed)
