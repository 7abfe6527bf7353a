"""What is said of a failure that was accepted, but does not count quite as it was sent.

Nothing is left out or changed without a word: a time that is too far away, fields that are not known, characters that
no page may show. What only the bytes needed, `admission.repaired` says.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from streams.contract.failure import Benchmark, Ci, Failure
from streams.core.clean import printable
from streams.core.window import CLAMP_PAST_MS, clamped

NOTE_SECONDS = "occurred_at_ms lies before 1973; it is in milliseconds: was it given in seconds?"
SECONDS_SUSPECTED_MS = 100_000_000_000
"""A present time in seconds, read as milliseconds, lies before this one (March 1973)."""
FIELDS_NAMED_MAX = 5
"""Unknown fields of one failure that are named; the rest is counted."""
NAME_CHARS_MAX = 40
"""How much of an unknown name is repeated and compared."""
NEAREST_MAX = 200
"""Names of one request whose nearest known one is looked for; each costs some 0.2 ms."""
NOTE_NAMELESS = "a field whose name is no text was left out"

_DAY_MS = 86_400_000
_KNOWN = {"": Failure.__struct_fields__, "ci": Ci.__struct_fields__, "benchmark": Benchmark.__struct_fields__}
_KNOWN_SETS = {room: frozenset(names) for room, names in _KNOWN.items()}
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Notes:
    """The notes of one request's failures. It remembers the names that it compared, at most NEAREST_MAX."""

    def __init__(self) -> None:
        self._nearest: dict[tuple[str, str], str] = {}

    def of(self, failure: Failure, data: bytes, *, at_ms: int | None, now_ms: int) -> list[str]:
        """What is to be said of a failure, read from `data`; `at_ms` is its time where it brought one."""
        notes = [*time_notes(at_ms, now_ms)] if at_ms is not None else []
        if unknown := self._unknown(failure, data):
            notes.append(unknown)
        if left_out := characters_left_out(failure):
            notes.append(left_out)
        return notes

    def _unknown(self, failure: Failure, data: bytes) -> str:
        try:
            names = list(_unknown(data))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return NOTE_NAMELESS  # the failure was read, so only the name of what was stepped over can be at fault
        if not names:
            return ""
        rooms = ("", "ci") if failure.ci is not None else ("", "benchmark")
        told = ", ".join(self._told(room, name, rooms) for room, name in names[:FIELDS_NAMED_MAX])
        more = f" and {len(names) - FIELDS_NAMED_MAX} more" if len(names) > FIELDS_NAMED_MAX else ""
        return f"not known here and left out: {told}{more}"

    def _told(self, room: str, name: str, rooms: tuple[str, ...]) -> str:
        shown = printable(name)[:NAME_CHARS_MAX]
        key = (room, shown)
        if key not in self._nearest and len(self._nearest) < NEAREST_MAX:
            self._nearest[key] = nearest(room, shown, rooms)
        near = self._nearest.get(key, "")
        return f"`{_path(room, shown)}`" + (f" (did you mean `{near}`?)" if near else "")


def nearest(room: str, name: str, rooms: tuple[str, ...]) -> str:
    """The known field that was probably meant: of this name in another room, or of a like name; empty when none is."""
    for other in rooms:
        if other != room and name in _KNOWN[other]:
            return _path(other, name)
    for other in (room, *rooms):
        if near := difflib.get_close_matches(name.lower(), _KNOWN[other], n=1):
            return _path(other, near[0])
    return ""


def _unknown(data: bytes) -> Iterator[tuple[str, str]]:
    """Room and name of each field that a failure does not have, those of the whole first."""
    fields = _fields.decode(data)
    if not _KNOWN_SETS[""].issuperset(fields):
        yield from (("", name) for name in fields if name not in _KNOWN_SETS[""])
    for room in ("ci", "benchmark"):
        place = fields.get(room, b"null")
        if bytes(place).startswith(b"{") and not _KNOWN_SETS[room].issuperset(inner := _fields.decode(place)):
            yield from ((room, name) for name in inner if name not in _KNOWN_SETS[room])


def _path(room: str, name: str) -> str:
    return f"{room}.{name}" if room else name


def time_notes(at_ms: int, now_ms: int) -> Iterator[str]:
    """What is said of a time that the windows cannot hold, and of one that was probably given in seconds."""
    if at_ms < SECONDS_SUSPECTED_MS:
        yield NOTE_SECONDS
    counted_ms = clamped(at_ms, now_ms)
    if counted_ms > at_ms:
        yield f"the time {_utc(at_ms)} lies over {CLAMP_PAST_MS // _DAY_MS} days back; counted as {_utc(counted_ms)}"
    elif counted_ms < at_ms:
        yield f"the time {_utc(at_ms)} lies in the future; counted as {_utc(counted_ms)}"


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"


def characters_left_out(failure: Failure) -> str:
    """How many characters will not be kept because no page could show them, and of which fields; empty for none."""
    if all(map(_is_clean, _joined(failure))):
        return ""
    number = 0
    fields: dict[str, None] = {}
    for field, text in _texts(failure):
        # the end of a line may be written in two characters, and nothing is lost with the first
        if not _is_clean(text) and (gone := len(text.replace("\r\n", "\n")) - len(printable(text))):
            number += gone
            fields[field] = None
    if not number:
        return ""
    named = ", ".join(fields)
    return f"left out of {named}: {number} characters that are not text (control, terminal or direction marks)"


def _is_clean(text: str) -> bool:
    """Whether nothing can be left out of the text. Most are clean, and this is far faster than `printable`."""
    return text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable()


def _joined(failure: Failure) -> Iterator[str]:
    """All that `_texts` gives, in few pieces."""
    yield failure.message
    yield failure.traceback
    names = [failure.exception_type, failure.provider_error_code, *failure.labels, *failure.labels.values()]
    place = failure.benchmark or failure.ci
    if place is not None:
        names += [text for text in msgspec.structs.astuple(place) if isinstance(text, str)]
    yield "".join(names)


def _texts(failure: Failure) -> Iterator[tuple[str, str]]:
    for field in ("message", "traceback", "exception_type", "provider_error_code"):
        yield field, getattr(failure, field)
    for name, text in failure.labels.items():
        yield "labels", name
        yield "labels", text
    for room, place in (("ci", failure.ci), ("benchmark", failure.benchmark)):
        if place is not None:
            for field in place.__struct_fields__:
                if isinstance(text := getattr(place, field), str):
                    yield f"{room}.{field}", text


def says_nothing(failure: Failure) -> bool:
    """Whether nothing in the failure says what failed: no text, and no status or code that could stand for one."""
    codes = (failure.http_status, failure.exit_code, failure.provider_error_code or None)
    texts = (failure.message, failure.exception_type, failure.traceback)
    if failure.message[:1].isalnum() or any(code is not None for code in codes):
        return False
    return not any(printable(text).strip() for text in texts)
