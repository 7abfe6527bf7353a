"""The baselines of many jobs, in bounded memory: a function of the last word on each key of `baselines.v1`.

**Law.** Of a job's runs that are there with all their chunks, the newest RUNS_MAX count, by time and then by name.
What has fallen behind them never comes back by more runs, so the newest of what two processes know together are the
newest of all: the order in which runs come does not matter, nor which process took which. On one key the last word of
its partition counts. Past `bytes_max` whole jobs go, the one that passed longest ago first.

Nothing is written here: `plan` says which records a new run needs, and `on_record` is told of every record that was
written, by whom ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from streams.contract.baseline import RUN_LINES_MAX, RUNS_MAX, Job, JobBaseline, PassedRun, chunked
from streams.contract.errors import MalformedRecord
from streams.contract.wire import from_bytes, to_bytes
from streams.core.extract.baseline import MASKING, Baseline

BYTES_MAX: Final = 128 * 1024 * 1024
CHUNK_OVERHEAD: Final = 1024
"""What a chunk costs besides its hashes, about."""
SPENT_MAX: Final = 20_000
"""Keys remembered that nobody needs any more, until a tombstone was seen."""
TOMBSTONES_MAX: Final = 200
"""Of such keys, in one plan."""

Run = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Written:
    """A record to be written; `value` None: a tombstone."""

    job: Job
    key: str
    value: bytes | None


@dataclass(slots=True)
class _Known:
    """One job."""

    chunks: dict[str, PassedRun] = field(default_factory=dict)
    passed_at_ms: int = 0
    """The newest run."""

    @property
    def size(self) -> int:
        return sum(len(one.hashes) + CHUNK_OVERHEAD for one in self.chunks.values())

    def runs(self) -> Iterator[tuple[Run, list[PassedRun]]]:
        """All runs, newest first, each with the chunks that are there."""
        by_run: dict[Run, list[PassedRun]] = {}
        for one in self.chunks.values():
            by_run.setdefault(one.run, []).append(one)
        yield from sorted(by_run.items(), key=lambda item: (item[1][0].passed_at_ms, item[0]), reverse=True)

    def put(self, one: PassedRun) -> set[str]:
        """Take a chunk. Returns the keys that are needed no more."""
        before = set(self.chunks)
        other = [
            key for key, held in self.chunks.items() if held.run == one.run and held.passed_at_ms != one.passed_at_ms
        ]
        for key in other:  # of an earlier sending of the same run
            del self.chunks[key]
        self.chunks[one.key] = one
        whole = pending = 0
        for _, chunks in list(self.runs()):
            if whole >= RUNS_MAX:
                keeps = False
            elif len(chunks) < chunks[0].chunks:
                pending += 1
                keeps = pending <= RUNS_MAX
            else:
                whole += 1
                keeps = sum(chunk.lines for chunk in chunks) <= RUN_LINES_MAX
            if not keeps:
                for chunk in chunks:
                    del self.chunks[chunk.key]
        self.passed_at_ms = max((held.passed_at_ms for held in self.chunks.values()), default=0)
        return (before | {one.key}) - set(self.chunks)

    def whole(self) -> tuple[PassedRun, ...]:
        """The chunks of the runs that are there as a whole, newest first."""
        return tuple(chunk for _, chunks in self.runs() if len(chunks) == chunks[0].chunks for chunk in chunks)


class Baselines:
    """Not thread-safe; what `of` gives may be used anywhere."""

    def __init__(self, *, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._jobs: dict[Job, _Known] = {}
        self._job_of: dict[str, Job] = {}
        self._spent: dict[str, Job] = {}
        self.size = 0
        """Bytes held, about."""

    def __len__(self) -> int:
        """Jobs that are known."""
        return len(self._jobs)

    def on_record(self, key: str, value: bytes | None) -> None:
        """Take a record of the topic; one that is known already changes nothing.

        Raises: MalformedRecord for what is none, or stands under another key than its own; nothing changes then.
        """
        if value is None:
            self._spent.pop(key, None)
            job = self._job_of.pop(key, None)
            if job is not None:
                known = self._jobs[job]
                self.size -= len(known.chunks.pop(key).hashes) + CHUNK_OVERHEAD
                known.passed_at_ms = max((held.passed_at_ms for held in known.chunks.values()), default=0)
                if not known.chunks:
                    del self._jobs[job]
            return
        one = from_bytes(PassedRun, value)
        if one.key != key:
            raise MalformedRecord(f"the key is {key[:200]!r}, by its content it would be {one.key[:200]!r}")
        if one.masking > MASKING:
            return  # of a newer release, for newer readers
        if one.masking < MASKING:
            self._spend({key}, one.job)
            return
        self._spent.pop(key, None)
        known = self._jobs.setdefault(one.job, _Known())
        self.size -= known.size
        gone = known.put(one)
        self.size += known.size
        for held in known.chunks:
            self._job_of[held] = one.job
        self._spend(gone, one.job)
        if not known.chunks:  # a run of more lines than a job may have
            del self._jobs[one.job]
        for job in self._beyond(self.size, one.job):
            self._forget(job)

    def plan(self, run: PassedRun) -> list[Written]:
        """The records that make this run known, and tombstones of what is needed no more. Changes nothing here."""
        records = chunked(run)
        known = self._jobs.get(run.job, _Known())
        after = _Known(dict(known.chunks))
        gone: set[str] = set()
        for one in records:
            gone |= after.put(one)
        needed = set(after.chunks)
        tombstones = dict.fromkeys(sorted(gone - needed), run.job)
        for job in self._beyond(self.size - known.size + after.size, run.job):
            tombstones |= dict.fromkeys(self._jobs[job].chunks, job)
        for key, job in islice(self._spent.items(), TOMBSTONES_MAX):
            if key not in needed:
                tombstones[key] = job
        own = [Written(run.job, one.key, to_bytes(one)) for one in records if one.key in needed]
        return [*own, *(Written(job, key, None) for key, job in tombstones.items())]

    def of(self, job: Job) -> tuple[PassedRun, ...]:
        """The chunks of a job's runs, newest run first; () where nothing is known."""
        known = self._jobs.get(job)
        return () if known is None else known.whole()

    def _beyond(self, size: int, spared: Job) -> list[Job]:
        """The jobs that have to go so that `size` is within the bound; never `spared`."""
        out: list[Job] = []
        if size > self._bytes_max:
            for job in sorted(self._jobs, key=lambda one: (self._jobs[one].passed_at_ms, one)):
                if job != spared and size > self._bytes_max:
                    size -= self._jobs[job].size
                    out.append(job)
        return out

    def _forget(self, job: Job) -> None:
        known = self._jobs.pop(job)
        self.size -= known.size
        self._spend(set(known.chunks), job)

    def _spend(self, keys: set[str], job: Job) -> None:
        for key in sorted(keys):
            self._job_of.pop(key, None)
            self._spent[key] = job
        while len(self._spent) > SPENT_MAX:
            del self._spent[next(iter(self._spent))]


def together(chunks: Sequence[PassedRun]) -> JobBaseline:
    """All runs of a job as one. Takes 0.1 s for 200,000 lines."""
    runs = dict.fromkeys((one.run_id, one.passed_at_ms) for one in chunks)
    lines = Baseline(frozenset().union(*(Baseline.from_bytes(one.hashes).hashes for one in chunks)))
    return JobBaseline(runs=tuple(runs), masking=MASKING if chunks else 0, hashes=lines.to_bytes())
