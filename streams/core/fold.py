"""Many failures of one fingerprint -> one fold. Order does not matter: the same failures give the same fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from streams.contract.failure import Failure, utf8_bytes, weight_bytes
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import (
    FOLD_BYTES_MAX,
    PLACE_SAMPLE_CHARS_MAX,
    SAMPLE_CHARS_MAX,
    SAMPLES_MAX,
    WHERE_SEPARATOR,
    BriefSample,
    Fold,
    Member,
    MinuteCount,
    PlaceCount,
    Sample,
    SealedFold,
)
from streams.contract.rollup import Span
from streams.contract.verdict import Verdict
from streams.core.ladder import stronger
from streams.core.window import window_start_ms

AnySample = TypeVar("AnySample", Sample, BriefSample)
_to_msgpack = msgspec.msgpack.Encoder().encode
_to_json = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Told:
    """One failure that has been read: redacted, fingerprinted, and judged by its own text."""

    failure: Failure
    """Redacted, its time clamped; message and traceback are whole here."""
    fingerprint: Fingerprint
    verdict: Verdict
    original_at_ms: int | None = None
    earlier_hash: str = ""
    earlier_kind: str = ""
    earlier_message: str = ""

    @property
    def order(self) -> tuple[int, str]:
        """What members and samples are sorted by."""
        return self.failure.occurred_at_ms, self.failure.id


def folds_of(told: Iterable[Told], *, fold_id: str) -> list[Fold]:
    """The folds of one batch of one source partition, by fingerprint; a fold over FOLD_BYTES_MAX comes in pieces."""
    by_fingerprint: dict[str, list[Told]] = {}
    for one in told:
        by_fingerprint.setdefault(one.fingerprint.value, []).append(one)
    folds = []
    for group in by_fingerprint.values():
        group.sort(key=lambda one: one.order)
        pieces = _pieces(group)
        for number, piece in enumerate(pieces):
            name = fold_id if len(pieces) == 1 else f"{fold_id}#{number}"
            folds.append(fold_of(piece, fold_id=name))
    return folds


def _pieces(group: Sequence[Told]) -> list[list[Told]]:
    pieces: list[list[Told]] = [[]]
    texts: set[str] = set()
    size = 0
    for one in group:
        own = {one.failure.message, one.failure.traceback}
        weight = weight_bytes(one.failure)
        more = weight + sum(utf8_bytes(text) for text in own - texts)
        if pieces[-1] and size + more > FOLD_BYTES_MAX:
            pieces.append([])
            texts, size = set(), 0
            more = weight + sum(utf8_bytes(text) for text in own)
        pieces[-1].append(one)
        texts |= own
        size += more
    return pieces


def fold_of(group: Sequence[Told], *, fold_id: str) -> Fold:
    """One fold of failures that share a fingerprint; `group` is not empty."""
    group = sorted(group, key=lambda one: one.order)
    texts: dict[str, int] = {}
    windows: dict[str, Counter[str]] = {}
    where: Counter[str] = Counter()
    members = []
    verdict = group[0].verdict
    # the site of the earliest, and of several at once the least: not of the one that happened to come first
    first = min(group, key=lambda one: (one.failure.occurred_at_ms, one.fingerprint.site_value))
    for one in group:
        failure = one.failure
        place = WHERE_SEPARATOR.join(failure.where)
        where[place] += 1
        start = str(window_start_ms(failure.occurred_at_ms, Span.MINUTE) // 1000)
        windows.setdefault(start, Counter())[place] += 1
        verdict = stronger(verdict, one.verdict)
        members.append(
            Member(
                failure=replace(failure, message="", traceback=""),
                message=texts.setdefault(failure.message, len(texts)),
                traceback=texts.setdefault(failure.traceback, len(texts)) if failure.traceback else None,
                evidence=one.verdict.evidence,
                original_at_ms=one.original_at_ms,
                earlier_hash=one.earlier_hash,
                earlier_kind=one.earlier_kind,
                earlier_message=one.earlier_message,
                site="" if one.fingerprint.site_value == first.fingerprint.site_value else one.fingerprint.site_value,
            )
        )
    newest = (
        Sample(one.failure.message[:SAMPLE_CHARS_MAX], one.failure.occurred_at_ms, one.failure.id) for one in group
    )
    return Fold(
        fold_id=fold_id,
        origin=group[0].failure.origin,
        fingerprint=first.fingerprint,
        count=len(group),
        first_at_ms=group[0].failure.occurred_at_ms,
        last_at_ms=group[-1].failure.occurred_at_ms,
        where=dict(where),
        windows={start: dict(counts) for start, counts in windows.items()},
        verdict=replace(verdict, fingerprint=group[0].fingerprint.value),
        members=tuple(members),
        texts=tuple(texts),
        samples=newest_samples(newest),
    )


def sealed(fold: Fold, *, at_ms: int) -> SealedFold:
    """The fold as the tables read it; `at_ms` stands in where nobody said when a failure arrived."""
    seen_ms = 0
    places: dict[str, list[Member]] = {}
    minutes: dict[int, list[int]] = {}
    for member in fold.members:
        failure = member.failure
        moment = failure.occurred_at_ms
        seen_ms = max(seen_ms, min(moment, failure.received_at_ms or at_ms))
        places.setdefault(WHERE_SEPARATOR.join(failure.where), []).append(member)
        minutes.setdefault(window_start_ms(moment, Span.MINUTE), []).append(moment)
    return SealedFold(
        fingerprint=fold.fingerprint.value,
        origin=fold.origin,
        count=fold.count,
        first_at_ms=fold.first_at_ms,
        last_at_ms=fold.last_at_ms,
        seen_ms=seen_ms,
        verdict=_to_msgpack(replace(fold.verdict, decided_at_ms=0)),
        samples=tuple(BriefSample(one.text, one.at_ms, one.failure_id) for one in fold.samples),
        places={place: _place_count(fold, members) for place, members in places.items()},
        minutes={
            start: MinuteCount(len(moments), moments[0], moments[-1], fold.windows[str(start // 1000)])
            for start, moments in minutes.items()
        },
        body=_to_json(fold),
    )


def _place_count(fold: Fold, members: Sequence[Member]) -> PlaceCount:
    """Count members, which are in order of time."""
    samples = newest_samples(
        BriefSample(fold.texts[m.message][:PLACE_SAMPLE_CHARS_MAX], m.failure.occurred_at_ms, m.failure.id)
        for m in members
    )
    return PlaceCount(len(members), members[0].failure.occurred_at_ms, members[-1].failure.occurred_at_ms, samples)


def newest_samples(samples: Iterable[AnySample]) -> tuple[AnySample, ...]:
    """Up to SAMPLES_MAX samples of distinct text, newest first, then by id; of equal texts the newest."""
    kept: list[AnySample] = []
    for sample in sorted(samples, key=lambda s: (-s.at_ms, s.failure_id)):
        if all(sample.text != other.text for other in kept):
            kept.append(sample)
            if len(kept) == SAMPLES_MAX:
                break
    return tuple(kept)


def merged_samples(old: tuple[BriefSample, ...], new: tuple[BriefSample, ...]) -> tuple[BriefSample, ...]:
    """`newest_samples` of both, where each is such already."""
    if not old or not new:
        return old or new
    if new[-1].at_ms <= old[0].at_ms:
        return newest_samples(old + new)
    if len(new) == SAMPLES_MAX:  # most often: all that comes is newer than all there is
        return new
    if len(new) == 1 and len(old) == SAMPLES_MAX == 3 and new[0].text not in (old[0].text, old[1].text):
        return new + old[:2]
    texts = [sample.text for sample in new]
    return (*new, *[sample for sample in old if sample.text not in texts][: SAMPLES_MAX - len(new)])
