"""What the caller is told: every item accepted or refused by name, every fault with its place and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from streams.contract.errors import MalformedRecord
from streams.contract.failure import Ci, Failure, Origin, Source
from streams.core.redact import redact

REASON_CHARS_MAX = 300
"""How much is told of a reason that repeats what was given."""
TOLD_CHARS_MAX = 200
"""How much is told of a failure's first line."""
LINE_CHARS_MAX = 10 * TOLD_CHARS_MAX
"""How much of it is read for that: a credential that is cut off too early is not known for one."""
_VALUES = {"origin": Origin, "source": Source}
"""Fields that take one of a few values."""

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class Refusal(Exception):
    """The request as a whole is refused; nothing of it was taken."""

    status: int
    error: str
    place: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Json = field(default_factory=dict)
    """Further fields of the answer."""

    def __str__(self) -> str:
        return self.error

    def answer(self) -> Response:
        """As a response."""
        told: Json = {"error": self.error}
        if self.place:
            told["place"] = self.place
        return answer(self.status, told | self.more, headers=self.headers)


def over_limit(name: str, value: int, *, what: str) -> Refusal:
    """413, naming the limit."""
    told = f"{what} is over the limit {name} = {value}; send it in parts"
    return Refusal(413, told, more={"limit": name, "limit_value": value})


def later(error: str, *, status: int, after_s: float, more: Json | None = None) -> Refusal:
    """Try again after so many seconds (rounded up, at least one)."""
    seconds = max(1, -int(-after_s // 1))
    return Refusal(status, error, headers={"Retry-After": str(seconds)}, more=more or {})


def answer(status: int, body: Json, *, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response that no cache keeps."""
    return Response(
        msgspec.json.encode(body) + b"\n",
        status_code=status,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} | dict(headers or {}),
        media_type="application/json",
    )


def with_allowed(error: MalformedRecord) -> MalformedRecord:
    """The error; where a value is none of the few that its field takes, with those."""
    values = _VALUES.get(error.place.rpartition(".")[2])
    if values is None or not error.reason.startswith("Invalid enum value"):
        return error
    return MalformedRecord(f"{error.reason[:REASON_CHARS_MAX]}; allowed: {', '.join(values)}", place=error.place)


def status_of(*, accepted: int, refused: int) -> int:
    """200 when all was accepted, 207 when some, 400 when none."""
    if not refused:
        return 200
    return 207 if accepted else 400


def place_of(index: int, failure: Failure) -> Json:
    """One failure of a report: which test, or which lines of the log. What is told is redacted: a job prints it."""
    told: Json = {"index": index, "id": failure.id}
    ci = failure.ci or Ci()
    if ci.test_name:
        told["test"] = redact(f"{ci.test_class}::{ci.test_name}" if ci.test_class else ci.test_name)
    if ci.log_lines is not None:
        told["lines"] = list(ci.log_lines)
        told["message"] = redact(failure.message.partition("\n")[0][:LINE_CHARS_MAX])[:TOLD_CHARS_MAX]
    if failure.truncated:
        told["truncated"] = [mark.field for mark in failure.truncated]
    return told
