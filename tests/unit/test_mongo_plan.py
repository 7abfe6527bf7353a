"""What goes to MongoDB, before anything is sent: sorted, newest, bounded; and how its refusals read."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pymongo import errors
from suites.records import AT_MS, benchmark_failure, ci_failure, failures, verdict
from suites.stores import Feeder
from suites.table import each

from streams.contract.classified import Classified, GroupChanged, VerdictChanged
from streams.contract.documents import DATE_FIELDS, MAP_FIELDS, failure_documents, rollup_document
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import TIME_MS_MAX, Origin, Truncation
from streams.contract.rollup import Rollup
from streams.contract.verdict import VerdictSource
from streams.core.pipeline import OFFSET_BITS
from streams.sinks.mongo.client import open_for_reading, open_for_writing
from streams.sinks.mongo.documents import at_ms, date, shown, stored
from streams.sinks.mongo.errors import fault_of, refusal_of
from streams.sinks.mongo.plan import Planner
from streams.sinks.mongo.schema import MongoNames

PLANNER = Planner(MongoNames())


@given(st.lists(failures, min_size=1, max_size=5))
def test_a_document_comes_back_as_it_was(found: list[Any]) -> None:
    for record in Feeder().records(*{f.id: f for f in found}.values()):
        if isinstance(record, Classified):
            for _, document in failure_documents(record):
                kept: dict[str, Any] = bson.decode(bson.encode(stored(document)), bson.CodecOptions(tz_aware=True))
                assert shown(kept) == document
        elif isinstance(record, Rollup) and record.where is not None:
            assert shown(stored(rollup_document(record))) == rollup_document(record)


def test_every_time_and_every_map_of_a_document_is_known() -> None:
    odd = {"labels": {"a": "b"}, "truncated": (Truncation("message", 9),), "received_at_ms": AT_MS}
    told = (replace(ci_failure("x"), **odd), replace(benchmark_failure("x"), **odd))
    records = Feeder().records(*told)
    documents = [d for r in records if isinstance(r, Classified) for _, d in failure_documents(r)]
    documents += [rollup_document(r) for r in records if isinstance(r, Rollup) and r.where is not None]
    assert len(documents) == 4
    for document in documents:
        times = {f for f, v in document.items() if isinstance(v, str) and v.endswith("Z") and v.startswith("2026-")}
        assert times <= DATE_FIELDS
        assert {f for f, v in document.items() if isinstance(v, dict)} <= MAP_FIELDS


def test_dates_reach_to_the_end_of_the_calendar_and_no_further() -> None:
    assert at_ms(date(TIME_MS_MAX)) == TIME_MS_MAX
    assert date(TIME_MS_MAX + 10**12) == date(TIME_MS_MAX)


def test_of_several_rows_with_one_key_the_newest_is_written() -> None:
    feeder = Feeder()
    batches = [feeder.records(ci_failure("x", job="a", ordinal=i)) for i in range(3)]
    records = [record for batch in reversed(batches) for record in batch]
    plan = PLANNER.plan(records)
    assert {len(rows) for rows in plan.rows.values()} == {1, 2}  # windows of a minute and an hour
    assert {row.fields["count"] for rows in plan.rows.values() for row in rows.values()} == {3}
    assert len(plan.documents[Origin.CI]) == 3


def test_of_several_verdicts_for_one_fingerprint_the_newest_changes_documents_and_all_are_remembered() -> None:
    changes = [
        VerdictChanged(fingerprint="fp1.x", verdict=verdict("fp1.x", kind), verdict_version=version)
        for version, kind in ((2, "timeout"), (3, "runtime_error"), (1, "network_error"))
    ]
    plan = PLANNER.plan(changes)
    (change,) = plan.changes.values()
    assert (change.index, change.version) == (1, 3)
    assert isinstance(change.update, dict)
    assert change.update["$set"]["s_subcategory"] == "runtime_error"
    assert sorted(version for _, version in plan.history) == [1, 2, 3]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_documents_of_one_failure_that_of_the_higher_epoch_is_written(order: tuple[int, int]) -> None:
    (told,) = [record for record in Feeder().records(ci_failure("x")) if isinstance(record, Classified)]
    by_epoch = [replace(told, verdict_version=epoch << OFFSET_BITS | 7, count_before=epoch) for epoch in (0, 1)]
    plan = PLANNER.plan([by_epoch[epoch] for epoch in order])
    (document,) = plan.documents[Origin.CI].values()
    assert document.version >> OFFSET_BITS == 1
    assert document.body["l_verdict_version"] == document.version


def test_of_two_documents_of_one_failure_and_epoch_the_first_is_written() -> None:
    (told,) = [record for record in Feeder().records(ci_failure("x")) if isinstance(record, Classified)]
    plan = PLANNER.plan([told, replace(told, verdict_version=told.verdict_version + 1)])
    (document,) = plan.documents[Origin.CI].values()
    assert document.version == told.verdict_version


def test_of_several_groups_of_one_fingerprint_the_newest_changes_documents_that_carry_an_older_or_none() -> None:
    changes = [
        GroupChanged(fingerprint="fp1.x", origin=Origin.CI, group=group, group_version=version, changed_at_ms=AT_MS)
        for version, group in ((2, "fp1.b"), (3, "fp1.a"), (1, "fp1.c"))
    ]
    plan = PLANNER.plan(changes)
    (change,) = plan.regrouped.values()
    assert (change.index, change.stale) == (1, {"l_group_version": {"$not": {"$gte": 3}}})
    assert change.update == {"$set": {"s_group": "fp1.a", "l_group_version": 3}}
    assert plan.changes == {}


def test_text_from_outside_is_never_an_expression() -> None:
    said = {"reason": "$$ROOT", "rule_id": "$s_repo", "evidence": "$x"}
    own = verdict("fp1.x", "timeout", source=VerdictSource.RULE, **said)
    plan = PLANNER.plan([VerdictChanged(fingerprint="fp1.x", verdict=own, verdict_version=2)])
    (change,) = plan.changes.values()
    assert isinstance(change.update, list)
    fields = change.update[0]["$set"]
    assert fields["s_root_cause_summary"] == {"$literal": "$$ROOT"}
    assert fields["s_rule_id"] == {"$literal": "$s_repo"}
    plain = {field: value for field, value in fields.items() if not isinstance(value, dict)}
    assert plain == {"ts_classified_at": "$@timestamp", "s_evidence": "$s_own_evidence"}


FAULTS = {
    "wrong password": (errors.OperationFailure("Authentication failed.", 18), ConfigurationError, "user and password"),
    "no right": (errors.OperationFailure("not authorized on x", 13), ConfigurationError, "grant it readWrite"),
    "no primary": (errors.NotPrimaryError("not primary", {"code": 10107}), SinkUnavailable, "is elected"),
    "disk full": (errors.OperationFailure("no space", 14031), SinkUnavailable, "make room"),
    "conflict": (errors.OperationFailure("conflict", 112), SinkUnavailable, "code 112"),
    "nobody": (errors.ServerSelectionTimeoutError("h:1: refused, Timeout: 5s, x"), SinkUnavailable, "h:1: refused$"),
    "hung up": (errors.AutoReconnect("h:1: connection closed"), SinkUnavailable, "add tls=true"),
    "reset": (errors.NetworkTimeout("h:1: timed out (configured timeouts: x)"), SinkUnavailable, "timed out$"),
    "untrusted": (errors.AutoReconnect("h: CERTIFICATE_VERIFY_FAILED"), ConfigurationError, "tlsCAFile"),
    "one of many": (
        errors.BulkWriteError({"writeErrors": [{"code": 112, "errmsg": "c"}], "writeConcernErrors": []}),
        SinkUnavailable,
        "code 112",
    ),
    "not acknowledged": (
        errors.BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "waiting"}]}),
        SinkUnavailable,
        "not acknowledged: waiting",
    ),
    "several lines": (errors.OperationFailure("a\nb", 59), SinkUnavailable, "MongoDB: a b"),
}


@each(("error", "kind", "told"), FAULTS.values(), ids=FAULTS)
def test_a_failed_call_is_told_in_one_line_with_the_way_out(
    error: errors.PyMongoError, kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=told) as caught:
        raise fault_of(error)
    assert "\n" not in str(caught.value)


def test_a_refusal_names_rules_and_indexes_and_no_values() -> None:
    failed = {
        "operatorName": "$jsonSchema",
        "schemaRulesNotSatisfied": [
            {
                "operatorName": "properties",
                "propertiesNotSatisfied": [
                    {
                        "propertyName": "ts",
                        "details": [{"operatorName": "bsonType", "reason": "no", "consideredValue": "secret"}],
                    }
                ],
            },
            {"operatorName": "required", "missingProperties": ["provider"]},
        ],
    }
    said = refusal_of({"code": 121, "errmsg": "Document failed validation", "errInfo": {"details": failed}})
    assert said == "the collection's validator refuses it: ts fails bsonType, without provider (code 121)"
    duplicate = {"code": 11000, "keyPattern": {"fingerprint": 1}, "errmsg": 'dup key: { fingerprint: "secret" }'}
    assert "unique index on fingerprint" in refusal_of(duplicate)
    assert refusal_of({"code": 2, "errmsg": 'bad value "secret"'}) == "MongoDB refuses it: bad value (code 2)"
    assert "secret" not in said + refusal_of(duplicate)


ADDRESSES = {
    "a slash in the password": ("mongodb://u:p/ss@h:1/", "percent-encoded"),
    "no host": ("mongodb://", "not an address"),
    "certificates unchecked": ("mongodb://h/?tls=true&tlsAllowInvalidCertificates=true", "tlsCAFile"),
    "certificates unchecked, by another name": ("mongodb+srv://h.example/?tlsInsecure=true", "tlsCAFile"),
    "nothing acknowledged": ("mongodb://h/?w=0", "w=0"),
}


@pytest.mark.parametrize(("uri", "told"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_cannot_be_used_is_told_without_its_password(uri: str, told: str) -> None:
    for opened in (open_for_writing, open_for_reading):
        with pytest.raises(ConfigurationError, match=told) as caught:
            opened(uri, appname="x")
        assert "p/ss" not in str(caught.value)


def test_what_the_address_says_is_stronger_than_our_defaults() -> None:
    with open_for_reading("mongodb://h/?serverSelectionTimeoutMS=77&connect=false", appname="x") as client:
        assert client.options.server_selection_timeout == pytest.approx(0.077)
        assert client.options.pool_options.appname == "x"
