"""The stages of the path over the embedded log, in one thread.

Each step reads what its role has not read, and commits offset, rows and outputs in one transaction. So the process
may be killed anywhere: it goes on from its last commits, and nothing is lost or counted twice.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import structlog

from streams.contract import topics
from streams.contract.documents import FULL_TEXT_CHARS_MAX
from streams.contract.errors import ConfigurationError, LogFull, MalformedRecord
from streams.contract.failure import (
    ENVELOPE_BYTES_MAX,
    ENVELOPE_FAILURES_MAX,
    Failure,
)
from streams.contract.fold import FoldBatch
from streams.contract.rollup import Rollup, Span
from streams.contract.taxonomy import Taxonomy
from streams.contract.telemetry import LogEvent
from streams.contract.topics import Topic
from streams.contract.verdict import Verdict
from streams.contract.wire import classified_from_bytes, envelope_of, from_bytes, rejected_headers, to_bytes
from streams.core.batch import Batcher
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, Intake, RawRecord, Stretch
from streams.core.partition import partition_of
from streams.core.pipeline import Pipeline
from streams.core.rules import RuleBook
from streams.local import Entry, Log, RowTable
from streams.sinks.sqlite import REVISION, SqliteSink, count, forget, forget_groups

FOLD, WORK, SINK = "fold", "work", "sink"
INPUTS: tuple[Topic, ...] = (topics.CI, topics.BENCHMARK, topics.VERDICTS)
SINK_INPUTS: tuple[Topic, ...] = (topics.CLASSIFIED, topics.ROLLUPS)
READERS: dict[Topic, tuple[str, ...]] = {
    topics.CI: (FOLD,),
    topics.BENCHMARK: (FOLD,),
    topics.VERDICTS: (FOLD,),
    topics.FOLDED: (WORK,),
    topics.CLASSIFIED: (SINK,),
    topics.ROLLUPS: (SINK,),
    topics.UNSEEN: (),
    topics.REJECTED: (),
}
PASSING_KEEP_MS = 600_000
"""How long records between the stages stay once they are read: long enough to look at them."""
PASSING = (topics.FOLDED, topics.CLASSIFIED, topics.ROLLUPS)
TICK_MS = 5_000
TRIM_EVERY_MS = 60_000
TRIM_MORE_MS = 500
"""How soon the next trim comes when one found as much as it may take."""
TRIM_ROWS_MAX = 5_000
TRIM_GROUPS_MAX = 200
STEP_RECORDS_MAX = 1_000
STEP_BYTES_MAX = 512 * 1024
"""What a step reads of one partition at most, so that a caller's append waits for short steps only."""
SINK_RECORDS_MAX = 4_000
GATHER_S = 0.05
"""How long the stages let failures gather after the first, so that those of one fingerprint are folded together."""
APPENDS_MAX = 256
APPEND_BYTES_MAX = 8 * 1024 * 1024
APPEND_AGE_S = 0.002
"""How long an append waits for company: callers share one write to the disk."""
RETRY_AFTER_S = 2.0

log_event = structlog.get_logger("faultline.engine")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the engine needs to know."""

    directory: Path
    partitions: int = 1
    """One thread does all the work, so more of them buy nothing here; failures of one topic fold together."""
    backlog_bytes_max: int = 256 * 1024 * 1024
    """Input that is not folded yet, past which appends are refused."""
    input_keep_ms: int = 7 * topics.DAY_MS
    documents_keep_ms: int = 30 * topics.DAY_MS
    primary_is_kind: bool = False
    error_length_max: int = FULL_TEXT_CHARS_MAX
    """Characters of an error text that a CI document keeps."""
    app_version: str = ""


@dataclass(frozen=True, slots=True)
class _Append:
    entries: tuple[Entry, ...]
    counted: dict[str, int]
    size: int
    done: Future[None]

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the fold stage has to read because of it; what was rejected at the door is read by nobody."""
        return sum(len(entry.value or b"") for entry in self.entries if entry.topic in INPUTS)


class _Backlog:
    """Bytes of input that are not folded yet, counted by callers and by the engine's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self, more: int) -> None:
        with self._lock:
            self.value += more


class Engine:
    """Owns the data directory. `start` opens it (and raises what `Log` raises); `stop` ends at a commit."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        rules: RuleBook,
        taxonomy: Taxonomy,
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._taxonomy = taxonomy
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._appends: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._backlog = _Backlog()
        self._stopping = threading.Event()
        self._opened: Future[Path] = Future()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.failed: BaseException | None = None
        self.on_failed: Callable[[], None] = lambda: None

    def start(self) -> Path:
        """Open the directory and begin. Returns the path of the file."""
        self._thread.start()
        return self._opened.result()

    def stop(self) -> None:
        """Finish the step under way and what callers were promised, and close the file."""
        self._stopping.set()
        self._appends.put(None)
        self._thread.join()

    @property
    def is_running(self) -> bool:
        """Whether the stages work."""
        return self._thread.is_alive() and self.failed is None

    # The port `Publisher` of the gateway.

    async def publish(self, failures: Sequence[Failure]) -> None:
        """Durable when it returns. Raises `LogFull` when the stages are too far behind: then nothing was taken."""
        entries = []
        counted: dict[str, int] = {}
        for topic, key, value, number in _envelopes(failures):
            partition = partition_of(key, self._settings.partitions)
            entries.append(Entry(topic, partition, key, value))
            name = f"accepted|{topic.name}"
            counted[name] = counted.get(name, 0) + number
        await self._append(entries, counted)

    async def reject(self, data: bytes, error: MalformedRecord, *, place: str) -> None:
        """Keep what was refused at the door, with its reason."""
        headers = rejected_headers(
            error,
            topic=place,
            partition=-1,
            offset=-1,
            stage="gateway",
            failed_at_ms=self._now_ms(),
            app_version=self._settings.app_version,
        )
        entry = Entry(topics.REJECTED, 0, "", data, headers)
        await self._append([entry], {"rejected|gateway": 1})

    async def decide(self, verdict: Verdict) -> None:
        """A verdict that is not computed here."""
        partition = partition_of(verdict.fingerprint, self._settings.partitions)
        entry = Entry(topics.VERDICTS, partition, verdict.fingerprint, to_bytes(verdict))
        await self._append([entry], {})

    async def _append(self, entries: Sequence[Entry], counted: dict[str, int]) -> None:
        if not entries:
            return
        if self._stopping.is_set() or self.failed is not None:
            raise LogFull("the process is stopping", retry_after_s=RETRY_AFTER_S)
        limit = self._settings.backlog_bytes_max
        if self._backlog.value > limit:
            raise LogFull(f"the log is more than {limit} bytes behind", retry_after_s=RETRY_AFTER_S)
        size = sum(len(entry.value or b"") for entry in entries)
        append = _Append(tuple(entries), counted, size, Future())
        self._backlog.add(append.waiting_bytes)
        self._appends.put(append)
        if not self.is_running:
            self._refuse_waiting()  # the thread ended meanwhile: nobody else would answer
        await asyncio.wrap_future(append.done)

    # The thread.

    def _run(self) -> None:
        log = None
        try:
            log = Log(self._settings.directory)
            stages = self._stages(log)
            self._backlog.add(log.waiting_bytes(FOLD, INPUTS))
            self._opened.set_result(log.path)
            while not self._loop(log, stages):
                stages = self._stages(log)
        except BaseException as error:  # noqa: BLE001  # the thread's outermost frame: whoever waits for it is told
            self._ended(error)
        finally:
            self._refuse_waiting()
            if log is not None:
                log.close()

    def _stages(self, log: Log) -> _Stages:
        return _Stages(log, self._settings, self._rules, self._taxonomy, self._now_ms)

    def _ended(self, error: BaseException) -> None:
        if not self._opened.done():
            if isinstance(error, sqlite3.OperationalError):
                error = ConfigurationError(f"{self._settings.directory} cannot be written ({error}); free some space")
            self._opened.set_exception(error)
            return
        self.failed = error
        log_event.error(LogEvent.ENGINE_FAILED, error=repr(error), exc_info=error)
        self.on_failed()

    def _loop(self, log: Log, stages: _Stages) -> bool:
        """Run the stages. True when told to stop; False when a write failed, and the stages are to begin anew."""
        batch: Batcher[_Append] = Batcher(APPENDS_MAX, APPEND_AGE_S, APPEND_BYTES_MAX)
        busy = True
        while not (self._stopping.is_set() and self._appends.empty() and not batch):
            self._collect(log, batch, wait_s=0.0 if busy else TICK_MS / 2000)
            if self._stopping.is_set():
                continue
            try:
                folded_bytes = stages.fold()
                self._backlog.add(-folded_bytes)
                worked = stages.work()
                sunk = stages.sink()
                stages.keep_time()
            except sqlite3.OperationalError as error:
                log_event.error(
                    LogEvent.STAGE_WRITE_FAILED, path=str(log.path), error=str(error), retry_after_s=RETRY_AFTER_S
                )
                self._stopping.wait(RETRY_AFTER_S)
                return False
            busy = bool(folded_bytes or worked or sunk)
        return True

    def _collect(self, log: Log, batch: Batcher[_Append], *, wait_s: float) -> None:
        """Write the appends that wait. When there are none, wait for one; when there are some, for its company.

        Returns GATHER_S after the first append, or once there is enough for a step: a stage that runs for few
        failures at a time folds nothing together.
        """
        until_s = self._monotonic_s() + wait_s
        written = 0
        while True:
            now_s = self._monotonic_s()
            due_s = batch.due_in_s(now_s)
            timeout_s = until_s - now_s if due_s is None else min(due_s, max(0.0, until_s - now_s))
            try:
                append = self._appends.get(timeout=timeout_s) if timeout_s > 0 else self._appends.get_nowait()
            except queue.Empty:
                append = None
            ready: list[_Append] = []
            if append is not None and not append.done.set_running_or_notify_cancel():
                self._backlog.add(-append.waiting_bytes)  # its caller is gone before anything was written
                continue
            if append is not None:
                if not written and not batch:
                    until_s = self._monotonic_s() + GATHER_S
                ready = batch.add(append, size=append.size, now_s=self._monotonic_s())
            elif batch:
                ready = batch.take()
            if ready:
                self._write(log, ready)
                written += sum(one.size for one in ready)
            over = self._stopping.is_set() or self._monotonic_s() >= until_s or written >= STEP_BYTES_MAX
            if over and not batch:
                return

    def _write(self, log: Log, appends: Sequence[_Append]) -> None:
        try:
            with log.transaction(durable=True):
                log.append((entry for append in appends for entry in append.entries), at_ms=self._now_ms())
                for append in appends:
                    for name, number in append.counted.items():
                        count(log.db, name, number)
        except sqlite3.OperationalError as error:
            log_event.error(LogEvent.LOG_WRITE_FAILED, path=str(log.path), error=str(error))
            for append in appends:
                self._backlog.add(-append.waiting_bytes)
                append.done.set_exception(LogFull(f"the log cannot be written ({error})", retry_after_s=RETRY_AFTER_S))
            return
        for append in appends:
            append.done.set_result(None)

    def _refuse_waiting(self) -> None:
        """Answer those that nobody will write. May be called by two threads at once."""
        while True:
            try:
                append = self._appends.get_nowait()
            except queue.Empty:
                return
            if append is not None and append.done.set_running_or_notify_cancel():
                append.done.set_exception(LogFull("the process is stopping", retry_after_s=RETRY_AFTER_S))


class _Stages:
    """The steps. Each returns how much it did, 0 when there was nothing."""

    def __init__(
        self, log: Log, settings: EngineSettings, rules: RuleBook, taxonomy: Taxonomy, now_ms: Callable[[], int]
    ) -> None:
        self._log = log
        self._settings = settings
        self._now_ms = now_ms
        known = log.db.execute("SELECT value FROM counters WHERE name = 'partitions'").fetchone()
        if known is None:
            with log.transaction():
                count(log.db, "partitions", settings.partitions)
        elif known[0] != settings.partitions:
            raise ConfigurationError(f"{log.path} has {known[0]} partitions, not {settings.partitions}")
        self._fold_stage = FoldStage(
            fingerprinter=Fingerprinter(), rules=rules, taxonomy=taxonomy, partitions=settings.partitions
        )
        self._rows = RowTable(log.db)
        self._pipelines = [Pipeline(self._rows, partition=p) for p in range(settings.partitions)]
        self._sink = SqliteSink(
            log.db, primary_is_kind=settings.primary_is_kind, full_text_chars_max=settings.error_length_max
        )
        self._ticked_ms = self._trimmed_ms = now_ms()
        self._is_behind = False

    def fold(self) -> int:
        """Fold what came in. Returns the bytes read."""
        waiting = self._waiting(FOLD, INPUTS)
        if not waiting:
            return 0
        with self._log.transaction():
            return sum(self._fold(topic, partition, start) for topic, partition, start in waiting)

    def _waiting(self, role: str, inputs: Sequence[Topic]) -> list[tuple[Topic, int, int]]:
        """Topic, partition and next offset of what a role has not read to the end."""
        found = []
        for topic in inputs:
            for partition in range(self._settings.partitions):
                start = self._log.committed(role, topic, partition)
                if start < self._log.end(topic, partition):
                    found.append((topic, partition, start))
        return found

    def _fold(self, topic: Topic, partition: int, start: int) -> int:
        log, now_ms = self._log, self._now_ms()
        logged = log.read(topic, partition, start, records_max=STEP_RECORDS_MAX, bytes_max=STEP_BYTES_MAX)
        records = [RawRecord(r.offset, r.value, r.at_ms) for r in logged]
        end = records[-1].offset + 1
        place = Stretch(topic.name, partition, start, end)
        if topic is topics.VERDICTS:
            intake = self._fold_stage.on_verdicts(records, place, at_ms=now_ms)
        else:
            intake = self._fold_stage.on_failures(
                records, place, at_ms=now_ms, is_new=lambda failure_id: log.is_new(failure_id, now_ms)
            )
        log.append(self._outputs(intake, topic, partition), at_ms=now_ms)
        counted = {"folded": intake.accepted, "repeats": intake.repeats, "rejected": len(intake.rejected)}
        for name, number in counted.items():
            if number:
                count(log.db, f"{name}|{topic.name}", number)
        log.commit(FOLD, topic, partition, end)
        return sum(len(record.value or b"") for record in records)

    def _outputs(self, intake: Intake, topic: Topic, partition: int) -> list[Entry]:
        out = [Entry(topics.FOLDED, target, str(target), to_bytes(batch)) for target, batch in intake.batches]
        for rejection in intake.rejected:
            headers = rejected_headers(
                rejection.error,
                topic=topic.name,
                partition=partition,
                offset=rejection.offset,
                stage=FOLD,
                failed_at_ms=self._now_ms(),
                app_version=self._settings.app_version,
            )
            out.append(Entry(topics.REJECTED, partition, "", rejection.data, headers))
        return out

    def work(self) -> int:
        """Apply folds to the tables. Returns how many records were read."""
        number = 0
        log = self._log
        waiting = self._waiting(WORK, (topics.FOLDED,))
        if not waiting:
            return 0
        with log.transaction():
            for topic, partition, start in waiting:
                records = log.read(topic, partition, start, records_max=STEP_RECORDS_MAX, bytes_max=STEP_BYTES_MAX)
                batches = [(record.offset, from_bytes(FoldBatch, record.value or b"")) for record in records]
                emissions = self._pipelines[partition].on_batches(batches)
                entries = (Entry(e.topic, partition, e.key, to_bytes(e.record)) for e in emissions)
                log.append(entries, at_ms=self._now_ms())
                log.commit(WORK, topic, partition, records[-1].offset + 1)
                number += len(records)
            self._rows.flush()
        return number

    def sink(self) -> int:
        """Write documents. Returns how many records were read."""
        number = 0
        log = self._log
        waiting = self._waiting(SINK, SINK_INPUTS)
        if not waiting:
            return 0
        with log.transaction():
            for topic, partition, start in waiting:
                logged = log.read(topic, partition, start, records_max=SINK_RECORDS_MAX, bytes_max=STEP_BYTES_MAX)
                if topic is topics.ROLLUPS:
                    newest = {record.key: record for record in logged}
                    self._sink.write(from_bytes(Rollup, record.value or b"") for record in newest.values())
                else:
                    self._sink.write(classified_from_bytes(record.value or b"") for record in logged)
                log.commit(SINK, topic, partition, logged[-1].offset + 1)
                number += len(logged)
        return number

    def keep_time(self) -> None:
        """Send ticks, so that windows end also while old failures come in, and forget what is past its time."""
        now_ms = self._now_ms()
        if now_ms - self._ticked_ms >= TICK_MS:
            self._ticked_ms = now_ms
            self._tick(now_ms)
        if now_ms - self._trimmed_ms >= (TRIM_MORE_MS if self._is_behind else TRIM_EVERY_MS):
            self._trimmed_ms = now_ms
            self._is_behind = self._trim(now_ms)

    def _tick(self, now_ms: int) -> None:
        log = self._log
        with log.transaction():
            entries = []
            for partition in range(self._settings.partitions):
                at = log.committed(FOLD, topics.CI, partition)
                tick = self._fold_stage.on_tick(topic=topics.CI.name, partition=partition, at=at, at_ms=now_ms)
                entries.append(Entry(topics.FOLDED, partition, str(partition), to_bytes(tick)))
            log.append(entries, at_ms=now_ms)

    def _trim(self, now_ms: int) -> bool:
        """Forget what is past its time, in bounded steps. Returns whether there may be more."""
        log, settings = self._log, self._settings
        before_ms = now_ms - settings.documents_keep_ms
        windows = {Span.MINUTE: now_ms - topics.DAY_MS, Span.HOUR: now_ms - Span.HOUR.keep_s * 1000}
        with log.transaction():
            gone = [
                log.trim(topic, before_ms=now_ms - self._keep_ms(topic), readers=readers, rows_max=TRIM_ROWS_MAX)
                for topic, readers in READERS.items()
            ]
            gone.append(forget(log.db, before_ms=before_ms, windows_before_ms=windows, rows_max=TRIM_ROWS_MAX))
            gone.append(log.forget_ids(before_ms=before_ms, rows_max=TRIM_ROWS_MAX))
            fingerprints = forget_groups(log.db, before_ms=before_ms, rows_max=TRIM_GROUPS_MAX)
            for partition, pipeline in enumerate(self._pipelines):
                pipeline.forget(f for f in fingerprints if partition_of(f, settings.partitions) == partition)
            self._rows.flush()
            if any(gone) or fingerprints:
                count(log.db, REVISION, 1)
        return max(gone) >= TRIM_ROWS_MAX or len(fingerprints) >= TRIM_GROUPS_MAX

    def _keep_ms(self, topic: Topic) -> int:
        if topic in PASSING:
            return PASSING_KEEP_MS
        if topic in INPUTS or topic.retention_ms is None:
            return self._settings.input_keep_ms
        return topic.retention_ms


def _envelopes(failures: Sequence[Failure]) -> list[tuple[Topic, str, bytes, int]]:
    """The failures as records: topic, key, value and how many are in it.

    At most ENVELOPE_FAILURES_MAX and ENVELOPE_BYTES_MAX each; one failure alone may be larger.
    """
    groups: dict[tuple[Topic, str], list[bytes]] = {}
    for failure in failures:
        groups.setdefault((topics.INPUTS[failure.origin], failure.topic_key), []).append(to_bytes(failure))
    out = []
    for (topic, key), group in groups.items():
        piece: list[bytes] = []
        size = 0
        for data in group:
            if piece and (len(piece) >= ENVELOPE_FAILURES_MAX or size + len(data) > ENVELOPE_BYTES_MAX):
                out.append((topic, key, envelope_of(piece), len(piece)))
                piece, size = [], 0
            piece.append(data)
            size += len(data)
        out.append((topic, key, envelope_of(piece), len(piece)))
    return out
