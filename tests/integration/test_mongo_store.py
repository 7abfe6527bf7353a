"""The MongoDB store keeps what every store owes, on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from suites.mongo_store import MongoStore
from suites.queries_suite import QueriesSuite
from suites.sink_suite import SinkSuite


@pytest.fixture
def store(mongodb: str, mongo_database: str) -> Iterator[MongoStore]:
    with MongoStore(mongodb, mongo_database) as made:
        yield made


class TestSink(SinkSuite):
    """The suite of all sinks, on MongoDB."""


class TestQueries(QueriesSuite):
    """The suite of all queries, on MongoDB."""
