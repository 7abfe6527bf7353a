"""Failures made fit to leave the machine: clean, without credentials, bounded, identified; in chunks a server takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from streams.contract.failure import ENVELOPE_BYTES_MAX, ENVELOPE_FAILURES_MAX, Failure, bounded, identified, identity
from streams.contract.wire import to_bytes
from streams.core.safe import safe


def outgoing(failure: Failure) -> Failure:
    """The failure as it may be sent: the same input gives the same bytes, so sending it twice is harmless.

    An id that was computed from a text with a credential in it is computed again without; a foreign id is kept.
    """
    clean = safe(failure)
    if clean is not failure and failure.id == identity(failure):
        clean = replace(clean, id="")
    return bounded(identified(clean))


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
