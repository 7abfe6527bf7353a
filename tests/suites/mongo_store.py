"""A MongoDB database with a sink, queries, and a pipeline that feeds it; and ways to make the server fail."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from pymongo import MongoClient
from suites.records import AT_MS
from suites.stores import Feeder

from streams.contract.failure import Origin
from streams.sinks.base import Record, Refusal
from streams.sinks.mongo.client import open_for_reading, open_for_writing
from streams.sinks.mongo.documents import shown
from streams.sinks.mongo.queries import MongoQueries
from streams.sinks.mongo.schema import TTL, MongoNames
from streams.sinks.mongo.sink import MongoSink

APPNAME = "sink-under-test"
FAST = "serverSelectionTimeoutMS=1500&heartbeatFrequencyMS=500&connectTimeoutMS=1000"
"""So that a test of a server that is away takes a second or two."""
NAMES = MongoNames()
T = TypeVar("T")


def fast(uri: str) -> str:
    """The address with short timeouts."""
    return f"{uri}{'&' if '?' in uri else '/?'}{FAST}"


class MongoStore:
    """One database. The sink's clock stands at AT_MS, and nothing expires: the tests' failures are of one fixed day."""

    def __init__(
        self, uri: str, database: str, *, more: str = "", epoch: int = 0, prepared: bool = True, **options: Any
    ) -> None:
        # `more`: options of the address that the sink alone gets
        self.raw: MongoClient[dict[str, Any]] = open_for_reading(fast(uri), appname="the test itself")
        self.db = self.raw[database]
        self.runner = asyncio.Runner()
        options = {"now_ms": lambda: AT_MS} | options
        self.sink = MongoSink(open_for_writing(fast(uri) + more, appname=APPNAME), database, **options)
        self.queries = MongoQueries(self.raw, database)
        self.feeder = Feeder(epoch=epoch)
        if prepared:
            self.prepare()

    def run(self, awaited: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(awaited)

    def prepare(self, *, expiring: bool = False) -> None:
        self.run(self.sink.prepare())
        for name in () if expiring else self.db.list_collection_names():
            if TTL in self.db[name].index_information():
                self.db[name].drop_index(TTL)

    def offer(self, records: Sequence[Record]) -> list[Refusal]:
        return self.run(self.sink.write(records))

    def write(self, records: Sequence[Record]) -> None:
        assert self.offer(records) == []

    def documents(self, origin: Origin) -> dict[str, dict[str, Any]]:
        return {document["_id"]: shown(document) for document in self.db[NAMES.failures(origin)].find()}

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        names = sorted(set(self.db.list_collection_names()) - {NAMES.counters})
        return {name: list(self.db[name].find().sort("_id")) for name in names}

    def close(self) -> None:
        self.run(self.sink.close())
        self.runner.close()
        self.raw.close()
        with warnings.catch_warnings():
            # the driver leaves a socket to the collector when it is closed while its monitor connects
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def failing(self, *commands: str, times: int | None = 1, **how: Any) -> Iterator[None]:
        """The server fails these commands of the sink, so many times or until the end of the block."""
        data = {"failCommands": list(commands), "appName": APPNAME} | how
        mode = "alwaysOn" if times is None else {"times": times}
        command = {"configureFailPoint": "failCommand", "mode": mode, "data": data}
        self.raw.admin.command(command)
        try:
            yield
        finally:
            self.raw.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
