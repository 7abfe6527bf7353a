"""Rows as the first embedded data directories have them, read as those of now. They are written anew when touched."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from streams.contract.failure import Origin
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import PLACE_SAMPLE_CHARS_MAX, BriefSample, Sample
from streams.contract.rollup import Rollup
from streams.contract.verdict import Verdict
from streams.core.fold import newest_samples
from streams.core.rows import FingerprintRow, LifetimeRow, MarkRow, WindowRow


class _Fingerprint(Struct, frozen=True, kw_only=True):
    """A fingerprint's row when it held all that was known, its parts among it."""

    fingerprint: Fingerprint
    origin: Origin
    count: int
    first_at_ms: int
    last_at_ms: int
    samples: tuple[Sample, ...]
    where: dict[str, int]
    verdict: Verdict
    verdict_version: int


_fingerprint = msgspec.msgpack.Decoder(_Fingerprint).decode
_rollup = msgspec.msgpack.Decoder(Rollup).decode


def fingerprint(data: bytes) -> tuple[FingerprintRow, MarkRow]:
    """What failures change, and what stays."""
    old = _fingerprint(data)
    samples = tuple(BriefSample(one.text, one.at_ms, one.failure_id) for one in old.samples)
    row = FingerprintRow(
        origin=old.origin,
        count=old.count,
        first_at_ms=old.first_at_ms,
        last_at_ms=old.last_at_ms,
        where=old.where,
        verdict=old.verdict,
        verdict_version=old.verdict_version,
        samples=samples,
    )
    return row, MarkRow.of(old.fingerprint)


def lifetime(data: bytes) -> LifetimeRow:
    """A dimension's row was its snapshot, with samples as long as the fingerprint's own."""
    old = _rollup(data)
    cut = (BriefSample(one.text[:PLACE_SAMPLE_CHARS_MAX], one.at_ms, one.failure_id) for one in old.samples)
    return LifetimeRow(old.count, old.first_at_ms, old.last_at_ms, newest_samples(cut))


def window(data: bytes) -> WindowRow:
    """A window's row was its snapshot."""
    old = _rollup(data)
    return WindowRow(old.count, old.first_at_ms, old.last_at_ms, old.counts)
