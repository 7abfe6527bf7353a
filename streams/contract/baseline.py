"""What one passing run of a job printed: hashes of its masked lines, whole or in chunks.

A job is known by repository, workflow and name, as everywhere else; branches share it, for a failing branch is told
apart by what the others print. The log itself is kept nowhere: a hash tells nothing of its line.
"""

from __future__ import annotations

from typing import Annotated, Final, Self

import msgspec
from msgspec import Meta, Struct

from streams.contract.errors import MalformedRecord
from streams.contract.failure import FIELD_CHARS_MAX, Ci, TimeMs

LINES_MAX: Final = 200_000
"""Lines of one job, over all its runs."""
RUNS_MAX: Final = 3
"""Passing runs of a job."""
RUN_LINES_MAX: Final = LINES_MAX // RUNS_MAX
"""Lines of one run: a share of its own, so that which runs count depends on no run's length."""
LINE_BYTES: Final = 8
"""Of one line's hash, big-endian."""
CHUNK_LINES_MAX: Final = 40_000
"""Of one record: 427 KB as base64, so that a record with its names stays below CHUNK_BYTES_MAX."""
CHUNK_BYTES_MAX: Final = 512 * 1024

Name = Annotated[str, Meta(max_length=FIELD_CHARS_MAX)]


class Job(Struct, frozen=True, order=True):
    """Which job. `workflow` may be empty, the others are not."""

    repo: Annotated[str, Meta(min_length=1, max_length=FIELD_CHARS_MAX)]
    workflow: Name
    name: Annotated[str, Meta(min_length=1, max_length=FIELD_CHARS_MAX)]

    @classmethod
    def of(cls, ci: Ci) -> Self | None:
        """The job of a run; None where repository or name are not known."""
        return cls(ci.repo, ci.workflow, ci.job_name) if ci.repo and ci.job_name else None

    @property
    def key(self) -> str:
        """All chunks of a job are in the partition of this key."""
        return msgspec.json.encode((self.repo, self.workflow, self.name)).decode()

    def __str__(self) -> str:
        return "/".join(filter(None, (self.repo, self.workflow, self.name)))


class PassedRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A passing run, or one chunk of it. The run is known by `run_id`, `attempt` and `leg` within its job."""

    job: Job
    run_id: Annotated[str, Meta(min_length=1, max_length=FIELD_CHARS_MAX)]
    attempt: Annotated[int, Meta(ge=0, le=10_000)] = 1
    leg: Name = ""
    """Which of several jobs of one name in one run: a leg of a matrix."""
    passed_at_ms: TimeMs = 0
    """When it was taken in; all chunks of a run have the same."""
    masking: Annotated[int, Meta(ge=1)]
    """How lines were masked before they were hashed; others than one's own are of no use."""
    chunk: Annotated[int, Meta(ge=0, lt=RUN_LINES_MAX)] = 0
    chunks: Annotated[int, Meta(ge=1, le=RUN_LINES_MAX)] = 1
    hashes: bytes
    """LINE_BYTES a line, sorted."""
    version: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if len(self.hashes) % LINE_BYTES or len(self.hashes) > RUN_LINES_MAX * LINE_BYTES:
            raise ValueError(f"hashes are {LINE_BYTES} bytes a line, at most {RUN_LINES_MAX} lines")
        if self.chunk >= self.chunks:
            raise ValueError("a chunk is counted from 0, below the number of chunks")

    @property
    def lines(self) -> int:
        """How many lines are in it."""
        return len(self.hashes) // LINE_BYTES

    @property
    def run(self) -> tuple[str, int, str]:
        """Which run of its job."""
        return self.run_id, self.attempt, self.leg

    @property
    def key(self) -> str:
        """Key of the record: compaction keeps the newest word on each chunk."""
        job = self.job
        told = (job.repo, job.workflow, job.name, *self.run, self.chunk)
        return msgspec.json.encode(told).decode()


def chunked(run: PassedRun) -> tuple[PassedRun, ...]:
    """The records of a whole run, none longer than CHUNK_BYTES_MAX. A run without a line is one record."""
    size = CHUNK_LINES_MAX * LINE_BYTES
    parts = [run.hashes[at : at + size] for at in range(0, len(run.hashes), size)] or [b""]
    return tuple(
        msgspec.structs.replace(run, chunk=number, chunks=len(parts), hashes=part) for number, part in enumerate(parts)
    )


def job_of(ci: Ci) -> Job:
    """The job that a baseline would be of. Raises: MalformedRecord where it is not known, saying what is missing."""
    job = Job.of(ci)
    if job is None:
        missing = " and ".join(name for name, value in (("repo", ci.repo), ("job", ci.job_name)) if not value)
        raise MalformedRecord(f"a baseline is that of a job: name its {missing} too")
    return job


class JobBaseline(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a job, as the gateway tells it to whoever extracts."""

    runs: tuple[tuple[str, TimeMs], ...] = ()
    """Run id and when it was taken in, newest first; empty where nothing is known."""
    masking: Annotated[int, Meta(ge=0)] = 0
    hashes: bytes = b""
    """Of all the runs together, sorted."""
    version: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if len(self.hashes) % LINE_BYTES or len(self.hashes) > LINES_MAX * LINE_BYTES:
            raise ValueError(f"hashes are {LINE_BYTES} bytes a line, at most {LINES_MAX} lines")
