"""What passing runs printed: taken in as a log or as hashes, given out as hashes to whoever extracts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import BinaryIO, Final, Protocol

import anyio.from_thread
import anyio.to_thread
from msgspec.structs import replace
from starlette.responses import Response

from streams.contract.baseline import RUN_LINES_MAX, Job, PassedRun, job_of
from streams.contract.errors import MalformedRecord, SinkUnavailable
from streams.contract.failure import Ci
from streams.contract.wire import from_bytes, to_bytes
from streams.core.baselines import together
from streams.core.extract.baseline import MASKING, Baseline
from streams.gateway.answers import Json, Refusal, answer
from streams.gateway.reports import lines_of
from streams.producers.packed import PackedLimits
from streams.producers.passing import CUT_NOTE, Passing
from streams.producers.report import Notes

NONE_HERE: Final = "this process keeps no baselines; the gateway does"


class BaselineKeeper(Protocol):
    """Keeps what passing runs printed. The embedded form has it in its log, the cluster form in `baselines.v1`."""

    def of(self, job: Job) -> tuple[PassedRun, ...]:
        """The runs of a job in chunks, newest run first; () where nothing is known.

        Raises: SinkUnavailable while they are still being read.
        """

    async def keep(self, run: PassedRun) -> None:
        """Durable when it returns, and `of` knows it. Raises: LogFull, SinkUnavailable."""


class Known:
    """What passing runs of the jobs of one request's logs printed. Made in the event loop, asked in worker threads."""

    def __init__(self, keeper: BaselineKeeper | None) -> None:
        self._keeper = keeper
        self._last: tuple[Job, Baseline | None] | None = None
        self.runs: int | None = None
        """Runs that logs were held against; None where no job was known."""
        self.notes: list[str] = []

    def of(self, context: Ci) -> Baseline | None:
        """What is known of one job. That it cannot be had is a note: a log is read without it, too."""
        job = Job.of(context)
        if self._keeper is None or job is None:
            return None
        if self._last is None or self._last[0] != job:
            self._last = job, self._asked(self._keeper, job)
        return self._last[1]

    def _asked(self, keeper: BaselineKeeper, job: Job) -> Baseline | None:
        try:
            chunks = anyio.from_thread.run_sync(keeper.of, job)
        except SinkUnavailable as error:
            if not self.notes:
                self.notes.append(f"read without a baseline: {error}")
            return None
        self.runs = (self.runs or 0) + len({one.run for one in chunks})
        return Baseline.from_bytes(together(chunks).hashes) if chunks else None


async def keep_log(
    keeper: BaselineKeeper | None, file: BinaryIO, context: Ci, *, now_ms: int, limits: PackedLimits
) -> Response:
    """Takes the log of a passing run, or of each job in an archive. The log itself is not kept.

    Raises: Refusal (400, 404); UnreadableInput for what is no log; LogFull, SinkUnavailable.
    """
    found, notes = _there(keeper), Notes()
    passing = Passing(context, lines_of, now_ms=now_ms, limits=limits, notes=notes)
    runs = chain(passing.add(file), passing.end())
    told: list[Json] = []
    try:
        while (run := await anyio.to_thread.run_sync(next, runs, None)) is not None:
            told.append(await _kept(found, run))
    except MalformedRecord as error:
        raise Refusal(400, str(error), place="parameters") from error
    more = notes.told()
    return answer(200, {"kept": told} | ({"notes": list(more)} if more else {}))


async def keep_sent(keeper: BaselineKeeper | None, body: bytes, *, now_ms: int) -> Response:
    """Takes a `PassedRun` in one piece; its time is the arrival. Raises: Refusal (400, 404); LogFull, SinkUnavailable.

    Whoever hashed the lines must have masked them by the same rules, or nothing would ever be equal.
    """
    found = _there(keeper)
    try:
        run = from_bytes(PassedRun, body)
        if run.chunks != 1:
            raise MalformedRecord("send a run in one piece", place="$.chunks")
        if run.masking != MASKING:
            told = f"lines are masked by other rules ({run.masking}) than here ({MASKING}); use the same release"
            raise MalformedRecord(told, place="$.masking")
    except MalformedRecord as error:
        raise Refusal(400, error.reason, place=error.place) from error
    kept = await _kept(found, replace(run, passed_at_ms=now_ms))
    return answer(200, {"kept": [kept]} | ({"notes": [CUT_NOTE]} if run.lines >= RUN_LINES_MAX else {}))


async def told_of(keeper: BaselineKeeper | None, query: Mapping[str, str]) -> Response:
    """What is known of the job in the parameters repo, workflow and job, as a `JobBaseline`.

    Raises: Refusal (400, 404); SinkUnavailable.
    """
    chunks = _there(keeper).of(_asked_job(query))
    told = await anyio.to_thread.run_sync(lambda: to_bytes(together(chunks)))
    return Response(told, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _there(keeper: BaselineKeeper | None) -> BaselineKeeper:
    if keeper is None:
        raise Refusal(404, NONE_HERE)
    return keeper


async def _kept(keeper: BaselineKeeper, run: PassedRun) -> Json:
    await keeper.keep(run)
    job, runs = run.job, {one.run for one in keeper.of(run.job)}
    return {
        "repo": job.repo,
        "workflow": job.workflow,
        "job": job.name,
        "run_id": run.run_id,
        "lines": run.lines,
        "runs": len(runs),
    }


def _asked_job(query: Mapping[str, str]) -> Job:
    if unknown := sorted(set(query) - {"repo", "workflow", "job", "job_name"}):
        told = f"parameter {unknown[0][:100]!r} is not known here; known are repo, workflow and job"
        raise Refusal(400, told, place=f"parameter {unknown[0][:100]}")
    name = query.get("job", "") or query.get("job_name", "")
    try:
        return job_of(Ci(repo=query.get("repo", ""), workflow=query.get("workflow", ""), job_name=name))
    except MalformedRecord as error:
        raise Refusal(400, str(error), place="parameters") from error
