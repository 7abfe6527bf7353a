"""The failures that the log of a job tells of, packed or not: read here, so that only they leave the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from streams.cli.baselines import BaselineOf
from streams.cli.delivery import Loss
from streams.cli.inputs import Input, not_text, pieces
from streams.cli.screen import line, tell
from streams.contract.errors import UnreadableInput
from streams.contract.failure import Ci, Failure
from streams.producers.contents import Contents
from streams.producers.formats import NOTHING_FOUND, Records
from streams.producers.joblog import read_log
from streams.producers.packed import Part, head_of

SEE_MORE: Final = (
    "`faultline extract --failed` shows what it said last, and `faultline publish event` sends what you know"
)


def of_log(one: Input, context: Ci, baseline_of: BaselineOf) -> Iterator[Failure | Loss]:
    """The failures of one input, each job of an archive held against the baseline of its own.

    Raises: UnreadableInput; OSError.
    """
    now_ms = time.time_ns() // 1_000_000

    def read(part: Part, own: Ci) -> Records:
        if part.name and (reason := not_text(head_of(part.stream))):
            raise UnreadableInput(reason)
        log = pieces(part.stream)
        found = read_log(log, own, occurred_at_ms=now_ms, baseline=baseline_of(own), steps=part.steps)
        return Records.of_log(found)

    with one.open(packed=True) as stream:
        found = Contents(stream, context, read)
        yield from found
    for note in found.notes:
        way_out = f"; if it did fail, {SEE_MORE}" if note == NOTHING_FOUND else ""
        tell(f"{line(one.name)}: {line(note)}{way_out}")
    for note in found.damage:
        yield Loss("unreadable", one.name, f"in part: {note}")
