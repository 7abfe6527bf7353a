"""Raw records -> `FoldBatch`es: the fold stage, without input or output.

Decode or reject; drop repeats; clamp the time; clean and redact; fingerprint; judge by the text alone; fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from streams.contract.alias import Alias
from streams.contract.errors import MalformedRecord
from streams.contract.failure import Failure, bounded, identified
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import BATCH_BYTES_MAX, BATCH_FOLDS_MAX, Cursor, FoldBatch, SealedFold, Successor
from streams.contract.taxonomy import Taxonomy, status_from_text, status_kind
from streams.contract.verdict import EVIDENCE_CHARS_MAX, REASON_CHARS_MAX, Unanswered, Verdict
from streams.contract.wire import Refused, failures_from_bytes, from_bytes, to_bytes
from streams.core.clean import printable
from streams.core.fingerprint import Fingerprinter
from streams.core.fold import Told, folds_of, sealed
from streams.core.judge import Judge
from streams.core.legacy import benchmark_fingerprint, benchmark_normalise, ci_error_hash
from streams.core.partition import partition_of
from streams.core.redact import redact
from streams.core.rules import RuleBook
from streams.core.safe import safe
from streams.core.window import clamped

EARLIER_TEXT_CHARS_MAX = 10_000
"""The earlier CI system cut an error text here before it hashed it (`MAX_ERROR_LENGTH`)."""
SUCCEEDED_MAX = 20_000
"""Fingerprints of which it is remembered that they were looked at under the rules before, about 150 bytes each."""
LOOKED_BACK_MAX = 20
"""Failures of one fingerprint that are looked at so: it may have been several before."""
TOGETHER = 100
"""Failures read step by step together."""
_Item = SealedFold | Verdict | Unanswered | Alias | Successor
"""What batches carry."""
_P = TypeVar("_P", Verdict, Unanswered, Alias)


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record of an input topic as the log has it."""

    offset: int
    value: bytes | None
    at_ms: int
    """When the log took it; stands in where nobody stamped the failures."""
    is_backfill: bool = False
    """Whether it holds failures of the past that come for the first time: then they may be of any age."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one source partition: offsets from `start` up to but not including `end`."""

    topic: str
    partition: int
    start: int
    end: int

    @property
    def name(self) -> str:
        """The id of the folds made of it."""
        return f"{self.topic}/{self.partition}/{self.start}-{self.end - 1}"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Bytes that are not what they should be, where they came from, and why."""

    offset: int
    data: bytes
    error: MalformedRecord


class _Taken(NamedTuple):
    """A failure to be read."""

    failure: Failure
    record: RawRecord
    number: int
    """Its place among the outcomes."""


@dataclass(slots=True)
class Intake:
    """What became of some records: one or more batches for every target partition, and a word for everything else."""

    batches: list[tuple[int, FoldBatch]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    accepted: int = 0
    """Failures folded."""
    repeats: int = 0
    """Failures dropped because their id had come before."""
    outcomes: bytearray = field(default_factory=bytearray)
    """For each item that came, in order: 1 when it could be read, 0 when it was rejected."""

    def reject(self, offset: int, data: bytes, error: MalformedRecord) -> None:
        """Put aside what cannot be read."""
        self.rejected.append(Rejection(offset, data, error))
        self.outcomes.append(0)


def ids_in(value: bytes | None) -> list[str]:
    """The ids of the failures of one record as `FoldStage` sees them, in order; empty for what it would reject."""
    return ["" if isinstance(item, Refused) else identified(item).id for item in failures_from_bytes(value)]


class FoldStage:
    """Reads records of one source partition at a time. Holds caches only: nothing that a restart would miss."""

    def __init__(
        self,
        *,
        fingerprinter: Fingerprinter,
        rules: RuleBook,
        taxonomy: Taxonomy,
        partitions: int,
        before: Fingerprinter | None = None,
    ) -> None:
        """`before`: how fingerprints were made until lately; new ones then have the verdict of what they were."""
        self._fingerprint = fingerprinter
        self._before = before
        self._looked_back: dict[str, int] = {}
        """Failures looked at under `before`, by fingerprint."""
        self._judge = Judge(rules, taxonomy)
        self._taxonomy = taxonomy
        self._partitions = partitions

    def on_failures(
        self,
        records: Sequence[RawRecord],
        place: Stretch,
        *,
        at_ms: int,
        is_new: Callable[[str], bool],
    ) -> Intake:
        """Fold some records of one partition.

        `is_new` is asked once for each failure id, and answers whether it has not come before (also within this call).
        """
        out = Intake()
        taken: list[_Taken] = []
        for record in records:
            for item in failures_from_bytes(record.value):
                if isinstance(item, Refused):
                    out.reject(record.offset, item.data, item.error)
                    continue
                failure = bounded(identified(item))
                if is_new(failure.id):
                    taken.append(_Taken(failure, record, len(out.outcomes)))
                else:
                    out.repeats += 1
                out.outcomes.append(1)
        told: list[Told] = []
        for start in range(0, len(taken), TOGETHER):
            told += self._told_some(taken[start : start + TOGETHER], out)
        out.accepted = len(told)
        items: dict[int, list[_Item]] = {}
        for successor in self._successors(told) if self._before is not None else ():
            for target in {partition_of(one, self._partitions) for one in (successor.before, successor.after)}:
                items.setdefault(target, []).append(successor)  # in front: the tables know of it before its failures
        for fold in folds_of(told, fold_id=place.name):
            target = partition_of(fold.fingerprint.value, self._partitions)
            items.setdefault(target, []).append(sealed(fold, at_ms=at_ms))
        out.batches = self._batches(items, place, at_ms)
        return out

    def on_verdicts(self, records: Sequence[RawRecord], place: Stretch, *, at_ms: int) -> Intake:
        """Pass verdicts on to the tables that hold their fingerprints."""
        return self._passed_on(records, place, at_ms, self._verdict, self._its_own)

    def on_unanswered(self, records: Sequence[RawRecord], place: Stretch, *, at_ms: int) -> Intake:
        """Pass on what the llm gave no verdict for."""
        return self._passed_on(records, place, at_ms, _unanswered, self._its_own)

    def on_aliases(self, records: Sequence[RawRecord], place: Stretch, *, at_ms: int) -> Intake:
        """Pass edges on to every target: each names the groups by all of them."""
        everywhere = range(self._partitions)
        return self._passed_on(records, place, at_ms, _alias, lambda _: everywhere)

    def _passed_on(
        self,
        records: Sequence[RawRecord],
        place: Stretch,
        at_ms: int,
        read: Callable[[bytes], _P],
        targets: Callable[[_P], Iterable[int]],
    ) -> Intake:
        """What is no failure, read and passed on to the tables of some targets."""
        out = Intake()
        items: dict[int, list[_Item]] = {}
        for record in records:
            try:
                item = read(record.value or b"")
            except MalformedRecord as error:
                out.reject(record.offset, record.value or b"", error)
                continue
            for target in targets(item):
                items.setdefault(target, []).append(item)
            out.accepted += 1
            out.outcomes.append(1)
        out.batches = self._batches(items, place, at_ms)
        return out

    def _its_own(self, item: Verdict | Unanswered) -> Iterable[int]:
        """The target whose tables hold the fingerprint."""
        return (partition_of(item.fingerprint, self._partitions),)

    def on_tick(self, *, topic: str, partition: int, at: int, at_ms: int) -> FoldBatch:
        """Time, as a record: the source has nothing up to `at_ms`."""
        return FoldBatch(topic=topic, partition=partition, cursor=Cursor(at, at), at_ms=at_ms)

    def told(self, failure: Failure, *, received_at_ms: int, is_backfill: bool = False) -> Told:
        """One failure, read: its time clamped, its texts clean and redacted, fingerprinted and judged."""
        (told,) = self._told([(failure, received_at_ms, is_backfill)])
        return told

    def _told_some(self, taken: Sequence[_Taken], out: Intake) -> list[Told]:
        """These failures, read; what we cannot read by a fault of ours is rejected by itself."""
        try:
            return self._told([(one.failure, one.record.at_ms, one.record.is_backfill) for one in taken])
        except Exception as error:  # noqa: BLE001  # a fault of ours in one text must not stop all others
            if len(taken) > 1:
                return [told for one in taken for told in self._told_some([one], out)]
            reason = f"our own fault, {type(error).__name__}: {error}"
            out.outcomes[taken[0].number] = 0
            out.rejected.append(Rejection(taken[0].record.offset, to_bytes(taken[0].failure), MalformedRecord(reason)))
            return []

    def _told(self, given: Sequence[tuple[Failure, int, bool]]) -> list[Told]:
        """Failures, when they were received, and whether they may be of any age -> the same, read.

        Step by step, not one by one: code and tables of a step stay in the processor's caches, a third of the time.
        """
        failures: list[Failure] = []
        originals: list[int | None] = []
        for failure, received_at_ms, is_backfill in given:
            received = failure.received_at_ms or received_at_ms
            at_ms = clamped(failure.occurred_at_ms, received, is_backfill=is_backfill)
            originals.append(failure.occurred_at_ms if at_ms != failure.occurred_at_ms else None)
            failures.append(replace(failure, occurred_at_ms=at_ms, received_at_ms=received))
        failures = [safe(failure) for failure in failures]
        failures = [_with_status(failure) for failure in failures]
        fingerprints = [_made(self._fingerprint, failure) for failure in failures]
        verdicts = [replace(self._judge(failure), decided_at_ms=failure.occurred_at_ms) for failure in failures]
        earlier = [_earlier(failure) for failure in failures]
        return [
            Told(failure, fingerprint, verdict, original, *names)
            for failure, fingerprint, verdict, original, names in zip(
                failures, fingerprints, verdicts, originals, earlier, strict=True
            )
        ]

    def _successors(self, told: Sequence[Told]) -> list[Successor]:
        """Which of these fingerprints were others under the rules before. Few failures of each are looked at."""
        assert self._before is not None, "the caller asked"
        out: dict[Successor, None] = {}
        for one in told:
            value = one.fingerprint.value
            looked = self._looked_back.get(value, 0)
            if looked >= LOOKED_BACK_MAX:
                continue
            if len(self._looked_back) >= SUCCEEDED_MAX:
                self._looked_back.clear()
            self._looked_back[value] = looked + 1
            before = _made(self._before, one.failure).value
            if before != value:
                out[Successor(before, value, one.failure.origin)] = None
        return list(out)

    def _verdict(self, data: bytes) -> Verdict:
        verdict = from_bytes(Verdict, data)
        if not verdict.fingerprint:
            raise MalformedRecord("a verdict names its fingerprint", place="$.fingerprint")
        if verdict.source.is_own_text:
            raise MalformedRecord(f"source {verdict.source} is computed here, not sent", place="$.source")
        if not self._taxonomy.has(verdict.origin, verdict.kind):
            known = ", ".join(self._taxonomy.names(verdict.origin))
            raise MalformedRecord(f"no kind {verdict.kind!r} of origin {verdict.origin} ({known})", place="$.kind")
        return replace(
            verdict,
            family=self._taxonomy.family(verdict.origin, verdict.kind),
            reason=printable(redact(verdict.reason))[:REASON_CHARS_MAX],
            evidence=printable(redact(verdict.evidence))[:EVIDENCE_CHARS_MAX],
        )

    def _batches(self, items: Mapping[int, Sequence[_Item]], place: Stretch, at_ms: int) -> list[tuple[int, FoldBatch]]:
        """At least one batch for every target: an empty one still carries the cursor."""
        out = []
        for target in range(self._partitions):
            given = items.get(target, ())
            after = {one.after: one for one in given if isinstance(one, Successor)}
            chunks = list(_chunks(given))
            for number, chunk in enumerate(chunks):
                batch = FoldBatch(
                    topic=place.topic,
                    partition=place.partition,
                    cursor=Cursor(place.start, place.end, number, len(chunks)),
                    at_ms=at_ms,
                    sealed=tuple(one for one in chunk if isinstance(one, SealedFold)),
                    verdicts=tuple(one for one in chunk if isinstance(one, Verdict)),
                    unanswered=tuple(one for one in chunk if isinstance(one, Unanswered)),
                    aliases=tuple(one for one in chunk if isinstance(one, Alias)),
                    successors=_successors_of(chunk, after),
                )
                out.append((target, batch))
        return out


def _made(fingerprinter: Fingerprinter, failure: Failure) -> Fingerprint:
    return fingerprinter(
        origin=failure.origin,
        message=failure.message,
        exception_type=failure.exception_type,
        traceback=failure.traceback,
        http_status=failure.http_status,
        provider_error_code=failure.provider_error_code,
        exit_code=failure.exit_code,
    )


_encoded = msgspec.msgpack.Encoder().encode


def _unanswered(data: bytes) -> Unanswered:
    return from_bytes(Unanswered, data)


def _alias(data: bytes) -> Alias:
    edge = from_bytes(Alias, data)
    if edge.a >= edge.b:
        raise MalformedRecord("`a` sorts before `b`, and they differ", place="$.a")
    return replace(edge, reason=printable(redact(edge.reason))[:REASON_CHARS_MAX])


def _with_status(failure: Failure) -> Failure:
    if failure.benchmark is None or failure.http_status is not None:
        return failure
    status = status_from_text(failure.message)
    return failure if status is None else replace(failure, http_status=status)


def _earlier(failure: Failure) -> tuple[str, str, str]:
    """Hash, kind and message as the earlier system of the failure's origin had them."""
    where = failure.benchmark
    if where is None:
        return ci_error_hash(failure.text[:EARLIER_TEXT_CHARS_MAX]), "", ""
    kind = status_kind(failure.http_status)
    normalised = benchmark_normalise(failure.message)
    return benchmark_fingerprint(where.provider, where.model, where.stage, kind, normalised), kind, normalised


def _successors_of(chunk: Iterable[_Item], after: Mapping[str, Successor]) -> tuple[Successor, ...]:
    """Those of a chunk, and again one for each of its folds that has one in another chunk, at most BATCH_FOLDS_MAX
    more: the tables may read a chunk by itself, and ask nobody about what succeeds another.
    """
    found: dict[Successor, None] = {}
    for one in chunk:
        if isinstance(one, Successor):
            found[one] = None
        elif isinstance(one, SealedFold) and one.fingerprint in after:
            found[after[one.fingerprint]] = None
    return tuple(found)


def _chunks(items: Iterable[_Item]) -> Iterable[list[_Item]]:
    """Pieces of at most BATCH_FOLDS_MAX items and about BATCH_BYTES_MAX; at least one, perhaps empty."""
    piece: list[_Item] = []
    size = 0
    for item in items:
        more = len(_encoded(item))
        if piece and (len(piece) >= BATCH_FOLDS_MAX or size + more > BATCH_BYTES_MAX):
            yield piece
            piece, size = [], 0
        piece.append(item)
        size += more
    yield piece
