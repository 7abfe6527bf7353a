"""What cannot be read, on its way to `failures.rejected.v1`: bytes as they came, the reason in the headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.broker.outgoing import Outgoing
from streams.contract import topics
from streams.contract.errors import FaultlineError
from streams.contract.wire import RECORD_BYTES_MAX, rejected_headers

REJECTED_BYTES_MAX: Final = 2 * RECORD_BYTES_MAX - 64 * 1024
"""Of a rejected value; the topic takes records of 2 MiB, so this leaves room for key and headers."""
KEPT_HEADERS_MAX: Final = 32
KEPT_HEADER_BYTES_MAX: Final = 1024
KEY_BYTES_MAX: Final = 4096
CUT_HEADER: Final = "dlq.original_bytes"
"""Only on a value that was longer than REJECTED_BYTES_MAX: how long it was."""


def rejected(
    data: bytes,
    error: FaultlineError,
    *,
    key: bytes | None,
    headers: Sequence[tuple[str, bytes]],
    topic: str,
    partition: int,
    offset: int,
    stage: str,
    at_ms: int,
    app_version: str,
) -> Outgoing:
    """The record for bytes that a stage refused, to be sent to the partition they were read from, if any.

    Key and headers are kept as they were read, within bounds. Bytes that were rejected before and sent again keep
    the time of the first refusal, and count the attempts.
    """
    before = {name: bytes(value or b"") for name, value in headers}
    attempt = _number(before.get("dlq.attempt"), 0) + 1
    own = rejected_headers(
        error,
        topic=topic,
        partition=partition,
        offset=offset,
        stage=stage,
        failed_at_ms=_number(before.get("dlq.first_failed_at"), at_ms),
        app_version=app_version,
        attempt=attempt,
    )
    if len(data) > REJECTED_BYTES_MAX:
        own[CUT_HEADER] = str(len(data))
    kept = [
        (name, value)
        for name, value in before.items()
        if name not in own and len(name) + len(value) <= KEPT_HEADER_BYTES_MAX
    ][:KEPT_HEADERS_MAX]
    ours = [(name, value.encode("utf-8", "replace")) for name, value in own.items()]
    return Outgoing(
        topics.REJECTED, key if key is None else key[:KEY_BYTES_MAX], data[:REJECTED_BYTES_MAX], ours + kept
    )


def _number(value: bytes | None, default: int) -> int:
    """A header's number; strangers write headers too, so at most 15 digits count."""
    return int(value) if value is not None and value.isdigit() and len(value) <= 15 else default
