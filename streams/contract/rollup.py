"""Counts of one fingerprint: in a window of time, or over its lifetime, in all or in one dimension.

Every rollup is an absolute snapshot: writing it twice is harmless, and a guard on `row_version` keeps the newer one.
"""

from __future__ import annotations

import enum
import functools
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from streams.contract.alias import Alias
from streams.contract.failure import Origin, TimeMs
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import Sample
from streams.contract.verdict import Verdict

WHERE_MAX = 32
"""Dimensions that one row counts by name; the rest are counted under OTHER_WHERE."""
OTHER_WHERE = "other"
ALIASES_MAX = 8
"""Aliases that a row tells; of a star of many the others know their own."""


class Span(enum.StrEnum):
    """What a rollup counts over."""

    MINUTE = "minute"
    HOUR = "hour"
    LIFETIME = "lifetime"

    @property
    def size_s(self) -> int:
        """Seconds of the window; 0 for a lifetime."""
        return _SIZE_S[self]

    @property
    def keep_s(self) -> int:
        """How long the tables keep a window's row after its end; 0 for a lifetime, which is kept."""
        return _KEEP_S[self]


_SIZE_S = {Span.MINUTE: 60, Span.HOUR: 3600, Span.LIFETIME: 0}
_KEEP_S = {Span.MINUTE: 3 * 3600, Span.HOUR: 8 * 86_400, Span.LIFETIME: 0}


class Rollup(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row. A lifetime row has one dimension in `where`, or none: then it counts all and carries the template."""

    fingerprint: str
    origin: Origin
    span: Span
    count: int
    first_at_ms: TimeMs
    last_at_ms: TimeMs
    row_version: int
    """Table epoch (16 bits) then input offset (40 bits); never goes backwards."""
    window_start_ms: TimeMs = 0
    where: tuple[str, str, str] | None = None
    counts: dict[str, int] = {}
    """Failures by dimension, at most WHERE_MAX of them, the rest under OTHER_WHERE."""
    samples: tuple[Sample, ...] = ()
    verdict: Verdict | None = None
    parts: Fingerprint | None = None
    """The whole fingerprint, on the row that counts all."""
    group: str = ""
    """As in `Classified`, on the row that counts all."""
    aliases: tuple[Alias, ...] = ()
    """What joins this fingerprint with others, and what a person took apart; strongest first, at most ALIASES_MAX, on
    the row that counts all."""
    version: Annotated[int, Meta(ge=1)] = 1

    @property
    def key(self) -> str:
        """The key of the record and the `_id` of its document."""
        if self.span is Span.LIFETIME:
            return lifetime_key(self.fingerprint, self.where or ())
        return window_key(self.fingerprint, self.span, self.window_start_ms)


class SealedRollup(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`Rollup` before it is written: what rows share is JSON already. Its bytes are those of the open record."""

    fingerprint: str
    origin: Origin
    span: Span
    count: int
    first_at_ms: TimeMs
    last_at_ms: TimeMs
    row_version: int
    window_start_ms: TimeMs = 0
    where: tuple[str, str, str] | None = None
    counts: dict[str, int] = {}
    samples: tuple[Sample, ...] = ()
    verdict: msgspec.Raw | None = None
    parts: msgspec.Raw | None = None
    group: str = ""
    aliases: tuple[Alias, ...] = ()
    version: Annotated[int, Meta(ge=1)] = 1

    def opened(self) -> Rollup:
        """The record that a sink reads."""
        return Rollup(
            fingerprint=self.fingerprint,
            origin=self.origin,
            span=self.span,
            count=self.count,
            first_at_ms=self.first_at_ms,
            last_at_ms=self.last_at_ms,
            row_version=self.row_version,
            window_start_ms=self.window_start_ms,
            where=self.where,
            counts=self.counts,
            samples=self.samples,
            verdict=None if self.verdict is None else msgspec.json.decode(self.verdict, type=Verdict),
            parts=None if self.parts is None else msgspec.json.decode(self.parts, type=Fingerprint),
            group=self.group,
            aliases=self.aliases,
        )


def lifetime_key(fingerprint: str, where: tuple[str, ...]) -> str:
    """Key of the row of one dimension, or of the one that counts all."""
    return f"{fingerprint}@{_quoted(where)}"


def window_key(fingerprint: str, span: Span, start_ms: int) -> str:
    """Key of the row of a window."""
    return f"{fingerprint}@{span}:{start_ms}"


@functools.lru_cache(maxsize=10_000)
def _quoted(where: tuple[str, ...]) -> str:
    return "/".join(quote(name, safe="") for name in where)
