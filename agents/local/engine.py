"""The thread that owns the data directory: it writes what callers send, and runs the stages one after the other.

The process may be killed anywhere: it goes on from its last commits, and nothing is lost or counted twice.
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

from agents.local.stages import FOLD, INPUTS, STEP_BYTES_MAX, TICK_MS, EngineSettings, Stages, input_bytes
from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.baseline import Job, PassedRun
from streams.contract.errors import ConfigurationError, LogFull, MalformedRecord
from streams.contract.failure import Failure
from streams.contract.taxonomy import Taxonomy
from streams.contract.telemetry import LogEvent
from streams.contract.verdict import Verdict, record_key
from streams.contract.wire import rejected_headers, to_bytes
from streams.core.baselines import Baselines
from streams.core.batch import Batcher
from streams.core.envelopes import envelopes
from streams.core.fingerprint import Fingerprinter
from streams.core.own_rules.rules import OwnRules
from streams.core.partition import partition_of
from streams.core.rules import RuleBook
from streams.local import Entry, Log
from streams.sinks.sqlite import count

GATHER_S = 0.05
"""How long the stages let failures gather after the first, so that those of one fingerprint are folded together."""
APPENDS_MAX = 256
APPEND_BYTES_MAX = 8 * 1024 * 1024
APPEND_AGE_S = 0.002
"""How long an append waits for company: callers share one write to the disk."""
RETRY_AFTER_S = 2.0

log_event = structlog.get_logger("faultline.engine")


@dataclass(frozen=True, slots=True)
class _Append:
    entries: tuple[Entry, ...]
    counted: dict[str, int]
    size: int
    done: Future[None]

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the fold stage has to read because of it."""
        return input_bytes(self.entries)


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
        own_rules: OwnRules | None = None,
        before: Fingerprinter | None = None,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._own_rules = own_rules
        self._before = before
        self._taxonomy = taxonomy
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._appends: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._backlog = _Backlog()
        self._stopping = threading.Event()
        self._opened: Future[Path] = Future()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._baselines = Baselines(bytes_max=settings.baseline_bytes_max)
        self._keeping = asyncio.Lock()
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

    @property
    def backlog_bytes(self) -> int:
        """Bytes of input that are not folded yet."""
        return self._backlog.value

    # The port `Publisher` of the gateway.

    async def publish(self, failures: Sequence[Failure], *, traceparent: str = "") -> None:
        """Durable when it returns. Raises `LogFull` when the stages are too far behind: then nothing was taken."""
        del traceparent  # no record leaves this process
        entries = []
        counted: dict[str, int] = {}
        for one in envelopes(failures):
            partition = partition_of(one.key, self._settings.partitions)
            entries.append(Entry(one.topic, partition, one.key, one.value))
            name = f"accepted|{one.topic.name}"
            counted[name] = counted.get(name, 0) + one.failures
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
        entry = Entry(topics.VERDICTS, partition, record_key(verdict), to_bytes(verdict))
        await self._append([entry], {})

    async def alias(self, alias: Alias) -> None:
        """What a person said of two fingerprints."""
        partition = partition_of(alias.key, self._settings.partitions)
        await self._append([Entry(topics.ALIASES, partition, alias.key, to_bytes(alias))], {})

    # The port `BaselineKeeper` of the gateway.

    def of(self, job: Job) -> tuple[PassedRun, ...]:
        """What passing runs of a job printed."""
        return self._baselines.of(job)

    async def keep(self, run: PassedRun) -> None:
        """One run after the other, so that what is written is what is remembered. Raises as `publish`."""
        async with self._keeping:
            written = self._baselines.plan(run)
            # all in the first partition, as the file has one thread anyway
            await self._append([Entry(topics.BASELINES, 0, one.key, one.value) for one in written], {})
            for one in written:
                self._baselines.on_record(one.key, one.value)

    async def _append(self, entries: Sequence[Entry], counted: dict[str, int]) -> None:
        if not entries:
            return
        if self._stopping.is_set() or self.failed is not None:
            raise LogFull("the process is stopping", retry_after_s=RETRY_AFTER_S)
        limit = self._settings.backlog_bytes_max
        if self.backlog_bytes > limit:
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
            self._remember_baselines(log)
            self._opened.set_result(log.path)
            while not self._loop(log, stages):
                stages = self._stages(log)
        except BaseException as error:  # noqa: BLE001  # the thread's outermost frame: whoever waits for it is told
            self._ended(error)
        finally:
            self._refuse_waiting()
            if log is not None:
                log.close()

    def _remember_baselines(self, log: Log) -> None:
        """What the log holds of passing runs. What is damaged is left out: those jobs are read without."""
        start, end = 0, log.end(topics.BASELINES, 0)
        while start < end:
            records = log.read(topics.BASELINES, 0, start, records_max=APPENDS_MAX, bytes_max=APPEND_BYTES_MAX)
            for record in records:
                try:
                    self._baselines.on_record(record.key, record.value)
                except MalformedRecord as error:
                    log_event.warning(LogEvent.BASELINE_DAMAGED, key=record.key[:200], reason=str(error))
            start = records[-1].offset + 1 if records else end

    def _stages(self, log: Log) -> Stages:
        return Stages(log, self._settings, self._rules, self._taxonomy, self._now_ms, self._own_rules, self._before)

    def _ended(self, error: BaseException) -> None:
        if not self._opened.done():
            if isinstance(error, sqlite3.OperationalError):
                error = ConfigurationError(f"{self._settings.directory} cannot be written ({error}); free some space")
            self._opened.set_exception(error)
            return
        self.failed = error
        log_event.error(LogEvent.ENGINE_FAILED, error=repr(error), exc_info=error)
        self.on_failed()

    def _loop(self, log: Log, stages: Stages) -> bool:
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
                compared = stages.alias(is_idle=not (folded_bytes or worked or sunk))
                stages.keep_time()
            except sqlite3.OperationalError as error:
                log_event.error(
                    LogEvent.STAGE_WRITE_FAILED, path=str(log.path), error=str(error), retry_after_s=RETRY_AFTER_S
                )
                self._stopping.wait(RETRY_AFTER_S)
                return False
            finally:
                self._backlog.add(stages.take_fed_bytes())
            busy = bool(folded_bytes or worked or sunk or compared)
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
