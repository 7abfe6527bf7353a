"""The logs of passing runs -> the hashes of what they printed: one run of one job, or of each job of a log archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec

from streams.contract.baseline import RUN_LINES_MAX, PassedRun, job_of
from streams.contract.failure import Ci
from streams.core.extract.baseline import MASKING, Baseline
from streams.producers.packed import PackedLimits, parts
from streams.producers.report import Notes

CUT_NOTE = f"only the first {RUN_LINES_MAX} different lines are remembered; those after them stay new"


class Passing:
    """The inputs of one passing run, packed or not: `add` each, then `end`."""

    def __init__(
        self,
        context: Ci,
        lines_of: Callable[[BinaryIO], Iterator[str]],
        *,
        now_ms: int,
        limits: PackedLimits,
        notes: Notes,
    ) -> None:
        """Texts that name no job of their own are of the one in the context. `lines_of` reads a text.

        `notes` say what was left out; complete after `end`.
        """
        self._context = context
        self._lines_of = lines_of
        self._now_ms = now_ms
        self._limits = limits
        self._notes = notes
        self._found: set[int] = set()
        self._is_read = False

    def add(self, stream: BinaryIO) -> Iterator[PassedRun]:
        """The runs of the jobs that an archive names; what else is in the input comes at the end, as one.

        `stream` as `parts` wants it.
        Raises: MalformedRecord where a job is not known; UnreadableInput as `parts` and `lines_of`.
        """
        for part in parts(stream, self._limits, self._notes):
            if part.job:
                own = msgspec.structs.replace(self._context, job_id=part.job, job_name=part.job)
                yield self._run(Baseline.of(self._lines_of(part.stream), lines_max=RUN_LINES_MAX), own)
                continue
            job_of(self._context)  # known before the log is read, or never
            if room := RUN_LINES_MAX - len(self._found):
                self._found.update(Baseline.of(self._lines_of(part.stream), lines_max=room).hashes)
            self._is_read = True

    def end(self) -> Iterator[PassedRun]:
        """The run of the job in the context, where a text of it was read."""
        if self._is_read:
            yield self._run(Baseline(frozenset(self._found)), self._context)

    def _run(self, printed: Baseline, context: Ci) -> PassedRun:
        if len(printed.hashes) >= RUN_LINES_MAX:
            self._notes.add(f"{job_of(context)}: {CUT_NOTE}")
        return PassedRun(
            job=job_of(context),
            run_id=context.run_id,
            attempt=context.attempt,
            leg=context.job_id,
            passed_at_ms=self._now_ms,
            masking=MASKING,
            hashes=printed.to_bytes(),
        )
