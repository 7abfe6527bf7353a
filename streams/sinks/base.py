"""What a store owes: documents written exactly once in effect (`Sink`), and questions people ask (`Queries`).

A sink is idempotent by document id and guarded by version: a record that comes twice, or late, changes nothing.
The pages know only `Queries`; which store answers is decided where the program is wired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.contract.alias import Alias
from streams.contract.classified import Classified, GroupChanged, VerdictChanged
from streams.contract.fold import Sample
from streams.contract.rollup import Rollup
from streams.contract.verdict import Verdict

PAGE_ROWS_MAX = 200
HISTORY_MAX = 50
ALIKE_MAX = 20
MEMBERS_MAX = 50
LISTED_MEMBERS_MAX = 20
"""Fingerprints of a group, those seen last, that its row in a list is made of."""
DOCUMENTS_MAX = 50
REJECTED_BYTES_SHOWN = 2_000
"""Of what was rejected: its beginning."""
AT_THE_GATEWAY = "gateway"
"""In place of a topic: refused before it came into one."""


Record = Classified | VerdictChanged | GroupChanged | Rollup
"""What a sink reads."""


class Sink(Protocol):
    """Writes records to a store. May block. Raises `SinkUnavailable` when the store is away: then nothing is lost."""

    def write(self, records: Iterable[Record]) -> None:
        """Bring the documents of these records up to date, in their order."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record of which a store refused something for good: writing it again would end the same.

    Everything else of the record is written.
    """

    index: int
    """Of the record in the sequence that was given to `write`."""
    reason: str
    """One line: which document or change, how many more of the same record, and what the store said of it."""


class AsyncSink(Protocol):
    """Writes records to a store over the network; the counterpart of `Sink` for stores that are servers.

    Idempotent and guarded by version like every sink, so whoever calls may give the same records again, in part or
    whole, in any order of batches. One batch at a time.
    Each call ends within a bound that the sink states; it never waits for a store to come back. The caller pauses
    instead, and calls again with the same records.
    """

    async def prepare(self) -> None:
        """Make what is missing in the store (collections, indexes, templates); what is there stays as it is.

        Raises `ConfigurationError` when the store refuses us or holds something that does not fit, with the way out;
        `SinkUnavailable` when it is away.
        """

    async def write(self, records: Sequence[Record]) -> list[Refusal]:
        """Bring the documents of these records up to date, in their order.

        Returns what was refused for good, at most one `Refusal` a record, by index. When it returns, all else is in
        the store as durably as its acknowledgement says.
        Raises `SinkUnavailable` when the store did not take all: nothing is lost, the same records are due again
        after `retry_after_s`. Raises `ConfigurationError` for what waiting will not heal (wrong password, no right).
        """

    async def close(self) -> None:
        """Give the connections back. Afterwards nothing may be written."""


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record of the rejected topic as it was read. See `streams.contract.wire.rejected_headers`."""

    partition: int
    offset: int
    at_ms: int
    """The record's own time."""
    headers: Mapping[str, str]
    value: bytes


class RejectedSink(Protocol):
    """Keeps what could not be read, so that pages can list it."""

    async def write_rejected(self, records: Sequence[RejectedRecord]) -> None:
        """Keep them, each once, without credentials; the store forgets the oldest past its own bound.

        Raises as `AsyncSink.write` does.
        """


@dataclass(frozen=True, slots=True)
class GroupFilter:
    """Which groups to list. Empty text and None filter nothing."""

    origin: str = ""
    kind: str = ""
    family: str = ""
    where: str = ""
    """One of a dimension's names, whole: a repository, workflow, job, provider, model or stage."""
    text: str = ""
    """Words that the template, a sample or the fingerprint must contain, in any case."""
    since_ms: int | None = None
    """Last seen at or after this time."""
    new_since_ms: int | None = None
    """First seen at or after this time."""
    sort: str = "last_seen"
    """`last_seen`, `first_seen` or `count`, largest first."""
    fingerprints: bool = False
    """List every fingerprint by itself. Without it those that aliases join are one row, and are listed where one of
    them passes the filter; the times are those of all of them together."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One row in a table of groups: a fingerprint, or all that aliases join.

    Of several, counts and times are those of all together; places and spark are of the LISTED_MEMBERS_MAX seen last,
    the title and template of the one seen last, the verdict the strongest of these.
    """

    fingerprint: str
    """Of several the smallest that is kept."""
    origin: str
    template: str
    title: str
    """One line for people: the first of the newest sample or of the template; the evidence where that is a banner."""
    kind: str
    family: str
    source: str
    """Who gave the verdict."""
    confidence: float
    count: int
    first_seen_ms: int
    last_seen_ms: int
    where: tuple[tuple[str, int], ...]
    """The largest dimensions with their counts, the three names joined by ` / `, empty names left out."""
    spark: tuple[int, ...]
    """Failures in each of the last 24 hours before the asked time, oldest first."""
    fingerprints: int = 1
    """How many fingerprints the row stands for."""


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Some rows, and how many there are in all."""

    rows: tuple[GroupRow, ...]
    total: int
    offset: int


@dataclass(frozen=True, slots=True)
class Members:
    """The fingerprints of a group that aliases join, counted when they are asked for. Nothing for one that is alone."""

    group: str = ""
    """The smallest of them: what documents carry as their group."""
    rows: tuple[GroupRow, ...] = ()
    """Most recent first, at most MEMBERS_MAX."""
    total: int = 0
    """How many there are."""
    failures: int = 0
    """Of all of them together."""
    aliases: tuple[Alias, ...] = ()
    """What joins them, and what a person took apart; each once, of `rows` and of the fingerprint that was asked for."""


NO_MEMBERS = Members()
"""Of a fingerprint that nothing was ever said of."""


@dataclass(frozen=True, slots=True)
class GroupDetail:
    """Everything a group's page shows."""

    row: GroupRow
    class_value: str
    site_values: int
    """How many different call sites the kept documents have."""
    parts: tuple[tuple[str, str, str], ...]
    """What went into the fingerprint, in order: name, value, rule."""
    verdict: Verdict
    samples: tuple[Sample, ...]
    history: tuple[Verdict, ...]
    """Verdicts the group had, newest first, at most HISTORY_MAX."""
    alike: tuple[GroupRow, ...]
    """Others that no alias joins with this one and the alias rules take for the same problem, most recent first, at
    most ALIKE_MAX."""
    documents: tuple[dict[str, Any], ...]
    """The newest documents in the store's own field names, at most DOCUMENTS_MAX."""
    members: Members = NO_MEMBERS
    """The fingerprints that are one problem with this one."""


@dataclass(frozen=True, slots=True)
class KindSeries:
    """Failures of one kind over time."""

    origin: str
    kind: str
    family: str
    counts: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class KindsOverTime:
    """All kinds on one time axis: bucket i begins at `start_ms + i * step_ms`."""

    start_ms: int
    step_ms: int
    buckets: int
    series: tuple[KindSeries, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """What the store holds, and how fresh it is."""

    failures: int
    groups: int
    """What aliases join is one."""
    rejected: int
    last_failure_ms: int | None
    """Arrival time of the newest failure; None when there is none yet."""
    revision: int
    """Grows whenever anything a page shows has changed."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """Bytes that could not be read, and why."""

    at_ms: int
    """When they were rejected."""
    topic: str
    """Where they were read, or AT_THE_GATEWAY."""
    reason: str
    place: str
    """Of the fault: a JSON path, a line or a byte; empty when it is the whole."""
    size_bytes: int
    """Of what is kept; the gateway keeps the beginning of what is long."""
    text: str
    """The first REJECTED_BYTES_SHOWN bytes without credentials; a byte that is not UTF-8 stands as `\\xff`."""


@dataclass(frozen=True, slots=True)
class RejectedPage:
    """Some of what was rejected, and how much is kept in all: the topic forgets after its retention."""

    rows: tuple[RejectedRow, ...]
    total: int
    offset: int


class Queries(Protocol):
    """Questions of people, answered from the store. Every call may block; none changes anything."""

    def groups(self, wanted: GroupFilter, *, limit: int, offset: int, now_ms: int) -> GroupPage:
        """Groups that pass the filter, `limit` (1..PAGE_ROWS_MAX) rows from `offset`."""

    def group(self, fingerprint: str, *, now_ms: int) -> GroupDetail | None:
        """One group by its fingerprint, or by an unambiguous beginning of it; None when there is none."""

    def kinds(self, wanted: GroupFilter, *, start_ms: int, step_ms: int, buckets: int) -> KindsOverTime:
        """Failures a kind in each of `buckets` (1..1,440) stretches of `step_ms` (a multiple of 60,000)."""

    def rejected(self, *, limit: int, offset: int) -> RejectedPage:
        """What could not be read, newest first: `limit` (1..PAGE_ROWS_MAX) rows from `offset`."""

    def totals(self) -> Totals:
        """Counts and freshness."""
