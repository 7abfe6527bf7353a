"""The servers' fixtures, for every test in this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from suites.cluster import Installation
from suites.servers import index_prefix, kafka, mongo_database, mongodb, opensearch, topic_prefix

__all__ = ["index_prefix", "install", "kafka", "mongo_database", "mongodb", "opensearch", "topic_prefix"]

Install = Callable[..., Installation]


@pytest.fixture
def install(
    tmp_path: Path,
    kafka: str,  # this is how a fixture is asked for
    mongodb: str,
    opensearch: str,
    topic_prefix: str,
    mongo_database: str,
    index_prefix: str,
) -> Iterator[Install]:
    """Makes an installation of this test's own on the servers: `install(partitions=4, NAME="value of a setting")`."""
    made: list[Installation] = []

    def install_(*, partitions: int = 4, **environ: str) -> Installation:
        made.append(
            Installation(
                tmp_path,
                kafka=kafka,
                mongodb=mongodb,
                opensearch=opensearch,
                prefix=topic_prefix,
                database=mongo_database,
                index=f"{index_prefix}error_classifications",
                partitions=partitions,
                **environ,
            )
        )
        return made[-1]

    yield install_
    for one in made:
        one.end()
