"""Folds and verdicts -> rows and emissions: the tables' half of the path, without input or output.

`Pipeline` takes a mutable mapping and returns what is to be sent. The caller writes rows, emissions and its input
position in one transaction; if it cannot, it throws all of them away and starts again from the table.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Iterable, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.classified import Classified, GroupChanged, SealedClassified, Unseen, VerdictChanged
from streams.contract.errors import CursorBroken
from streams.contract.failure import Origin
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import (
    WHERE_SEPARATOR,
    BriefSample,
    Cursor,
    FoldBatch,
    PlaceCount,
    Sample,
    SealedFold,
    Successor,
)
from streams.contract.rollup import (
    ALIASES_MAX,
    OTHER_WHERE,
    WHERE_MAX,
    Rollup,
    SealedRollup,
    Span,
    lifetime_key,
    window_key,
)
from streams.contract.topics import Topic
from streams.contract.verdict import UNKNOWN, Unanswered, Verdict, VerdictSource, record_key
from streams.contract.wire import to_bytes
from streams.core.fold import merged_samples, sealed
from streams.core.forgetting import Forgetting
from streams.core.groups import Groups
from streams.core.ladder import replaced, says_the_same, stronger
from streams.core.rows import AskedRow, FingerprintRow, LifetimeRow, MarkRow, PlacesRow, PositionRow, WindowRow
from streams.core.succession import inherited
from streams.core.tables import Tables
from streams.core.window import LATENESS_MS, WINDOWS, OpenWindows, over_until_ms

OFFSET_BITS = 40
LIFETIMES_MAX = 1_000
"""Dimensions of one fingerprint that get a lifetime row of their own; later ones share the row OTHER_WHERE."""
PENDING_VERDICTS_MAX = 10_000
"""Verdicts of one partition that may wait for their fingerprint; more are dropped and counted."""
HELD_MAX = 1_000
"""Fingerprints of which a partition keeps something in hand that it would else make again, about 1.5 KB each."""
LOST_MS = 7 * 86_400_000
"""A question that got no answer of any sort for so long is lost: its topic does not keep it longer."""
ASKED_AGAIN_MAX = 500
"""Questions that come again with one input record, about 2 KB each; the rest comes with the next ones. After an outage
of the llm all are due at once, and have to fit into transactions."""
SUCCESSION_MS = 60_000
"""How long a fingerprint that was another under the rules before is not asked about: its verdict may be on its way."""
NOTHING_KNOWN_MS = 30 * 86_400_000
"""After an answer `unknown` that does not say itself when to ask again."""
_to_json = msgspec.json.Encoder(order="deterministic").encode
OTHER_PLACE = WHERE_SEPARATOR.join((OTHER_WHERE, "", ""))


_Spanned = tuple[Span, int, int]
"""A span, its size and the latest start of a window that is over, both in milliseconds."""


class Emission(Struct, frozen=True):
    """A record to be sent to the partition that the input came from. Later calls do not change it."""

    topic: Topic
    key: str
    sent: SealedClassified | VerdictChanged | GroupChanged | Unseen | SealedRollup | Verdict

    @property
    def value(self) -> bytes:
        """The record as bytes: what is sent."""
        return to_bytes(self.sent)

    @property
    def record(self) -> Classified | VerdictChanged | GroupChanged | Unseen | Rollup | Verdict:
        """The record as its readers see it."""
        return self.sent.opened() if isinstance(self.sent, SealedClassified | SealedRollup) else self.sent


@dataclass(slots=True)
class _Touched:
    """What one call changed; emitted once, at its end, so that all of it carries the final verdicts."""

    folds: list[tuple[SealedFold, int, bool]] = field(default_factory=list)
    fingerprints: dict[str, FingerprintRow] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    regrouped: dict[str, int] = field(default_factory=dict)
    """When the tables learned of the group of rows that were there before."""
    windows: dict[str, tuple[str, Span, int, WindowRow]] = field(default_factory=dict)
    """Fingerprint, span, start and row, by key."""
    lifetimes: dict[str, tuple[str, str, LifetimeRow]] = field(default_factory=dict)
    """Fingerprint, dimension and row, by key."""
    places: dict[str, PlacesRow] = field(default_factory=dict)
    handed_on: dict[str, Verdict] = field(default_factory=dict)
    """Verdicts of what fingerprints were before, by fingerprint."""
    asking: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Questions to send: why, and for the how many-th time."""
    pending: int = 0
    dropped_verdicts: int = 0


class Pipeline:
    """The tables of one partition and all that happens to them."""

    def __init__(
        self, table: MutableMapping[str, bytes], *, partition: int, forget_after_ms: int | None = None
    ) -> None:
        """`forget_after_ms`: how far behind the watermark the last failure of a fingerprint lies whose rows go, at
        least; None: nothing goes but by `forget`.
        """
        self._tables = Tables(table, partition)
        self._forgetting = None if forget_after_ms is None else Forgetting(self._tables, after_ms=forget_after_ms)
        self._open = OpenWindows()
        self._marks: dict[str, Raw] = {}
        """Whole fingerprints that were sent lately, as JSON: they hardly ever change."""
        self._joined: dict[str, bytes] = {}
        """By fingerprint: the verdict of the last fold that its row took in. Taking it in again changes nothing."""
        for key in self._tables.windows:
            span, start, _ = key.split("|", 2)
            self._open.add(Span(span), int(start), key)
        self._groups = Groups(filter(None, map(self._tables.aliases.get, list(self._tables.aliases))))
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
        Before them, some of the fingerprints go that were not seen for long.
        Raises: `CursorBroken` when a batch does not follow the last one of its source.
        """
        self._forget_old()
        before = position = self.position
        touched = _Touched(pending=before.pending, dropped_verdicts=before.dropped_verdicts)
        version, dropped = 0, self._groups.dropped
        for offset, batch in batches:
            if offset <= position.offset:
                continue
            cursors = _followed(position, batch)
            version = position.epoch << OFFSET_BITS | offset
            folds = batch.sealed
            if batch.folds:  # as the fold stage wrote them at first
                folds += tuple(sealed(fold, at_ms=batch.at_ms) for fold in batch.folds)
            spans = [(span, span.size_s * 1000, over_until_ms(span, position.watermark_ms)) for span in WINDOWS]
            late = 0
            for successor in batch.successors:
                self._succeed(successor, touched)
            for fold in folds:
                late += self._fold(fold, version, spans, touched)
            for verdict in batch.verdicts:
                self._verdict(verdict, version, touched)
            for told in batch.unanswered:
                self._unanswered(told)
            for alias in batch.aliases:
                self._alias(alias, version, batch.at_ms, touched)
            self._ask(folds, batch.at_ms, touched, frozenset(one.after for one in batch.successors))
            watermark = max(position.watermark_ms, _newest_ms(batch, folds) - LATENESS_MS)
            for key in self._open.take_over(watermark):
                self._tables.windows.delete(key)
                touched.windows.pop(key, None)
            position = PositionRow(
                offset,
                watermark,
                cursors,
                position.late + late,
                touched.pending,
                touched.dropped_verdicts,
                before.dropped_aliases + self._groups.dropped - dropped,
                position.epoch,
                position.looked_ms,
            )
        if position is before:
            return []
        self._tables.position.put("", position)
        return self._emissions(touched, version)

    def _row(self, key: str, touched: _Touched) -> FingerprintRow | None:
        """The row of a fingerprint as this call has it so far."""
        row = touched.fingerprints.get(key)
        return self._tables.fingerprints.get(key) if row is None else row

    def _fold(self, fold: SealedFold, version: int, spans: Sequence[_Spanned], touched: _Touched) -> int:
        """Count one fold. Returns how many of its failures were too late for a window row."""
        key = fold.fingerprint
        row = self._row(key, touched)
        if row is None:
            touched.folds.append((fold, 0, False))
            group = self._groups.name(key)
            row = FingerprintRow(
                origin=fold.origin,
                count=fold.count,
                first_at_ms=fold.first_at_ms,
                last_at_ms=fold.last_at_ms,
                where={},
                verdict=self._awaited(fold, touched),
                verdict_version=version,
                samples=fold.samples,
                group=group,
                group_version=version if group else 0,
            )
            self._put_mark(fold.mark())
        else:
            touched.folds.append((fold, row.count, row.verdict.kind != UNKNOWN))
            if fold.first_at_ms <= row.first_at_ms:
                self._marked(fold, row.first_at_ms)
                row.first_at_ms = fold.first_at_ms
            if fold.last_at_ms > row.last_at_ms:
                row.last_at_ms = fold.last_at_ms
            row.count += fold.count
            row.samples = merged_samples(row.samples, fold.samples)
            if self._joined.get(key) != fold.verdict:
                self._decided(key, row, fold.judged(), version, touched)
                self._joining(key, fold.verdict)
        touched.fingerprints[key] = row
        where = row.where
        for place, counted in fold.places.items():
            if place in where:
                where[place] += counted.count
            else:
                _add(where, place, counted.count)
            self._count_lifetime(key, place, counted, touched)
        return self._count_windows(fold, spans, touched)

    def _joining(self, key: str, verdict: bytes) -> None:
        if len(self._joined) >= HELD_MAX:
            self._joined.clear()
        self._joined[key] = verdict

    def _marked(self, fold: SealedFold, first_at_ms: int) -> None:
        """Keep the whole fingerprint of the earliest failure: its site does not depend on what came first."""
        mark = fold.mark()
        if fold.first_at_ms < first_at_ms or mark.site_value < self._mark(fold.fingerprint).site_value:
            self._put_mark(mark)

    def _verdict(self, verdict: Verdict, version: int, touched: _Touched) -> None:
        """A verdict from elsewhere. One that comes before its fingerprint waits for it."""
        key = verdict.fingerprint
        row = self._row(key, touched)
        if row is not None and row.origin is verdict.origin:
            touched.fingerprints[key] = row
            self._decided(key, row, verdict, version, touched)
            self._answered(row, verdict, touched)
        elif row is None:
            waiting = self._tables.pending.get(key)
            if waiting is None and touched.pending >= PENDING_VERDICTS_MAX:
                touched.dropped_verdicts += 1
                return
            touched.pending += waiting is None
            self._tables.pending.put(key, verdict if waiting is None else stronger(waiting, verdict))

    def _alias(self, alias: Alias, version: int, at_ms: int, touched: _Touched) -> None:
        """An edge between two fingerprints, of this partition or of others."""
        changed = self._groups.apply(alias)
        told: set[str] = set()
        if self._groups.edge(alias.key) is alias:
            self._tables.aliases.put(alias.key, alias)
            told = {alias.a, alias.b}
        for key in told.union(changed):
            row = self._row(key, touched)
            if row is None:
                continue
            touched.fingerprints[key] = row
            if key in changed:
                row.group, row.group_version = self._groups.name(key), version
                touched.regrouped[key] = at_ms

    def _succeed(self, successor: Successor, touched: _Touched) -> None:
        """What is known of a fingerprint here is known of what is made of it now."""
        before, after = successor.before, successor.after
        row = self._row(before, touched)
        known = self._tables.pending.get(before) if row is None else row.verdict
        if known is not None and known.origin is successor.origin and not known.source.is_own_text:
            own = inherited(replace(known, fingerprint=before), after)
            other = touched.handed_on.get(after)
            touched.handed_on[after] = own if other is None else stronger(other, own)

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

    def _ask(self, folds: Iterable[SealedFold], at_ms: int, touched: _Touched, succeeding: AbstractSet[str]) -> None:
        """Ask about what is new, what was asked and not answered, and what an answer said to look at again.

        `succeeding`: fingerprints whose verdict may be on its way from what they were before; they wait a little.
        """
        for fold in folds:
            key = fold.fingerprint
            asked = self._tables.asked.get(key)
            if asked is not None and asked.answered and asked.again_ms <= at_ms:
                self._asking(key, "recheck", asked.attempts + 1, at_ms, touched)
            elif asked is None and touched.fingerprints[key].verdict.source.rank < VerdictSource.LLM.rank:
                if key in succeeding:
                    self._wait(key, AskedRow(0, at_ms + SUCCESSION_MS))
                else:
                    self._asking(key, "new", 1, at_ms, touched)
        room = ASKED_AGAIN_MAX
        while room and self._due and self._due[0][0] <= at_ms:
            again_ms, key = heapq.heappop(self._due)
            asked = self._tables.asked.get(key)
            if asked is not None and not asked.answered and asked.again_ms == again_ms:
                self._asking(key, "retry", asked.attempts + 1, at_ms, touched)
                room -= 1

    def _asking(self, key: str, why: str, attempt: int, at_ms: int, touched: _Touched) -> None:
        touched.asking[key] = why, attempt
        self._wait(key, AskedRow(attempt, at_ms + LOST_MS))

    def _awaited(self, fold: SealedFold, touched: _Touched) -> Verdict:
        """The verdict of a fingerprint that just came: its own, or one that waited for it."""
        own = fold.judged()
        waiting = self._tables.pending.get(fold.fingerprint)
        if waiting is None:
            return own
        self._tables.pending.delete(fold.fingerprint)
        touched.pending -= 1
        return stronger(own, waiting) if waiting.origin is fold.origin else own

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
            self._tables.marks.delete(key)
            self._marks.pop(key, None)
            self._joined.pop(key, None)
            self._tables.fingerprints.delete(key)
        self._tables.position.put("", replace(position, pending=waiting))

    def _forget_old(self) -> None:
        if self._forgetting is None:
            return
        position = self.position
        keys, is_last = self._forgetting.due(position)
        if keys:
            self.forget(keys)
        if is_last:
            self._tables.position.put("", replace(self.position, looked_ms=position.watermark_ms))

    def _decided(self, key: str, row: FingerprintRow, verdict: Verdict, version: int, touched: _Touched) -> None:
        best = stronger(row.verdict, verdict)
        if best is row.verdict:
            return
        if says_the_same(row.verdict, best):
            row.verdict = best
            return
        touched.decided.add(key)
        row.verdict = replaced(row.verdict, best)
        row.verdict_version = version

    def _count_lifetime(self, fingerprint: str, place: str, counted: PlaceCount, touched: _Touched) -> None:
        """Count one dimension of a fold in its own row."""
        key = f"{fingerprint}|{place}"
        row = self._lifetime(key, touched)
        if row is None:
            own = self._place(fingerprint, place, touched)
            if own != place:
                place, key = own, f"{fingerprint}|{own}"
                row = self._lifetime(key, touched)
        if row is None:
            row = LifetimeRow(counted.count, counted.first_at_ms, counted.last_at_ms, counted.samples)
        else:
            row.count += counted.count
            if counted.first_at_ms < row.first_at_ms:
                row.first_at_ms = counted.first_at_ms
            if counted.last_at_ms > row.last_at_ms:
                row.last_at_ms = counted.last_at_ms
            row.samples = merged_samples(row.samples, counted.samples)
        touched.lifetimes[key] = fingerprint, place, row

    def _lifetime(self, key: str, touched: _Touched) -> LifetimeRow | None:
        known = touched.lifetimes.get(key)
        return self._tables.lifetimes.get(key) if known is None else known[2]

    def _place(self, fingerprint: str, place: str, touched: _Touched) -> str:
        """The dimension to count under: its own name, or OTHER_WHERE past LIFETIMES_MAX names."""
        places = touched.places.get(fingerprint) or self._tables.places.get(fingerprint) or PlacesRow()
        if place not in places.names:
            if len(places.names) >= LIFETIMES_MAX:
                place = OTHER_PLACE
            if place not in places.names:
                touched.places[fingerprint] = PlacesRow((*places.names, place))
        return place

    def _count_windows(self, fold: SealedFold, spans: Sequence[_Spanned], touched: _Touched) -> int:
        """Count a fold in its windows. Returns how many of its failures no window row could take any more."""
        late = 0
        fingerprint, windows = fold.fingerprint, touched.windows
        for minute_ms, counted in fold.minutes.items():
            number, first_ms, last_ms = counted.count, counted.first_at_ms, counted.last_at_ms
            taken = False
            for span, size_ms, over_ms in spans:
                start_ms = minute_ms - minute_ms % size_ms
                if start_ms <= over_ms:
                    continue
                taken = True
                key = f"{span}|{start_ms}|{fingerprint}"
                known = windows.get(key)
                if known is None:
                    row = self._tables.windows.get(key)
                    if row is None:
                        row = WindowRow(0, first_ms, last_ms, {})
                        self._open.add(span, start_ms, key)
                    windows[key] = fingerprint, span, start_ms, row
                else:
                    row = known[3]
                row.count += number
                if first_ms < row.first_at_ms:
                    row.first_at_ms = first_ms
                if last_ms > row.last_at_ms:
                    row.last_at_ms = last_ms
                where = row.where
                for place, more in counted.where.items():
                    if place in where:
                        where[place] += more
                    else:
                        _add(where, place, more)
            if not taken:
                late += number
        return late

    def _emissions(self, touched: _Touched, version: int) -> list[Emission]:
        """Write every row that was touched, once, and say what is to be sent."""
        rows = touched.fingerprints
        shown = {key: _dated(row) for key, row in rows.items()}
        written = {key: Raw(_to_json(verdict)) for key, verdict in shown.items()}
        out: list[Emission] = []
        for fold, count_before, known_before in touched.folds:
            key = fold.fingerprint
            classified = SealedClassified(
                fold=Raw(fold.body),
                verdict=written[key],
                verdict_version=rows[key].verdict_version,
                count_before=count_before,
                known_before=known_before,
                group=rows[key].group,
                group_version=rows[key].group_version,
            )
            out.append(Emission(topics.CLASSIFIED, key, classified))
        for key in sorted(touched.decided):
            changed = VerdictChanged(fingerprint=key, verdict=shown[key], verdict_version=rows[key].verdict_version)
            out.append(Emission(topics.CLASSIFIED, key, changed))
        for key in sorted(touched.regrouped):
            row = rows[key]
            regrouped = GroupChanged(
                fingerprint=key,
                origin=row.origin,
                group=row.group,
                group_version=row.group_version,
                changed_at_ms=touched.regrouped[key],
            )
            out.append(Emission(topics.CLASSIFIED, key, regrouped))
        for key, row in rows.items():
            self._tables.fingerprints.put(key, row)
            rollup = SealedRollup(
                fingerprint=key,
                origin=row.origin,
                span=Span.LIFETIME,
                count=row.count,
                first_at_ms=row.first_at_ms,
                last_at_ms=row.last_at_ms,
                row_version=version,
                counts=row.where,
                samples=_samples(row.samples),
                verdict=written[key],
                parts=self._written_mark(key),
                group=row.group,
                aliases=self._groups.at(key, ALIASES_MAX),
            )
            out.append(Emission(topics.ROLLUPS, lifetime_key(key, ()), rollup))
        out += self._questions(touched)
        out += [Emission(topics.VERDICTS, record_key(one), one) for one in touched.handed_on.values()]
        for key, places in touched.places.items():
            self._tables.places.put(key, places)
        for key, (fingerprint, place, lifetime) in touched.lifetimes.items():
            self._tables.lifetimes.put(key, lifetime)
            origin = rows[fingerprint].origin
            out.append(_lifetime_rollup(fingerprint, origin, place, lifetime, written[fingerprint], version))
        out += self._redecided(touched, written, version)
        for key, (fingerprint, span, start_ms, window) in touched.windows.items():
            self._tables.windows.put(key, window)
            rollup = SealedRollup(
                fingerprint=fingerprint,
                origin=rows[fingerprint].origin,
                span=span,
                count=window.count,
                first_at_ms=window.first_at_ms,
                last_at_ms=window.last_at_ms,
                row_version=version,
                window_start_ms=start_ms,
                counts=window.where,
            )
            out.append(Emission(topics.ROLLUPS, window_key(fingerprint, span, start_ms), rollup))
        return out

    def _questions(self, touched: _Touched) -> Iterable[Emission]:
        for key, (why, attempt) in touched.asking.items():
            known = self._row(key, touched)
            if known is not None:
                unseen = _unseen(known, self._mark(key).fingerprint(key), why, attempt)
                yield Emission(topics.UNSEEN, key, unseen)

    def _mark(self, key: str) -> MarkRow:
        """The whole fingerprint of a row."""
        mark = self._tables.marks.get(key)
        if mark is None:
            raise RuntimeError(f"{key} has a row and no fingerprint: the table lost a row that was written with it")
        return mark

    def _written_mark(self, key: str) -> Raw:
        """The whole fingerprint of a row, as JSON."""
        written = self._marks.get(key)
        if written is None:
            if len(self._marks) >= HELD_MAX:
                self._marks.clear()
            written = self._marks[key] = Raw(_to_json(self._mark(key).fingerprint(key)))
        return written

    def _put_mark(self, mark: Fingerprint) -> None:
        self._marks.pop(mark.value, None)
        self._tables.marks.put(mark.value, MarkRow.of(mark))

    def _redecided(self, touched: _Touched, written: dict[str, Raw], version: int) -> Iterable[Emission]:
        """Fresh snapshots of the lifetime rows that this batch did not count in but whose verdict changed."""
        for fingerprint in sorted(touched.decided):
            origin = touched.fingerprints[fingerprint].origin
            places = touched.places.get(fingerprint) or self._tables.places.get(fingerprint) or PlacesRow()
            for place in places.names:
                key = f"{fingerprint}|{place}"
                row = None if key in touched.lifetimes else self._tables.lifetimes.get(key)
                if row is not None:
                    yield _lifetime_rollup(fingerprint, origin, place, row, written[fingerprint], version)


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


def _newest_ms(batch: FoldBatch, folds: Iterable[SealedFold]) -> int:
    """How far time has come: the newest failure, but not past its own arrival; a tick is its clock."""
    if batch.cursor.start == batch.cursor.end:
        return batch.at_ms
    return max((fold.seen_ms for fold in folds), default=0)


def _add(counts: dict[str, int], place: str, more: int) -> None:
    """Count in place a dimension that has no name there yet; at most WHERE_MAX have one."""
    if len(counts) >= WHERE_MAX:
        place = OTHER_WHERE
    counts[place] = counts.get(place, 0) + more


def _lifetime_rollup(
    fingerprint: str, origin: Origin, place: str, row: LifetimeRow, verdict: Raw, version: int
) -> Emission:
    where = _names(place)
    rollup = SealedRollup(
        fingerprint=fingerprint,
        origin=origin,
        span=Span.LIFETIME,
        count=row.count,
        first_at_ms=row.first_at_ms,
        last_at_ms=row.last_at_ms,
        row_version=version,
        where=where,
        samples=_samples(row.samples),
        verdict=verdict,
    )
    return Emission(topics.ROLLUPS, lifetime_key(fingerprint, where), rollup)


@functools.lru_cache(maxsize=10_000)
def _names(place: str) -> tuple[str, str, str]:
    names = place.split(WHERE_SEPARATOR)
    return names[0], names[1], names[2]


def _samples(rows: Sequence[BriefSample]) -> tuple[Sample, ...]:
    return tuple([Sample(row.text, row.at_ms, row.failure_id) for row in rows])


def _dated(row: FingerprintRow) -> Verdict:
    """The row's verdict as it is shown: one of a text alone is as old as the first such text."""
    verdict = row.verdict
    return replace(verdict, decided_at_ms=row.first_at_ms) if verdict.source.is_own_text else verdict


def _unseen(row: FingerprintRow, mark: Fingerprint, why: str, attempt: int) -> Unseen:
    return Unseen(
        fingerprint=mark,
        origin=row.origin,
        count=row.count,
        first_at_ms=row.first_at_ms,
        last_at_ms=row.last_at_ms,
        samples=_samples(row.samples),
        where=row.where,
        provisional=_dated(row),
        asking_because=why,
        attempt=attempt,
    )
