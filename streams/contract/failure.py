"""A failure: what happened out there, as a producer sends it.

`id` is a function of the failure's identity, so the same failure published twice is one failure.
Every size has a bound; `bounded` cuts what is longer and says so in `truncated`.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

MESSAGE_BYTES_MAX = 64 * 1024
TRACEBACK_BYTES_MAX = 128 * 1024
FIELD_CHARS_MAX = 1024
"""Every other text of a failure: names, ids, urls."""
LABELS_MAX = 64
LABEL_KEY_CHARS_MAX = 128
ENVELOPE_FAILURES_MAX = 100
ENVELOPE_BYTES_MAX = 256 * 1024
TIME_MS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999; a larger time is a mistake of unit, not a time."""

_encoded = msgspec.msgpack.Encoder().encode

TimeMs = Annotated[int, Meta(ge=0, le=TIME_MS_MAX)]
"""Milliseconds since 1970-01-01T00:00:00Z."""
Id = Annotated[str, Meta(pattern="^([0-9a-f]{32})?$")]
Ordinal = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Number = Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)]
HttpStatus = Annotated[int, Meta(ge=100, le=999)]


class Origin(enum.StrEnum):
    """Where failures come from; each origin has its own kinds."""

    CI = "ci"
    BENCHMARK = "benchmark"


class Source(enum.StrEnum):
    """What a CI failure was read from; the values are those of `s_error_source`."""

    PYTEST = "pytest"
    JUNIT = "junit"
    BUILDKIT = "buildkit"
    RUST_TEST = "rust_test"
    GITHUB_ANNOTATION = "github_annotation"
    GITHUB_JOB_LOG = "github_job_log"
    STEP_FAILURE = "step_failure"
    FULL_LOG = "full_log"


class Truncation(Struct, frozen=True):
    """A field that was cut, and how many bytes it had."""

    field: str
    original_bytes: int


class Ci(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a CI failure happened. Empty text means unknown."""

    source: Source = Source.FULL_LOG
    provider: str = ""
    """The CI system: github, gitlab, jenkins, buildkite, azure, ... ."""
    repo: str = ""
    workflow: str = ""
    run_id: str = ""
    attempt: Ordinal = 1
    job_id: str = ""
    job_name: str = ""
    step_id: str = ""
    step_name: str = ""
    step_number: Ordinal | None = None
    test_class: str = ""
    test_name: str = ""
    test_file: str = ""
    test_line: Ordinal | None = None
    test_time_s: float | None = None
    framework: str = ""
    branch: str = ""
    pr_id: str = ""
    commit_sha: str = ""
    actor: str = ""
    url: str = ""
    runner: str = ""
    log_lines: tuple[Ordinal, Ordinal] | None = None
    """First and last line of the log the failure was read from, counted from 1."""


class Benchmark(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which call of a benchmark failed. Empty text means unknown."""

    provider: str = ""
    model: str = ""
    stage: str = ""
    run_id: str = ""
    request_id: str = ""
    benchmark: str = ""


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One failure. `ci` is set when the origin is ci, `benchmark` when it is benchmark."""

    origin: Origin
    message: str
    occurred_at_ms: TimeMs
    id: Id = ""
    """32 hexadecimal digits; empty until `identified` fills it."""
    ordinal: Ordinal = 0
    """Which one it is among failures whose identity is otherwise equal: the second failure of one test case is 1."""
    exception_type: str = ""
    traceback: str = ""
    http_status: HttpStatus | None = None
    provider_error_code: str = ""
    exit_code: Number | None = None
    truncated: tuple[Truncation, ...] = ()
    labels: dict[str, str] = {}
    ci: Ci | None = None
    benchmark: Benchmark | None = None
    received_at_ms: TimeMs | None = None
    """Stamped once by whoever accepts the failure first; a replay keeps it."""
    version: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if self.origin is Origin.CI and (self.ci is None or self.benchmark is not None):
            raise ValueError("a failure of origin ci has `ci` and no `benchmark`")
        if self.origin is Origin.BENCHMARK and (self.benchmark is None or self.ci is not None):
            raise ValueError("a failure of origin benchmark has `benchmark` and no `ci`")

    @property
    def text(self) -> str:
        """Message and traceback together, as rules and the earlier systems' hashes read them."""
        return f"{self.message}\n{self.traceback}" if self.traceback else self.message

    @property
    def where(self) -> tuple[str, str, str]:
        """The dimension that rollups count by: provider, model, stage; or repo, workflow, job."""
        if self.benchmark is not None:
            return self.benchmark.provider, self.benchmark.model, self.benchmark.stage
        ci = self.ci or Ci()
        return ci.repo, ci.workflow, ci.job_name or ci.job_id

    @property
    def topic_key(self) -> str:
        """The key of the record: repeats of one failure meet in one partition."""
        if self.benchmark is not None:
            return f"{self.benchmark.provider}/{self.benchmark.model}"
        ci = self.ci or Ci()
        return f"{ci.repo}/{ci.run_id}"


class Envelope(Struct, frozen=True, kw_only=True):
    """Up to ENVELOPE_FAILURES_MAX failures in one record of at most ENVELOPE_BYTES_MAX bytes."""

    failures: tuple[Failure, ...]
    version: Annotated[int, Meta(ge=1)] = 1


def _digest(*fields: object) -> str:
    """BLAKE2b-128 in hex over length-prefixed fields, so that no two field lists share their bytes."""
    hashed = hashlib.blake2b(digest_size=16)
    for field in fields:
        data = str(field).encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(data) + data)
    return hashed.hexdigest()


def identity(failure: Failure) -> str:
    """The id of a failure: 32 hexadecimal digits over the fields that make it this failure and no other.

    For CI: CI provider, repo, run, attempt, job, step, and the test's class and name (without a test, the message);
    for a benchmark: provider, model, stage, run and request (without those, the time and the message); then `ordinal`.
    `source` is not part of it: a plugin and a report about the same test meet.
    """
    if failure.benchmark is not None:
        b = failure.benchmark
        call: tuple[object, ...] = (b.run_id, b.request_id)
        if not (b.run_id and b.request_id):
            call = (b.run_id, b.request_id, failure.occurred_at_ms, _digest(failure.message))
        return _digest("benchmark", b.provider, b.model, b.stage, *call, failure.ordinal)
    ci = failure.ci or Ci()
    test = (ci.test_class, ci.test_name) if ci.test_name else ("", _digest(failure.message))
    job = ci.job_id or ci.job_name
    step = ci.step_id or ci.step_name
    return _digest("ci", ci.provider, ci.repo, ci.run_id, ci.attempt, job, step, *test, failure.ordinal)


def identified(failure: Failure) -> Failure:
    """The failure with its `id` filled in; one that has an id keeps it."""
    return failure if failure.id else msgspec.structs.replace(failure, id=identity(failure))


def weight_bytes(failure: Failure) -> int:
    """How many bytes the failure takes on the wire beside message and traceback."""
    return len(_encoded(failure)) - utf8_bytes(failure.message) - utf8_bytes(failure.traceback)


def utf8_bytes(text: str) -> int:
    """The length of a text on the wire."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def head_and_tail(text: str, bytes_max: int) -> str:
    """At most `bytes_max` bytes of UTF-8: the beginning and the end, with a mark that says how much is missing."""
    data = text.encode("utf-8", "replace")
    if len(data) <= bytes_max:
        return text
    mark = f"\n... [{len(data) - bytes_max} bytes cut] ...\n"
    room = max(0, bytes_max - len(mark))
    head, tail = data[: room - room // 2], data[len(data) - room // 2 :] if room > 1 else b""
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")


def bounded(failure: Failure) -> Failure:
    """The failure within its bounds; what was cut is named in `truncated`. A second call changes nothing."""
    cut: dict[str, object] = {}
    marks: list[Truncation] = []
    for field, limit in (("message", MESSAGE_BYTES_MAX), ("traceback", TRACEBACK_BYTES_MAX)):
        text: str = getattr(failure, field)
        if len(text) > limit // 4:  # a character has at most 4 bytes, so shorter ones need no count
            size = len(text.encode("utf-8", "replace"))
            if size > limit:
                cut[field] = head_and_tail(text, limit)
                marks.append(Truncation(field, size))
    for field in ("exception_type", "provider_error_code"):
        text = getattr(failure, field)
        if len(text) > FIELD_CHARS_MAX:
            cut[field] = text[:FIELD_CHARS_MAX]
            marks.append(Truncation(field, len(text.encode("utf-8", "replace"))))
    labels = _bounded_labels(failure.labels)
    if labels is not failure.labels:
        cut["labels"] = labels
        marks.append(Truncation("labels", sum(len(k) + len(v) for k, v in failure.labels.items())))
    for room in ("ci", "benchmark"):
        place = getattr(failure, room)
        if place is None:
            continue
        long = {
            f: v[:FIELD_CHARS_MAX]
            for f in place.__struct_fields__
            if isinstance(v := getattr(place, f), str) and len(v) > FIELD_CHARS_MAX
        }
        if long:
            cut[room] = msgspec.structs.replace(place, **long)
            marks += [Truncation(f"{room}.{f}", len(getattr(place, f).encode("utf-8", "replace"))) for f in long]
    if not cut:
        return failure
    return msgspec.structs.replace(failure, **cut, truncated=failure.truncated + tuple(marks))


def _bounded_labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    if len(labels) <= LABELS_MAX and all(
        len(k) <= LABEL_KEY_CHARS_MAX and len(v) <= FIELD_CHARS_MAX for k, v in labels.items()
    ):
        return labels
    kept = sorted(labels)[:LABELS_MAX]
    return {k[:LABEL_KEY_CHARS_MAX]: labels[k][:FIELD_CHARS_MAX] for k in kept}
