"""An OpenSearch under test: the sink, the records that feed it, and what really lies in its indexes."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from suites.stores import Feeder

from streams.contract.classified import Classified
from streams.contract.documents import search_documents
from streams.contract.failure import Failure, Origin
from streams.contract.mappings import NAMES
from streams.contract.verdict import Verdict
from streams.sinks.base import Record, Refusal
from streams.sinks.opensearch.options import OpenSearchOptions
from streams.sinks.opensearch.sink import OpenSearchSink

Answer = TypeVar("Answer")


class SearchStore:
    """Indexes of one test, through a sink made anew for every call, as after a restart."""

    def __init__(self, url: str, prefix: str, **options: Any) -> None:
        self.url = url
        self.names = {origin: prefix + name for origin, name in NAMES.items()}
        chosen: dict[str, Any] = {"url": url, "indexes": self.names, "replicas": 0} | options
        self.options = OpenSearchOptions(**chosen)
        self.feeder = Feeder()

    def through(self, work: Callable[[OpenSearchSink], Awaitable[Answer]]) -> Answer:
        """What `work` does with a sink."""

        async def done() -> Answer:
            sink = OpenSearchSink(self.options)
            try:
                return await work(sink)
            finally:
                await sink.close()

        return asyncio.run(done())

    def write(self, records: Sequence[Record]) -> list[Refusal]:
        """Through the sink. Returns what it refused."""
        return self.through(lambda sink: sink.write(records))

    def prepare(self) -> None:
        """Make what is missing."""
        self.through(lambda sink: sink.prepare())

    def feed(self, *failures: Failure, verdicts: Sequence[Verdict] = ()) -> list[Record]:
        """Write what the tables say of these; nothing may be refused. Returns the records."""
        records = self.feeder.records(*failures, verdicts=verdicts)
        assert self.write(records) == []
        return records

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Straight from the server; an error's body comes back like any other."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def hits(self, origin: Origin = Origin.CI) -> list[dict[str, Any]]:
        """Every document below the read alias as the server has it, with its index, id and version."""
        name = self.names[origin]
        self.ask("POST", f"/{name}/_refresh")
        found = self.ask("POST", f"/{name}/_search", {"size": 10_000, "version": True, "sort": ["_doc"]})
        return list(found["hits"]["hits"]) if "hits" in found else []

    def documents(self, origin: Origin = Origin.CI) -> dict[str, dict[str, Any]]:
        """Every document by its id; the same id in two indexes fails the test."""
        hits = self.hits(origin)
        found = {hit["_id"]: hit["_source"] for hit in hits}
        assert len(found) == len(hits), "one document a failure"
        return found


def expected(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """The documents of these records, as the contract has them, by id; JSON as a store gives it back."""
    out = {}
    for record in records:
        if isinstance(record, Classified):
            for name, document in search_documents(record):
                out[name] = json.loads(json.dumps(document))
    return out
