"""The embedded log: one SQLite file as partitioned log, consumer offsets and table rows.

One process owns the directory (`DirectoryInUse` otherwise) and one thread writes. A stage's input offset, its rows
and its outputs are one transaction: `with log.transaction():` commits all of them or none.
The file is in WAL mode. What an outside caller was promised is on the disk when `durable=True` returns; the stages'
own commits may be lost with the power, and are then computed again from what is before them.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from streams.contract.errors import ConfigurationError, DirectoryInUse
from streams.contract.topics import Topic
from streams.sinks import sqlite

FILE_NAME = "faultline.sqlite3"
LOCK_NAME = "lock"
_PRIVATE_MODE = 0o700
"""Of a folder that is made here: its owner alone."""
BUSY_S = 10.0
CHECKPOINT_PAGES = 8_000
"""Pages of 4 KiB in the write-ahead log before it is folded into the file: ids are random, so pages gather there."""
ROWS_BYTES_MAX = 32 * 1024 * 1024
"""Table rows that are remembered in memory."""
WAY_OUT = "move the file away to begin anew, or choose another directory"
FORMAT = 1
"""Of the file; a newer one is refused."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
  topic TEXT NOT NULL, part INTEGER NOT NULL, offset INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  key TEXT NOT NULL, value BLOB, headers TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS log_by_offset ON log (topic, part, offset);
CREATE TABLE IF NOT EXISTS heads (
  topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (
  role TEXT NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL, offset INTEGER NOT NULL,
  PRIMARY KEY (role, topic, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ids (id BLOB PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ids_by_time ON ids (at_ms);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to be appended."""

    topic: Topic
    partition: int
    key: str
    value: bytes | None
    headers: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """A record as the log has it."""

    offset: int
    at_ms: int
    key: str
    value: bytes | None


class Log:
    """The file of one data directory. Not thread-safe: the thread that opened it uses it.

    Raises on opening: `DirectoryInUse`; `ConfigurationError` when the directory cannot be made or written, or the
    file was written by a newer version.
    """

    def __init__(self, directory: Path) -> None:
        self._lock = _locked(directory)
        self.path = directory / FILE_NAME
        try:
            self.db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        except sqlite3.Error as error:
            self._lock.close()
            raise ConfigurationError(f"{self.path} cannot be opened ({error}); {WAY_OUT}") from error
        try:
            known = self.db.execute("PRAGMA user_version").fetchone()[0]
            if known > FORMAT:
                raise ConfigurationError(f"{self.path} was written by a newer faultline (format {known}); upgrade")
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            self.db.execute(f"PRAGMA journal_size_limit={CHECKPOINT_PAGES * 4096 * 2}")
            self.db.execute("PRAGMA cache_size=-65536")
            self.db.executescript(SCHEMA + sqlite.SCHEMA)
            self.db.execute(f"PRAGMA user_version={FORMAT}")
        except (sqlite3.DatabaseError, ConfigurationError) as error:
            self.close()
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"{self.path} cannot be used ({error}); {WAY_OUT}") from error
        heads = self.db.execute("SELECT topic, part, next FROM heads")
        self._next: dict[tuple[str, int], int] = {(topic, part): next_ for topic, part, next_ in heads}

    def close(self) -> None:
        """Give the directory back."""
        self.db.close()
        self._lock.close()

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """All writes inside are one commit. On an exception none of them happened."""
        self.db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        heads = dict(self._next)
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self._next = heads
            raise

    def append(self, entries: Iterable[Entry], *, at_ms: int) -> int:
        """Append records at the ends of their partitions. Returns how many bytes of values went in."""
        rows = []
        moved: dict[tuple[str, int], int] = {}
        size = 0
        for entry in entries:
            at = (entry.topic.name, entry.partition)
            offset = self._next.get(at, 0)
            self._next[at] = moved[at] = offset + 1
            headers = msgspec.json.encode(entry.headers).decode() if entry.headers else None
            rows.append((*at, offset, at_ms, entry.key, entry.value, headers))
            size += len(entry.value or b"")
        self.db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self.db.executemany(
            "INSERT INTO heads VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next",
            [(topic, part, next_) for (topic, part), next_ in moved.items()],
        )
        return size

    def end(self, topic: Topic, partition: int) -> int:
        """The offset that the next record of the partition will get."""
        return self._next.get((topic.name, partition), 0)

    def committed(self, role: str, topic: Topic, partition: int) -> int:
        """The offset a role reads next; 0 at first."""
        row = self.db.execute(
            "SELECT offset FROM offsets WHERE role = ? AND topic = ? AND part = ?", (role, topic.name, partition)
        ).fetchone()
        return int(row[0]) if row else 0

    def commit(self, role: str, topic: Topic, partition: int, offset: int) -> None:
        """Set the offset a role reads next, in the open transaction."""
        self.db.execute(
            "INSERT INTO offsets VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET offset = excluded.offset",
            (role, topic.name, partition, offset),
        )

    def read(self, topic: Topic, partition: int, start: int, *, records_max: int, bytes_max: int) -> list[Logged]:
        """Records from `start` on, in order: at most `records_max`, and no further once `bytes_max` is reached."""
        out: list[Logged] = []
        size = 0
        cursor = self.db.execute(
            "SELECT offset, at_ms, key, value FROM log WHERE topic = ? AND part = ? AND offset >= ?"
            " ORDER BY offset LIMIT ?",
            (topic.name, partition, start, records_max),
        )
        for offset, at_ms, key, value in cursor:
            out.append(Logged(offset, at_ms, key, value))
            size += len(value or b"")
            if size >= bytes_max:
                break
        return out

    def waiting_bytes(self, role: str, topics: Iterable[Topic]) -> int:
        """Bytes of values that a role has not read yet. Walks the backlog: for the start."""
        total = 0
        for topic in topics:
            for (name, partition), _ in list(self._next.items()):
                if name == topic.name:
                    start = self.committed(role, topic, partition)
                    total += self.db.execute(
                        "SELECT coalesce(sum(length(value)), 0) FROM log WHERE topic = ? AND part = ? AND offset >= ?",
                        (name, partition, start),
                    ).fetchone()[0]
        return total

    def is_new(self, failure_id: str, at_ms: int) -> bool:
        """Whether this id never came; it is remembered in the open transaction."""
        cursor = self.db.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (bytes.fromhex(failure_id), at_ms))
        return cursor.rowcount == 1

    def forget_ids(self, *, before_ms: int, rows_max: int) -> int:
        """Forget ids that came before a time; at most `rows_max`. A failure that comes again later counts again."""
        return self.db.execute(
            "DELETE FROM ids WHERE id IN (SELECT id FROM ids WHERE at_ms < ? LIMIT ?)", (before_ms, rows_max)
        ).rowcount

    def compact(self, topic: Topic, *, readers: Iterable[str], rows_max: int) -> int:
        """Delete records that a later one of the same key replaced, and tombstones; at most `rows_max`.

        Those that one of its readers has not read stay: it would go on behind them, and never count them as read.
        """
        gone = 0
        for partition, read in self.read_by(readers, topic).items():
            gone += self.db.execute(
                "DELETE FROM log WHERE rowid IN (SELECT log.rowid FROM log JOIN"
                " (SELECT key, max(offset) AS newest FROM log WHERE topic = :topic AND part = :part GROUP BY key)"
                " USING (key) WHERE log.topic = :topic AND log.part = :part AND log.offset < :read"
                " AND (log.offset < newest OR log.value IS NULL) ORDER BY log.offset LIMIT :rows_max)",
                {"topic": topic.name, "part": partition, "read": read, "rows_max": rows_max - gone},
            ).rowcount
        return gone

    def trim(self, topic: Topic, *, before_ms: int, readers: Iterable[str], rows_max: int) -> int:
        """Delete records of a topic older than `before_ms` that all its readers have read; at most `rows_max`."""
        gone = 0
        for partition, read in self.read_by(readers, topic).items():
            # times grow with offsets, so the oldest record tells at once that there is nothing to do
            oldest = self.db.execute(
                "SELECT at_ms FROM log WHERE topic = ? AND part = ? ORDER BY offset LIMIT 1", (topic.name, partition)
            ).fetchone()
            if oldest is None or oldest[0] >= before_ms:
                continue
            gone += self.db.execute(
                "DELETE FROM log WHERE at_ms < ? AND rowid IN"
                " (SELECT rowid FROM log WHERE topic = ? AND part = ? AND offset < ? ORDER BY offset LIMIT ?)",
                (before_ms, topic.name, partition, read, rows_max - gone),
            ).rowcount
        return gone

    def read_by(self, roles: Iterable[str], topic: Topic) -> dict[int, int]:
        """By partition that has records: the offset before which all of these roles have read, its end for no role."""
        named = tuple(roles)
        return {
            partition: min((self.committed(role, topic, partition) for role in named), default=end)
            for (name, partition), end in self._next.items()
            if name == topic.name
        }


class RowTable(MutableMapping[str, bytes]):
    """The rows as a mutable mapping. Changes stay in memory until `flush`, inside the caller's transaction.

    Rows that were read or written lately are remembered, up to `remembered_bytes_max`: nobody else writes them.
    """

    def __init__(self, db: sqlite3.Connection, *, remembered_bytes_max: int = ROWS_BYTES_MAX) -> None:
        self._db = db
        self._changed: dict[str, bytes | None] = {}
        self._remembered: OrderedDict[str, bytes] = OrderedDict()
        self._remembered_bytes = 0
        self._remembered_bytes_max = remembered_bytes_max

    def __getitem__(self, key: str) -> bytes:
        if key in self._changed:
            value = self._changed[key]
        elif (value := self._remembered.get(key)) is None:
            row = self._db.execute("SELECT value FROM rows WHERE key = ?", (key,)).fetchone()
            if row:
                value = row[0]
                self._remember(key, row[0])
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        self._changed[key] = value

    def __delitem__(self, key: str) -> None:
        self._changed[key] = None

    def __iter__(self) -> Iterator[str]:
        """Keys as committed: changes that are not flushed yet are not among them."""
        return (key for (key,) in self._db.execute("SELECT key FROM rows"))

    def __len__(self) -> int:
        count: int = self._db.execute("SELECT count(*) FROM rows").fetchone()[0]
        return count

    def flush(self) -> None:
        """Write the changes. If the transaction then fails, this table must not be used any more."""
        gone = [(key,) for key, value in self._changed.items() if value is None]
        kept = [(key, value) for key, value in self._changed.items() if value is not None]
        self._db.executemany("DELETE FROM rows WHERE key = ?", gone)
        self._db.executemany("INSERT INTO rows VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", kept)
        for key, value in self._changed.items():
            self._remembered_bytes -= len(self._remembered.pop(key, b""))
            if value is not None:
                self._remember(key, value)
        self._changed.clear()

    def _remember(self, key: str, value: bytes) -> None:
        self._remembered[key] = value
        self._remembered_bytes += len(value)
        while self._remembered_bytes > self._remembered_bytes_max:
            self._remembered_bytes -= len(self._remembered.popitem(last=False)[1])


def _locked(directory: Path) -> IO[str]:
    """The directory's lock, held as long as the file is open: the kernel gives it back when the process ends."""
    try:
        # it holds what came in as it came; a folder that is there keeps the rights that it was given
        directory.mkdir(mode=_PRIVATE_MODE, parents=True, exist_ok=True)
        lock = (directory / LOCK_NAME).open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigurationError(
            f"data directory {directory}: {error.strerror}; choose one that can be written (--data DIR)"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read(20).strip() or "another process"
        lock.close()
        raise DirectoryInUse(
            f"data directory {directory} is in use by process {owner}; stop it, or choose another with --data DIR"
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
