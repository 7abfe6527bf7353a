"""Identity: what is sent twice is one failure, and two failures stay two."""

from __future__ import annotations

from typing import Any

from suites.gateway import FAILURE, NOW_MS, caller

CI: dict[str, Any] = {"origin": "ci", "message": "boom", "ci": {"repo": "here/shop"}}
CALL: dict[str, Any] = {"origin": "benchmark", "message": "429", "benchmark": {"provider": "p", "model": "m"}}
LINES = "application/x-ndjson"


def ids(body: object, **headers: str) -> list[str]:
    return [failure.id for failure in caller().failures(body, **headers)]


def test_a_report_without_a_run_id_is_another_one_each_time() -> None:
    gateway = caller()
    (first,), (second,) = gateway.failures(CI), gateway.failures(CI)
    assert first.id != second.id
    assert (first.ci and first.ci.run_id, second.ci and second.ci.run_id) == ("made-0", "made-1")


def test_a_retry_with_its_key_is_the_same_failure() -> None:
    for body in (CI, CALL, CALL | {"benchmark": {"run_id": "7"}}, [CI, CI], [CALL, CALL | {"message": "500"}]):
        gateway = caller()
        first = gateway.failures(body, idempotency_key="k")
        again = gateway.failures(body, idempotency_key="k")
        other = gateway.failures(body, idempotency_key="another")
        assert [one.id for one in first] == [one.id for one in again]
        assert not {one.id for one in first} & {one.id for one in other}


def test_a_failure_that_names_its_run_is_itself_without_a_key() -> None:
    gateway = caller()
    assert gateway.failures(FAILURE)[0].id == gateway.failures(FAILURE)[0].id


def test_the_time_of_arrival_is_in_no_identity() -> None:
    known = CALL | {"benchmark": {"provider": "p", "request_id": "r"}}
    (untimed,) = ids(known)
    assert untimed == ids(known)[0]
    assert ids(CALL, idempotency_key="k") == ids(CALL, idempotency_key="k")


def test_calls_of_one_run_without_time_and_request_in_two_requests_are_two_failures() -> None:
    call = CALL | {"benchmark": {"provider": "p", "run_id": "7"}}
    gateway = caller()
    (first,), (second,) = gateway.failures(call), gateway.failures(call)
    assert first.id != second.id
    assert first.benchmark is not None
    assert (first.benchmark.run_id, first.benchmark.request_id) == ("7", "")


def test_a_call_with_a_time_is_known_by_its_time_and_message() -> None:
    gateway = caller()
    timed = CALL | {"occurred_at_ms": NOW_MS - 5}
    (first,), (again,) = gateway.failures(timed), gateway.failures(timed)
    (later,) = gateway.failures(CALL | {"occurred_at_ms": NOW_MS})
    assert first.id == again.id != later.id
    assert first.benchmark is not None
    assert first.benchmark.run_id == ""


def test_failures_of_one_test_that_differ_in_message_or_time_are_counted_apart() -> None:
    test = FAILURE | {"ci": {"run_id": "7", "test_class": "a", "test_name": "b"}}
    found = caller().failures([test, test | {"message": "bang"}, test, test | {"occurred_at_ms": 5_000_000_000_000}])
    assert [failure.ordinal for failure in found] == [0, 1, 0, 2]
    assert len({failure.id for failure in found}) == 3


def test_failures_that_say_nothing_of_themselves_are_never_merged() -> None:
    for bare in (CI, CALL):
        found = caller().failures([bare] * 5)
        assert [failure.ordinal for failure in found] == [0, 1, 2, 3, 4]
        assert len({failure.id for failure in found}) == 5


def test_an_id_and_an_ordinal_of_its_own_are_kept() -> None:
    own = "0123456789abcdef" * 2
    (first, second) = caller().failures([FAILURE | {"id": own}, FAILURE | {"ordinal": 9}])
    assert (first.id, second.ordinal) == (own, 9)


def test_the_order_of_other_items_does_not_change_an_id() -> None:
    other = FAILURE | {"message": "bang"}
    assert sorted(ids([FAILURE, other])) == sorted(ids([other, FAILURE]))
