"""Folds and verdicts -> rows and emissions: the tables' half of the path, without input or output.

`Pipeline` takes a mutable mapping and returns what is to be sent. The caller writes rows, emissions and its input
position in one transaction; if it cannot, it throws all of them away and starts again from the table.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from streams.contract import topics
from streams.contract.classified import Classified, Unseen, VerdictChanged
from streams.contract.errors import CursorBroken
from streams.contract.failure import Failure
from streams.contract.fold import WHERE_SEPARATOR, Cursor, Fold, FoldBatch, Member
from streams.contract.rollup import OTHER_WHERE, WHERE_MAX, Rollup, Span
from streams.contract.topics import Topic
from streams.contract.verdict import UNKNOWN, Unanswered, Verdict, VerdictSource
from streams.core.fold import newest_samples, samples_of
from streams.core.ladder import replaced, says_the_same, stronger
from streams.core.tables import AskedRow, FingerprintRow, PlacesRow, PositionRow, Tables
from streams.core.window import LATENESS_MS, WINDOWS, OpenWindows, is_over, window_start_ms

OFFSET_BITS = 40
LIFETIMES_MAX = 1_000
"""Dimensions of one fingerprint that get a lifetime row of their own; later ones share the row OTHER_WHERE."""
PENDING_VERDICTS_MAX = 10_000
"""Verdicts of one partition that may wait for their fingerprint; more are dropped and counted."""
LOST_MS = 7 * 86_400_000
"""A question that got no answer of any sort for so long is lost: its topic does not keep it longer."""
NOTHING_KNOWN_MS = 30 * 86_400_000
"""After an answer `unknown` that does not say itself when to ask again."""
OTHER_PLACE = WHERE_SEPARATOR.join((OTHER_WHERE, "", ""))


@dataclass(frozen=True, slots=True)
class Emission:
    """A record to be sent to the partition that the input came from."""

    topic: Topic
    key: str
    record: Classified | VerdictChanged | Unseen | Rollup


@dataclass(slots=True)
class _Touched:
    """What one call changed; emitted once, at its end, so that all of it carries the final verdicts."""

    folds: list[tuple[Fold, int, bool]] = field(default_factory=list)
    fingerprints: dict[str, FingerprintRow] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    windows: dict[str, Rollup] = field(default_factory=dict)
    lifetimes: dict[str, Rollup] = field(default_factory=dict)
    places: dict[str, PlacesRow] = field(default_factory=dict)
    asking: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Questions to send: why, and for the how many-th time."""
    pending: int = 0
    dropped_verdicts: int = 0


class Pipeline:
    """The tables of one partition and all that happens to them.

    `epoch` (0..65,535) grows when the tables are built anew; versions never go backwards.
    """

    def __init__(self, table: MutableMapping[str, bytes], *, partition: int, epoch: int = 0) -> None:
        self._tables = Tables(table, partition)
        self._epoch = epoch
        self._open = OpenWindows()
        for key in self._tables.windows:
            span, start, _ = key.split("|", 2)
            self._open.add(Span(span), int(start), key)
        self._due: list[tuple[int, str]] = []
        """When to ask again, soonest first; an entry that the rows no longer bear out is passed over."""
        for key in self._tables.asked:
            row = self._tables.asked.get(key)
            if row is not None and not row.answered:
                self._due.append((row.again_ms, key))
        heapq.heapify(self._due)

    @property
    def position(self) -> PositionRow:
        """How far the tables are."""
        return self._tables.position.get("") or PositionRow()

    def on_batches(self, batches: Iterable[tuple[int, FoldBatch]]) -> list[Emission]:
        """Apply input records with their offsets, in order, as one change, and say what is to be sent.

        A record that was applied before changes nothing. However the input is cut into calls, the rows end the same.
        Raises: `CursorBroken` when a batch does not follow the last one of its source.
        """
        before = position = self.position
        touched = _Touched(pending=before.pending, dropped_verdicts=before.dropped_verdicts)
        version = 0
        for offset, batch in batches:
            if offset <= position.offset:
                continue
            cursors = _followed(position, batch)
            version = self._epoch << OFFSET_BITS | offset
            late = sum(self._fold(fold, version, position.watermark_ms, touched) for fold in batch.folds)
            for verdict in batch.verdicts:
                self._verdict(verdict, version, touched)
            for told in batch.unanswered:
                self._unanswered(told)
            self._ask(batch, touched)
            watermark = max(position.watermark_ms, _newest_ms(batch) - LATENESS_MS)
            for key in self._open.take_over(watermark):
                self._tables.windows.delete(key)
                touched.windows.pop(key, None)
            position = PositionRow(
                offset, watermark, cursors, position.late + late, touched.pending, touched.dropped_verdicts
            )
        if position is before:
            return []
        self._tables.position.put("", position)
        return self._emissions(touched, version)

    def _fold(self, fold: Fold, version: int, watermark_ms: int, touched: _Touched) -> int:
        """Count one fold. Returns how many of its failures were too late for a window row."""
        key = fold.fingerprint.value
        row = touched.fingerprints.get(key) or self._tables.fingerprints.get(key)
        touched.folds.append((fold, row.count if row else 0, row is not None and row.verdict.kind != UNKNOWN))
        if row is None:
            row = FingerprintRow(
                fingerprint=fold.fingerprint,
                origin=fold.origin,
                count=fold.count,
                first_at_ms=fold.first_at_ms,
                last_at_ms=fold.last_at_ms,
                samples=fold.samples,
                where=_added({}, fold.where),
                verdict=fold.verdict,
                verdict_version=version,
            )
            row = self._awaited(row, touched)
        else:
            row = replace(
                row,
                count=row.count + fold.count,
                first_at_ms=min(row.first_at_ms, fold.first_at_ms),
                last_at_ms=max(row.last_at_ms, fold.last_at_ms),
                samples=newest_samples(row.samples + fold.samples),
                where=_added(row.where, fold.where),
            )
            row = self._decided(row, fold.verdict, version, touched)
        touched.fingerprints[key] = row
        self._count_lifetimes(fold, version, touched)
        return self._count_windows(fold, version, watermark_ms, touched)

    def _verdict(self, verdict: Verdict, version: int, touched: _Touched) -> None:
        """A verdict from elsewhere. One that comes before its fingerprint waits for it."""
        key = verdict.fingerprint
        row = touched.fingerprints.get(key) or self._tables.fingerprints.get(key)
        if row is not None and row.origin is verdict.origin:
            row = touched.fingerprints[key] = self._decided(row, verdict, version, touched)
            self._answered(row, verdict, touched)
        elif row is None:
            waiting = self._tables.pending.get(key)
            if waiting is None and touched.pending >= PENDING_VERDICTS_MAX:
                touched.dropped_verdicts += 1
                return
            touched.pending += waiting is None
            self._tables.pending.put(key, verdict if waiting is None else stronger(waiting, verdict))

    def _answered(self, row: FingerprintRow, verdict: Verdict, touched: _Touched) -> None:
        """What a verdict says about asking again: never of a person's, else when it says so itself."""
        key = verdict.fingerprint
        asked = self._tables.asked.get(key)
        if row.verdict.source is VerdictSource.HUMAN:
            again_ms = None
        elif verdict.source is VerdictSource.LLM:
            again_ms = verdict.recheck_after_ms
            if again_ms is None and verdict.kind == UNKNOWN:
                again_ms = verdict.decided_at_ms + NOTHING_KNOWN_MS
        else:
            return
        touched.asking.pop(key, None)
        if again_ms is not None:
            self._tables.asked.put(key, AskedRow(asked.attempts if asked else 1, again_ms, answered=True))
        elif asked is not None:
            self._tables.asked.delete(key)

    def _unanswered(self, told: Unanswered) -> None:
        asked = self._tables.asked.get(told.fingerprint)
        if asked is not None and not asked.answered:
            self._wait(told.fingerprint, AskedRow(asked.attempts, told.retry_at_ms))

    def _wait(self, key: str, asked: AskedRow) -> None:
        self._tables.asked.put(key, asked)
        heapq.heappush(self._due, (asked.again_ms, key))

    def _ask(self, batch: FoldBatch, touched: _Touched) -> None:
        """Ask about what is new, what was asked and not answered, and what an answer said to look at again."""
        for fold in batch.folds:
            key = fold.fingerprint.value
            asked = self._tables.asked.get(key)
            if asked is not None and asked.answered and asked.again_ms <= batch.at_ms:
                self._asking(key, "recheck", asked.attempts + 1, batch.at_ms, touched)
            elif asked is None and touched.fingerprints[key].verdict.source.rank < VerdictSource.LLM.rank:
                self._asking(key, "new", 1, batch.at_ms, touched)
        while self._due and self._due[0][0] <= batch.at_ms:
            again_ms, key = heapq.heappop(self._due)
            asked = self._tables.asked.get(key)
            if asked is not None and not asked.answered and asked.again_ms == again_ms:
                self._asking(key, "retry", asked.attempts + 1, batch.at_ms, touched)

    def _asking(self, key: str, why: str, attempt: int, at_ms: int, touched: _Touched) -> None:
        touched.asking[key] = why, attempt
        self._wait(key, AskedRow(attempt, at_ms + LOST_MS))

    def _awaited(self, row: FingerprintRow, touched: _Touched) -> FingerprintRow:
        """A row that was just made, with the verdict that waited for it."""
        key = row.fingerprint.value
        waiting = self._tables.pending.get(key)
        if waiting is None:
            return row
        self._tables.pending.delete(key)
        touched.pending -= 1
        best = stronger(row.verdict, waiting) if waiting.origin is row.origin else row.verdict
        return replace(row, verdict=best)

    def forget(self, fingerprints: Iterable[str]) -> None:
        """Delete the rows of fingerprints not seen for long. A person's verdict waits for them to come back."""
        position = self.position
        waiting = position.pending
        for key in fingerprints:
            row = self._tables.fingerprints.get(key)
            if row is None:
                continue
            if row.verdict.source is VerdictSource.HUMAN and waiting < PENDING_VERDICTS_MAX:
                waiting += self._tables.pending.get(key) is None
                self._tables.pending.put(key, row.verdict)
            for place in (self._tables.places.get(key) or PlacesRow()).names:
                self._tables.lifetimes.delete(f"{key}|{place}")
            self._tables.places.delete(key)
            self._tables.asked.delete(key)
            self._tables.fingerprints.delete(key)
        self._tables.position.put("", replace(position, pending=waiting))

    def _decided(self, row: FingerprintRow, verdict: Verdict, version: int, touched: _Touched) -> FingerprintRow:
        best = stronger(row.verdict, verdict)
        if best is row.verdict:
            return row
        if says_the_same(row.verdict, best):
            return replace(row, verdict=best)
        touched.decided.add(row.fingerprint.value)
        return replace(row, verdict=replaced(row.verdict, best), verdict_version=version)

    def _count_lifetimes(self, fold: Fold, version: int, touched: _Touched) -> None:
        """Count each dimension of a fold in its own row."""
        fingerprint = fold.fingerprint.value
        for place, members in _grouped(fold, lambda failure: WHERE_SEPARATOR.join(failure.where)).items():
            place = self._place(fingerprint, place, touched)
            key = f"{fingerprint}|{place}"
            row = touched.lifetimes.get(key) or self._tables.lifetimes.get(key)
            names = place.split(WHERE_SEPARATOR)
            touched.lifetimes[key] = Rollup(
                fingerprint=fingerprint,
                origin=fold.origin,
                span=Span.LIFETIME,
                count=len(members) + (row.count if row else 0),
                first_at_ms=_earliest(members, row),
                last_at_ms=_latest(members, row),
                row_version=version,
                where=(names[0], names[1], names[2]),
                samples=newest_samples((row.samples if row else ()) + samples_of(fold, members)),
            )

    def _place(self, fingerprint: str, place: str, touched: _Touched) -> str:
        """The dimension to count under: its own name, or OTHER_WHERE past LIFETIMES_MAX names."""
        places = touched.places.get(fingerprint) or self._tables.places.get(fingerprint) or PlacesRow()
        if place not in places.names:
            if len(places.names) >= LIFETIMES_MAX:
                place = OTHER_PLACE
            if place not in places.names:
                touched.places[fingerprint] = PlacesRow((*places.names, place))
        return place

    def _count_windows(self, fold: Fold, version: int, watermark_ms: int, touched: _Touched) -> int:
        """Count a fold in its windows. Returns how many of its failures no window row could take any more."""
        late = 0
        minutes = _grouped(fold, lambda failure: str(window_start_ms(failure.occurred_at_ms, Span.MINUTE) // 1000))
        for start_s, members in minutes.items():
            taken = False
            for span in WINDOWS:
                start_ms = window_start_ms(int(start_s) * 1000, span)
                if is_over(start_ms, span, watermark_ms):
                    continue
                taken = True
                key = f"{span}|{start_ms}|{fold.fingerprint.value}"
                row = touched.windows.get(key) or self._tables.windows.get(key)
                touched.windows[key] = Rollup(
                    fingerprint=fold.fingerprint.value,
                    origin=fold.origin,
                    span=span,
                    count=len(members) + (row.count if row else 0),
                    first_at_ms=_earliest(members, row),
                    last_at_ms=_latest(members, row),
                    row_version=version,
                    window_start_ms=start_ms,
                    counts=_added(row.counts if row else {}, fold.windows[start_s]),
                )
                if row is None:
                    self._open.add(span, start_ms, key)
            late += 0 if taken else len(members)
        return late

    def _emissions(self, touched: _Touched, version: int) -> list[Emission]:
        out: list[Emission] = []
        shown: dict[str, Verdict] = {}
        for key, row in touched.fingerprints.items():
            shown[key] = _dated(row)
        for fold, count_before, known_before in touched.folds:
            key = fold.fingerprint.value
            row = touched.fingerprints[key]
            out.append(
                Emission(
                    topics.CLASSIFIED,
                    key,
                    Classified(
                        fold=fold,
                        verdict=shown[key],
                        verdict_version=row.verdict_version,
                        count_before=count_before,
                        known_before=known_before,
                    ),
                )
            )
        for key in sorted(touched.decided):
            row = touched.fingerprints[key]
            changed = VerdictChanged(fingerprint=key, verdict=shown[key], verdict_version=row.verdict_version)
            out.append(Emission(topics.CLASSIFIED, key, changed))
        for key, row in touched.fingerprints.items():
            self._tables.fingerprints.put(key, row)
            out.append(_rollup(row, shown[key], version))
        for key, (why, attempt) in touched.asking.items():
            known = touched.fingerprints.get(key) or self._tables.fingerprints.get(key)
            if known is not None:
                out.append(Emission(topics.UNSEEN, key, _unseen(known, _dated(known), why, attempt)))
        for key, places in touched.places.items():
            self._tables.places.put(key, places)
        for key, rollup in touched.lifetimes.items():
            verdict = shown[rollup.fingerprint]
            self._tables.lifetimes.put(key, rollup)
            out.append(Emission(topics.ROLLUPS, rollup.key, replace(rollup, verdict=verdict)))
        out += self._redecided(touched, shown, version)
        for key, rollup in touched.windows.items():
            self._tables.windows.put(key, rollup)
            out.append(Emission(topics.ROLLUPS, rollup.key, rollup))
        return out

    def _redecided(self, touched: _Touched, shown: dict[str, Verdict], version: int) -> Iterable[Emission]:
        """Fresh snapshots of the lifetime rows that this batch did not count in but whose verdict changed."""
        for fingerprint in sorted(touched.decided):
            places = touched.places.get(fingerprint) or self._tables.places.get(fingerprint) or PlacesRow()
            for place in places.names:
                key = f"{fingerprint}|{place}"
                row = None if key in touched.lifetimes else self._tables.lifetimes.get(key)
                if row is not None:
                    row = replace(row, row_version=version)
                    self._tables.lifetimes.put(key, row)
                    yield Emission(topics.ROLLUPS, row.key, replace(row, verdict=shown[fingerprint]))


def _followed(position: PositionRow, batch: FoldBatch) -> dict[str, Cursor]:
    """The cursors after this batch. A tick moves none."""
    new = batch.cursor
    if new.start == new.end:
        return position.cursors
    source = f"{batch.topic}/{batch.partition}"
    last = position.cursors.get(source)
    if last is not None:
        whole = last.chunk + 1 == last.chunks
        want = (last.end, 0) if whole else (last.start, last.chunk + 1)
        if (new.start, new.chunk) != want:
            reason = f"{source}: expected offset {want[0]} chunk {want[1]}, got {new.start} chunk {new.chunk}"
            raise CursorBroken(f"{reason}; a record was skipped or repeated: restart from the table")
    return position.cursors | {source: new}


def _newest_ms(batch: FoldBatch) -> int:
    """How far time has come: the newest failure, but not past its own arrival; a tick is its clock."""
    if batch.cursor.start == batch.cursor.end:
        return batch.at_ms
    failures = (member.failure for fold in batch.folds for member in fold.members)
    return max((min(f.occurred_at_ms, f.received_at_ms or batch.at_ms) for f in failures), default=0)


def _grouped(fold: Fold, by: Callable[[Failure], str]) -> dict[str, list[Member]]:
    groups: dict[str, list[Member]] = {}
    for member in fold.members:
        groups.setdefault(by(member.failure), []).append(member)
    return groups


def _earliest(members: Iterable[Member], row: Rollup | None) -> int:
    first = min(member.failure.occurred_at_ms for member in members)
    return min(first, row.first_at_ms) if row else first


def _latest(members: Iterable[Member], row: Rollup | None) -> int:
    last = max(member.failure.occurred_at_ms for member in members)
    return max(last, row.last_at_ms) if row else last


def _added(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    """Both counted together; at most WHERE_MAX by name."""
    out = dict(old)
    for place, count in new.items():
        if place not in out and len(out) >= WHERE_MAX:
            place = OTHER_WHERE
        out[place] = out.get(place, 0) + count
    return out


def _rollup(row: FingerprintRow, verdict: Verdict, version: int) -> Emission:
    rollup = Rollup(
        fingerprint=row.fingerprint.value,
        origin=row.origin,
        span=Span.LIFETIME,
        count=row.count,
        first_at_ms=row.first_at_ms,
        last_at_ms=row.last_at_ms,
        row_version=version,
        counts=row.where,
        samples=row.samples,
        verdict=verdict,
        parts=row.fingerprint,
    )
    return Emission(topics.ROLLUPS, rollup.key, rollup)


def _dated(row: FingerprintRow) -> Verdict:
    """The row's verdict as it is shown: one of a text alone is as old as the first such text."""
    verdict = row.verdict
    return replace(verdict, decided_at_ms=row.first_at_ms) if verdict.source.is_own_text else verdict


def _unseen(row: FingerprintRow, verdict: Verdict, why: str, attempt: int) -> Unseen:
    return Unseen(
        fingerprint=row.fingerprint,
        origin=row.origin,
        count=row.count,
        first_at_ms=row.first_at_ms,
        last_at_ms=row.last_at_ms,
        samples=row.samples,
        where=row.where,
        provisional=verdict,
        asking_because=why,
        attempt=attempt,
    )
