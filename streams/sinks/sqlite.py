"""The embedded store: documents, groups and counts in the data directory's one file.

The sink writes inside the transaction of whoever calls it, so documents and input position are one commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from streams.contract.classified import Classified, GroupChanged, VerdictChanged
from streams.contract.documents import (
    COLLECTIONS,
    FULL_TEXT_CHARS_MAX,
    GROUP_VERSION_FIELDS,
    Document,
    failure_documents,
    group_fields,
    rollup_document,
    set_verdict,
)
from streams.contract.rollup import Rollup, Span
from streams.sinks.base import Record
from streams.sinks.rows import search_text, whole

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  collection TEXT NOT NULL, id TEXT NOT NULL, fingerprint TEXT NOT NULL, at_ms INTEGER NOT NULL,
  verdict_version INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (collection, id));
CREATE INDEX IF NOT EXISTS documents_by_fingerprint ON documents (fingerprint, at_ms);
CREATE INDEX IF NOT EXISTS documents_by_time ON documents (at_ms);
CREATE TABLE IF NOT EXISTS groups (
  fingerprint TEXT PRIMARY KEY, origin TEXT NOT NULL, kind TEXT NOT NULL, family TEXT NOT NULL,
  source TEXT NOT NULL, confidence REAL NOT NULL, count INTEGER NOT NULL, first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL, row_version INTEGER NOT NULL, search TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS groups_by_last ON groups (last_ms);
CREATE INDEX IF NOT EXISTS groups_in_brief ON groups (fingerprint, last_ms, first_ms, count);
DROP INDEX IF EXISTS groups_by_alias;
CREATE TABLE IF NOT EXISTS joined (fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS joined_by_name ON joined (name);
CREATE TABLE IF NOT EXISTS rollups (
  id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL, c TEXT NOT NULL,
  count INTEGER NOT NULL, row_version INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rollups_by_fingerprint ON rollups (fingerprint, count);
CREATE TABLE IF NOT EXISTS windows (
  span TEXT NOT NULL, start_ms INTEGER NOT NULL, fingerprint TEXT NOT NULL, count INTEGER NOT NULL,
  row_version INTEGER NOT NULL, PRIMARY KEY (span, start_ms, fingerprint)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS windows_by_fingerprint ON windows (fingerprint, span, start_ms);
CREATE TABLE IF NOT EXISTS verdicts (
  fingerprint TEXT NOT NULL, verdict_version INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (fingerprint, verdict_version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

REVISION = "revision"
LAST_RECEIVED = "last_received_ms"
DOCUMENTS = "documents"
CHANGED_DOCUMENTS_PER_READ = 500

_GROUP = (
    "INSERT INTO groups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " kind = excluded.kind, family = excluded.family, source = excluded.source, confidence = excluded.confidence,"
    " count = excluded.count, first_ms = excluded.first_ms, last_ms = excluded.last_ms,"
    " row_version = excluded.row_version, search = excluded.search, body = excluded.body"
    " WHERE excluded.row_version >= groups.row_version"
)
_JOINED = (
    "INSERT INTO joined SELECT fingerprint, ? FROM groups WHERE fingerprint = ? AND row_version <= ?"
    " ON CONFLICT DO UPDATE SET name = excluded.name"
)
_ALONE = (
    "DELETE FROM joined WHERE fingerprint = ?"
    " AND EXISTS (SELECT 1 FROM groups g WHERE g.fingerprint = joined.fingerprint AND g.row_version <= ?)"
)
_ROLLUP = (
    "INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = excluded.count,"
    " row_version = excluded.row_version, body = excluded.body WHERE excluded.row_version >= rollups.row_version"
)
_WINDOW = (
    "INSERT INTO windows VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = excluded.count,"
    " row_version = excluded.row_version WHERE excluded.row_version >= windows.row_version"
)

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.decode


@dataclass(slots=True)
class _Pending:
    """Rows that are to be written together."""

    documents: list[tuple[object, ...]] = field(default_factory=list)
    verdicts: list[tuple[object, ...]] = field(default_factory=list)
    groups: list[tuple[object, ...]] = field(default_factory=list)
    rollups: list[tuple[object, ...]] = field(default_factory=list)
    windows: list[tuple[object, ...]] = field(default_factory=list)
    names: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By fingerprint: version and name of its group."""
    received_ms: int = 0


class SqliteSink:
    """Writes documents through a connection that its caller owns and commits."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        primary_is_kind: bool = False,
        full_text_chars_max: int = FULL_TEXT_CHARS_MAX,
    ) -> None:
        self._db = connection
        self._primary_is_kind = primary_is_kind
        self._full_text_chars_max = full_text_chars_max

    def write(self, records: Iterable[Record]) -> None:
        """Bring the documents of these records up to date. Older news than a document already has is passed over."""
        pending = _Pending()
        written = 0
        for record in records:
            match record:
                case Classified():
                    self._classified(record, pending)
                case VerdictChanged():
                    written += self._flush(pending)  # the documents before it are those it changes
                    pending = _Pending()
                    self._changed(record)
                case GroupChanged():
                    written += self._flush(pending)
                    pending = _Pending()
                    self._regrouped(record)
                case Rollup() if record.span is not Span.LIFETIME:
                    start, key = record.window_start_ms, record.fingerprint
                    pending.windows.append((record.span.value, start, key, record.count, record.row_version))
                case Rollup() if record.where is None:
                    pending.groups.append(_group_row(record))
                    named = record.row_version, record.group
                    pending.names[record.fingerprint] = max(named, pending.names.get(record.fingerprint, named))
                case Rollup():
                    pending.rollups.append(_rollup_row(record, record.where))
        written += self._flush(pending)
        count(self._db, REVISION, 1)
        if written:
            count(self._db, DOCUMENTS, written)

    def _classified(self, record: Classified, pending: _Pending) -> None:
        collection = COLLECTIONS[record.fold.origin]
        fingerprint = record.fold.fingerprint.value
        documents = failure_documents(
            record, primary_is_kind=self._primary_is_kind, full_text_chars_max=self._full_text_chars_max
        )
        for member, (name, document) in zip(record.fold.members, documents, strict=True):
            at_ms = member.failure.occurred_at_ms
            row = (collection, name, fingerprint, at_ms, record.verdict_version, _encode(document))
            pending.documents.append(row)
            pending.received_ms = max(pending.received_ms, member.failure.received_at_ms or 0)
        pending.verdicts.append((fingerprint, record.verdict_version, _encode(record.verdict)))

    def _flush(self, pending: _Pending) -> int:
        """Write what is pending. Returns how many documents are new."""
        before = self._db.total_changes
        self._db.executemany("INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?, ?)", pending.documents)
        written = self._db.total_changes - before
        self._db.executemany("INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?)", pending.verdicts)
        self._db.executemany(_GROUP, pending.groups)
        names = [(name, key, version) for key, (version, name) in pending.names.items() if name]
        self._db.executemany(_JOINED, names)
        alone = [(key, version) for key, (version, name) in pending.names.items() if not name]
        self._db.executemany(_ALONE, alone)
        self._db.executemany(_ROLLUP, pending.rollups)
        self._db.executemany(_WINDOW, pending.windows)
        if pending.received_ms:
            self._db.execute(
                "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
                (LAST_RECEIVED, pending.received_ms),
            )
        return written

    def _changed(self, record: VerdictChanged) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?)",
            (record.fingerprint, record.verdict_version, _encode(record.verdict)),
        )
        while True:
            rows = self._db.execute(
                "SELECT collection, id, body FROM documents WHERE fingerprint = ? AND verdict_version < ? LIMIT ?",
                (record.fingerprint, record.verdict_version, CHANGED_DOCUMENTS_PER_READ),
            ).fetchall()
            if not rows:
                return
            changed = []
            for collection, name, body in rows:
                document: Document = _decode(body)
                version = record.verdict_version
                set_verdict(document, record.verdict, version, primary_is_kind=self._primary_is_kind)
                changed.append((version, _encode(document), collection, name))
            self._db.executemany(
                "UPDATE documents SET verdict_version = ?, body = ? WHERE collection = ? AND id = ?", changed
            )

    def _regrouped(self, record: GroupChanged) -> None:
        """Documents of an earlier release carry no version of their group: they are older than any."""
        version, field = record.group_version, f"$.{GROUP_VERSION_FIELDS[record.origin]}"
        fields = group_fields(record.origin, record.fingerprint, record.group, version)
        while True:
            rows = self._db.execute(
                "SELECT collection, id, body FROM documents WHERE fingerprint = ?"
                " AND coalesce(json_extract(CAST(body AS TEXT), ?), -1) < ? LIMIT ?",
                (record.fingerprint, field, version, CHANGED_DOCUMENTS_PER_READ),
            ).fetchall()
            if not rows:
                return
            changed = []
            for collection, name, body in rows:
                document: Document = _decode(body)
                changed.append((_encode(document | fields), collection, name))
            self._db.executemany("UPDATE documents SET body = ? WHERE collection = ? AND id = ?", changed)


def _group_row(record: Rollup) -> tuple[object, ...]:
    verdict, _ = whole(record)
    return (
        record.fingerprint,
        record.origin.value,
        verdict.kind,
        verdict.family,
        verdict.source.value,
        verdict.confidence,
        record.count,
        record.first_at_ms,
        record.last_at_ms,
        record.row_version,
        search_text(record),
        _encode(record),
    )


def _rollup_row(record: Rollup, where: tuple[str, str, str]) -> tuple[object, ...]:
    body = _encode(rollup_document(record))
    return record.key, record.fingerprint, *where, record.count, record.row_version, body


def count(connection: sqlite3.Connection, name: str, more: int) -> None:
    """Add to a counter, in the caller's transaction."""
    connection.execute(
        "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value", (name, more)
    )


def forget(connection: sqlite3.Connection, *, before_ms: int, windows_before_ms: dict[Span, int], rows_max: int) -> int:
    """Delete documents of failures before a time, and windows that ended before theirs; at most `rows_max` of each.

    Returns how many rows went; the caller commits.
    """
    gone = connection.execute(
        "DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents WHERE at_ms < ? LIMIT ?)",
        (before_ms, rows_max),
    ).rowcount
    for span, before in windows_before_ms.items():
        gone += connection.execute(
            "DELETE FROM windows WHERE (span, start_ms, fingerprint) IN"
            " (SELECT span, start_ms, fingerprint FROM windows WHERE span = ? AND start_ms < ? LIMIT ?)",
            (span.value, before, rows_max),
        ).rowcount
    return gone


def forget_groups(connection: sqlite3.Connection, *, before_ms: int, rows_max: int) -> list[str]:
    """Delete groups last seen before a time, with their counts and the history of their verdicts.

    Returns their fingerprints, at most `rows_max`; the caller commits.
    """
    found = connection.execute("SELECT fingerprint FROM groups WHERE last_ms < ? LIMIT ?", (before_ms, rows_max))
    rows = found.fetchall()
    for table in ("groups", "joined", "rollups", "verdicts"):
        connection.executemany(f"DELETE FROM {table} WHERE fingerprint = ?", rows)  # noqa: S608  # one of four names
    return [fingerprint for (fingerprint,) in rows]
