"""The logs of passing runs -> the hashes of what they printed: one run of one job, or of each job of a log archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import msgspec

from streams.contract.baseline import RUN_LINES_MAX, PassedRun, job_of
from streams.contract.failure import Ci
from streams.core.extract.baseline import MASKING, Baseline
from streams.producers.packed import PackedLimits, parts
from streams.producers.report import Notes

CUT_NOTE = f"only the first {RUN_LINES_MAX} different lines are remembered; those after them stay new"


def passed_run(lines: Iterable[str], context: Ci, *, now_ms: int) -> PassedRun:
    """What a passing run printed: at most RUN_LINES_MAX different lines, the first ones.

    Raises: MalformedRecord where the job is not known; what iterating over the lines raises.
    """
    return PassedRun(
        job=job_of(context),
        run_id=context.run_id,
        attempt=context.attempt,
        leg=context.job_id,
        passed_at_ms=now_ms,
        masking=MASKING,
        hashes=Baseline.of(lines, lines_max=RUN_LINES_MAX).to_bytes(),
    )


def passed_runs(
    stream: BinaryIO,
    context: Ci,
    lines_of: Callable[[BinaryIO], Iterator[str]],
    *,
    now_ms: int,
    limits: PackedLimits,
    notes: Notes,
) -> Iterator[PassedRun]:
    """The runs in one input, packed or not. Texts that name no job of their own are of the one in the context.

    `stream` as `parts` wants it; `lines_of` reads a text. `notes` say what was left out; complete when it is over.

    Raises: MalformedRecord where a job is not known; UnreadableInput as `parts` and `lines_of`.
    """
    plain = _Chain()
    for part in parts(stream, limits, notes):
        if not part.job:
            plain.add(lines_of(part.stream))
            continue
        own = msgspec.structs.replace(context, job_id=part.job, job_name=part.job)
        yield _noted(passed_run(lines_of(part.stream), own, now_ms=now_ms), notes)
    if plain.is_read:
        yield _noted(plain.run(context, now_ms=now_ms), notes)


def _noted(run: PassedRun, notes: Notes) -> PassedRun:
    if run.lines >= RUN_LINES_MAX:
        notes.add(f"{run.job}: {CUT_NOTE}")
    return run


class _Chain:
    """The lines of several texts as those of one run."""

    def __init__(self) -> None:
        self.is_read = False
        self._found: frozenset[int] = frozenset()

    def add(self, lines: Iterable[str]) -> None:
        self.is_read = True
        room = RUN_LINES_MAX - len(self._found)
        self._found |= Baseline.of(lines, lines_max=room).hashes if room else frozenset()

    def run(self, context: Ci, *, now_ms: int) -> PassedRun:
        return msgspec.structs.replace(passed_run((), context, now_ms=now_ms), hashes=Baseline(self._found).to_bytes())
