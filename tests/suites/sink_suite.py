"""What every sink owes: documents under the earlier systems' names, once, and in their newest form."""

from __future__ import annotations

from suites.records import AT_MS, benchmark_failure, ci_failure, edge, told, verdict
from suites.stores import FedStore, feed

from streams.contract.alias import AliasSource
from streams.contract.documents import iso
from streams.contract.failure import Origin


class SinkSuite:
    """Inherit as `Test...` and give the fixture `store`."""

    def test_a_benchmark_failure_has_the_earlier_systems_fields(self, store: FedStore) -> None:
        failure = benchmark_failure("Error code: 429 - slow down", http_status=429, provider_error_code="rate_limit")
        feed(store, failure)
        (document,) = store.documents(Origin.BENCHMARK).values()
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

    def test_a_ci_failure_has_the_earlier_systems_fields(self, store: FedStore) -> None:
        feed(store, ci_failure("boom", test_class="t.T", test_name="test_a", traceback="line\nline", attempt=2))
        (document,) = store.documents(Origin.CI).values()
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

    def test_the_same_records_twice_and_older_ones_late_change_nothing(self, store: FedStore) -> None:
        first = feed(store, ci_failure("x"))
        key = first[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
        second = feed(store, ci_failure("x", job="other"), verdicts=[verdict(key, "timeout")])
        before = store.dump()
        store.write(first)
        store.write(second)
        store.write(first)
        assert store.dump() == before

    def test_two_verdicts_with_a_redelivery_between_them_leave_the_later(self, store: FedStore) -> None:
        key = feed(store, ci_failure("x"))[-1].fingerprint  # type: ignore[union-attr]  # the last are rollups
        early = feed(store, verdicts=[verdict(key, "timeout")])
        late = verdict(key, "runtime_error", decided_at_ms=AT_MS + 5)
        feed(store, verdicts=[late])
        store.write(early)
        assert {doc["s_subcategory"] for doc in store.documents(Origin.CI).values()} == {"runtime_error"}
        detail = store.queries.group(key, now_ms=AT_MS)
        assert detail is not None
        assert [old.kind for old in detail.history] == ["runtime_error", "timeout", "unknown"]

    def test_a_changed_verdict_reaches_every_document_and_dates_it(self, store: FedStore) -> None:
        key = feed(store, *(ci_failure("x", job=f"j{i}") for i in range(7)))[-1].fingerprint  # type: ignore[union-attr]  # rollups
        decided = verdict(key, "timeout", decided_at_ms=AT_MS + 77, evidence="x")
        feed(store, verdicts=[decided])
        documents = store.documents(Origin.CI).values()
        assert len(documents) == 7
        assert {(d["s_subcategory"], d["ts_classified_at"], d["s_evidence"]) for d in documents} == {
            ("timeout", iso(AT_MS + 77), "x")
        }

    def test_documents_follow_their_group_and_older_news_of_it_changes_nothing(self, store: FedStore) -> None:
        names = {text: told(ci_failure(text)).fingerprint.value for text in ("the disk is full", "no room is left")}
        first, last = sorted(names.values())
        feed(store, *(ci_failure(text, job=f"j{i}") for text in names for i in range(3)))
        assert self.groups(store) == {(first, first), (last, last)}
        joined = feed(store, aliases=[edge(first, last)])
        feed(store, *(ci_failure(text, job="later") for text in names))
        assert self.groups(store) == {(first, first), (last, first)}
        apart = feed(store, aliases=[edge(first, last, AliasSource.HUMAN, stands=False)])
        assert self.groups(store) == {(first, first), (last, last)}
        store.write(joined)
        store.write(apart)
        assert self.groups(store) == {(first, first), (last, last)}
        feed(store, verdicts=[verdict(last, "timeout")])
        told_of = {(d["s_fingerprint"], d["s_subcategory"]) for d in store.documents(Origin.CI).values()}
        assert told_of == {(first, "unknown"), (last, "timeout")}

    def groups(self, store: FedStore) -> set[tuple[str, str]]:
        """Fingerprint and group of every document."""
        return {(d["s_fingerprint"], d["s_group"]) for d in store.documents(Origin.CI).values()}
