"""The embedded store: documents once and in their newest form, and the questions that pages ask."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from suites.records import AT_MS, benchmark_failure, ci_failure, told, verdict

from streams.contract import topics
from streams.contract.classified import Classified, VerdictChanged
from streams.contract.documents import CLASSIFICATIONS, ERRORS, iso, rollup_document
from streams.contract.errors import SinkUnavailable
from streams.contract.failure import Failure
from streams.contract.fold import Cursor, FoldBatch
from streams.contract.rollup import Rollup, Span
from streams.contract.verdict import Verdict
from streams.core.fold import folds_of
from streams.core.pipeline import Pipeline
from streams.sinks.base import GroupFilter, Queries, Sink
from streams.sinks.rows import HOUR_MS, MINUTE_MS, title_of
from streams.sinks.sqlite import SCHEMA, SqliteSink, forget, forget_groups
from streams.sinks.sqlite_queries import SqliteQueries

Records = list[Classified | VerdictChanged | Rollup]


class Store:
    """A file with a sink, queries, and a pipeline that feeds it."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(SCHEMA)
        self.sink: Sink = SqliteSink(self.db)
        self.queries = SqliteQueries(path)
        self.pipeline = Pipeline({}, partition=0)
        self.at = 0

    def feed(self, *failures: Failure, verdicts: Sequence[Verdict] = ()) -> Records:
        batch = FoldBatch(
            topic=topics.CI.name,
            partition=0,
            cursor=Cursor(self.at, self.at + 1),
            at_ms=AT_MS,
            folds=tuple(folds_of((told(failure) for failure in failures), fold_id=str(self.at))),
            verdicts=tuple(verdicts),
        )
        emitted = self.pipeline.on_batches([(self.at, batch)])
        self.at += 1
        records: Records = [e.record for e in emitted if e.topic is not topics.UNSEEN]  # type: ignore[misc]  # Unseen is left out
        self.sink.write(records)
        return records

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        rows = self.db.execute("SELECT id, body FROM documents WHERE collection = ?", (collection,))
        return {name: json.loads(body) for name, body in rows}

    def dump(self) -> list[object]:
        names = ("documents", "groups", "rollups", "windows", "verdicts")
        return [self.db.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in names]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.sqlite3")
    yield made
    made.db.close()


def test_a_benchmark_failure_has_the_earlier_systems_fields(store: Store) -> None:
    failure = benchmark_failure("Error code: 429 - slow down", http_status=429, provider_error_code="rate_limit")
    store.feed(failure)
    (document,) = store.documents(ERRORS).values()
    expected = {
        "provider": "acme",
        "model_name": "m1",
        "stage": "generate",
        "ts": iso(AT_MS),
        "message": "Error code: 429 - slow down",
        "error_kind": "rate_limit",
        "http_status": 429,
        "provider_error_code": "rate_limit",
        "classified_by": "status",
        "classified_at": iso(AT_MS),
    }
    assert document | expected == document
    assert {"normalized_message", "fingerprint", "fault_fingerprint", "classification_confidence"} <= set(document)
    assert "_id" not in document


def test_a_ci_failure_has_the_earlier_systems_fields(store: Store) -> None:
    store.feed(ci_failure("boom", test_class="t.T", test_name="test_a", traceback="line\nline", attempt=2))
    (document,) = store.documents(CLASSIFICATIONS).values()
    expected = {
        "s_workflow_id": "1",
        "s_job_name": "build",
        "s_test_name": "t.T::test_a",
        "s_error_source": "junit",
        "s_repo": "acme/shop",
        "s_workflow_name": "tests",
        "s_error_full_text": "boom\nline\nline",
        "s_subcategory": "unknown",
        "s_classification_method": "batch",
        "b_is_duplicate": False,
        "l_occurrence_count": 1,
        "@timestamp": iso(AT_MS),
    }
    assert document | expected == document
    assert "_id" not in document


@pytest.mark.parametrize(("is_kind", "primary"), [(False, "code_error"), (True, "timeout")])
def test_the_primary_category_is_family_or_kind_by_setting(store: Store, is_kind: bool, primary: str) -> None:
    records = store.feed(ci_failure("x"))
    key = records[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
    sink = SqliteSink(store.db, primary_is_kind=is_kind)
    sink.write([VerdictChanged(fingerprint=key, verdict=verdict(key, "timeout"), verdict_version=99)])
    (document,) = store.documents(CLASSIFICATIONS).values()
    assert (document["s_primary_category"], document["s_subcategory"]) == (primary, "timeout")


def test_the_store_keeps_the_port(store: Store) -> None:
    asked: Queries = store.queries
    assert asked.totals().groups == 0


def test_the_same_records_twice_and_older_ones_late_change_nothing(store: Store) -> None:
    first = store.feed(ci_failure("x"))
    key = first[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
    second = store.feed(ci_failure("x", job="other"), verdicts=[verdict(key, "timeout")])
    before = store.dump()
    store.sink.write(first)
    store.sink.write(second)
    store.sink.write(first)
    assert store.dump() == before


def test_two_verdicts_with_a_redelivery_between_them_leave_the_later(store: Store) -> None:
    key = store.feed(ci_failure("x"))[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
    early = store.feed(verdicts=[verdict(key, "timeout")])
    late = verdict(key, "runtime_error", decided_at_ms=AT_MS + 5)
    store.feed(verdicts=[late])
    store.sink.write(early)
    assert {doc["s_subcategory"] for doc in store.documents(CLASSIFICATIONS).values()} == {"runtime_error"}
    detail = store.queries.group(key, now_ms=AT_MS)
    assert detail is not None
    assert [old.kind for old in detail.history] == ["runtime_error", "timeout", "unknown"]


def test_a_changed_verdict_reaches_every_document_and_dates_it(store: Store) -> None:
    key = store.feed(*(ci_failure("x", job=f"j{i}") for i in range(7)))[-1].fingerprint  # type: ignore[union-attr]  # rollups
    decided = verdict(key, "timeout", decided_at_ms=AT_MS + 77, evidence="x")
    store.feed(verdicts=[decided])
    documents = store.documents(CLASSIFICATIONS).values()
    assert len(documents) == 7
    assert {(d["s_subcategory"], d["ts_classified_at"], d["s_evidence"]) for d in documents} == {
        ("timeout", iso(AT_MS + 77), "x")
    }


def test_rollup_documents_keep_the_earlier_names(store: Store) -> None:
    records = store.feed(*(benchmark_failure("slow", request=str(i), http_status=429) for i in range(5)))
    (rollup,) = [r for r in records if isinstance(r, Rollup) and r.where is not None]
    document = rollup_document(rollup)
    assert document["count"] == 5
    assert (document["provider"], document["model_name"], document["stage"]) == ("acme", "m1", "generate")
    assert (document["error_kind"], document["sample_messages"]) == ("rate_limit", ["slow"])
    assert document["first_seen"] == document["last_seen"] == iso(AT_MS)


def test_groups_are_listed_filtered_sorted_and_paged(store: Store) -> None:
    store.feed(*(ci_failure("often", ordinal=i, at_ms=AT_MS - 9) for i in range(3)), ci_failure("rare and late"))
    store.feed(benchmark_failure("quota", http_status=429, at_ms=AT_MS - 50_000_000))

    def found(**wanted: Any) -> list[str]:
        page = store.queries.groups(GroupFilter(**wanted), limit=10, offset=0, now_ms=AT_MS)
        return [row.template for row in page.rows]

    assert found() == ["rare and late", "often", "quota"]
    assert found(sort="count")[0] == "often"
    assert found(origin="benchmark") == ["quota"]
    assert found(kind="rate_limit") == ["quota"]
    assert found(text="RARE late") == ["rare and late"]
    assert found(text="100%_") == []
    assert found(where="acme/shop") == ["rare and late", "often"]
    assert found(where="shop") == []
    assert found(new_since_ms=AT_MS - 10) == ["rare and late", "often"]
    assert found(since_ms=AT_MS) == ["rare and late"]
    page = store.queries.groups(GroupFilter(), limit=1, offset=1, now_ms=AT_MS)
    assert ([row.template for row in page.rows], page.total, page.offset) == (["often"], 3, 1)


def test_a_group_is_found_by_an_unambiguous_beginning(store: Store) -> None:
    key = store.feed(ci_failure("x"))[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
    store.feed(ci_failure("y"))
    detail = store.queries.group(key[:12], now_ms=AT_MS)
    assert detail is not None
    assert detail.row.fingerprint == key
    assert detail.site_values == 1
    assert len(detail.documents) == 1
    assert store.queries.group("fp1.", now_ms=AT_MS) is None
    assert store.queries.group("", now_ms=AT_MS) is None
    assert store.queries.group("fp1.%", now_ms=AT_MS) is None


def test_groups_that_differ_in_one_slot_are_told_of_each_other(store: Store) -> None:
    names = "checkout basket invoice mailer search pricing stock ledger export import_feed sync audit billing".split()
    records = store.feed(*(ci_failure(f"the service {name} did not answer the probe in time") for name in names))
    key = records[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
    store.feed(ci_failure("disk full"))
    detail = store.queries.group(key, now_ms=AT_MS)
    assert detail is not None
    assert len(detail.alike) == len(names) - 1
    assert all("did not answer" in row.template for row in detail.alike)


def test_kinds_over_time_add_up(store: Store) -> None:
    store.feed(*(ci_failure("x", ordinal=i, at_ms=AT_MS - i * MINUTE_MS) for i in range(10)))
    start = (AT_MS - 20 * MINUTE_MS) // MINUTE_MS * MINUTE_MS
    minutes = store.queries.kinds(GroupFilter(), start_ms=start, step_ms=MINUTE_MS, buckets=30)
    assert [(s.kind, s.total) for s in minutes.series] == [("unknown", 10)]
    assert max(minutes.series[0].counts) == 1
    start = (AT_MS - 3 * HOUR_MS) // HOUR_MS * HOUR_MS
    hours = store.queries.kinds(GroupFilter(kind="unknown"), start_ms=start, step_ms=HOUR_MS, buckets=6)
    assert hours.series[0].total == 10
    assert store.queries.kinds(GroupFilter(kind="timeout"), start_ms=start, step_ms=HOUR_MS, buckets=6).series == ()


def test_the_last_day_of_a_group_is_its_spark(store: Store) -> None:
    store.feed(ci_failure("x"), ci_failure("x", ordinal=1, at_ms=AT_MS - 2 * HOUR_MS))
    (row,) = store.queries.groups(GroupFilter(), limit=1, offset=0, now_ms=AT_MS).rows
    assert (row.spark[-1], row.spark[-3], sum(row.spark), len(row.spark)) == (1, 1, 2, 24)


def test_totals_tell_how_fresh_the_store_is(store: Store) -> None:
    assert store.queries.totals().last_failure_ms is None
    store.feed(replace_received(ci_failure("x"), AT_MS + 3))
    totals = store.queries.totals()
    assert (totals.failures, totals.groups, totals.last_failure_ms) == (1, 1, AT_MS + 3)
    store.feed(ci_failure("y"))
    assert store.queries.totals().revision > totals.revision


def replace_received(failure: Failure, at_ms: int) -> Failure:
    return replace(failure, received_at_ms=at_ms)


def test_what_is_past_its_time_is_forgotten_in_bounded_steps(store: Store) -> None:
    store.feed(*(ci_failure("x", ordinal=i) for i in range(5)))
    nothing = {Span.MINUTE: 0, Span.HOUR: 0}
    assert forget(store.db, before_ms=AT_MS + 1, windows_before_ms=nothing, rows_max=3) == 3
    assert forget(store.db, before_ms=AT_MS + 1, windows_before_ms=nothing, rows_max=3) == 2
    assert forget(store.db, before_ms=0, windows_before_ms={Span.MINUTE: AT_MS + 1, Span.HOUR: 0}, rows_max=3) == 1
    assert [row[0] for row in store.db.execute("SELECT DISTINCT span FROM windows")] == ["hour"]


def test_groups_not_seen_for_long_go_with_their_counts_and_history(store: Store) -> None:
    key = store.feed(ci_failure("old", at_ms=AT_MS - 9))[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
    store.feed(ci_failure("young"))
    assert forget_groups(store.db, before_ms=AT_MS, rows_max=10) == [key]
    for table in ("groups", "rollups", "verdicts"):
        assert store.db.execute(f"SELECT count(*) FROM {table} WHERE fingerprint = ?", (key,)).fetchone() == (0,)
    assert store.queries.totals().groups == 1


SAID = "AssertionError: 2 != 3"
TITLES = {
    "the first line": ("\n  disk full \nsecond", "second", "disk full"),
    "a banner of equal signs": (f"===== FAILURES =====\n{SAID}", SAID, SAID),
    "a banner of one test": (f"_____ test_pay _____\n\nE   {SAID}", SAID, SAID),
    "a rule": (f"----------\n{SAID}", SAID, SAID),
    "the head of a traceback": (f'Traceback (most recent call last):\n  File "a.py", line 1\n{SAID}', SAID, SAID),
    "a frame": (f'  File "a.py", line 1, in pay\n    x()\n{SAID}', SAID, SAID),
    "evidence of several lines": (f"=====\n{SAID}\nat pay", f"\n{SAID}\nat pay", SAID),
    "evidence that the sample does not hold": (f"=== FAILURES ===\n{SAID}", "KeyError", "=== FAILURES ==="),
    "no evidence": (f"=== FAILURES ===\n{SAID}", "", "=== FAILURES ==="),
    "evidence that is blank": ("=====\n \n", " ", "====="),
    "what begins like a rule and says something": (f"--- FAIL: TestPay\n{SAID}", SAID, "--- FAIL: TestPay"),
    "two signs are no rule": (f"== a ==\n{SAID}", SAID, "== a =="),
    "a name with underscores": (f"__init__ failed\n{SAID}", SAID, "__init__ failed"),
    "nothing": ("", "", "the template"),
    "a long one": ("x" * 400, "", "x" * 300),
}


@pytest.mark.parametrize(("sample", "evidence", "title"), TITLES.values(), ids=TITLES)
@pytest.mark.parametrize("ends", ["", "\n", "\nmore below\n"])
def test_a_title_is_the_line_that_tells_most(sample: str, evidence: str, title: str, ends: str) -> None:
    assert title_of(sample and sample + ends, "the template", evidence) == title


def test_a_group_has_its_evidence_as_title_where_its_sample_begins_with_a_banner(store: Store) -> None:
    records = store.feed(ci_failure("===== FAILURES =====\ndisk full"))
    key = records[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
    store.feed(verdicts=[verdict(key, "timeout", evidence="disk full")])
    (row,) = store.queries.groups(GroupFilter(), limit=1, offset=0, now_ms=AT_MS).rows
    assert row.title == "disk full"


def test_a_file_that_cannot_be_read_is_told_as_a_store_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable, match="cannot be read"):
        SqliteQueries(tmp_path / "missing").totals()
    (tmp_path / "damaged").write_bytes(b"not a database at all, whatever its name says" * 200)
    with pytest.raises(SinkUnavailable, match="not a database"):
        SqliteQueries(tmp_path / "damaged").groups(GroupFilter(), limit=1, offset=0, now_ms=AT_MS)


def test_a_question_leaves_no_connection_open(store: Store) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        thread = threading.Thread(target=store.queries.totals)
        thread.start()
        thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
