"""What passing runs print: asked for where a log of a failed job is read, sent where a job passed.

Neither may break or hold up the job: what cannot be had is a line on standard error, and the log is read without.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec

from streams.cli.inputs import Input, lines, named, not_text
from streams.cli.interrupt import READING_S_MAX, Stop
from streams.cli.options import DEADLINE_S
from streams.cli.screen import line, say, tell, when
from streams.cli.server import Refusal, Server, Unreachable
from streams.contract.baseline import LINES_MAX, Job, JobBaseline, PassedRun
from streams.contract.errors import ConfigurationError, FaultlineError, MalformedRecord, UnreadableInput
from streams.contract.failure import Ci
from streams.contract.wire import to_bytes
from streams.core.baselines import together
from streams.core.extract.baseline import MASKING, Baseline
from streams.producers.packed import PackedLimits, parts
from streams.producers.passing import Passing
from streams.producers.report import Notes

ASK_S_MAX: Final = 5.0
"""For a gateway to answer; a log is read without a baseline rather than late."""
KAFKA_ASK_S_MAX: Final = 10.0
"""For brokers: a client has to start, and a partition to be read."""
OLD_DAYS: Final = 30
"""A baseline whose newest run is older is used as long as the log's beginning fits, and its age is told."""
DAY_MS: Final = 86_400_000
PATH: Final = "/v1/baselines"

BaselineOf = Callable[[Ci], Baseline | None]
To = Literal["http", "kafka"]
T = TypeVar("T")


def from_file(path: Path) -> Baseline:
    """What the log of a passing run prints, as far as it can be read: what cannot is a line on standard error.

    Raises: UnreadableInput.
    """
    notes = Notes()
    try:
        with Input(str(path), path).open(packed=True) as stream:
            found = parts(stream, PackedLimits(), notes)
            baseline = Baseline.of(text for part in found for text in lines(part.stream))
    except UnreadableInput as error:
        way_out = "name the log of a run that passed, or leave --baseline out"
        raise UnreadableInput(f"{error}; {way_out}") from error
    if len(baseline.hashes) >= LINES_MAX:
        notes.add(f"only the first {LINES_MAX} different lines are remembered; those after them count as new")
    for note in notes.told():
        tell(f"baseline {line(str(path))}: {line(note)}")
    return baseline


class Asked:
    """What the gateway, or Kafka, knows of a job. Each job is asked for once; a place that is away is asked once."""

    def __init__(self, *, to: To, url: str, deadline_s: float | None = None) -> None:
        """`deadline_s`: where sending has less time than asking."""
        self._to: To = to
        self._ask_s = min(ASK_S_MAX if to == "http" else KAFKA_ASK_S_MAX, deadline_s or DEADLINE_S)
        self._url = url
        self._last: tuple[Job, Baseline | None] | None = None
        self._is_away = False

    def __call__(self, context: Ci) -> Baseline | None:
        """The baseline of the job in a context; None where the job is not known, or nothing of it."""
        job = Job.of(context)
        if job is None or self._is_away:
            return None
        if self._last is None or self._last[0] != job:
            self._last = job, self._found(job)
        return self._last[1]

    def _found(self, job: Job) -> Baseline | None:
        try:
            told = self._from_kafka(job) if self._to == "kafka" else self._from_server(job)
        except FaultlineError as error:
            self._is_away = True
            tell(f"read without a baseline of {line(str(job))}: {line(str(error))}")
            return None
        if not told.runs:
            tell(f"no passing run of {line(str(job))} is known; `publish log --passed` after one that passes tells it")
            return None
        if told.masking != MASKING:
            tell(f"read without a baseline of {line(str(job))}: its lines are masked by another release")
            return None
        newest_ms = max(at_ms for _, at_ms in told.runs)
        is_old = _now_ms() - newest_ms > OLD_DAYS * DAY_MS
        age = f", the newest of {when(newest_ms)}: old, let passing runs tell what they print" if is_old else ""
        count = len(told.runs)
        tell(f"held against {count} passing run{'s' if count > 1 else ''} of {line(str(job))}{age}")
        return Baseline.from_bytes(told.hashes)

    def _from_server(self, job: Job) -> JobBaseline:
        server = Server(self._url, deadline_s=self._ask_s, refused_s=0.0)
        try:
            told = server.get(PATH, {"repo": job.repo, "workflow": job.workflow, "job": job.name}).value
            return msgspec.convert(told, JobBaseline)
        except Refusal as error:
            if error.status in (404, 405):
                raise Unreachable(f"{server.url} keeps no baselines; name a gateway of this release") from error
            raise
        except msgspec.ValidationError as error:
            raise Unreachable(f"{server.url}: the answer is not that of a faultline server ({error})") from error

    def _from_kafka(self, job: Job) -> JobBaseline:
        from streams.broker.baselines import read_job
        from streams.broker.clients import Cluster
        from streams.settings import Settings

        cluster = Cluster.of(Settings.read(os.environ))
        known = _within(self._ask_s, read_job(cluster, job), place=f"Kafka at {cluster.bootstrap}")
        return together(known.of(job))


def chosen(path: Path | None, *, asks: bool, to: To, url: str, deadline_s: float | None) -> BaselineOf:
    """Where baselines come from: that file, the server or Kafka, or nowhere. Raises: UnreadableInput."""
    if path is None and asks:
        return Asked(to=to, url=url, deadline_s=deadline_s)
    fixed = None if path is None else from_file(path)
    return lambda _: fixed


class _Way(Protocol):
    def __call__(self, run: PassedRun) -> int:
        """Sends one run; returns how many runs of its job are known then. Raises: FaultlineError."""


@dataclass(slots=True)
class Kept:
    """What became of the logs of passing runs."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)

    def lose(self, reason: str) -> None:
        """Count and say it."""
        self.losses.append(reason)
        tell(line(reason))


def keep(
    logs: list[str],
    context: Ci,
    *,
    to: To,
    url: str,
    deadline_s: float | None,
    dry_run: bool,
    as_json: bool,
) -> Kept:
    """Send what the logs of a passing run print, as hashes: all of them as one run of the job in the context, and the
    jobs of log archives each on its own. Says what became of it.

    Raises: ConfigurationError, also where the job is not known.
    """
    way = _way(to, url, deadline_s or DEADLINE_S)
    out = Kept()
    for run in _runs(logs, context, out, deadline_s):
        told = {"job": str(run.job), "run_id": run.run_id, "lines": run.lines}
        if dry_run:
            out.kept.append(told)
            _say(as_json, f"{run.lines} lines of run {run.run_id} would be kept for {run.job} (dry run)")
            continue
        try:
            runs = way(run)
        except FaultlineError as error:
            out.lose(f"what {run.job} printed was not kept: {error}")
            continue
        out.kept.append(told | {"runs": runs})
        earlier = f"{runs - 1} earlier run{'' if runs == 2 else 's'}"
        _say(as_json, f"{run.lines} lines of run {run.run_id} kept for {run.job}, with {earlier}")
    if as_json:
        say(json.dumps({"kept": out.kept, "losses": out.losses, "dry_run": dry_run}))
    return out


def _say(as_json: bool, text: str) -> None:  # noqa: FBT001 - an option handed on
    if not as_json:
        say(line(text))


def _runs(logs: list[str], context: Ci, out: Kept, deadline_s: float | None) -> Iterator[PassedRun]:
    stop, notes = Stop(deadline_s or READING_S_MAX), Notes()
    passing = Passing(context, _text, now_ms=_now_ms(), limits=PackedLimits(), notes=notes)
    for one in named(logs, stop, pattern="*.log"):
        if isinstance(one, FaultlineError):
            out.lose(f"unreadable: {one}")
            continue
        try:
            with one.open(packed=True) as stream:
                yield from passing.add(stream)
        except UnreadableInput as error:
            out.lose(f"unreadable: {one.name}: {str(error).removeprefix(f'{one.name}: ')}")
        except OSError as error:
            out.lose(f"unreadable: {one.name}: {error.strerror or error}")
        except MalformedRecord as error:
            raise ConfigurationError(f"{error} (--repo, --job)") from error
        if stop.reason:
            out.lose(f"unreadable: {one.name}: in part: {stop.reason}")
            break
    yield from passing.end()
    for note in notes.told():
        tell(line(note))


def _text(stream: Any) -> Iterator[str]:
    head = stream.peek(4096)[:4096]
    if reason := not_text(head):
        raise UnreadableInput(reason)
    yield from lines(stream)


def _way(to: To, url: str, deadline_s: float) -> _Way:
    if to == "kafka":
        return _to_kafka(deadline_s)
    server = Server(url, deadline_s=deadline_s)

    def post(run: PassedRun) -> int:
        told = server.post(PATH, to_bytes(run)).value
        try:
            return int(told["kept"][0]["runs"])
        except (TypeError, KeyError, IndexError, ValueError) as error:
            raise Unreachable(f"{server.url}: the answer is not that of a faultline server") from error

    return post


def _to_kafka(deadline_s: float) -> _Way:
    from streams.broker.baselines import read_job
    from streams.broker.clients import Cluster
    from streams.broker.publish import KafkaPublisher
    from streams.settings import Settings

    cluster = Cluster.of(Settings.read(os.environ))
    place = f"Kafka at {cluster.bootstrap}"

    async def kept(run: PassedRun) -> int:
        publisher = KafkaPublisher(cluster, source="publish", now_ms=_now_ms, app_version=version("faultline"))
        try:
            await publisher.start(deadline_s=deadline_s)
            known = await read_job(cluster, run.job)
            written = known.plan(run)
            await publisher.keep(written)
        finally:
            await publisher.close()
        for one in written:
            known.on_record(one.key, one.value)
        return len({one.run for one in known.of(run.job)})

    return lambda run: _within(deadline_s, kept(run), place=place)


def _within(deadline_s: float, work: Coroutine[Any, Any, T], *, place: str) -> T:
    """Do it in time. Raises: Unreachable when it takes longer, or the brokers fail; what it raises."""
    from aiokafka.errors import KafkaError

    from streams.cli.loop import run

    async def timed() -> T:
        async with asyncio.timeout(deadline_s):
            return await work

    try:
        return run(timed())
    except TimeoutError as error:
        raise Unreachable(f"{place} did not answer within {deadline_s:g} s") from error
    except KafkaError as error:
        raise Unreachable(f"{place}: {error!r}") from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
