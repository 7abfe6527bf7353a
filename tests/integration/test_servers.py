"""The test servers themselves: each answers, each test has its own corner of it, and none is started or stopped that
should not be."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure
from suites.servers import OUTER_ENVIRON, private, shared_address, this_run
from testservers.kinds import ROOT, Kafka, MongoDB, OpenSearch, kafka_is_ready, mongodb_is_ready
from testservers.process import Identity, end, free_port
from testservers.proxy import Proxy, make_certificate
from testservers.shared import PLACE, Shared

one_at_a_time = pytest.mark.xdist_group("servers of one test")
"""Several at once would only make each other slow."""


def mongo(uri: str, **options: Any) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, **{"serverSelectionTimeoutMS": 10_000, **options})


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Shared]:
    """A place like `.srv/` for one test, with the files that were fetched for all."""
    shared = Shared(OUTER_ENVIRON, tmp_path / "srv", PLACE)
    yield shared
    shared.leave("mongodb", None)
    shared.leave("mongodb", this_run())


def test_a_record_sent_to_kafka_is_read_again(kafka: str, topic_prefix: str) -> None:
    async def there_and_back() -> bytes:
        topic = f"{topic_prefix}failures"
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 2, 1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{topic_prefix}one")
        async with producer, producer.transaction():
            await producer.send_and_wait(topic, b"boom", partition=1)
        options: dict[str, Any] = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
        async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, **options) as consumer:
            record = await asyncio.wait_for(consumer.getone(), 20)
            return bytes(record.value)

    assert asyncio.run(there_and_back()) == b"boom"


def test_mongodb_has_transactions(mongodb: str, mongo_database: str) -> None:
    with mongo(mongodb) as client:
        documents = client[mongo_database].documents
        with client.start_session() as session, session.start_transaction():
            documents.insert_one({"_id": 1}, session=session)
        assert documents.count_documents({}) == 1


def test_opensearch_finds_what_was_written(opensearch: str, index_prefix: str) -> None:
    def ask(method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(opensearch + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    index = f"/{index_prefix}documents"
    ask("PUT", index, {"settings": {"number_of_replicas": 0}})
    ask("PUT", f"{index}/_doc/1?refresh=true", {"text": "no space left on device"})
    found = ask("GET", f"{index}/_search", {"query": {"match": {"text": "space"}}})
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["1"]


@one_at_a_time
def test_starting_a_server_that_runs_changes_nothing(own: Shared) -> None:
    address = shared_address("mongodb", own)
    process = own.instance("mongodb").process
    assert own.use("mongodb", None) == address
    assert own.instance("mongodb").process == process


@one_at_a_time
def test_programs_that_want_a_server_at_once_get_the_same_one(own: Shared) -> None:
    shared_address("mongodb", own)  # skips where it cannot be had
    own.leave("mongodb", this_run())
    program = (
        "import os, sys; from pathlib import Path; from testservers.shared import Shared; "
        "print(Shared(os.environ, Path(sys.argv[1]), Path(sys.argv[2])).use('mongodb', None))"
    )
    command = [sys.executable, "-c", program, str(own.place), str(own.downloads)]
    environ = {**OUTER_ENVIRON, "PYTHONPATH": str(ROOT / "deploy")}
    environ.pop("FAULTLINE_TEST_MONGODB", None)
    several = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {process.communicate(timeout=100)[0].strip() for process in several}
    assert told == {own.instance("mongodb").address}
    assert mongodb_is_ready(told.pop())


@one_at_a_time
def test_a_server_stops_with_its_last_user_and_a_run_begins_anew(own: Shared) -> None:
    address = shared_address("mongodb", own)
    own.use("mongodb", None)
    with mongo(address) as client:
        client.test.documents.insert_one({"_id": 1})
    assert own.leave("mongodb", this_run()) == ["make servers"]
    assert mongodb_is_ready(address)
    assert own.leave("mongodb", None) == []
    assert not mongodb_is_ready(address)
    with mongo(own.use("mongodb", None)) as client:
        assert "test" in client.list_database_names(), "`make servers` comes back with its data"
    assert own.leave("mongodb", None) == []
    with mongo(shared_address("mongodb", own)) as client:
        assert "test" not in client.list_database_names()


@one_at_a_time
def test_only_the_process_that_was_started_is_stopped(own: Shared) -> None:
    shared_address("mongodb", own)
    instance = own.instance("mongodb")
    process = instance.process
    assert process is not None
    # As after a crash of the machine: the number now belongs to someone else.
    Identity(process.pid, "an earlier one").write(instance.home / "pid")
    assert instance.process is None
    assert not instance.stop()
    assert process.is_alive
    assert end(process, signal.SIGKILL, within_s=10)


@one_at_a_time
def test_a_killed_server_comes_back_on_its_port_with_what_it_acknowledged() -> None:
    with private(MongoDB) as server:
        address = server.address
        with mongo(address) as client:
            client.test.documents.insert_one({"_id": 1})
        server.kill()
        assert not mongodb_is_ready(address)
        assert server.restart() == address
        with mongo(address) as client:
            assert client.test.documents.count_documents({}) == 1
    assert not server.home.exists()


@one_at_a_time
def test_a_killed_broker_comes_back_on_its_port_with_its_topics() -> None:
    async def create(address: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        await admin.create_topics([NewTopic("kept", 3, 1)])
        await admin.close()

    async def listed(address: str) -> list[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        try:
            return list(await admin.list_topics())
        finally:
            await admin.close()

    with private(Kafka, properties={"message.max.bytes": "2000000"}, memory_mb=384) as broker:
        asyncio.run(create(broker.address))
        broker.kill()
        assert not kafka_is_ready(broker.address)
        assert broker.restart() == broker.address
        assert asyncio.run(listed(broker.address)) == ["kept"]
        assert "message.max.bytes=2000000" in (broker.home / "server.properties").read_text(encoding="utf-8")


@one_at_a_time
def test_a_mongodb_with_users_lets_in_nobody_else() -> None:
    with private(MongoDB, user=("writer", "p@ss/word")) as server:
        with mongo(server.address) as client:
            client.test.documents.insert_one({"_id": 1})
        anonymous = f"mongodb://127.0.0.1:{server.ports['main']}/?directConnection=true"
        with mongo(anonymous) as client, pytest.raises(OperationFailure, match="requires authentication"):
            client.test.documents.find_one()
        assert server.restart() == server.address


@one_at_a_time
@pytest.mark.tool("openssl", package="openssl")
def test_behind_a_tls_only_door_plain_clients_are_hung_up_on(mongodb: str, tmp_path: Path) -> None:
    port = int(mongodb.partition("127.0.0.1:")[2].partition("/")[0])
    certificate, key = make_certificate(tmp_path)
    with Proxy(port, tls=(certificate, key)) as door:
        uri = f"mongodb://127.0.0.1:{door.port}/?directConnection=true"
        assert not mongodb_is_ready(uri)
        with mongo(uri, tls=True, tlsCAFile=str(certificate)) as client:
            assert client.admin.command("hello")["isWritablePrimary"]


@one_at_a_time
def test_opensearch_takes_settings_of_its_own() -> None:
    with private(OpenSearch, settings={"http.max_content_length": "1kb"}) as node:
        request = urllib.request.Request(f"{node.address}/x/_doc/1", b"x" * 2000, method="PUT")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        refused.value.close()
        assert refused.value.code == 413


@one_at_a_time
def test_a_door_can_be_cut_held_slowed_and_healed(mongodb: str) -> None:
    upstream = int(mongodb.partition("127.0.0.1:")[2].partition("/")[0])
    with Proxy(upstream) as door:
        uri = f"mongodb://127.0.0.1:{door.port}/?directConnection=true"
        assert mongodb_is_ready(uri)
        door.cut()
        assert not mongodb_is_ready(uri)
        door.heal()
        with mongo(uri, socketTimeoutMS=500, retryReads=False) as client:
            client.admin.command("ping")
            door.hold()
            with pytest.raises(AutoReconnect):
                client.admin.command("ping")
            door.heal()
            door.slow(0.1)
            before = time.monotonic()
            client.admin.command("ping")
            assert time.monotonic() - before >= 0.2, "there and back"


@one_at_a_time
@pytest.mark.tool("mvn", package="maven")
def test_a_source_that_cannot_be_reached_skips_with_the_reason(tmp_path: Path) -> None:
    mirror = f"<mirror><id>none</id><mirrorOf>*</mirrorOf><url>http://127.0.0.1:{free_port()}/</url></mirror>"
    (tmp_path / ".m2").mkdir()
    (tmp_path / ".m2" / "settings.xml").write_text(
        f"<settings><mirrors>{mirror}</mirrors></settings>", encoding="utf-8"
    )
    environ = {**OUTER_ENVIRON, "MAVEN_OPTS": f"-Duser.home={tmp_path}", "MAVEN_ARGS": ""}
    environ.pop("FAULTLINE_TEST_KAFKA", None)
    shared = Shared(environ, tmp_path / "srv")
    with pytest.raises(pytest.skip.Exception, match=r"kafka: mvn cannot get the files:(.|\n)*Connection refused"):
        shared_address("kafka", shared)
    assert shared.leave("kafka", this_run()) == []


@one_at_a_time
def test_a_server_that_does_not_start_fails_with_the_end_of_its_log() -> None:
    refused = r"mongodb: .*ended (.|\n)*server\.log:\n(.|\n)*unrecognised option '--noSuchOption'"
    with (
        pytest.raises(pytest.fail.Exception, match=refused),
        private(MongoDB, options=["--noSuchOption"]),
    ):
        pytest.fail("it must not start")


@one_at_a_time
def test_a_given_server_is_used_and_neither_started_nor_stopped(mongodb: str, tmp_path: Path) -> None:
    shared = Shared({"FAULTLINE_TEST_MONGODB": mongodb}, tmp_path)
    assert shared_address("mongodb", shared) == mongodb
    assert shared.leave("mongodb", this_run()) == []
    assert mongodb_is_ready(mongodb)
    assert not list(tmp_path.iterdir())
