"""A fold: failures of one fingerprint in one batch of one source partition; and the batch that carries folds.

`FoldBatch` is the one input of the tables: everything that changes them arrives in it, in order, with a cursor.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from streams.contract.alias import Alias
from streams.contract.failure import Failure, Id, Origin, TimeMs
from streams.contract.fingerprint import Fingerprint
from streams.contract.verdict import Unanswered, Verdict

SAMPLES_MAX = 3
SAMPLE_CHARS_MAX = 600
PLACE_SAMPLE_CHARS_MAX = 200
"""Of a sample of one dimension: three of them weigh what one of the fingerprint's own weighs."""
FOLD_BYTES_MAX = 256 * 1024
BATCH_FOLDS_MAX = 500
BATCH_BYTES_MAX = 256 * 1024


class Sample(Struct, frozen=True):
    """One redacted message of a fingerprint, cut to SAMPLE_CHARS_MAX."""

    text: str
    at_ms: TimeMs
    failure_id: Id


class Member(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One failure of a fold: all that its document needs.

    The texts of `failure` are empty; `message` and `traceback` are places in the fold's list of texts.
    """

    failure: Failure
    message: int
    traceback: int | None = None
    evidence: str = ""
    """The verbatim line of this failure that its rule matched, or nothing."""
    original_at_ms: TimeMs | None = None
    """What the producer said, where the time had to be clamped."""
    earlier_hash: str = ""
    """The hash that the earlier system gave this failure (`s_error_hash`, or `fingerprint` of 64 digits)."""
    earlier_kind: str = ""
    """What the earlier hot path said of a benchmark failure: its status alone."""
    earlier_message: str = ""
    """The earlier system's normalised message (benchmark failures)."""
    site: str = ""
    """The `site_value` of this failure, where it is another than that of the fold's fingerprint."""


class Fold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Failures of one fingerprint and one origin out of one batch of one source partition.

    Members are in order of time, then id, so two folds of the same failures are equal whatever the order they came in.
    """

    fold_id: str
    """`topic/partition/first offset-last offset`, with `#n` behind it when the fold was split at FOLD_BYTES_MAX."""
    origin: Origin
    fingerprint: Fingerprint
    count: Annotated[int, Meta(ge=1)]
    first_at_ms: TimeMs
    last_at_ms: TimeMs
    where: dict[str, int]
    """Failures by dimension; the three names of a dimension are joined by `WHERE_SEPARATOR`."""
    windows: dict[str, dict[str, int]]
    """Failures by start of their 60 s window (epoch seconds, as text), then by dimension."""
    verdict: Verdict
    """The best status or rule verdict among the members; kind `unknown` when neither had anything to say."""
    members: tuple[Member, ...]
    texts: tuple[str, ...]
    """The distinct redacted texts of the members."""
    samples: tuple[Sample, ...]
    """Up to SAMPLES_MAX distinct messages, newest first, then by id."""

    def texts_of(self, member: Member) -> tuple[str, str]:
        """Message and traceback of one of its members."""
        return self.texts[member.message], "" if member.traceback is None else self.texts[member.traceback]


WHERE_SEPARATOR = "\x1f"

_fold_from_json = msgspec.json.Decoder(Fold).decode


class _Marked(Struct, frozen=True):
    """The one field of a fold that is read of a sealed one."""

    fingerprint: Fingerprint


_verdict_from_msgpack = msgspec.msgpack.Decoder(Verdict).decode
_marked_from_json = msgspec.json.Decoder(_Marked).decode


class BriefSample(Struct, frozen=True, array_like=True):
    """A sample as our own roles pass it among themselves."""

    text: str
    at_ms: int
    failure_id: str


class PlaceCount(Struct, frozen=True, array_like=True):
    """Failures of a fold in one dimension."""

    count: int
    first_at_ms: int
    last_at_ms: int
    samples: tuple[BriefSample, ...]
    """Up to SAMPLES_MAX, cut to PLACE_SAMPLE_CHARS_MAX and distinct after it."""


class MinuteCount(Struct, frozen=True, array_like=True):
    """Failures of a fold in one window of 60 s, by dimension."""

    count: int
    first_at_ms: int
    last_at_ms: int
    where: dict[str, int]


class SealedFold(Struct, frozen=True, array_like=True):
    """A fold on its way to the sinks: what the tables count by, and the fold itself as the sinks will read it.

    So the stream agent neither reads nor writes the members of a fold: most of its weight.
    """

    fingerprint: str
    origin: Origin
    count: int
    first_at_ms: int
    last_at_ms: int
    seen_ms: int
    """How far time has come by these failures: the newest, but none past its own arrival."""
    verdict: bytes
    """MessagePack of the fold's verdict; `decided_at_ms` is 0, so that most folds of a fingerprint have the same."""
    samples: tuple[BriefSample, ...]
    places: dict[str, PlaceCount]
    """By dimension, as in `Fold.where`."""
    minutes: dict[int, MinuteCount]
    """By the start of the window, epoch milliseconds."""
    body: bytes
    """The `Fold` as JSON."""

    def opened(self) -> Fold:
        """The fold itself."""
        return _fold_from_json(self.body)

    def judged(self) -> Verdict:
        """The fold's verdict, its time apart."""
        return _verdict_from_msgpack(self.verdict)

    def mark(self) -> Fingerprint:
        """The whole fingerprint."""
        return _marked_from_json(self.body).fingerprint


class Successor(Struct, frozen=True, array_like=True):
    """A fingerprint that came, and what the same failure would have had under the rules before."""

    before: str
    after: str
    origin: Origin


class Cursor(Struct, frozen=True):
    """Which stretch of the source a batch stands for: offsets from `start` up to but not including `end`.

    A transaction may need several batches for one target: `chunk` of `chunks`, counted from 0.
    A tick is a batch whose `start` equals its `end`.
    """

    start: int
    end: int
    chunk: int = 0
    chunks: int = 1


class FoldBatch(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything of one transaction of the fold stage for one target partition. Written also when it is empty."""

    topic: str
    partition: int
    cursor: Cursor
    at_ms: TimeMs
    """The fold stage's clock: so time reaches the tables as records."""
    folds: tuple[Fold, ...] = ()
    """As the fold stage wrote them at first; now they come sealed."""
    verdicts: tuple[Verdict, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()
    sealed: tuple[SealedFold, ...] = ()
    aliases: tuple[Alias, ...] = ()
    """Every target partition gets every alias: a group may reach over all of them, and each works out its name."""
    successors: tuple[Successor, ...] = ()
    """For the partitions of either side: that of `before` hands its verdict on, that of `after` waits for it."""
    version: Annotated[int, Meta(ge=1)] = 1
