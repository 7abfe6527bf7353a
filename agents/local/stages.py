"""What each stage does in one step over the embedded log.

A step reads what its role has not read, and commits offset, rows and outputs in one transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.classified import Unseen
from streams.contract.documents import FULL_TEXT_CHARS_MAX
from streams.contract.errors import ConfigurationError, MalformedRecord
from streams.contract.fold import FoldBatch
from streams.contract.rollup import Rollup, Span
from streams.contract.taxonomy import Taxonomy
from streams.contract.topics import Topic
from streams.contract.verdict import Verdict, record_key
from streams.contract.wire import classified_from_bytes, from_bytes, rejected_headers, to_bytes
from streams.core.aliaser import Aliaser
from streams.core.baselines import BYTES_MAX
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, Intake, RawRecord, Stretch
from streams.core.own_rules.fingerprinter import fingerprinter_under
from streams.core.own_rules.rules import OwnRules
from streams.core.partition import partition_of
from streams.core.pipeline import Pipeline
from streams.core.rules import RuleBook
from streams.local import Entry, Log, Logged, RowTable
from streams.sinks.sqlite import REVISION, SqliteSink, count, forget, forget_groups

ALIASES_DROPPED = "aliases_dropped"
"""Name of a counter in the file."""
FOLD, WORK, ALIAS, SINK = "fold", "work", "alias", "sink"
INPUTS: tuple[Topic, ...] = (topics.CI, topics.BENCHMARK, topics.VERDICTS, topics.ALIASES)
ALIAS_INPUTS: tuple[Topic, ...] = (topics.ALIASES, topics.VERDICTS, topics.UNSEEN)
SINK_INPUTS: tuple[Topic, ...] = (topics.CLASSIFIED, topics.ROLLUPS)
READERS: dict[Topic, tuple[str, ...]] = {
    topics.CI: (FOLD,),
    topics.BENCHMARK: (FOLD,),
    topics.FOLDED: (WORK,),
    topics.CLASSIFIED: (SINK,),
    topics.ROLLUPS: (SINK,),
    topics.UNSEEN: (ALIAS,),
    topics.REJECTED: (),
}
COMPACTED: dict[Topic, tuple[str, ...]] = {topics.BASELINES: (), topics.VERDICTS: (FOLD, ALIAS)}
"""And who reads them by offsets. Of these the newest record of each key stays: who begins anew has to know what a
person said last year."""
PASSING_KEEP_MS = 600_000
"""How long records between the stages stay once they are read: long enough to look at them."""
PASSING = (topics.FOLDED, topics.CLASSIFIED, topics.ROLLUPS)
ALIAS_SHARE = 10
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


def input_bytes(entries: Iterable[Entry]) -> int:
    """Bytes that the fold stage has to read of these; what was rejected at the door is read by nobody."""
    return sum(len(entry.value or b"") for entry in entries if entry.topic in INPUTS)


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
    baseline_bytes_max: int = BYTES_MAX
    """What passing runs printed, held in memory and in the file."""


class Stages:
    """The steps. Each returns how much it did, 0 when there was nothing."""

    def __init__(
        self,
        log: Log,
        settings: EngineSettings,
        rules: RuleBook,
        taxonomy: Taxonomy,
        now_ms: Callable[[], int],
        own_rules: OwnRules | None = None,
        before: Fingerprinter | None = None,
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
            fingerprinter=fingerprinter_under(own_rules),
            rules=rules,
            taxonomy=taxonomy,
            partitions=settings.partitions,
            before=before,
        )
        self._rows = RowTable(log.db)
        self._pipelines = [Pipeline(self._rows, partition=p) for p in range(settings.partitions)]
        self._sink = SqliteSink(
            log.db, primary_is_kind=settings.primary_is_kind, full_text_chars_max=settings.error_length_max
        )
        self._aliaser = Aliaser()
        self._compare_from_ms = 0
        self._remember_all()
        self._told_dropped = self._aliaser.edges_dropped
        self._ticked_ms = self._trimmed_ms = now_ms()
        self._is_behind = False
        self._compacted: dict[Topic, tuple[dict[int, int], dict[int, int]]] = {}
        """Where the partitions of topics ended when their log was made short."""
        self._fed_bytes = 0

    def fold(self) -> int:
        """Fold what came in. Returns the bytes read."""
        waiting = self._waiting(FOLD, INPUTS)
        if not waiting:
            return 0
        with self._log.transaction():
            return sum(self._fold(topic, partition, start) for topic, partition, start in waiting)

    def take_fed_bytes(self) -> int:
        """Bytes that the other stages gave the fold stage to read since the last call: aliases, verdicts handed on."""
        fed, self._fed_bytes = self._fed_bytes, 0
        return fed

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
        elif topic is topics.ALIASES:
            intake = self._fold_stage.on_aliases(records, place, at_ms=now_ms)
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
        number = fed = 0
        log = self._log
        waiting = self._waiting(WORK, (topics.FOLDED,))
        if not waiting:
            return 0
        with log.transaction():
            for topic, partition, start in waiting:
                records = log.read(topic, partition, start, records_max=STEP_RECORDS_MAX, bytes_max=STEP_BYTES_MAX)
                batches = [(record.offset, from_bytes(FoldBatch, record.value or b"")) for record in records]
                emissions = self._pipelines[partition].on_batches(batches)
                entries = [Entry(e.topic, partition, e.key, e.value) for e in emissions]
                log.append(entries, at_ms=self._now_ms())
                fed += input_bytes(entries)
                log.commit(WORK, topic, partition, records[-1].offset + 1)
                number += len(records)
            self._rows.flush()
        self._fed_bytes += fed
        return number

    def alias(self, *, is_idle: bool) -> int:
        """Compare new fingerprints with those known, one length at a time. Returns how much it did or has to do.

        Nobody waits for it: while the other stages work it takes one part in ALIAS_SHARE of the time.
        """
        number = 0
        log = self._log
        waiting = self._waiting(ALIAS, ALIAS_INPUTS)
        sharing = self._aliaser.sharing
        if not waiting and not self._aliaser.is_due and not sharing.is_due:
            return 0
        with log.transaction():
            for topic, partition, start in waiting:
                records = log.read(topic, partition, start, records_max=STEP_RECORDS_MAX, bytes_max=STEP_BYTES_MAX)
                self._remember(topic, records)
                # a file of an earlier release may have forgotten what nobody read
                log.commit(ALIAS, topic, partition, records[-1].offset + 1 if records else log.end(topic, partition))
                number += len(records)
            edges = self._compared() if is_idle or self._now_ms() >= self._compare_from_ms else []
            target = partial(partition_of, partitions=self._settings.partitions)
            made = [Entry(topics.ALIASES, target(e.key), e.key, to_bytes(e)) for e in edges]
            if dropped := self._aliaser.edges_dropped - self._told_dropped:
                count(log.db, ALIASES_DROPPED, dropped)
                self._told_dropped += dropped
            shared = sharing.verdicts()
            made += [Entry(topics.VERDICTS, target(v.fingerprint), record_key(v), to_bytes(v)) for v in shared]
            log.append(made, at_ms=self._now_ms())
        self._fed_bytes += input_bytes(made)
        return number + self._aliaser.is_due + sharing.is_due

    def _compared(self) -> list[Alias]:
        begin_ms = self._now_ms()
        edges = self._aliaser.edges(lengths_max=1)
        now_ms = self._now_ms()
        self._compare_from_ms = now_ms + (ALIAS_SHARE - 1) * (now_ms - begin_ms)
        return edges

    def _remember(self, topic: Topic, records: Sequence[Logged]) -> None:
        """Tell the alias rules of edges and fingerprints."""
        if topic is topics.UNSEEN:
            self._aliaser.on_new(from_bytes(Unseen, record.value or b"") for record in records)
            return
        for record in records:
            if topic is topics.ALIASES:
                self._aliaser.on_alias(from_bytes(Alias, record.value or b""))
            else:
                with contextlib.suppress(MalformedRecord):  # put aside by the fold stage
                    self._aliaser.sharing.on_verdict(from_bytes(Verdict, record.value or b""))

    def _remember_all(self) -> None:
        """Tell the alias rules of all that they were told before this start. It is compared as if it were new."""
        for topic in ALIAS_INPUTS:
            for partition in range(self._settings.partitions):
                start, end = 0, self._log.committed(ALIAS, topic, partition)
                while start < end:
                    records = self._log.read(
                        topic, partition, start, records_max=STEP_RECORDS_MAX, bytes_max=STEP_BYTES_MAX
                    )
                    self._remember(topic, records)
                    start = records[-1].offset + 1 if records else end

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
            for topic, readers in COMPACTED.items():
                upto = log.read_by((), topic), log.read_by(readers, topic)
                if upto != self._compacted.get(topic):
                    gone.append(log.compact(topic, readers=readers, rows_max=TRIM_ROWS_MAX))
                    if gone[-1] < TRIM_ROWS_MAX:
                        self._compacted[topic] = upto
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
