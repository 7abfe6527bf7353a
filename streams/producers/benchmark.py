"""Errors of LLM benchmark runs -> failures: from an exception, from its parts, or from a row of the earlier runner.

The message is shown as the earlier runner showed it, `Error code: 404 - ...`, so that its fingerprints are met again.
Provider SDKs are never imported: what their errors have in common is read by attribute, and an error whose attributes
misbehave still becomes a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from traceback import TracebackException
from typing import Any, Final

from streams.contract.errors import MalformedRecord
from streams.contract.failure import TIME_MS_MAX, Benchmark, Failure, Origin, bounded, identified
from streams.contract.taxonomy import status_from_text

TRACEBACK_FRAMES_MAX: Final = 256
"""Of each exception of a chain, the innermost."""
CHAIN_MAX: Final = 16
"""Exceptions of one chain or group that a traceback tells of."""
_MS_MIN: Final = 100_000_000_000
"""A smaller number is a time in seconds (as milliseconds it would lie before 1973-03-03)."""

EARLIER_NAMES: Final[Mapping[str, str]] = {
    "model_name": "model",
    "http_status": "status",
    "provider_error_code": "code",
    "exc_type": "exception_type",
}
"""What rows of the earlier system, and our own records, call the fields of a row."""
_CODE = re.compile(r"[A-Za-z][\w.:\-]{0,100}")
"""A word, not a sentence and not a number."""


def benchmark_failure(
    *,
    occurred_at_ms: int,
    message: str = "",
    exception_type: str = "",
    traceback: str = "",
    status: int | None = None,
    provider: str = "",
    model: str = "",
    stage: str = "",
    run_id: str = "",
    request_id: str = "",
    code: str = "",
    benchmark: str = "",
) -> Failure:
    """One failed call. The status is read from the message when it is not given; texts are cut to their bounds.

    Raises:
        MalformedRecord: nothing says what failed, or the status or the time is none.
    """
    if not (message or exception_type or traceback or status or code):
        raise MalformedRecord("nothing says what failed: give a message or a status", place="$.message")
    if status is not None and _http_status(status) is None:
        raise MalformedRecord(f"{status} is no HTTP status (100 to 999)", place="$.status")
    if not 0 <= occurred_at_ms <= TIME_MS_MAX:
        raise MalformedRecord(f"{occurred_at_ms} is no time in milliseconds since 1970", place="$.occurred_at_ms")
    if not message and status:
        message = f"Error code: {status}"
    return bounded(
        identified(
            Failure(
                origin=Origin.BENCHMARK,
                occurred_at_ms=occurred_at_ms,
                message=message or exception_type or code,
                exception_type=exception_type,
                traceback=traceback,
                http_status=status or _http_status(status_from_text(message)),
                provider_error_code=code,
                benchmark=Benchmark(
                    provider=provider,
                    model=model,
                    stage=stage,
                    run_id=run_id,
                    request_id=request_id,
                    benchmark=benchmark,
                ),
            )
        )
    )


def from_exception(
    error: BaseException,
    *,
    occurred_at_ms: int,
    provider: str = "",
    model: str = "",
    stage: str = "",
    run_id: str = "",
    request_id: str = "",
    benchmark: str = "",
) -> Failure:
    """The failure that an exception tells of: its status, the provider's code and the request id where it has them."""
    status = _status(error)
    return benchmark_failure(
        occurred_at_ms=occurred_at_ms,
        message=_message(error, status),
        exception_type=type(error).__name__,
        traceback=_traceback(error),
        status=status,
        provider=provider,
        model=model,
        stage=stage,
        run_id=run_id,
        request_id=request_id or _request_id(error),
        code=_code(error),
        benchmark=benchmark,
    )


def from_row(row: Mapping[str, Any], *, occurred_at_ms: int) -> Failure:
    """The failure in a row of named values, as a line of NDJSON or an export of the earlier system's error rows.

    Known names, the earlier system's among them: `message`; `exception_type` or `exc_type`; `traceback`; `status` or
    `http_status`; `code` or `provider_error_code`; `provider`; `model` or `model_name`; `stage`; `run_id`;
    `request_id`; `benchmark`; and for the time `occurred_at_ms`, `ts` or `timestamp` (a number of seconds or
    milliseconds, ISO 8601, or `{"$date": ...}`). Others are stepped over. `occurred_at_ms` stands in for no time.

    Raises:
        MalformedRecord: a value is of the wrong type, with its place; or nothing says what failed.
    """
    row = {EARLIER_NAMES.get(name, name): value for name, value in row.items() if value is not None}
    at = next((at for name in ("occurred_at_ms", "ts", "timestamp") if (at := _time_ms(row, name)) is not None), None)
    return benchmark_failure(
        occurred_at_ms=occurred_at_ms if at is None else at,
        message=_text(row, "message"),
        exception_type=_text(row, "exception_type"),
        traceback=_text(row, "traceback"),
        status=_number(row, "status"),
        provider=_text(row, "provider"),
        model=_text(row, "model"),
        stage=_text(row, "stage"),
        run_id=_text(row, "run_id"),
        request_id=_text(row, "request_id"),
        code=_text(row, "code"),
        benchmark=_text(row, "benchmark"),
    )


def _seen(thing: object, name: str) -> object:
    """An attribute or key of something foreign, or None. Properties of SDK errors raise when there is no response."""
    if isinstance(thing, Mapping):
        return thing.get(name)
    try:
        return getattr(thing, name, None)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        return None


def _status(error: BaseException) -> int | None:
    """The HTTP status, by the names that SDKs give it."""
    response = _seen(error, "response")
    for place, name in (
        (error, "status_code"),
        (error, "http_status"),
        (response, "status_code"),
        (response, "status"),
        (_seen(response, "ResponseMetadata"), "HTTPStatusCode"),
    ):
        found = _http_status(_seen(place, name))
        if found is not None:
            return found
    # Elsewhere these two are exit codes and the like, so only what can be nothing else than a status counts.
    others = (_http_status(_seen(error, "status")), _http_status(_seen(error, "code")))
    return next((found for found in others if found is not None and 400 <= found <= 599), None)


def _http_status(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 999:
        return int(value)
    return None


def _bodies(error: BaseException) -> Iterator[object]:
    """Where providers put code and type: the error itself, its body, the `error` inside the body, the AWS response."""
    body = _seen(error, "body")
    yield _seen(body, "error")
    yield body
    yield _seen(_seen(error, "response"), "Error")
    yield _seen(error, "error")
    yield error


def _code(error: BaseException) -> str:
    """The provider's own code: `code` where it is a word, else `type` or `status`."""
    for name in ("code", "Code", "type", "status", "reason"):
        for place in _bodies(error):
            found = _seen(place, name)
            if isinstance(found, str) and found != "error" and _CODE.fullmatch(found):
                return found
    return ""


def _request_id(error: BaseException) -> str:
    response = _seen(error, "response")
    for place, name in (
        (error, "request_id"),
        (_seen(error, "body"), "request_id"),
        (_seen(response, "ResponseMetadata"), "RequestId"),
    ):
        found = _seen(place, name)
        if isinstance(found, str) and found:
            return found
    return ""


def _message(error: BaseException, status: int | None) -> str:
    """The exception's text; one that does not name its status gets it in front, as SDKs do for bodies that are JSON."""
    try:
        text = str(error).strip()
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        text = ""
    if not text:
        told = _seen(error, "message")
        text = told.strip() if isinstance(told, str) else ""
    if status is None or status < 400 or status_from_text(text) == status:
        return text or type(error).__name__
    return f"Error code: {status} - {text}" if text else f"Error code: {status}"


def _traceback(error: BaseException) -> str:
    """As Python prints it, but with bounded stacks, chains and groups. Empty for an exception that was never raised."""
    if error.__traceback__ is None:
        return ""
    try:
        told = TracebackException.from_exception(
            error, limit=-TRACEBACK_FRAMES_MAX, max_group_width=CHAIN_MAX, max_group_depth=CHAIN_MAX, compact=True
        )
        _cut_chain(told)
        return "".join(told.format())
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):  # the exception's own __str__
        return ""


def _cut_chain(told: TracebackException) -> None:
    for _ in range(CHAIN_MAX):
        before = told.__cause__ or told.__context__
        if before is None:
            return
        told = before
    told.__cause__ = told.__context__ = None


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name, "")
    if not isinstance(value, str):
        raise MalformedRecord(f"expected text, got {type(value).__name__}", place=f"$.{name}")
    return value


def _number(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name, "")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        return int(value)
    if isinstance(value, float) and value.is_integer():  # tools that export tables write 404.0
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value != "":
        raise MalformedRecord(f"expected an HTTP status, got {value!r:.40}", place=f"$.{name}")
    return None


def _time_ms(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    if isinstance(value, Mapping):
        value = value.get("$date")
        if isinstance(value, Mapping):
            value = value.get("$numberLong")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        value = int(value)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value if value >= _MS_MIN or name.endswith("_ms") else value * 1000)
    except (OverflowError, ValueError):
        pass  # not a time: said below, with the value
    raise MalformedRecord(f"expected a time, got {value!r:.40}", place=f"$.{name}")
