"""What a call of the pipeline changed -> rows written, each once, and the records that tell of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from msgspec import Raw, Struct
from msgspec.structs import replace

from streams.contract import topics
from streams.contract.classified import Classified, GroupChanged, SealedClassified, Unseen, VerdictChanged
from streams.contract.failure import Origin
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import WHERE_SEPARATOR, BriefSample, Sample
from streams.contract.rollup import ALIASES_MAX, Rollup, SealedRollup, Span, lifetime_key, window_key
from streams.contract.topics import Topic
from streams.contract.verdict import Verdict, record_key
from streams.contract.wire import to_bytes
from streams.core.groups import Groups
from streams.core.marks import Marks, to_json
from streams.core.rows import FingerprintRow, LifetimeRow, PlacesRow
from streams.core.tables import Tables
from streams.core.touched import Touched


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


class Emissions:
    """Writes the rows of one partition, and says what is to be sent."""

    def __init__(self, tables: Tables, marks: Marks, groups: Groups) -> None:
        self._tables = tables
        self._marks = marks
        self._groups = groups

    def of(self, touched: Touched, version: int) -> list[Emission]:
        """Write every row that was touched, once, and say what is to be sent."""
        rows = touched.fingerprints
        shown = {key: dated(row) for key, row in rows.items()}
        written = {key: Raw(to_json(verdict)) for key, verdict in shown.items()}
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
            rollup = whole_rollup(
                key, row, version, verdict=written[key], parts=self._marks.written(key), groups=self._groups
            )
            out.append(Emission(topics.ROLLUPS, lifetime_key(key, ()), rollup))
        out += self._questions(touched)
        out += [Emission(topics.VERDICTS, record_key(one), one) for one in touched.handed_on.values()]
        for key, places in touched.places.items():
            self._tables.places.put(key, places)
        for key, (fingerprint, place, lifetime) in touched.lifetimes.items():
            self._tables.lifetimes.put(key, lifetime)
            origin = rows[fingerprint].origin
            out.append(_of_place(place_rollup(fingerprint, origin, place, lifetime, written[fingerprint], version)))
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

    def _questions(self, touched: Touched) -> Iterable[Emission]:
        for key, (why, attempt) in touched.asking.items():
            known = touched.fingerprints.get(key) or self._tables.fingerprints.get(key)
            if known is not None:
                unseen = _unseen(known, self._marks.get(key).fingerprint(key), why, attempt)
                yield Emission(topics.UNSEEN, key, unseen)

    def _redecided(self, touched: Touched, written: dict[str, Raw], version: int) -> Iterable[Emission]:
        """Fresh snapshots of the lifetime rows that this batch did not count in but whose verdict changed."""
        for fingerprint in sorted(touched.decided):
            origin = touched.fingerprints[fingerprint].origin
            places = touched.places.get(fingerprint) or self._tables.places.get(fingerprint) or PlacesRow()
            for place in places.names:
                key = f"{fingerprint}|{place}"
                row = None if key in touched.lifetimes else self._tables.lifetimes.get(key)
                if row is not None:
                    yield _of_place(place_rollup(fingerprint, origin, place, row, written[fingerprint], version))


def whole_rollup(
    key: str, row: FingerprintRow, version: int, *, verdict: Raw, parts: Raw, groups: Groups
) -> SealedRollup:
    """The snapshot of the row that counts all."""
    return SealedRollup(
        fingerprint=key,
        origin=row.origin,
        span=Span.LIFETIME,
        count=row.count,
        first_at_ms=row.first_at_ms,
        last_at_ms=row.last_at_ms,
        row_version=version,
        counts=row.where,
        samples=_samples(row.samples),
        verdict=verdict,
        parts=parts,
        group=row.group,
        aliases=groups.at(key, ALIASES_MAX),
    )


def place_rollup(
    fingerprint: str, origin: Origin, place: str, row: LifetimeRow, verdict: Raw, version: int
) -> SealedRollup:
    """The snapshot of one dimension."""
    return SealedRollup(
        fingerprint=fingerprint,
        origin=origin,
        span=Span.LIFETIME,
        count=row.count,
        first_at_ms=row.first_at_ms,
        last_at_ms=row.last_at_ms,
        row_version=version,
        where=_names(place),
        samples=_samples(row.samples),
        verdict=verdict,
    )


def _of_place(rollup: SealedRollup) -> Emission:
    return Emission(topics.ROLLUPS, lifetime_key(rollup.fingerprint, rollup.where or ()), rollup)


@functools.lru_cache(maxsize=10_000)
def _names(place: str) -> tuple[str, str, str]:
    names = place.split(WHERE_SEPARATOR)
    return names[0], names[1], names[2]


def _samples(rows: Sequence[BriefSample]) -> tuple[Sample, ...]:
    return tuple([Sample(row.text, row.at_ms, row.failure_id) for row in rows])


def dated(row: FingerprintRow) -> Verdict:
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
        provisional=dated(row),
        asking_because=why,
        attempt=attempt,
    )
