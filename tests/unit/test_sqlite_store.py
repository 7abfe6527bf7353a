"""The embedded store: documents once and in their newest form, and the questions that pages ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from suites.queries_suite import QueriesSuite
from suites.records import AT_MS, benchmark_failure, ci_failure, verdict
from suites.sink_suite import SinkSuite
from suites.sqlite_store import SqliteStore
from suites.table import each

from streams.contract.classified import VerdictChanged
from streams.contract.documents import iso, rollup_document
from streams.contract.errors import SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.rollup import Rollup, Span
from streams.sinks.base import GroupFilter, Queries
from streams.sinks.rows import title_of
from streams.sinks.sqlite import SqliteSink, forget, forget_groups
from streams.sinks.sqlite_queries import SqliteQueries


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "store.sqlite3")
    yield made
    made.db.close()


class TestSink(SinkSuite):
    """The suite of all sinks, on SQLite."""


class TestQueries(QueriesSuite):
    """The suite of all queries, on SQLite."""


@pytest.mark.parametrize(("is_kind", "primary"), [(False, "code_error"), (True, "timeout")])
def test_the_primary_category_is_family_or_kind_by_setting(store: SqliteStore, is_kind: bool, primary: str) -> None:
    records = store.feed(ci_failure("x"))
    key = records[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
    sink = SqliteSink(store.db, primary_is_kind=is_kind)
    sink.write([VerdictChanged(fingerprint=key, verdict=verdict(key, "timeout"), verdict_version=99)])
    (document,) = store.documents(Origin.CI).values()
    assert (document["s_primary_category"], document["s_subcategory"]) == (primary, "timeout")


def test_the_store_keeps_the_port(store: SqliteStore) -> None:
    asked: Queries = store.queries
    assert asked.totals().groups == 0


def test_rollup_documents_keep_the_earlier_names(store: SqliteStore) -> None:
    records = store.feed(*(benchmark_failure("slow", request=str(i), http_status=429) for i in range(5)))
    (rollup,) = [r for r in records if isinstance(r, Rollup) and r.where is not None]
    document = rollup_document(rollup)
    assert document["count"] == 5
    assert (document["provider"], document["model_name"], document["stage"]) == ("acme", "m1", "generate")
    assert (document["error_kind"], document["sample_messages"]) == ("rate_limit", ["slow"])
    assert document["first_seen"] == document["last_seen"] == iso(AT_MS)


def test_what_is_past_its_time_is_forgotten_in_bounded_steps(store: SqliteStore) -> None:
    store.feed(*(ci_failure("x", ordinal=i) for i in range(5)))
    nothing = {Span.MINUTE: 0, Span.HOUR: 0}
    assert forget(store.db, before_ms=AT_MS + 1, windows_before_ms=nothing, rows_max=3) == 3
    assert forget(store.db, before_ms=AT_MS + 1, windows_before_ms=nothing, rows_max=3) == 2
    assert forget(store.db, before_ms=0, windows_before_ms={Span.MINUTE: AT_MS + 1, Span.HOUR: 0}, rows_max=3) == 1
    assert [row[0] for row in store.db.execute("SELECT DISTINCT span FROM windows")] == ["hour"]


def test_groups_not_seen_for_long_go_with_their_counts_and_history(store: SqliteStore) -> None:
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


@each(("sample", "evidence", "title"), TITLES.values(), ids=TITLES)
@each("ends", ["", "\n", "\nmore below\n"])
def test_a_title_is_the_line_that_tells_most(sample: str, evidence: str, title: str, ends: str) -> None:
    assert title_of(sample and sample + ends, "the template", evidence) == title


def test_a_file_that_cannot_be_read_is_told_as_a_store_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable, match="cannot be read"):
        SqliteQueries(tmp_path / "missing").totals()
    (tmp_path / "damaged").write_bytes(b"not a database at all, whatever its name says" * 200)
    with pytest.raises(SinkUnavailable, match="not a database"):
        SqliteQueries(tmp_path / "damaged").groups(GroupFilter(), limit=1, offset=0, now_ms=AT_MS)


def test_a_question_leaves_no_connection_open(store: SqliteStore) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        thread = threading.Thread(target=store.queries.totals)
        thread.start()
        thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
