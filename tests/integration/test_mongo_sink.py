"""The MongoDB sink: one document a failure whatever is delivered how often, the documents of SQLite, and retention."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from suites.mongo_store import NAMES, MongoStore
from suites.records import AT_MS, benchmark_failure, ci_failure, failures, verdict
from suites.servers import private
from suites.sqlite_store import SqliteStore
from suites.stores import Feeder, feed
from testservers.kinds import MongoDB

from streams.contract.classified import Classified, VerdictChanged
from streams.contract.documents import FINGERPRINT_FIELDS, TIME_FIELDS, VERSION_FIELDS, iso, rollup_document
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Failure, Origin, identified
from streams.contract.rollup import Rollup
from streams.contract.verdict import Verdict, VerdictSource
from streams.sinks.base import GroupFilter, Record, RejectedRecord
from streams.sinks.mongo.documents import date, shown
from streams.sinks.mongo.schema import TTL
from streams.sinks.rows import HOUR_MS

DAY_MS = 86_400_000
SHUFFLES = 5


@pytest.fixture
def store(mongodb: str, mongo_database: str) -> Iterator[MongoStore]:
    with MongoStore(mongodb, mongo_database) as made:
        yield made


def key_of(records: list[Record]) -> str:
    """The fingerprint of the last row."""
    last = records[-1]
    assert isinstance(last, Rollup)
    return last.fingerprint


def history(feeder: Feeder) -> list[list[Record]]:
    """Batches of a small life: failures of both origins, then verdicts, then more failures, then a later verdict."""
    first = feeder.records(
        *(ci_failure("x", job=f"j{i}") for i in range(9)), benchmark_failure("slow", http_status=429)
    )
    key = next(r.fold.fingerprint.value for r in first if isinstance(r, Classified) and r.fold.origin is Origin.CI)
    return [
        first,
        feeder.records(verdicts=[verdict(key, "timeout", decided_at_ms=AT_MS + 1)]),
        feeder.records(*(ci_failure("x", job=f"k{i}") for i in range(9)), ci_failure("another")),
        feeder.records(verdicts=[verdict(key, "runtime_error", decided_at_ms=AT_MS + 2)]),
        feeder.records(benchmark_failure("slow", http_status=429, request="7")),
    ]


steps = st.tuples(
    st.lists(failures, max_size=6), st.none() | st.tuples(st.integers(0, 99), st.sampled_from(["timeout", "unknown"]))
)
"""Failures, and perhaps a verdict: which of the fingerprints so far, and its kind."""


@given(st.lists(steps, min_size=1, max_size=4))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_documents_rows_and_answers_are_those_of_sqlite(
    store: MongoStore,
    tmp_path_factory: pytest.TempPathFactory,
    life: list[tuple[list[Failure], tuple[int, str] | None]],
) -> None:
    for name in store.db.list_collection_names():
        if name != NAMES.rejected:
            store.db[name].delete_many({})
    store.sink._told.clear()
    feeder, seen = Feeder(), set[str]()
    other = SqliteStore(tmp_path_factory.mktemp("store") / "store.sqlite3")
    fingerprints: list[str] = []
    for batch, said in life:
        fresh = {f.id: f for f in batch if f.id not in seen}  # the fold stage drops repeats
        seen |= fresh.keys()
        verdicts: list[Verdict] = []
        if fingerprints and said is not None:
            number, kind = said
            key = fingerprints[number % len(fingerprints)]
            verdicts = [verdict(key, kind, decided_at_ms=AT_MS + len(seen))]
        records = feeder.records(*fresh.values(), verdicts=verdicts)
        fingerprints += [
            r.fold.fingerprint.value for r in records if isinstance(r, Classified) and r.fold.origin is Origin.CI
        ]
        for one in (store, other):
            one.write(records)
    for origin in Origin:
        assert store.documents(origin) == other.documents(origin)
    rows = {row[0]: row[1] for row in other.db.execute("SELECT id, body FROM rollups")}
    assert {row["_id"] for row in store.db[NAMES.rollups].find()} == rows.keys()
    wanted = GroupFilter()
    assert store.queries.groups(wanted, limit=50, offset=0, now_ms=AT_MS) == other.queries.groups(
        wanted, limit=50, offset=0, now_ms=AT_MS
    )
    for key in set(fingerprints):
        assert store.queries.group(key, now_ms=AT_MS) == other.queries.group(key, now_ms=AT_MS)
    axis = {"start_ms": (AT_MS - DAY_MS) // HOUR_MS * HOUR_MS, "step_ms": HOUR_MS, "buckets": 26}
    assert store.queries.kinds(wanted, **axis) == other.queries.kinds(wanted, **axis)
    assert store.queries.totals().failures == len(seen)
    other.db.close()


@pytest.mark.parametrize("seed", range(SHUFFLES))
def test_batches_cut_repeated_and_shuffled_end_as_if_they_had_come_once(store: MongoStore, seed: int) -> None:
    batches = history(Feeder())
    for batch in batches:
        store.write(batch)
    once = store.dump()
    rnd = random.Random(seed)
    records = [record for batch in batches for record in batch]
    for _ in range(20):
        store.write(rnd.sample(records, rnd.randrange(1, len(records))))
    assert store.dump() == once


def test_records_in_any_first_order_make_one_document_each_and_a_rewind_puts_them_right(store: MongoStore) -> None:
    batches = history(Feeder())
    records = [record for batch in batches for record in batch]
    random.Random(1).shuffle(records)
    for record in records:
        store.write([record])
    assert (len(store.documents(Origin.CI)), len(store.documents(Origin.BENCHMARK))) == (19, 2)
    for batch in batches:  # the consumer begins again at its last commit
        store.write(batch)
    said = {d["s_error_id"]: d["s_subcategory"] for d in store.documents(Origin.CI).values()}
    assert sorted(said.values()) == ["runtime_error"] * 18 + ["unknown"]


def test_a_verdict_is_a_date_and_a_label_is_a_value(store: MongoStore) -> None:
    labels = {"$where": "1", "a.b": "2", "c": "3"}
    feed(store, identified(replace(benchmark_failure("x"), labels=labels, received_at_ms=AT_MS + 5)))
    document = store.db[NAMES.errors].find_one({"labels": {"k": "a.b", "v": "2"}})
    assert document is not None
    assert document["ts"] == date(AT_MS)
    assert document["received_at"] == date(AT_MS + 5)
    assert document["classified_at"] == date(AT_MS)
    assert shown(document)["labels"] == labels


def test_an_own_text_verdict_keeps_the_evidence_and_the_time_of_each_document(store: MongoStore) -> None:
    key = key_of(feed(store, *(ci_failure("x", job=f"j{i}", at_ms=AT_MS - i) for i in range(3))))
    hostile = "$s_repo {$ne: 1} $$ROOT"
    rule = verdict(key, "timeout", source=VerdictSource.RULE, reason=hostile, rule_id="$rule", decided_at_ms=AT_MS + 9)
    store.write([VerdictChanged(fingerprint=key, verdict=rule, verdict_version=77)])
    found = store.documents(Origin.CI).values()
    assert {d["ts_classified_at"] for d in found} == {iso(AT_MS), iso(AT_MS - 1), iso(AT_MS - 2)}
    assert {(d["s_root_cause_summary"], d["s_rule_id"], d["l_verdict_version"]) for d in found} == {
        (hostile, "$rule", 77)
    }


def test_a_verdict_changes_documents_of_the_last_days_alone(mongodb: str, mongo_database: str) -> None:
    with MongoStore(mongodb, mongo_database, backfill_days=3) as store:
        key = key_of(feed(store, *(ci_failure("x", job=f"j{i}", at_ms=AT_MS - i * DAY_MS) for i in range(6))))
        feed(store, verdicts=[verdict(key, "timeout")])
        assert (
            sorted(d["s_subcategory"] for d in store.documents(Origin.CI).values()) == ["timeout"] * 4 + ["unknown"] * 2
        )


def test_a_change_of_many_documents_goes_in_steps_and_not_too_fast(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.sinks.mongo.sink.CHANGED_PER_STEP", 10)
    monkeypatch.setattr("streams.sinks.mongo.sink.CHANGED_PER_S_MAX", 100)
    key = key_of(feed(store, *(ci_failure("x", job=f"j{i}") for i in range(65))))
    records = store.feeder.records(verdicts=[verdict(key, "timeout")])
    started = time.monotonic()
    store.write(records)
    assert time.monotonic() - started > 0.5
    assert {d["s_subcategory"] for d in store.documents(Origin.CI).values()} == {"timeout"}


def test_a_change_that_takes_too_long_goes_on_with_the_next_call(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.sinks.mongo.sink.CHANGED_PER_STEP", 10)
    monkeypatch.setattr("streams.sinks.mongo.sink.CHANGED_PER_S_MAX", 50)
    monkeypatch.setattr("streams.sinks.mongo.sink.CHANGES_S_MAX", 0.3)
    key = key_of(feed(store, *(ci_failure("x", job=f"j{i}") for i in range(65))))
    records = store.feeder.records(verdicts=[verdict(key, "timeout")])
    calls = 1
    while True:
        try:
            store.write(records)
            break
        except SinkUnavailable as error:
            calls += "it goes on" in str(error)
    assert 1 < calls < 7
    assert {d["s_subcategory"] for d in store.documents(Origin.CI).values()} == {"timeout"}


def test_tables_that_are_built_anew_write_their_documents_anew(mongodb: str, mongo_database: str) -> None:
    with MongoStore(mongodb, mongo_database) as store:
        failure = ci_failure("x", job="a")
        feed(store, failure)
        store.db[NAMES.ci].update_many({}, {"$set": {"s_fingerprint": "fp0.old", "s_subcategory": "gone"}})
        feed(store, failure)  # the same epoch: the document stands
        assert {d["s_fingerprint"] for d in store.documents(Origin.CI).values()} == {"fp0.old"}
        store.feeder = Feeder(epoch=1)
        other = ci_failure("x", job="b")
        fingerprint = key_of(feed(store, other))
        store.db[NAMES.ci].update_many({}, {"$set": {"s_fingerprint": fingerprint, "s_error_snippet": "old"}})
        feed(store, verdicts=[verdict(fingerprint, "timeout")])  # reaches documents that did not come again yet
        records = feed(store, failure)
        document = store.documents(Origin.CI)[failure.id]
        assert (document["s_error_snippet"], document["s_subcategory"]) == ("x", "timeout")
        store.feeder = Feeder(epoch=2)
        records = feed(store, failure)
        document = store.documents(Origin.CI)[failure.id]
        assert (document["s_fingerprint"], document["s_subcategory"]) == (key_of(records), "unknown")


@pytest.mark.parametrize(("origins", "counts"), [({Origin.CI}, (1, 0)), ({Origin.BENCHMARK}, (0, 1))])
def test_only_the_wanted_origins_have_documents_and_all_are_counted(
    mongodb: str, mongo_database: str, origins: set[Origin], counts: tuple[int, int]
) -> None:
    with MongoStore(mongodb, mongo_database, origins=frozenset(origins)) as store:
        records = feed(store, ci_failure("x"), benchmark_failure("y"))
        keys = [r.fold.fingerprint.value for r in records if isinstance(r, Classified)]
        feed(store, verdicts=[verdict(key, "timeout") for key in keys])
        assert (len(store.documents(Origin.CI)), len(store.documents(Origin.BENCHMARK))) == counts
        assert store.queries.totals().groups == 2


def test_what_is_past_its_time_is_forgotten_and_the_earlier_systems_documents_are_kept(
    mongodb: str, mongo_database: str
) -> None:
    with MongoStore(mongodb, mongo_database, prepared=False, now_ms=lambda: int(time.time() * 1000)) as store:
        long_ago = datetime.now(UTC) - timedelta(days=40)
        theirs = {"provider": "acme", "model_name": "m", "ts": long_ago, "message": "x", "error_kind": "auth"}
        store.db[NAMES.errors].insert_one(dict(theirs))
        store.prepare(expiring=True)
        now_ms = int(time.time() * 1000)
        feed(
            store,
            benchmark_failure("old", at_ms=now_ms - 31 * DAY_MS, request="1"),
            ci_failure("old", at_ms=now_ms - 31 * DAY_MS),
        )
        feed(store, benchmark_failure("new", at_ms=now_ms, request="2"), ci_failure("new", at_ms=now_ms))
        until = time.monotonic() + 60
        while store.db[NAMES.errors].count_documents({}) > 2 or store.db[NAMES.groups].count_documents({}) > 2:
            assert time.monotonic() < until, "the server forgets every second"
            time.sleep(0.2)
        kept = list(store.db[NAMES.errors].find())
        assert sorted(document["message"] for document in kept) == ["new", "x"]
        assert store.queries.totals().groups == 2
        assert all(
            name in store.db[NAMES.errors].index_information() for name in (TTL, "fingerprint", "ts", "error_kind")
        )


def test_a_retention_that_changes_is_taken_over(mongodb: str, mongo_database: str) -> None:
    for days in (30, 7):
        with MongoStore(mongodb, mongo_database, prepared=False, retention_days=days) as store:
            store.prepare(expiring=True)
            for name in (NAMES.errors, NAMES.ci, NAMES.rollups, NAMES.groups):
                assert store.db[name].index_information()[TTL]["expireAfterSeconds"] == days * 86_400


def test_collections_of_the_earlier_system_are_used_as_they_are(mongodb: str, mongo_database: str) -> None:
    with MongoStore(mongodb, mongo_database, prepared=False) as store:
        errors, rollups = store.db[NAMES.errors], store.db[NAMES.rollups]
        theirs: dict[str, Any] = {"provider": "acme", "model_name": 3, "http_status": "429", "ts": "yesterday"}
        errors.insert_one(dict(theirs))
        rollups.insert_one({"fingerprint": "a" * 64, "count": 3, "sample_messages": None, "error_kind": None})
        errors.create_index([("fingerprint", 1)], name="their own name")
        store.prepare()
        store.prepare()
        feed(store, *(benchmark_failure("slow", http_status=429, request=str(i)) for i in range(3)))
        errors.insert_one(dict(theirs))  # they go on writing
        rollups.update_one({"fingerprint": "a" * 64}, {"$inc": {"count": 1}})
        assert errors.count_documents({}) == 5
        assert "fingerprint" not in errors.index_information()
        assert store.queries.totals().groups == 1
        (row,) = store.queries.groups(GroupFilter(where="acme"), limit=9, offset=0, now_ms=AT_MS).rows
        assert row.count == 3


def test_a_unique_index_that_would_refuse_our_documents_is_told_at_once(mongodb: str, mongo_database: str) -> None:
    with MongoStore(mongodb, mongo_database, prepared=False) as store:
        store.db[NAMES.rollups].create_index([("fingerprint", 1)], unique=True)
        with pytest.raises(ConfigurationError, match=r"fingerprint_1 on error_rollups .*dropIndex"):
            store.prepare()


def test_a_view_in_the_place_of_a_collection_is_told(mongodb: str, mongo_database: str) -> None:
    with MongoStore(mongodb, mongo_database, prepared=False) as store:
        store.db.create_collection(NAMES.errors, viewOn="other", pipeline=[])
        with pytest.raises(ConfigurationError, match="errors_cloud is a view"):
            store.prepare()


def test_rollups_are_the_earlier_systems_rows_with_dates(store: MongoStore) -> None:
    records = feed(store, *(benchmark_failure("slow", request=str(i), http_status=429) for i in range(5)))
    (rollup,) = [r for r in records if isinstance(r, Rollup) and r.where is not None]
    row = store.db[NAMES.rollups].find_one({"_id": rollup.key})
    assert row is not None
    assert row["last_seen"] == date(AT_MS)
    assert shown(row) == rollup_document(rollup)


def test_what_was_rejected_is_listed_once_without_its_credentials(store: MongoStore) -> None:
    said = {
        "__streams.errors.message": "not JSON (at byte 3)",
        "__streams.errors.stacktrace": "byte 3",
        "__streams.errors.topic": "failures.ci.v1",
        "dlq.stage": "fold",
    }
    value = b'{"password": "hunter2-hunter2", "token": "ghp_' + b"aB3dE5fG7h" * 4 + b'"} \xff' + b"x" * 5000
    records = [RejectedRecord(partition=0, offset=i, at_ms=AT_MS + i, headers=said, value=value) for i in range(3)]
    for _ in range(2):
        store.run(store.sink.write_rejected(records))
    page = store.queries.rejected(limit=2, offset=0)
    assert (page.total, [row.at_ms for row in page.rows]) == (3, [AT_MS + 2, AT_MS + 1])
    row = page.rows[0]
    assert (row.topic, row.reason, row.place, row.size_bytes) == ("failures.ci.v1", "not JSON", "byte 3", len(value))
    assert "ghp_" not in str(list(store.db[NAMES.rejected].find()))
    assert store.queries.totals().rejected == 3


def test_a_server_killed_again_and_again_ends_with_one_document_a_failure(mongo_private: MongoDB) -> None:
    with MongoStore(mongo_private.address, "killed") as store:
        feeder = Feeder()
        batches: list[list[Record]] = []
        for number in range(40):
            told = [
                ci_failure("disk socket parser ledger queue".split()[i % 5], job=f"j{number}", ordinal=i)
                for i in range(50)
            ]
            verdicts: list[Verdict] = []
            if number % 10 == 5:
                key = key_of(batches[0])
                verdicts = [verdict(key, "timeout", decided_at_ms=AT_MS + number)]
            batches.append(feeder.records(*told, verdicts=verdicts))
        refused = 0
        for number, batch in enumerate(batches):
            if number in (7, 21, 33):
                mongo_private.kill()
                with pytest.raises(SinkUnavailable):
                    store.offer(batch)
                mongo_private.start(keep=True)
            until = time.monotonic() + 60
            while True:  # what the caller does: the same batch again, after a pause
                try:
                    store.write(batch)
                    break
                except SinkUnavailable as error:
                    refused += 1
                    assert time.monotonic() < until
                    time.sleep(min(error.retry_after_s, 0.5))
        found = store.documents(Origin.CI)
        assert found.keys() == {
            m.failure.id for b in batches for r in b if isinstance(r, Classified) for m in r.fold.members
        }
        assert len(found) == 2000
        of_one = [d["s_subcategory"] for d in found.values() if d["s_fingerprint"] == key_of(batches[0])]
        assert (len(of_one), set(of_one)) == (400, {"timeout"})
        assert (
            sum(row.count for row in store.queries.groups(GroupFilter(), limit=9, offset=0, now_ms=AT_MS).rows) == 2000
        )


@pytest.fixture
def mongo_private(empty_environment: None) -> Iterator[MongoDB]:
    with private(MongoDB) as server:
        yield server


def test_the_pages_are_told_when_the_store_is_away() -> None:
    away = MongoStore("mongodb://127.0.0.1:1", "x", prepared=False)
    with away, pytest.raises(SinkUnavailable, match="does not answer"):
        away.queries.totals()


def stages(plan: object) -> set[str]:
    """The names of all stages of an explained plan."""
    if isinstance(plan, dict):
        own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
        return own.union(*(stages(part) for name, part in plan.items() if name != "rejectedPlans"))
    return set().union(*(stages(part) for part in plan)) if isinstance(plan, list) else set()


@pytest.mark.parametrize("origin", Origin)
def test_what_is_asked_often_walks_an_index(store: MongoStore, origin: Origin) -> None:
    make = ci_failure if origin is Origin.CI else benchmark_failure
    key = key_of(feed(store, *(make(f"x{'y' * i}", at_ms=AT_MS - i, ordinal=i) for i in range(30))))
    at, fingerprint, version = TIME_FIELDS[origin], FINGERPRINT_FIELDS[origin], VERSION_FIELDS[origin]
    failures_there = store.db[NAMES.failures(origin)]
    stale = {"$or": [{fingerprint: key, at: {"$gte": date(0)}, version: {"$lt": 9}}]}
    newest = failures_there.find({fingerprint: key}, sort=[(at, -1), ("_id", 1)], limit=9)
    page = store.db[NAMES.groups].find({"count": {"$gte": 0}}, sort=[("last_seen", -1), ("_id", 1)], limit=9)
    hours = store.db[NAMES.windows].find({"fingerprint": {"$in": [key]}, "span": "hour", "start": {"$gte": date(0)}})
    for asked in (failures_there.find(stale), newest, page, hours):
        found = stages(asked.explain()["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in found
        assert "COLLSCAN" not in found
    for asked in (newest, page):
        assert "SORT" not in stages(asked.explain()["queryPlanner"]["winningPlan"]), "read off the index"
    counted = store.db.command(
        "explain",
        {
            "aggregate": NAMES.groups,
            "cursor": {},
            "pipeline": [{"$match": {"count": {"$gte": 0}}}, {"$group": {"_id": None, "n": {"$sum": "$count"}}}],
        },
    )
    assert not {"COLLSCAN", "FETCH"} & stages(counted), "the index alone answers"
