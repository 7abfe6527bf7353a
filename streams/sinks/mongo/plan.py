"""What a batch of records asks of MongoDB, before anything is sent: documents encoded, rows in their newest form.

Pure: no connection, no clock. What cannot be a document is refused here, with the record it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import bson
import msgspec
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from streams.contract.classified import Classified, GroupChanged, VerdictChanged
from streams.contract.documents import (
    FULL_TEXT_CHARS_MAX,
    GROUP_VERSION_FIELDS,
    VERSION_FIELDS,
    Document,
    failure_documents,
    group_fields,
    rollup_document,
    verdict_fields,
)
from streams.contract.errors import MalformedRecord
from streams.contract.failure import Origin
from streams.contract.rollup import Rollup, Span
from streams.contract.verdict import Verdict
from streams.core.pipeline import OFFSET_BITS
from streams.sinks.base import Record, Refusal
from streams.sinks.mongo.documents import date, stored
from streams.sinks.mongo.schema import MongoNames
from streams.sinks.rows import search_text, whole

DOCUMENT_BYTES_MAX: Final = 16 * 1024 * 1024
"""The server's own bound (`maxBsonObjectSize`)."""
VERDICT_BYTES_MAX: Final = 64 * 1024
"""Its texts have bounds of their own that add up to less."""
REASON_CHARS_MAX: Final = 500
Update = Document | list[Document]

_json = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class NewDocument:
    """One failure's document, and the record it is of."""

    index: int
    id: str
    version: int
    body: Document
    """Encoded already: a `RawBSONDocument`, which the driver sends as it is."""


EPOCH_FIELD: Final = "table_epoch"
"""Of a document that tables which were built anew wrote: their epoch. A verdict changes the version, never this."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that replaces an older one of the same `_id`."""

    index: int
    version: int
    fields: Document


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict or a group that all documents of a fingerprint are to carry."""

    index: int
    origin: Origin
    fingerprint: str
    version: int
    update: Update
    guard: str
    """The field with the version of what a document carries."""

    @property
    def stale(self) -> Document:
        """Which documents of the fingerprint are older. One without the field is from a release that had none."""
        return {self.guard: {"$not": {"$gte": self.version}}}


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """A verdict for the history of its group."""

    index: int
    fingerprint: str
    version: int
    verdict: bytes


class Refusals:
    """What was refused for good, one line a record."""

    def __init__(self) -> None:
        self._first: dict[int, str] = {}
        self._more: dict[int, int] = {}

    def add(self, index: int, what: str, reason: str) -> None:
        """`what` names the document or row."""
        if index in self._first:
            self._more[index] = self._more.get(index, 0) + 1
        else:
            self._first[index] = f"{what}: {reason}"[:REASON_CHARS_MAX]

    def all(self) -> list[Refusal]:
        """In the order of the records."""
        return [
            Refusal(index, f"{said} (and {more} more of the same record)" if (more := self._more.get(index)) else said)
            for index, said in sorted(self._first.items())
        ]


@dataclass(slots=True)
class Plan:
    """One batch, sorted by where it goes. Of several rows with one `_id` the newest is kept, of documents the first of
    the highest epoch: tables that were built anew tell again what they told before, perhaps otherwise.

    Documents go before changes: a change touches only documents whose verdict is older than its own, so it does not
    matter where in the batch it stood.
    """

    documents: dict[Origin, dict[str, NewDocument]] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    regrouped: dict[str, Change] = field(default_factory=dict)
    history: dict[tuple[str, int], PastVerdict] = field(default_factory=dict)
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    """By collection, then by `_id`."""
    received_ms: int = 0
    refusals: Refusals = field(default_factory=Refusals)


@dataclass(frozen=True, slots=True)
class Planner:
    """How records become documents here."""

    names: MongoNames
    origins: frozenset[Origin] = frozenset(Origin)
    """Whose failures have documents in this store; counts are kept of all."""
    primary_is_kind: bool = False
    full_text_chars_max: int = FULL_TEXT_CHARS_MAX

    def plan(self, records: Sequence[Record]) -> Plan:
        """Sort a batch."""
        plan = Plan()
        for index, record in enumerate(records):
            match record:
                case Classified() | VerdictChanged() if isinstance(fault := _verdict(record.verdict), str):
                    plan.refusals.add(index, "verdict", fault)
                case Classified():
                    self._classified(plan, index, record)
                case VerdictChanged():
                    self._changed(plan, index, record)
                case GroupChanged():
                    self._regrouped(plan, index, record)
                case Rollup() if record.span is not Span.LIFETIME:
                    _keep(plan.rows.setdefault(self.names.windows, {}), index, record.key, record, _window(record))
                case Rollup() if record.where is None:
                    self._group(plan, index, record)
                case Rollup():
                    rows, document = plan.rows.setdefault(self.names.rollups, {}), stored(rollup_document(record))
                    if isinstance(reason := _encoded(document), str):
                        plan.refusals.add(index, f"row {record.key}", reason)
                    else:
                        _keep(rows, index, record.key, record, document)
        return plan

    def _group(self, plan: Plan, index: int, record: Rollup) -> None:
        try:
            fields = _group(record)
        except (MalformedRecord, UnicodeError) as error:
            told = error.reason if isinstance(error, MalformedRecord) else _no_document(error)
            plan.refusals.add(index, f"row {record.key}", told)
            return
        if isinstance(reason := _encoded(fields), str):
            plan.refusals.add(index, f"row {record.key}", reason)
        else:
            _keep(plan.rows.setdefault(self.names.groups, {}), index, record.fingerprint, record, fields)

    def _classified(self, plan: Plan, index: int, record: Classified) -> None:
        version, fold = record.verdict_version, record.fold
        _remember(plan, index, fold.fingerprint.value, version, record.verdict)
        plan.received_ms = max(plan.received_ms, *(member.failure.received_at_ms or 0 for member in fold.members), 0)
        if fold.origin not in self.origins:
            return
        into = plan.documents.setdefault(fold.origin, {})
        made = failure_documents(
            record, primary_is_kind=self.primary_is_kind, full_text_chars_max=self.full_text_chars_max
        )
        for name, document in made:
            if name in into and into[name].version >> OFFSET_BITS >= version >> OFFSET_BITS:
                continue
            epoch = version >> OFFSET_BITS
            body = _encoded({"_id": name} | stored(document) | ({EPOCH_FIELD: epoch} if epoch else {}))
            if isinstance(body, str):
                plan.refusals.add(index, f"failure {name}", body)
            else:
                into[name] = NewDocument(index, name, version, cast(Document, RawBSONDocument(body)))

    def _changed(self, plan: Plan, index: int, record: VerdictChanged) -> None:
        verdict, version = record.verdict, record.verdict_version
        _remember(plan, index, record.fingerprint, version, verdict)
        known = plan.changes.get(record.fingerprint)
        if verdict.origin not in self.origins or (known is not None and known.version > version):
            return
        said, copied = verdict_fields(verdict.origin, verdict, version, primary_is_kind=self.primary_is_kind)
        update = _update(stored(said), copied)
        plan.changes[record.fingerprint] = Change(
            index, verdict.origin, record.fingerprint, version, update, VERSION_FIELDS[verdict.origin]
        )

    def _regrouped(self, plan: Plan, index: int, record: GroupChanged) -> None:
        origin, version = record.origin, record.group_version
        known = plan.regrouped.get(record.fingerprint)
        if origin not in self.origins or (known is not None and known.version > version):
            return
        update = _update(group_fields(origin, record.fingerprint, record.group, version), {})
        guard = GROUP_VERSION_FIELDS[origin]
        plan.regrouped[record.fingerprint] = Change(index, origin, record.fingerprint, version, update, guard)


def _encoded(document: Document) -> bytes | str:
    """The document as bytes, or why it cannot be one."""
    try:
        body = bson.encode(document)
    except (BSONError, UnicodeError, OverflowError) as error:
        return _no_document(error)
    if len(body) > DOCUMENT_BYTES_MAX:
        return f"{len(body)} bytes, more than the {DOCUMENT_BYTES_MAX} that a document may have"
    return body


def _verdict(verdict: Verdict) -> bytes | str:
    """A verdict as bytes, or why it cannot be kept."""
    try:
        body = _json(verdict)
    except UnicodeError as error:
        return _no_document(error)
    return body if len(body) <= VERDICT_BYTES_MAX else f"{len(body)} bytes, more than {VERDICT_BYTES_MAX}"


def _no_document(error: Exception) -> str:
    return f"cannot be a document ({type(error).__name__})"


def _update(said: Document, copied: dict[str, str]) -> Update:
    """What sets these fields. Values from outside never stand where the server would read them as an expression."""
    if not copied:
        return {"$set": said}
    fields = {name: {"$literal": value} for name, value in said.items()}
    return [{"$set": fields | {name: f"${source}" for name, source in copied.items()}}]


def _remember(plan: Plan, index: int, fingerprint: str, version: int, verdict: Verdict) -> None:
    key = fingerprint, version
    if key not in plan.history:
        plan.history[key] = PastVerdict(index, fingerprint, version, _json(verdict))


def _keep(rows: dict[str, Row], index: int, name: str, record: Rollup, fields: Document) -> None:
    known = rows.get(name)
    if known is None or known.version <= record.row_version:
        rows[name] = Row(index, record.row_version, fields)


def _window(record: Rollup) -> Document:
    kept_s = record.span.size_s + record.span.keep_s
    return {
        "fingerprint": record.fingerprint,
        "span": record.span.value,
        "start": date(record.window_start_ms),
        "count": record.count,
        "row_version": record.row_version,
        "expires_at": date(record.window_start_ms + kept_s * 1000),
    }


def _group(record: Rollup) -> Document:
    verdict, _ = whole(record)
    return {
        "origin": record.origin.value,
        "kind": verdict.kind,
        "family": verdict.family,
        "source": verdict.source.value,
        "confidence": verdict.confidence,
        "count": record.count,
        "first_seen": date(record.first_at_ms),
        "last_seen": date(record.last_at_ms),
        "row_version": record.row_version,
        "group": record.group,
        "search": search_text(record),
        "body": _json(record),
    }
