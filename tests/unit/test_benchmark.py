"""Errors of benchmark runs become failures, whichever SDK raised them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from suites.drawing import load
from suites.table import each

from streams.contract.errors import MalformedRecord
from streams.contract.failure import MESSAGE_BYTES_MAX, Failure
from streams.producers.benchmark import benchmark_failure, from_exception, from_row

AT_MS = 1_700_000_000_000


def failure(**given: Any) -> Failure:
    return benchmark_failure(**({"occurred_at_ms": AT_MS} | given))


def test_a_status_in_the_message_is_as_good_as_one_given() -> None:
    message = "Error code: 404 - Model not found"
    assert failure(message=message) == failure(message=message, status=404)


def test_a_status_alone_is_shown_as_the_earlier_runner_showed_it() -> None:
    assert failure(status=503).message == "Error code: 503"


def test_the_same_request_of_the_same_run_is_one_failure_whenever_it_is_told() -> None:
    call = {"message": "boom", "provider": "p", "model": "m", "stage": "s", "run_id": "r", "request_id": "q"}
    assert (
        failure(**call).id == failure(**call, occurred_at_ms=AT_MS + 5).id != failure(**call | {"request_id": "z"}).id
    )


def test_a_long_message_is_cut_and_says_so() -> None:
    cut = failure(message="x" * (MESSAGE_BYTES_MAX * 2))
    assert len(cut.message.encode()) <= MESSAGE_BYTES_MAX
    assert cut.truncated[0].original_bytes == MESSAGE_BYTES_MAX * 2


@pytest.mark.parametrize(
    ("given", "place"),
    [({}, "$.message"), ({"status": 99}, "$.status"), ({"message": "m", "occurred_at_ms": -1}, "$.occurred_at_ms")],
)
def test_what_cannot_be_a_failure_is_refused_with_its_place(given: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedRecord) as refused:
        failure(**given)
    assert refused.value.place == place


class SdkError(Exception):
    """An SDK's error: any attributes."""

    def __init__(self, text: str, **attributes: object) -> None:
        super().__init__(text)
        self.__dict__.update(attributes)


class NoResponse(Exception):
    @property
    def response(self) -> object:
        raise RuntimeError("the request was never sent")

    def __str__(self) -> str:
        raise ValueError("cannot be shown")


ERRORS: list[tuple[str, BaseException, str, int | None, str, str]] = [
    (
        "status error with a body",
        SdkError(
            "Error code: 429 - {'type': 'error', 'error': {'type': 'rate_limit_error'}}",
            status_code=429,
            body={"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
            request_id="req_1",
        ),
        "Error code: 429 - {'type': 'error', 'error': {'type': 'rate_limit_error'}}",
        429,
        "rate_limit_error",
        "req_1",
    ),
    (
        "a code beside the type",
        SdkError(
            "Error code: 404 - no such model", status_code=404, body={"code": "model_not_found", "type": "bad_request"}
        ),
        "Error code: 404 - no such model",
        404,
        "model_not_found",
        "",
    ),
    (
        "a body that is no JSON",
        SdkError("<html>Bad Gateway</html>", status_code=502, body="<html>"),
        "Error code: 502 - <html>Bad Gateway</html>",
        502,
        "",
        "",
    ),
    (
        "cloud client with a response of dictionaries",
        SdkError(
            "An error occurred (ThrottlingException)",
            response={
                "Error": {"Code": "ThrottlingException"},
                "ResponseMetadata": {"HTTPStatusCode": 429, "RequestId": "aws-1"},
            },
        ),
        "Error code: 429 - An error occurred (ThrottlingException)",
        429,
        "ThrottlingException",
        "aws-1",
    ),
    (
        "http library",
        SdkError("404 Client Error", response=SimpleNamespace(status_code=404)),
        "Error code: 404 - 404 Client Error",
        404,
        "",
        "",
    ),
    (
        "status in words, number in code",
        SdkError("quota", code=429, status="RESOURCE_EXHAUSTED"),
        "Error code: 429 - quota",
        429,
        "RESOURCE_EXHAUSTED",
        "",
    ),
    ("no status at all", SdkError("Connection error."), "Connection error.", None, "", ""),
    ("an answer of 200 that is not valid", SdkError("not valid JSON", status_code=200), "not valid JSON", 200, "", ""),
    ("an exit code", SystemExit(130), "130", None, "", ""),
    ("attributes and text that raise", NoResponse(), "NoResponse", None, "", ""),
]


@each(
    ("error", "message", "status", "code", "request_id"),
    [case[1:] for case in ERRORS],
    ids=[case[0] for case in ERRORS],
)
def test_an_exception_is_read_by_attribute(
    error: BaseException, message: str, status: int | None, code: str, request_id: str
) -> None:
    told = from_exception(error, occurred_at_ms=AT_MS, provider="p", model="m")
    assert told.benchmark is not None
    seen = (told.message, told.http_status, told.provider_error_code, told.benchmark.request_id, told.exception_type)
    assert seen == (message, status, code, request_id, type(error).__name__)


def test_a_traceback_is_told_with_its_cause_and_has_a_bound() -> None:
    def deep(left: int) -> None:
        if left:
            return deep(left - 1)
        try:
            raise ConnectionError("socket gone")
        except ConnectionError as gone:
            raise SdkError("request failed") from gone

    error: BaseException
    try:
        deep(load(400))
    except SdkError as raised:
        error = raised
    for number in range(100):
        nested = SdkError(f"retry {number}")
        nested.__context__ = error
        nested.__traceback__ = error.__traceback__
        error = nested
    told = from_exception(error, occurred_at_ms=AT_MS).traceback
    assert "retry 99" in told
    assert "retry 50" not in told
    short = from_exception(error.__context__ or error, occurred_at_ms=AT_MS).traceback
    assert "Traceback (most recent call last)" in short


ROWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "our names",
        {"message": "m", "status": 404, "code": "c", "exception_type": "E"},
        {"http_status": 404, "exception_type": "E"},
    ),
    (
        "the earlier system's names",
        {
            "message": "m",
            "model_name": "x",
            "http_status": 500,
            "exc_type": "E",
            "provider_error_code": "c",
            "fingerprint": "f",
        },
        {"http_status": 500, "exception_type": "E", "provider_error_code": "c"},
    ),
    ("a status as text", {"message": "m", "status": "503"}, {"http_status": 503}),
    ("a status as a table wrote it", {"message": "m", "http_status": 503.0}, {"http_status": 503}),
    ("milliseconds", {"message": "m", "occurred_at_ms": 5}, {"occurred_at_ms": 5}),
    ("seconds", {"message": "m", "ts": 1_700_000_001.5}, {"occurred_at_ms": 1_700_000_001_500}),
    ("ISO 8601", {"message": "m", "ts": "2023-11-14T22:13:21Z"}, {"occurred_at_ms": 1_700_000_001_000}),
    (
        "ISO 8601 without a zone is UTC",
        {"message": "m", "ts": "2023-11-14T22:13:21"},
        {"occurred_at_ms": 1_700_000_001_000},
    ),
    (
        "an exported date",
        {"message": "m", "ts": {"$date": "2023-11-14T22:13:21.000Z"}},
        {"occurred_at_ms": 1_700_000_001_000},
    ),
    ("no time", {"message": "m", "ts": None}, {"occurred_at_ms": AT_MS}),
]


@each(("row", "expected"), [case[1:] for case in ROWS], ids=[case[0] for case in ROWS])
def test_a_row_is_read_under_its_known_names(row: dict[str, Any], expected: dict[str, Any]) -> None:
    told = from_row(row, occurred_at_ms=AT_MS)
    assert {name: getattr(told, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ({"message": 5}, "$.message"),
        ({"message": "m", "status": "teapot"}, "$.status"),
        ({"message": "m", "ts": "yesterday"}, "$.ts"),
        ({"message": "m", "ts": float("nan")}, "$.ts"),
        ({"message": "m", "occurred_at_ms": 1e300}, "$.occurred_at_ms"),
        ({"provider": "p"}, "$.message"),
    ],
)
def test_a_row_with_a_wrong_value_is_refused_with_its_place(row: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedRecord) as refused:
        from_row(row, occurred_at_ms=AT_MS)
    assert refused.value.place == place
