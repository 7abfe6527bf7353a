"""Folds and verdicts -> rows and emissions: the tables' half of the path, without input or output.

`Pipeline` takes a mutable mapping and returns what is to be sent. The caller writes rows, emissions and its input
position in one transaction; if it cannot, it throws all of them away and starts again from the table.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence

from msgspec.structs import replace

from streams.contract.alias import Alias
from streams.contract.errors import CursorBroken
from streams.contract.fold import Cursor, FoldBatch, SealedFold, Successor
from streams.contract.verdict import UNKNOWN, Verdict, VerdictSource
from streams.core.counting import Counting, Spanned, add, spans_at
from streams.core.emissions import Emission, Emissions
from streams.core.fold import merged_samples, sealed
from streams.core.forgetting import Forgetting
from streams.core.groups import Groups
from streams.core.ladder import replaced, says_the_same, stronger
from streams.core.marks import HELD_MAX, Marks
from streams.core.questions import Questions
from streams.core.rows import FingerprintRow, PlacesRow, PositionRow
from streams.core.succession import inherited
from streams.core.tables import Tables
from streams.core.touched import Touched
from streams.core.window import LATENESS_MS

OFFSET_BITS = 40
PENDING_VERDICTS_MAX = 10_000
"""Verdicts of one partition that may wait for their fingerprint; more are dropped and counted."""


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
        self._counting = Counting(self._tables)
        self._questions = Questions(self._tables)
        self._marks = Marks(self._tables)
        self._groups = Groups(filter(None, map(self._tables.aliases.get, list(self._tables.aliases))))
        self._emissions = Emissions(self._tables, self._marks, self._groups)
        self._joined: dict[str, bytes] = {}
        """By fingerprint: the verdict of the last fold that its row took in. Taking it in again changes nothing."""

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
        touched = Touched(pending=before.pending, dropped_verdicts=before.dropped_verdicts)
        version, dropped = 0, self._groups.dropped
        for offset, batch in batches:
            if offset <= position.offset:
                continue
            cursors = _followed(position, batch)
            version = position.epoch << OFFSET_BITS | offset
            folds = batch.sealed
            if batch.folds:  # as the fold stage wrote them at first
                folds += tuple(sealed(fold, at_ms=batch.at_ms) for fold in batch.folds)
            spans = spans_at(position.watermark_ms)
            late = 0
            for successor in batch.successors:
                self._succeed(successor, touched)
            for fold in folds:
                late += self._fold(fold, version, spans, touched)
            for verdict in batch.verdicts:
                self._verdict(verdict, version, touched)
            for told in batch.unanswered:
                self._questions.unanswered(told)
            for alias in batch.aliases:
                self._alias(alias, version, batch.at_ms, touched)
            self._questions.ask(folds, batch.at_ms, touched, frozenset(one.after for one in batch.successors))
            watermark = max(position.watermark_ms, _newest_ms(batch, folds) - LATENESS_MS)
            self._counting.close(watermark, touched)
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
        return self._emissions.of(touched, version)

    def _row(self, key: str, touched: Touched) -> FingerprintRow | None:
        """The row of a fingerprint as this call has it so far."""
        row = touched.fingerprints.get(key)
        return self._tables.fingerprints.get(key) if row is None else row

    def _fold(self, fold: SealedFold, version: int, spans: Sequence[Spanned], touched: Touched) -> int:
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
            self._marks.put(fold.mark())
        else:
            touched.folds.append((fold, row.count, row.verdict.kind != UNKNOWN))
            if fold.first_at_ms <= row.first_at_ms:
                self._marks.seen(fold, row.first_at_ms)
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
                add(where, place, counted.count)
            self._counting.lifetime(key, place, counted, touched)
        return self._counting.windows(fold, spans, touched)

    def _joining(self, key: str, verdict: bytes) -> None:
        if len(self._joined) >= HELD_MAX:
            self._joined.clear()
        self._joined[key] = verdict

    def _verdict(self, verdict: Verdict, version: int, touched: Touched) -> None:
        """A verdict from elsewhere. One that comes before its fingerprint waits for it."""
        key = verdict.fingerprint
        row = self._row(key, touched)
        if row is not None and row.origin is verdict.origin:
            touched.fingerprints[key] = row
            self._decided(key, row, verdict, version, touched)
            self._questions.answered(row, verdict, touched)
        elif row is None:
            waiting = self._tables.pending.get(key)
            if waiting is None and touched.pending >= PENDING_VERDICTS_MAX:
                touched.dropped_verdicts += 1
                return
            touched.pending += waiting is None
            self._tables.pending.put(key, verdict if waiting is None else stronger(waiting, verdict))

    def _alias(self, alias: Alias, version: int, at_ms: int, touched: Touched) -> None:
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

    def _succeed(self, successor: Successor, touched: Touched) -> None:
        """What is known of a fingerprint here is known of what is made of it now."""
        before, after = successor.before, successor.after
        row = self._row(before, touched)
        known = self._tables.pending.get(before) if row is None else row.verdict
        if known is not None and known.origin is successor.origin and not known.source.is_own_text:
            own = inherited(replace(known, fingerprint=before), after)
            other = touched.handed_on.get(after)
            touched.handed_on[after] = own if other is None else stronger(other, own)

    def _awaited(self, fold: SealedFold, touched: Touched) -> Verdict:
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
            self._marks.delete(key)
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

    def _decided(self, key: str, row: FingerprintRow, verdict: Verdict, version: int, touched: Touched) -> None:
        best = stronger(row.verdict, verdict)
        if best is row.verdict:
            return
        if says_the_same(row.verdict, best):
            row.verdict = best
            return
        touched.decided.add(key)
        row.verdict = replaced(row.verdict, best)
        row.verdict_version = version


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
