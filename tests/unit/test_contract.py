"""Records: what goes out comes back, what is wrong is refused by name and place, what is long is cut with a mark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.records import AT_MS, ci_failure, failures
from suites.table import each

from streams.contract import schema, topics
from streams.contract.classified import GroupChanged
from streams.contract.errors import MalformedRecord, RecordTooLarge, UnknownVersion
from streams.contract.failure import (
    LABELS_MAX,
    MESSAGE_BYTES_MAX,
    TRACEBACK_BYTES_MAX,
    Envelope,
    Failure,
    bounded,
    head_and_tail,
    identity,
)
from streams.contract.wire import (
    Refused,
    classified_from_bytes,
    failures_from_bytes,
    from_bytes,
    rejected_headers,
    to_bytes,
)

EXAMPLES = Path(__file__).parent.parent / "examples"


@given(failures)
def test_a_failure_comes_back_from_its_bytes(failure: Failure) -> None:
    assert from_bytes(Failure, to_bytes(failure)) == failure


@given(failures)
def test_bounding_twice_changes_nothing_more(failure: Failure) -> None:
    assert bounded(bounded(failure)) == bounded(failure)


@given(st.text(), st.integers(0, 200))
def test_head_and_tail_is_never_longer_than_its_bound_and_the_mark(text: str, limit: int) -> None:
    cut = head_and_tail(text, limit)
    assert cut == text or len(cut.encode()) <= max(limit, len("\n... [9999 bytes cut] ...\n"))


def test_long_texts_are_cut_and_named() -> None:
    failure = bounded(
        ci_failure("x" * 10_000_000, traceback="y\n" * 1_000_000, labels={str(i): "v" for i in range(10**5)})
    )
    assert len(failure.message.encode()) <= MESSAGE_BYTES_MAX
    assert len(failure.traceback.encode()) <= TRACEBACK_BYTES_MAX
    assert len(failure.labels) == LABELS_MAX
    assert [mark.field for mark in failure.truncated] == ["message", "traceback", "labels"]
    assert failure.truncated[0].original_bytes == 10_000_000


def test_long_names_are_cut_and_named() -> None:
    failure = bounded(ci_failure(job="j" * 5000))
    assert failure.ci is not None
    assert len(failure.ci.job_name) == 1024
    assert failure.truncated[0].field == "ci.job_name"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"source": "pytest"}, True),
        ({"branch": "other"}, True),
        ({"run_id": "2"}, False),
        ({"attempt": 2}, False),
        ({"job_name": "lint"}, False),
        ({"test_name": "test_b"}, False),
        ({"ordinal": 1}, False),
    ],
)
def test_identity_is_where_and_which_test_and_nothing_else(change: dict[str, Any], same: bool) -> None:
    base: dict[str, Any] = {"test_class": "t.T", "test_name": "test_a"}
    one = ci_failure("m", **base)
    other = ci_failure("m", **(base | change))
    assert (identity(one) == identity(other)) is same


def test_without_a_test_the_message_tells_failures_apart() -> None:
    assert identity(ci_failure("a")) != identity(ci_failure("b"))


def test_no_two_field_lists_share_an_identity_by_moving_a_character() -> None:
    assert identity(ci_failure(repo="ab", run_id="c")) != identity(ci_failure(repo="a", run_id="bc"))


GOOD = json.loads(to_bytes(ci_failure()))


@each(
    ("name", "value", "error", "place"),
    [
        ("null", None, MalformedRecord, ""),
        ("empty", b"", MalformedRecord, ""),
        ("not JSON", b"{oops", MalformedRecord, ""),
        ("a number", b"7", MalformedRecord, ""),
        ("binary", bytes(range(256)), MalformedRecord, ""),
        ("invalid UTF-8", b'{"origin":"ci","message":"\xff"}', MalformedRecord, ""),
        ("lone surrogate", json.dumps(GOOD | {"message": "\ud800"}).encode(), MalformedRecord, ""),
        ("unknown version", json.dumps(GOOD | {"version": 9}).encode(), UnknownVersion, "$.version"),
        ("wrong type", json.dumps(GOOD | {"message": 7}).encode(), MalformedRecord, "$.message"),
        ("time NaN", json.dumps(GOOD | {"occurred_at_ms": float("nan")}).encode(), MalformedRecord, ""),
        ("time in 10,000", json.dumps(GOOD | {"occurred_at_ms": 10**15}).encode(), MalformedRecord, "$.occurred_at_ms"),
        ("time below 1970", json.dumps(GOOD | {"occurred_at_ms": -1}).encode(), MalformedRecord, "$.occurred_at_ms"),
        ("no place", json.dumps({k: v for k, v in GOOD.items() if k != "ci"}).encode(), MalformedRecord, ""),
        ("two places", json.dumps(GOOD | {"benchmark": {}}).encode(), MalformedRecord, ""),
        ("nested", b"[" * 100_000, MalformedRecord, ""),
        ("too many", b'{"failures":[' + b"1," * 10_001 + b"1]}", RecordTooLarge, "$.failures"),
        ("one of two", json.dumps({"failures": [GOOD, {"origin": "ci"}]}).encode(), MalformedRecord, "$.failures[1]"),
    ],
)
def test_what_is_not_a_failure_is_refused_with_its_place(
    name: str, value: bytes | None, error: type[MalformedRecord], place: str
) -> None:
    refused = [item for item in failures_from_bytes(value) if isinstance(item, Refused)]
    assert [type(item.error) for item in refused] == [error], name
    assert refused[0].error.place.startswith(place)
    assert refused[0].error.reason


def test_one_bad_failure_does_not_take_its_envelope_with_it() -> None:
    data = json.dumps({"failures": [GOOD, {"origin": "moon"}, GOOD]}).encode()
    kinds = [type(item) for item in failures_from_bytes(data)]
    assert kinds == [Failure, Refused, Failure]


def test_a_field_that_a_newer_writer_added_is_passed_over() -> None:
    assert from_bytes(Failure, json.dumps(GOOD | {"mood": "bad"}).encode()) == ci_failure()


def test_rejected_records_carry_the_six_standard_headers_and_ours() -> None:
    error = MalformedRecord("no", place="$.x")
    headers = rejected_headers(
        error, topic="t", partition=1, offset=2, stage="fold", failed_at_ms=AT_MS, app_version="1"
    )
    assert headers["__streams.errors.exception"] == "MalformedRecord"
    assert headers["__streams.errors.message"] == "no (at $.x)"
    assert sum(name.startswith("__streams.errors.") for name in headers) == 6
    assert {"dlq.stage", "dlq.attempt", "dlq.first_failed_at", "dlq.app_version"} <= set(headers)


def test_every_kept_example_still_decodes_and_names_a_topic() -> None:
    paths = sorted(path for path in EXAMPLES.rglob("*") if path.is_file())
    assert {path.parent.parent.name for path in paths} == {
        t.name.removesuffix(".v1") for t in topics.TOPICS if t.records
    }
    for path in paths:
        topic = topics.BY_NAME[f"{path.parent.parent.name}.{path.parent.name}"]
        data = path.read_bytes()
        if topic in (topics.CI, topics.BENCHMARK):
            read = list(failures_from_bytes(data))
            assert read
            assert not [item for item in read if isinstance(item, Refused)], path
        elif topic is topics.CLASSIFIED:
            read_back = classified_from_bytes(data)
            assert isinstance(read_back, GroupChanged) or read_back.verdict.kind, path
        else:
            assert from_bytes(topic.records[0], data).version == 1, path


def test_the_schemas_in_the_package_are_those_of_the_records() -> None:
    assert schema.main(["--check"]) == 0


def test_a_schema_that_differs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "failures.ci.v1.schema.json").write_text("{}")
    assert schema.main(["--check"], folder=tmp_path) == 1
    assert "failures.ci.v1.schema.json: differs" in capsys.readouterr().out


def test_every_field_of_a_failure_is_in_its_schema() -> None:
    definitions = schema.schema_of(topics.CI)["$defs"]
    assert set(definitions["Failure"]["properties"]) == set(Failure.__struct_fields__)
    assert msgspec.json.schema(Envelope)["$defs"]["Envelope"]["required"] == ["failures"]
