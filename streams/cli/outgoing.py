"""Failures made fit to leave the machine: clean, without credentials, bounded, identified; in chunks a server takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from streams.contract.failure import ENVELOPE_BYTES_MAX, ENVELOPE_FAILURES_MAX, Failure, bounded, identified, identity
from streams.contract.wire import to_bytes
from streams.core.clean import printable
from streams.core.redact import redact


def outgoing(failure: Failure) -> Failure:
    """The failure as it may be sent: the same input gives the same bytes, so sending it twice is harmless.

    An id that was computed from a text with a credential in it is computed again without; a foreign id is kept.
    """
    changed: dict[str, object] = {}
    for name in ("message", "traceback", "exception_type", "provider_error_code"):
        text: str = getattr(failure, name)
        if text and (clean := redact(printable(text))) != text:
            changed[name] = clean
    if failure.labels:
        labels = {redact(printable(name)): redact(printable(text)) for name, text in failure.labels.items()}
        if labels != failure.labels:
            changed["labels"] = labels
    for room in ("ci", "benchmark"):
        place = getattr(failure, room)
        texts = (
            {}
            if place is None
            else {f: v for f in place.__struct_fields__ if type(v := getattr(place, f)) is str and v}
        )
        names = {f: clean for f, v in texts.items() if (clean := _name(v)) != v}
        if names:
            changed[room] = replace(place, **names)
    if changed and failure.id == identity(failure):
        changed["id"] = ""
    return identified(bounded(replace(failure, **changed))) if changed else identified(bounded(failure))


def _name(text: str) -> str:
    """A name, an id or an address: one line."""
    return text if text.isalnum() else redact(printable(text)).replace("\n", " ")


def chunks(failures: Iterable[Failure]) -> Iterator[tuple[list[Failure], bytes]]:
    """NDJSON of at most ENVELOPE_FAILURES_MAX failures and ENVELOPE_BYTES_MAX bytes each, with what is in it.

    One failure is within its own bounds and is sent even where it alone is larger.
    """
    members: list[Failure] = []
    lines: list[bytes] = []
    size = 0
    for failure in failures:
        data = to_bytes(failure) + b"\n"
        if members and (len(members) >= ENVELOPE_FAILURES_MAX or size + len(data) > ENVELOPE_BYTES_MAX):
            yield members, b"".join(lines)
            members, lines, size = [], [], 0
        members.append(failure)
        lines.append(data)
        size += len(data)
    if members:
        yield members, b"".join(lines)
