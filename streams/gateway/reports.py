"""A JUnit report or a job log, and where it ran -> failures.

The context comes as query parameters, or as headers (`X-Faultline-Repo`): the names of `Ci`, and a few shorter ones.
Without a run id the request's key is the run id, as for events (`admission`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from msgspec import ValidationError, convert
from msgspec.structs import replace

from streams.contract.errors import UnreadableInput
from streams.contract.failure import FIELD_CHARS_MAX, Ci, Failure
from streams.core.extract.baseline import Baseline
from streams.gateway.answers import Refusal
from streams.producers.formats import Records, is_binary
from streams.producers.gzipped import PIECE_BYTES
from streams.producers.joblog import read_log
from streams.producers.packed import Part, head_of

HEADER_PREFIX = "x-faultline-"
SHORTER: Mapping[str, str] = {
    "run": "run_id",
    "job": "job_name",
    "step": "step_name",
    "pr": "pr_id",
    "commit": "commit_sha",
    "sha": "commit_sha",
}
NAMES = tuple(
    name
    for name in Ci.__struct_fields__
    if name not in {"source", "log_lines", "test_class", "test_name", "test_file", "test_line", "test_time_s"}
)
LINE_BYTES_MAX = 1024 * 1024
"""A longer line goes on in the next one."""
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
BATCH_FAILURES_MAX = 1_000
BATCH_CHARS_MAX = 8 * 1024 * 1024
"""Published together; a report with more text of failures than this is published in parts."""


def context_of(query: Mapping[str, str], headers: Mapping[str, str], *, request_key: str) -> Ci:
    """Where the report comes from; a query parameter is stronger than a header.

    Raises: Refusal (400) for a parameter that is not known or not of its kind: a misspelt one would lose the context.
    """
    named = {name.lower(): value for name, value in headers.items() if name.lower().startswith(HEADER_PREFIX)}
    given = {name.removeprefix(HEADER_PREFIX).replace("-", "_"): value for name, value in named.items()} | dict(query)
    fields: dict[str, Any] = {}
    for name, value in given.items():
        field = SHORTER.get(name, name)
        if field not in NAMES:
            near = difflib.get_close_matches(name[:40], (*NAMES, *SHORTER), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(NAMES)}"
            raise Refusal(400, f"parameter {name[:100]!r} is not known here; {hint}", place=f"parameter {name[:100]}")
        fields[field] = value[:FIELD_CHARS_MAX]
    try:
        context = convert(fields, Ci, strict=False)
    except ValidationError as error:
        raise Refusal(400, f"a parameter is not of its kind: {error}", place="parameters") from error
    return context if context.run_id else replace(context, run_id=request_key[:FIELD_CHARS_MAX])


def log_records(part: Part, context: Ci, *, occurred_at_ms: int, baseline: Baseline | None = None) -> Records:
    """The records of a job's log. Raises while it is iterated over: UnreadableInput when it is empty or no text."""
    found = pieces_of(part.stream)
    return Records.of_log(read_log(found, context, occurred_at_ms=occurred_at_ms, baseline=baseline, steps=part.steps))


def encoding_of(file: BinaryIO) -> str:
    """The encoding of a log that is at its beginning: UTF-8, or what its byte order mark says.

    Raises: UnreadableInput when it is empty or no text.
    """
    head = head_of(file)
    encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8")
    if not head.strip():
        raise UnreadableInput("the log is empty")
    if encoding == "utf-8" and is_binary(head.decode("utf-8", "replace")):
        raise UnreadableInput("this is a binary, not a log; unpack it first")
    return encoding


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of a log, for who splits them into lines. Raises as `encoding_of`."""
    encoding_of(file)
    while data := file.read(PIECE_BYTES):
        yield data


def lines_of(file: BinaryIO) -> Iterator[str]:
    """The lines of a log; what is not text becomes U+FFFD. Raises as `encoding_of`."""
    encoding = encoding_of(file)
    if encoding != "utf-8":
        text = file.read().decode(encoding, "replace")
        yield from text.removeprefix("\ufeff").splitlines()
        return
    while data := file.readline(LINE_BYTES_MAX):
        yield data.decode("utf-8", "replace")


def taken(found: Iterator[Failure], *, now_ms: int) -> list[Failure]:
    """The next failures, stamped with their arrival: as many as go into one call of the publisher; empty at the end."""
    batch: list[Failure] = []
    chars = 0
    for failure in found:
        batch.append(replace(failure, received_at_ms=now_ms))
        chars += len(failure.message) + len(failure.traceback)
        if len(batch) >= BATCH_FAILURES_MAX or chars >= BATCH_CHARS_MAX:
            break
    return batch
