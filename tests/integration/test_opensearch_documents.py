"""The OpenSearch sink on a real server: documents written once in effect, and in their newest form."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from suites.records import AT_MS, benchmark_failure, ci_failure, edge, failures, verdict
from suites.search_store import SearchStore, expected

from streams.contract.alias import AliasSource
from streams.contract.classified import Classified, GroupChanged, VerdictChanged
from streams.contract.documents import iso
from streams.contract.failure import Failure, Origin
from streams.contract.mappings import mapping
from streams.contract.verdict import VerdictSource
from streams.sinks.base import Record

DAY_MS = 86_400_000


@pytest.fixture
def store(opensearch: str, index_prefix: str) -> SearchStore:
    return SearchStore(opensearch, index_prefix)


def key_of(records: Sequence[Record]) -> str:
    (fingerprint,) = {record.fold.fingerprint.value for record in records if isinstance(record, Classified)}
    return fingerprint


def test_documents_are_those_of_the_contract_field_by_field(store: SearchStore) -> None:
    records = store.feed(
        ci_failure("boom", traceback="a\nb", exit_code=137, labels={"team": "x", "a.b": "1", "": "e", "=": "\x00"}),
        ci_failure("ünï \u202e code \U0001f4a5", test_class="t.T", test_name="a", log_lines=(1, 2), step_number=3),
        benchmark_failure("Error code: 429 - slow", http_status=429, labels={"team": "x"}),
        benchmark_failure("x" * 60_000, request="2", traceback="y" * 100_000),
    )
    assert store.documents() | store.documents(Origin.BENCHMARK) == expected(records)
    assert len(store.documents()) == 2
    assert {hit["_index"] for hit in store.hits()} == {f"{store.names[Origin.CI]}-2026.09"}


def test_an_id_never_stands_in_the_body(store: SearchStore) -> None:
    """The server refuses a document that holds its own `_id`; ours carries it under the earlier name."""
    store.feed(ci_failure("boom"), benchmark_failure("slow"))
    for origin in Origin:
        (hit,) = store.hits(origin)
        assert "_id" not in hit["_source"]
        assert hit["_source"]["s_error_id"] == hit["_id"]


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(failures, min_size=1, max_size=20, unique_by=lambda failure: failure.id))
def test_any_failure_is_taken(store: SearchStore, batch: list[Failure]) -> None:
    records = store.feed(*batch)
    found = store.documents() | store.documents(Origin.BENCHMARK)
    assert {name: found[name] for name in expected(records)} == expected(records)


def test_redelivered_and_shuffled_records_leave_one_document_a_failure_as_it_was(store: SearchStore) -> None:
    chance = random.Random(4)
    records = store.feeder.records(
        *(ci_failure(f"boom {'abc'[i % 3]}", job=f"j{i}", at_ms=AT_MS + i * DAY_MS) for i in range(40)),
        *(benchmark_failure("slow", request=str(i)) for i in range(40)),
    )
    assert store.write(records) == []
    before = store.documents() | store.documents(Origin.BENCHMARK)
    assert len(before) == 80
    for _ in range(3):
        chance.shuffle(records)
        assert store.write(records[: chance.randrange(len(records))] + records) == []
    assert store.documents() | store.documents(Origin.BENCHMARK) == before
    assert len({hit["_index"] for hit in store.hits()}) > 1, "several months"


def test_a_changed_verdict_reaches_every_document_that_was_written_before_it_or_with_it(store: SearchStore) -> None:
    first = store.feed(*(ci_failure("x", job=f"j{i}", at_ms=AT_MS - i * DAY_MS) for i in range(29)))
    decided = verdict(key_of(first), "timeout", decided_at_ms=AT_MS + 77, evidence="x")
    store.feed(ci_failure("x", job="late"), verdicts=[decided])
    documents = store.documents().values()
    assert len(documents) == 30
    assert {(d["s_subcategory"], d["ts_classified_at"], d["s_evidence"]) for d in documents} == {
        ("timeout", iso(AT_MS + 77), "x")
    }


def test_a_document_of_a_benchmark_failure_changes_with_its_verdict(store: SearchStore) -> None:
    first = store.feed(benchmark_failure("slow"))
    new = replace(verdict(key_of(first), "network", family="provider"), origin=Origin.BENCHMARK)
    store.feed(verdicts=[new])
    (document,) = store.documents(Origin.BENCHMARK).values()
    assert (document["s_subcategory"], document["s_primary_category"]) == ("network", "provider")


def test_two_verdicts_with_a_redelivery_between_them_leave_the_later(store: SearchStore) -> None:
    first = store.feed(ci_failure("x"), ci_failure("x", job="other"))
    key = key_of(first)
    early = store.feed(verdicts=[verdict(key, "timeout")])
    store.write([*first, *early])
    late = store.feed(verdicts=[verdict(key, "runtime_error", decided_at_ms=AT_MS + 5)])
    for again in (early, first, [*first, *early], [*early, *first], [*late, *early, *first]):
        assert store.write(again) == []
        assert {doc["s_subcategory"] for doc in store.documents().values()} == {"runtime_error"}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_redelivered_when_the_documents_end_with_the_last_verdict(store: SearchStore, seed: int) -> None:
    """A log of failures and verdicts, read in order from any earlier place again and again, as after crashes."""
    chance = random.Random(seed)
    log: list[Record] = []
    key = ""
    kinds = ["timeout", "runtime_error", "network_error", "configuration_error"]
    for i in range(8):
        log += store.feeder.records(ci_failure("x", job=f"j{i // 2}", ordinal=i % 2), ci_failure("y", job=f"k{i}"))
        key = next(r.fold.fingerprint.value for r in log if isinstance(r, Classified) and r.fold.texts == ("x",))
        if chance.random() < 0.6:
            at_ms = AT_MS + i
            log += store.feeder.records(verdicts=[verdict(key, chance.choice(kinds), decided_at_ms=at_ms)])
    log = [record for record in log if isinstance(record, Classified | VerdictChanged)]
    at, crashes = 0, 12
    while at < len(log):
        end = min(len(log), at + chance.randint(1, 5))
        store.write(log[at:end])
        at, crashes = (chance.randint(0, end), crashes - 1) if crashes and chance.random() < 0.4 else (end, crashes)
    last = [r for r in log if isinstance(r, Classified | VerdictChanged)]
    newest = max((r for r in last if _of(r) == key), key=lambda r: r.verdict_version).verdict
    documents = [d for d in store.documents().values() if d["s_fingerprint"] == key]
    assert len(documents) == 8
    assert {(d["s_subcategory"], d["s_verdict_source"]) for d in documents} == {(newest.kind, newest.source.value)}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_redelivered_when_the_documents_end_in_the_last_group_with_the_last_verdict(
    store: SearchStore, seed: int
) -> None:
    """As above, with aliases that are made and taken back between verdicts."""
    chance = random.Random(seed)
    feeder = store.feeder
    log = feeder.records(ci_failure("x"), ci_failure("y"))
    x, y = (r.fold.fingerprint.value for r in log if isinstance(r, Classified))
    for i in range(8):
        log += feeder.records(ci_failure("x", job=f"j{i}"), ci_failure("y", job=f"j{i}"))
        log += feeder.records(
            aliases=[edge(x, y, AliasSource.HUMAN, at_ms=AT_MS + i, stands=i % 2 == seed % 2)],
            verdicts=[verdict(x, "timeout" if i % 3 else "network_error", decided_at_ms=AT_MS + i)],
        )
    log = [record for record in log if isinstance(record, Classified | VerdictChanged | GroupChanged)]
    at, crashes = 0, 12
    while at < len(log):
        end = min(len(log), at + chance.randint(1, 5))
        assert store.write(log[at:end]) == []
        at, crashes = (chance.randint(0, end), crashes - 1) if crashes and chance.random() < 0.4 else (end, crashes)
    groups = {x: min(x, y), y: min(x, y)} if seed % 2 == 7 % 2 else {x: x, y: y}
    documents = list(store.documents().values())
    assert len(documents) == 18
    assert {(d["s_fingerprint"], d["s_group"]) for d in documents} == set(groups.items())
    assert {d["s_subcategory"] for d in documents if d["s_fingerprint"] == x} == {"timeout"}


def _of(record: Classified | VerdictChanged) -> str:
    return record.fingerprint if isinstance(record, VerdictChanged) else record.fold.fingerprint.value


def test_a_failure_that_comes_again_with_a_later_verdict_has_that_verdict(store: SearchStore) -> None:
    first = store.feed(ci_failure("x"))
    store.feed(verdicts=[verdict(key_of(first), "timeout")])
    again = store.feed(ci_failure("x"))
    store.feed(verdicts=[verdict(key_of(first), "runtime_error", decided_at_ms=AT_MS + 5)])
    store.write([*first, *again])
    ((_, document),) = store.documents().items()
    assert (document["s_subcategory"], document["l_occurrence_count"]) == ("runtime_error", 2)


def test_a_verdict_from_the_failures_own_text_leaves_each_document_its_evidence_and_date(store: SearchStore) -> None:
    records = store.feeder.records(*(ci_failure("x", job=f"j{i}", at_ms=AT_MS + i) for i in range(3)))
    (record,) = (r for r in records if isinstance(r, Classified))
    members = tuple(replace(m, evidence=f"line {i}") for i, m in enumerate(record.fold.members))
    record = replace(record, fold=replace(record.fold, members=members))
    rule = verdict(key_of([record]), "timeout", source=VerdictSource.RULE, evidence="line 2", rule_id="r")
    changed = VerdictChanged(fingerprint=key_of([record]), verdict=rule, verdict_version=record.verdict_version + 3)
    assert store.write([record, changed]) == []
    found = {(d["s_evidence"], d["ts_classified_at"], d["s_rule_id"]) for d in store.documents().values()}
    assert found == {(f"line {i}", iso(AT_MS + i), "r") for i in range(3)}


def test_a_verdict_changes_no_document_older_than_the_bound(store: SearchStore) -> None:
    old, young = AT_MS - 31 * DAY_MS, AT_MS - 29 * DAY_MS
    first = store.feed(ci_failure("x", job="old", at_ms=old), ci_failure("x", job="young", at_ms=young))
    store.feed(verdicts=[verdict(key_of(first), "timeout")])
    kinds = {d["s_job_name"]: d["s_subcategory"] for d in store.documents().values()}
    assert kinds == {"old": "unknown", "young": "timeout"}


def test_many_verdicts_of_one_batch_reach_each_its_own_documents(store: SearchStore) -> None:
    words = "apple birch cedar dahlia elm fern gorse hazel iris juniper".split()
    first = store.feed(*(ci_failure(f"{word} broke", job=f"j{i}") for word in words for i in range(3)))
    keys = sorted({_of(r) for r in first if isinstance(r, Classified)})
    assert len(keys) == len(words)
    store.feed(verdicts=[verdict(key, "timeout", reason=f"because {i}") for i, key in enumerate(keys)])
    found = {(d["s_fingerprint"], d["s_root_cause_summary"]) for d in store.documents().values()}
    assert found == {(key, f"because {i}") for i, key in enumerate(keys)}


def test_more_documents_than_one_request_changes_are_all_changed(
    store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.sinks.opensearch.verdicts.DOCUMENTS_A_REQUEST_MAX", 7)
    first = store.feed(*(ci_failure("x", job=f"j{i}") for i in range(20)))
    store.feed(verdicts=[verdict(key_of(first), "timeout")])
    assert [d["s_subcategory"] for d in store.documents().values()] == ["timeout"] * 20


def test_a_verdict_of_hostile_text_is_stored_as_it_is(store: SearchStore) -> None:
    first = store.feed(ci_failure("x"))
    reason = '"; ctx.op = "delete"; // {{params}} \u2028 \\'
    store.feed(verdicts=[verdict(key_of(first), "timeout", reason=reason, evidence=reason)])
    (document,) = store.documents().values()
    assert (document["s_root_cause_summary"], document["s_evidence"]) == (reason, reason)


def test_a_mapping_conflict_is_refused_with_its_reason_and_the_others_are_written(store: SearchStore) -> None:
    name = f"{store.names[Origin.CI]}-2026.09"
    store.prepare()
    wrong = mapping(Origin.CI)
    wrong["properties"]["l_exit_code"] = {"type": "byte"}
    store.ask("PUT", f"/{name}", {"mappings": wrong, "settings": {"number_of_replicas": 0}})
    records = [
        record
        for i in range(5)
        for record in store.feeder.records(ci_failure(f"x{'y' * i}", exit_code=70_000 if i % 2 else 1))
        if isinstance(record, Classified)
    ]

    async def write(sink: Any) -> Any:
        sink._indexes._single = dict.fromkeys(Origin)  # prepared before the index was made
        return await sink.write(records)

    refused = store.through(write)
    assert [one.index for one in refused] == [1, 3]
    assert all("l_exit_code" in one.reason and "\n" not in one.reason for one in refused)
    assert len(store.documents()) == 3


def test_a_hundred_thousand_label_keys_leave_the_mapping_as_it_is(store: SearchStore) -> None:
    store.prepare()
    store.feed(ci_failure("first"))
    name = f"{store.names[Origin.CI]}-2026.09"
    before = store.ask("GET", f"/{name}/_mapping")
    keys = iter(range(100_000))
    batches = [
        ci_failure("x", job=f"j{i}", labels={f"key.{next(keys)}": f"v{i}" for _ in range(64)}) for i in range(1_562)
    ]
    store.feed(*batches, ci_failure("last", labels={f"key.{next(keys)}": "v" for _ in range(32)}))
    assert next(keys, None) is None
    assert store.ask("GET", f"/{name}/_mapping") == before
    found = store.ask("POST", f"/{name}/_search", {"query": {"term": {"labels.key.99": "v1"}}})
    assert found["hits"]["total"]["value"] == 0, "not refreshed yet"
    assert len(store.documents()) == 1_564
    found = store.ask("POST", f"/{name}/_search", {"query": {"term": {"labels.key.99": "v1"}}})
    assert found["hits"]["total"]["value"] == 1


def test_only_the_origins_that_are_set_are_written(opensearch: str, index_prefix: str) -> None:
    store = SearchStore(opensearch, index_prefix, origins=frozenset({Origin.BENCHMARK}))
    first = store.feed(ci_failure("boom"), benchmark_failure("slow"))
    keys = {r.fold.origin: r.fold.fingerprint.value for r in first if isinstance(r, Classified)}
    store.feed(verdicts=[verdict(keys[Origin.CI], "timeout")])
    assert store.ask("GET", f"/_cat/indices/{index_prefix}*?format=json&h=index") == [
        {"index": f"{store.names[Origin.BENCHMARK]}-2026.09"}
    ]
    assert len(store.documents(Origin.BENCHMARK)) == 1


def test_the_primary_category_is_family_or_kind_by_option(opensearch: str, index_prefix: str) -> None:
    store = SearchStore(opensearch, index_prefix, primary_is_kind=True)
    first = store.feed(ci_failure("x"))
    store.feed(verdicts=[verdict(key_of(first), "timeout")])
    (document,) = store.documents().values()
    assert (document["s_primary_category"], document["s_subcategory"]) == ("timeout", "timeout")
