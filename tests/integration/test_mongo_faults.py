"""What the MongoDB sink does when the server fails: retried, refused or told, with the way out; nothing lost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.uri_parser import parse_uri
from suites.mongo_store import NAMES, MongoStore
from suites.records import benchmark_failure, ci_failure, verdict
from suites.servers import private
from suites.stores import Feeder, feed
from testservers.kinds import MongoDB
from testservers.proxy import Proxy, make_certificate

from streams.contract.classified import Classified, VerdictChanged
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.rollup import Rollup
from streams.sinks.base import Record
from streams.sinks.mongo.client import open_for_reading

TOLD_CHARS = 700
"""A line that a person reads at once."""


@pytest.fixture(scope="module")
def mongodb(empty_environment: None) -> Iterator[str]:
    """A server of these tests' own: there is one fail point of a kind a server, and others set theirs."""
    with private(MongoDB) as server:
        yield server.address


@pytest.fixture
def store(mongodb: str, mongo_database: str) -> Iterator[MongoStore]:
    with MongoStore(mongodb, mongo_database) as made:
        yield made


def some(feeder: Feeder, *, number: int = 20) -> list[Record]:
    """Records of both topics: failures of both origins, and their rows."""
    return feeder.records(
        *(ci_failure("x", job=f"j{i}") for i in range(number)),
        *(benchmark_failure("slow", http_status=429, request=str(i)) for i in range(number)),
    )


def rows(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if isinstance(record, Rollup)]


@pytest.mark.parametrize(
    "how",
    [{"errorCode": 91, "errorLabels": ["RetryableWriteError"]}, {"closeConnection": True}],
    ids=["shutting down", "connection closed"],
)
@pytest.mark.parametrize("command", ["insert", "update"])
def test_what_passes_at_once_is_tried_again_by_itself(store: MongoStore, command: str, how: dict[str, Any]) -> None:
    records = some(store.feeder)
    with store.failing(command, **how):
        store.write(records)
    assert (len(store.documents(Origin.CI)), len(store.documents(Origin.BENCHMARK))) == (20, 20)
    assert store.queries.totals().failures == 40


PASSING = {
    "write conflict": ({"errorCode": 112}, "code 112"),
    "time limit": ({"errorCode": 50}, "code 50"),
    "shutting down": ({"errorCode": 91}, "takes no writes.*elected"),
    "no primary": ({"errorCode": 10107}, "takes no writes.*elected"),
    "disk full": ({"errorCode": 14031}, "disk is full.*make room"),
    "too few members": (
        {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
        "not acknow",
    ),
    "connection closed": ({"closeConnection": True}, "does not answer.*tls=true"),
}


@pytest.mark.parametrize(("how", "told"), PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("command", ["insert", "update"])
def test_what_lasts_is_told_as_a_store_to_come_back_to_and_nothing_is_lost(
    store: MongoStore, command: str, how: dict[str, Any], told: str
) -> None:
    records = some(store.feeder)
    started = time.monotonic()
    with store.failing(command, times=None, **how), pytest.raises(SinkUnavailable, match=told) as caught:
        store.offer(records)
    assert time.monotonic() - started < 10
    assert caught.value.retry_after_s > 0
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < TOLD_CHARS
    store.write(records)
    assert (len(store.documents(Origin.CI)), len(store.documents(Origin.BENCHMARK))) == (20, 20)
    assert store.queries.totals().failures == 40


def test_a_server_that_hangs_is_given_up_after_the_socket_timeout(mongodb: str, mongo_database: str) -> None:
    with MongoStore(mongodb, mongo_database, more="&socketTimeoutMS=700") as store:
        records = some(store.feeder)
        how = {"blockConnection": True, "blockTimeMS": 3_000}
        with store.failing("insert", times=None, **how), pytest.raises(SinkUnavailable, match="does not answer"):
            store.offer(records)
        time.sleep(3)  # the server ends what hung
        late_s = time.monotonic() + 30
        while True:  # as a role does: on a busy machine 700 ms may be too little once more
            try:
                store.write(records)
                break
            except SinkUnavailable:
                assert time.monotonic() < late_s
        assert len(store.documents(Origin.CI)) == 20


@pytest.mark.parametrize("code", [13, 18])
def test_a_right_that_is_taken_away_ends_the_role(store: MongoStore, code: int) -> None:
    with store.failing("insert", errorCode=code), pytest.raises(ConfigurationError, match="MONGODB_URI"):
        store.offer(some(store.feeder))


def test_a_document_that_a_validator_refuses_is_named_and_the_rest_is_written(
    mongodb: str, mongo_database: str
) -> None:
    with MongoStore(mongodb, mongo_database, prepared=False) as store:
        rules = {"$jsonSchema": {"properties": {"s_job_name": {"enum": ["a", "b"]}}}}
        store.db.create_collection(NAMES.ci, validator=rules)
        store.prepare()
        records = store.feeder.records(
            ci_failure("one", job="a"),
            ci_failure("two", job="my-secret-job"),
            ci_failure("two", job="other"),
            ci_failure("three", job="b"),
        )
        refused = store.offer(records)
        (index,) = [i for i, r in enumerate(records) if isinstance(r, Classified) and r.fold.count == 2]
        assert [refusal.index for refusal in refused] == [index]
        said = refused[0].reason
        assert "s_job_name fails enum" in said
        assert "(and 1 more of the same record)" in said
        assert "my-secret-job" not in said, "what a document holds is not told on"
        assert sorted(d["s_job_name"] for d in store.documents(Origin.CI).values()) == ["a", "b"]
        assert store.offer(records) == refused


def test_a_verdict_that_a_validator_refuses_for_one_document_reaches_the_others(store: MongoStore) -> None:
    records = feed(store, *(ci_failure("x", job=f"j{i}") for i in range(5)))
    last = records[-1]
    assert isinstance(last, Rollup)
    rules = {"$or": [{"s_job_name": {"$ne": "j2"}}, {"s_subcategory": "unknown"}]}
    store.db.command("collMod", NAMES.ci, validator=rules)
    changed = VerdictChanged(
        fingerprint=last.fingerprint, verdict=verdict(last.fingerprint, "timeout"), verdict_version=9
    )
    (refusal,) = store.offer([*rows(records), changed])
    assert refusal.index == len(rows(records))
    assert refusal.reason.startswith("change of failure ")
    said = {d["s_job_name"]: d["s_subcategory"] for d in store.documents(Origin.CI).values()}
    assert said == {f"j{i}": "unknown" if i == 2 else "timeout" for i in range(5)}


def test_a_row_that_a_validator_refuses_is_named(store: MongoStore) -> None:
    store.db.command("collMod", NAMES.groups, validator={"$jsonSchema": {"properties": {"count": {"maximum": 2}}}})
    records = rows(store.feeder.records(*(ci_failure("x", job=f"j{i}") for i in range(3)), ci_failure("y")))
    (refusal,) = store.offer(records)
    refused = records[refusal.index]
    assert isinstance(refused, Rollup)
    assert (refused.where, refused.count) == (None, 3)
    assert "count fails maximum" in refusal.reason
    assert store.queries.totals().failures == 1


def test_our_validators_take_our_documents_and_refuse_broken_ones(store: MongoStore) -> None:
    feed(store, benchmark_failure("slow", http_status=429, traceback="a\nb"), benchmark_failure("odd"))
    document = store.db[NAMES.errors].find_one()
    assert document is not None
    with pytest.raises(Exception, match="failed validation"):
        store.db[NAMES.errors].insert_one(document | {"_id": "x", "ts": "yesterday"})
    row = store.db[NAMES.rollups].find_one()
    assert row is not None
    with pytest.raises(Exception, match="failed validation"):
        store.db[NAMES.rollups].insert_one(row | {"_id": "x", "count": -1})


def test_what_cannot_be_a_document_is_refused_and_the_rest_is_written(store: MongoStore) -> None:
    records = store.feeder.records(ci_failure("x"), ci_failure("another"), benchmark_failure("slow", http_status=429))
    index, record = next(
        (i, r) for i, r in enumerate(records) if isinstance(r, Classified) and r.fold.origin is Origin.BENCHMARK
    )
    (other_index, other) = next((i, r) for i, r in enumerate(records) if isinstance(r, Classified) and i != index)
    large, broken = "x" * (17 * 1024 * 1024), "\ud800"
    records[index] = replace(record, fold=replace(record.fold, texts=(large,) * len(record.fold.texts)))
    records[other_index] = replace(other, fold=replace(other.fold, texts=(broken,)))
    said = replace(record.verdict, reason=large)
    records.append(VerdictChanged(fingerprint=record.fold.fingerprint.value, verdict=said, verdict_version=99))
    refused = store.offer(records)
    assert {refusal.index for refusal in refused} == {index, other_index, len(records) - 1}
    reasons = " ".join(refusal.reason for refusal in refused)
    assert "more than the 16777216" in reasons
    assert "more than 65536" in reasons
    assert "cannot be a document (UnicodeEncodeError)" in reasons
    assert len(store.documents(Origin.CI)) + len(store.documents(Origin.BENCHMARK)) == 1


def test_a_group_without_its_verdict_is_refused_not_fatal(store: MongoStore) -> None:
    records = rows(store.feeder.records(ci_failure("x")))
    index = next(i for i, r in enumerate(records) if isinstance(r, Rollup) and r.parts is not None)
    bare = records[index]
    assert isinstance(bare, Rollup)
    records[index] = replace(bare, verdict=None)
    (refusal,) = store.offer(records)
    assert refusal.index == index


@pytest.fixture(scope="module")
def locked(empty_environment: None) -> Iterator[MongoDB]:
    with private(MongoDB, user=("root", "right one")) as server:
        yield server


def with_user(server: MongoDB, user: str, password: str) -> str:
    return f"mongodb://{user}:{password}@127.0.0.1:{server.ports['main']}/?directConnection=true&authSource=admin"


def test_a_wrong_password_is_told_with_the_way_out_and_not_shown(locked: MongoDB) -> None:
    with MongoStore(with_user(locked, "root", "wr0ng-one"), "x", prepared=False) as store:
        for call in (store.prepare, lambda: store.offer(some(store.feeder))):
            with pytest.raises(ConfigurationError, match=r"MONGODB_URI: .*user and password") as caught:
                call()
            assert "wr0ng-one" not in str(caught.value)
            assert "\n" not in str(caught.value)


def test_no_password_where_one_is_needed_is_told(locked: MongoDB) -> None:
    uri = f"mongodb://127.0.0.1:{locked.ports['main']}/?directConnection=true"
    with (
        MongoStore(uri, "x", prepared=False) as store,
        pytest.raises(ConfigurationError, match=r"MONGODB_URI: .*grant"),
    ):
        store.prepare()


def test_a_user_that_may_only_read_is_told_and_one_that_may_read_and_write_is_enough(locked: MongoDB) -> None:
    admin = open_for_reading(locked.address, appname="the test itself")
    for name, role in (("reader", "read"), ("writer", "readWrite")):
        admin.admin.command("createUser", name, pwd="p", roles=[{"role": role, "db": "shop"}])
    admin["shop"].create_collection(NAMES.errors)  # left by the earlier system: its validator is for dbAdmin to set
    admin.close()
    reader = MongoStore(with_user(locked, "reader", "p"), "shop", prepared=False)
    with reader, pytest.raises(ConfigurationError, match="grant it readWrite"):
        reader.prepare()
    with MongoStore(with_user(locked, "writer", "p"), "shop", prepared=False) as writer:
        writer.run(writer.sink.prepare())
        writer.write(some(writer.feeder))
        assert writer.queries.totals().failures == 40


def test_a_server_that_wants_tls_is_told_with_the_way_out_and_reached_by_it(
    mongodb: str, mongo_database: str, tmp_path: Path
) -> None:
    port = parse_uri(mongodb)["nodelist"][0][1]
    certificate, key = make_certificate(tmp_path)
    with Proxy(port, tls=(certificate, key)) as proxy:
        plain = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        store = MongoStore(plain, mongo_database, prepared=False)
        with store, pytest.raises(SinkUnavailable, match=r"add tls=true to MONGODB_URI"):
            store.prepare()
        store = MongoStore(f"{plain}&tls=true", mongo_database, prepared=False)
        with store, pytest.raises(ConfigurationError, match=r"no TLS connection.*tlsCAFile"):
            store.prepare()
        with MongoStore(f"{plain}&tls=true&tlsCAFile={certificate}", mongo_database) as trusted:
            trusted.write(some(trusted.feeder))
            assert len(trusted.documents(Origin.CI)) == 20


def test_a_server_without_tls_is_told_to_whoever_wants_it(mongodb: str, mongo_database: str) -> None:
    store = MongoStore(f"{mongodb}&tls=true", mongo_database, prepared=False)
    with store, pytest.raises(ConfigurationError, match="no TLS connection"):
        store.prepare()


def test_a_store_that_is_away_costs_no_more_than_waiting() -> None:
    with MongoStore("mongodb://127.0.0.1:1", "x", prepared=False) as away:
        records = some(away.feeder)
        started, cpu = time.monotonic(), time.process_time()
        for _ in range(2):
            with pytest.raises(SinkUnavailable, match="does not answer"):
                away.offer(records)
        took = time.monotonic() - started
        assert (time.process_time() - cpu) / took < 0.2
