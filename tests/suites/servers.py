"""Real servers for tests: fixtures, and what single tests need besides.

The servers are those of `deploy/testservers`: one of each kind for all workers of a run, and for `make servers`. A
test that kills a server, or wants one with settings of its own, takes a private one: `with private(Kafka) as broker`.

A server whose files cannot be had here skips the test, with the reason; one that does not start fails it, with the end
of its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import urllib.request
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from pymongo import MongoClient
from testservers.errors import ServerError, Unobtainable
from testservers.instance import Instance
from testservers.process import Identity
from testservers.shared import PLACE, Shared

OUTER_ENVIRON = dict(os.environ)
"""As the run got it, before the tests' environment is emptied: what fetches packages may need any of it."""

InstanceT = TypeVar("InstanceT", bound=Instance)


def this_run() -> Identity:
    """The process that the whole run ends with: of several workers, the one that started them."""
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    identity = Identity.of(os.getppid() if is_worker else os.getpid())
    assert identity is not None, "we, and who started us, are alive"
    return identity


def shared_address(kind: str, shared: Shared | None = None) -> str:
    """Where the run's server of this kind is, started if need be; it stops with the run unless others use it."""
    try:
        return (shared or Shared(OUTER_ENVIRON)).use(kind, this_run())
    except Unobtainable as error:
        pytest.skip(f"{kind}: {error}")
    except ServerError as error:
        pytest.fail(f"{kind}: {error}", pytrace=False)


@contextlib.contextmanager
def private(kind: type[InstanceT], **settings: Any) -> Iterator[InstanceT]:
    """A server for one test alone, running, with a directory of its own that goes with it.

    `settings` are those of the kind: `properties` of Kafka, `user` of MongoDB, `settings` of OpenSearch.
    """
    home = Shared(OUTER_ENVIRON).private_home(kind.kind, this_run())
    instance = kind(home, PLACE, environ=OUTER_ENVIRON, **settings)
    try:
        try:
            instance.start()
        except Unobtainable as error:
            pytest.skip(f"{kind.kind}: {error}")
        except ServerError as error:
            pytest.fail(f"{kind.kind}: {error}", pytrace=False)
        yield instance
    finally:
        instance.remove()


@pytest.fixture(scope="session")
def kafka(empty_environment: None) -> str:
    """host:port of a broker. See `topic_prefix`."""
    return shared_address("kafka")


@pytest.fixture(scope="session")
def mongodb(empty_environment: None) -> str:
    """URI of a replica set of one member. See `mongo_database`."""
    return shared_address("mongodb")


@pytest.fixture(scope="session")
def opensearch(empty_environment: None) -> str:
    """URL of a node. See `index_prefix`."""
    return shared_address("opensearch")


@pytest.fixture
def topic_prefix(kafka: str) -> Iterator[str]:
    """What this test's topics, groups and transactional ids begin with; the topics are deleted afterwards."""
    prefix = f"t{secrets.token_hex(6)}."
    yield prefix
    asyncio.run(_delete_topics(kafka, prefix))


@pytest.fixture
def mongo_database(mongodb: str) -> Iterator[str]:
    """Name of a database of this test's own, dropped afterwards."""
    name = f"t{secrets.token_hex(6)}"
    yield name
    with MongoClient[dict[str, Any]](mongodb, serverSelectionTimeoutMS=10_000) as client:
        client.drop_database(name)


@pytest.fixture
def index_prefix(opensearch: str) -> Iterator[str]:
    """What this test's indexes, aliases and templates begin with; all of them are deleted afterwards."""
    prefix = f"t{secrets.token_hex(6)}-"
    yield prefix
    delete_indexes(opensearch, prefix)


def delete_indexes(url: str, prefix: str) -> None:
    """Every index, data stream and template whose name begins so; a block on the cluster is lifted first."""
    _ask(url, "PUT", "/_cluster/settings", {"transient": {"cluster.blocks.*": None}})
    for found in _ask(url, "GET", "/_data_stream").get("data_streams", []):
        if found["name"].startswith(prefix):
            _ask(url, "DELETE", f"/_data_stream/{found['name']}")
    for found in _ask(url, "GET", f"/_cat/indices/{prefix}*?format=json&expand_wildcards=all&h=index"):
        _ask(url, "DELETE", f"/{found['index']}")
    for kind in ("index_template", "component_template"):
        for found in _ask(url, "GET", f"/_{kind}").get(f"{kind}s", []):
            if found["name"].startswith(prefix):
                _ask(url, "DELETE", f"/_{kind}/{found['name']}")


def _ask(url: str, method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url.rstrip("/") + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


async def _delete_topics(address: str, prefix: str) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    try:
        if ours := [topic for topic in await client.list_topics() if topic.startswith(prefix)]:
            await client.delete_topics(ours, timeout_ms=30_000)
    finally:
        await client.close()
