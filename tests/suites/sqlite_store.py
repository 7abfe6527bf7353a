"""The embedded store in a file, with a sink, queries, and a pipeline that feeds it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from suites.stores import Feeder, feed

from streams.contract.documents import COLLECTIONS
from streams.contract.failure import Failure, Origin
from streams.contract.verdict import Verdict
from streams.sinks.base import Record, Sink
from streams.sinks.sqlite import SCHEMA, SqliteSink
from streams.sinks.sqlite_queries import SqliteQueries


class SqliteStore:
    """A file with a sink, queries, and a pipeline that feeds it."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(SCHEMA)
        self.db.execute("PRAGMA synchronous = OFF")  # no test pulls the plug, and each would wait for the disk
        self.sink: Sink = SqliteSink(self.db)
        self.queries = SqliteQueries(path)
        self.feeder = Feeder()

    def feed(self, *failures: Failure, verdicts: Sequence[Verdict] = ()) -> list[Record]:
        return feed(self, *failures, verdicts=verdicts)

    def write(self, records: Sequence[Record]) -> None:
        self.sink.write(records)

    def documents(self, origin: Origin) -> dict[str, dict[str, Any]]:
        rows = self.db.execute("SELECT id, body FROM documents WHERE collection = ?", (COLLECTIONS[origin],))
        return {name: json.loads(body) for name, body in rows}

    def dump(self) -> list[object]:
        names = ("documents", "groups", "rollups", "windows", "verdicts")
        return [self.db.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in names]
