"""What every store owes to the pages: the port `Queries`, asked of a store that a pipeline has fed."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from suites.records import AT_MS, benchmark_failure, ci_failure, edge, told, verdict
from suites.stores import FedStore, feed

from streams.contract.alias import AliasSource
from streams.contract.verdict import VerdictSource
from streams.sinks.base import NO_MEMBERS, GroupFilter, Members
from streams.sinks.rows import HOUR_MS

MINUTE_MS = 60_000


class QueriesSuite:
    """Inherit as `Test...` and give the fixture `store`."""

    def test_groups_are_listed_filtered_sorted_and_paged(self, store: FedStore) -> None:
        feed(store, *(ci_failure("often", ordinal=i, at_ms=AT_MS - 9) for i in range(3)), ci_failure("rare and late"))
        feed(store, benchmark_failure("quota", http_status=429, at_ms=AT_MS - 50_000_000))

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

    def test_a_group_is_found_by_an_unambiguous_beginning(self, store: FedStore) -> None:
        key = feed(store, ci_failure("x"))[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
        feed(store, ci_failure("y"))
        detail = store.queries.group(key[:12], now_ms=AT_MS)
        assert detail is not None
        assert detail.row.fingerprint == key
        assert detail.site_values == 1
        assert len(detail.documents) == 1
        assert store.queries.group("fp1.", now_ms=AT_MS) is None
        assert store.queries.group("", now_ms=AT_MS) is None
        assert store.queries.group("fp1.%", now_ms=AT_MS) is None

    def test_every_call_site_of_failures_that_came_together_counts(self, store: FedStore) -> None:
        trace = (
            'Traceback (most recent call last):\n  File "/srv/app/pay.py", line 3, in {}\n    g()\nE: no stock left\n'
        )
        failures = [ci_failure(trace.format(name), job=name) for name in ("buy", "pay", "ship", "hold")]
        feed(store, *failures[:3])
        records = feed(store, *failures[3:])
        detail = store.queries.group(records[-1].fingerprint, now_ms=AT_MS)  # type: ignore[union-attr]  # a rollup
        assert detail is not None
        assert (detail.row.count, detail.site_values) == (4, 4)

    def test_groups_that_differ_in_one_slot_are_told_of_each_other(self, store: FedStore) -> None:
        names = "checkout basket invoice mailer search pricing stock ledger export sync audit billing mirror".split()
        records = feed(store, *(ci_failure(f"the service {name} did not answer the probe in time") for name in names))
        key = records[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
        feed(store, ci_failure("disk full"))
        detail = store.queries.group(key, now_ms=AT_MS)
        assert detail is not None
        assert len(detail.alike) == len(names) - 1
        assert all("did not answer" in row.template for row in detail.alike)

    def test_a_group_tells_all_its_members_and_the_failures_of_all(self, store: FedStore) -> None:
        texts = ("disk full", "no space left on the device", "out of memory")
        marks = [told(ci_failure(text)).fingerprint.value for text in texts]
        feed(store, *(ci_failure(text, ordinal=i) for i, text in enumerate(texts)), ci_failure(texts[0], job="other"))
        alone = store.queries.group(marks[0], now_ms=AT_MS)
        assert alone is not None
        assert alone.members == NO_MEMBERS
        feed(store, aliases=[edge(marks[0], marks[1])])
        for mark in marks[:2]:
            detail = store.queries.group(mark, now_ms=AT_MS)
            assert detail is not None
            members = detail.members
            assert (members.group, members.total, members.failures) == (min(marks[:2]), 2, 3)
            assert {row.fingerprint for row in members.rows} == set(marks[:2])
            assert sum(row.count for row in members.rows) == 3
            assert members.aliases == (edge(marks[0], marks[1]),)
        word = edge(marks[0], marks[1], AliasSource.HUMAN, stands=False)
        feed(store, aliases=[word])
        apart = store.queries.group(marks[1], now_ms=AT_MS)
        assert apart is not None
        assert apart.members == Members(aliases=(word,))

    def test_what_aliases_join_is_one_row_whichever_member_passes_the_filter(self, store: FedStore) -> None:
        texts = ("disk full", "no space left on the device", "out of memory")
        marks = [told(ci_failure(text)).fingerprint.value for text in texts]
        feed(store, *(ci_failure(texts[0], ordinal=i, job="a", at_ms=AT_MS - 2 * HOUR_MS) for i in range(3)))
        feed(store, ci_failure(texts[1], job="b", at_ms=AT_MS - 5), ci_failure(texts[2], job="b", at_ms=AT_MS - 9))
        feed(
            store,
            aliases=[edge(marks[0], marks[1])],
            verdicts=[verdict(marks[0], "timeout", source=VerdictSource.HUMAN), verdict(marks[1], "network_error")],
        )

        def found(**wanted: Any) -> list[tuple[str, int, int]]:
            page = store.queries.groups(GroupFilter(**wanted), limit=10, offset=0, now_ms=AT_MS)
            assert page.total == len(page.rows)
            return [(row.title, row.fingerprints, row.count) for row in page.rows]

        both, other = ("no space left on the device", 2, 4), ("out of memory", 1, 1)
        assert found() == [both, other]
        assert found(sort="first_seen") == [other, both]
        assert found(text="disk") == [both]
        assert found(kind="timeout") == [both]
        assert found(kind="network_error") == [both]
        assert found(where="a") == [both]
        assert found(where="b") == [both, other]
        assert found(new_since_ms=AT_MS - HOUR_MS) == [other]
        assert found(since_ms=AT_MS - 6) == [both]
        assert found(fingerprints=True) == [(texts[1], 1, 1), (texts[2], 1, 1), (texts[0], 1, 3)]
        row = store.queries.groups(GroupFilter(), limit=1, offset=0, now_ms=AT_MS).rows[0]
        assert (row.fingerprint, row.kind, row.source) == (min(marks[:2]), "timeout", "human")
        assert (row.first_seen_ms, row.last_seen_ms) == (AT_MS - 2 * HOUR_MS, AT_MS - 5)
        assert (row.spark[-1], row.spark[-3], sum(row.spark)) == (1, 3, 4)
        assert [count for _, count in row.where] == [3, 1]
        assert store.queries.totals().groups == 2
        page = store.queries.groups(GroupFilter(), limit=1, offset=1, now_ms=AT_MS)
        assert ([row.title for row in page.rows], page.total, page.offset) == (["out of memory"], 2, 1)

    def test_what_joins_two_of_a_group_is_told_also_where_it_made_no_new_group(self, store: FedStore) -> None:
        texts = ("disk full", "no space left on the device", "out of memory")
        a, b, c = sorted(told(ci_failure(text)).fingerprint.value for text in texts)
        feed(store, *(ci_failure(text, ordinal=i) for i, text in enumerate(texts)))
        chain = (edge(a, b), edge(b, c), edge(a, c, AliasSource.HUMAN))
        for one in chain:
            feed(store, aliases=[one])
        detail = store.queries.group(b, now_ms=AT_MS)
        assert detail is not None
        assert set(detail.members.aliases) == set(chain)

    def test_kinds_over_time_add_up(self, store: FedStore) -> None:
        feed(store, *(ci_failure("x", ordinal=i, at_ms=AT_MS - i * MINUTE_MS) for i in range(10)))
        start = (AT_MS - 20 * MINUTE_MS) // MINUTE_MS * MINUTE_MS
        minutes = store.queries.kinds(GroupFilter(), start_ms=start, step_ms=MINUTE_MS, buckets=30)
        assert [(s.kind, s.total) for s in minutes.series] == [("unknown", 10)]
        assert max(minutes.series[0].counts) == 1
        start = (AT_MS - 3 * HOUR_MS) // HOUR_MS * HOUR_MS
        hours = store.queries.kinds(GroupFilter(kind="unknown"), start_ms=start, step_ms=HOUR_MS, buckets=6)
        assert hours.series[0].total == 10
        assert store.queries.kinds(GroupFilter(kind="timeout"), start_ms=start, step_ms=HOUR_MS, buckets=6).series == ()

    def test_the_last_day_of_a_group_is_its_spark(self, store: FedStore) -> None:
        feed(store, ci_failure("x"), ci_failure("x", ordinal=1, at_ms=AT_MS - 2 * HOUR_MS))
        (row,) = store.queries.groups(GroupFilter(), limit=1, offset=0, now_ms=AT_MS).rows
        assert (row.spark[-1], row.spark[-3], sum(row.spark), len(row.spark)) == (1, 1, 2, 24)

    def test_totals_tell_how_fresh_the_store_is(self, store: FedStore) -> None:
        assert store.queries.totals().last_failure_ms is None
        feed(store, replace(ci_failure("x"), received_at_ms=AT_MS + 3))
        totals = store.queries.totals()
        assert (totals.failures, totals.groups, totals.last_failure_ms) == (1, 1, AT_MS + 3)
        feed(store, ci_failure("y"))
        assert store.queries.totals().revision > totals.revision

    def test_a_group_has_its_evidence_as_title_where_its_sample_begins_with_a_banner(self, store: FedStore) -> None:
        records = feed(store, ci_failure("===== FAILURES =====\ndisk full"))
        key = records[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
        feed(store, verdicts=[verdict(key, "timeout", evidence="disk full")])
        (row,) = store.queries.groups(GroupFilter(), limit=1, offset=0, now_ms=AT_MS).rows
        assert row.title == "disk full"
