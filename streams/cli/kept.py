"""What is kept of fingerprints, to be read again under other rules: on a running server, or in a file of failures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from streams.cli.groups import UnknownGroup, detail, listed
from streams.contract.documents import readings
from streams.contract.errors import UnreadableInput
from streams.contract.failure import Origin, bounded
from streams.contract.verdict import Verdict
from streams.contract.wire import Refused, failures_from_bytes
from streams.core.parts import ARGUMENT
from streams.core.safe import safe
from streams.core.succession import FAILURES_MAX, Exemplar, Reads
from streams.replay.archive import Line, lines

FAILURES_READ_MAX: Final = 200_000
"""Of a file; more is refused, since a part would show merges and splits that the whole has not."""
TITLE_CHARS_MAX: Final = 200
_NUMBERS: Final = frozenset({"http_status", "exit_code"})


def from_server(url: str, *, rows_max: int, is_certain: bool = False) -> list[Exemplar]:
    """The fingerprints seen last on a server, each with its newest documents and samples. Raises as `detail`.

    `is_certain`: only failures of which all is there, told apart into message and stack trace; for whoever cannot try.
    """
    out = []
    for row in listed(url, origin="", rows_max=rows_max, fingerprints=True):
        try:
            group = detail(url, row["fingerprint"])
        except UnknownGroup:
            continue  # forgotten since it was listed
        out.append(_exemplar(group, is_certain=is_certain))
    return out


def from_file(path: Path, before: Reads) -> tuple[list[Exemplar], int]:
    """The fingerprints of the failures in a file, one record a line; and how many records were unreadable.

    Raises: UnreadableInput for the file as a whole.
    """
    found: dict[str, dict[str, Any]] = {}
    number = unreadable = 0
    for one in lines(path):
        for item in failures_from_bytes(one.data) if isinstance(one, Line) else [None]:
            if item is None or isinstance(item, Refused):
                unreadable += 1
                continue
            number += 1
            if number > FAILURES_READ_MAX:
                raise UnreadableInput(f"{path}: more than {FAILURES_READ_MAX} failures; bring fewer at a time")
            failure = safe(bounded(item))
            given = {
                "origin": failure.origin,
                "message": failure.message,
                "traceback": failure.traceback,
                "exception_type": failure.exception_type,
                "http_status": failure.http_status,
                "provider_error_code": failure.provider_error_code,
                "exit_code": failure.exit_code,
            }
            mark = before(**given)
            row = found.setdefault(mark.value, {"origin": failure.origin, "count": 0, "given": {}, "of": mark.template})
            row["count"] += 1
            if len(row["given"]) < FAILURES_MAX:
                row["given"].setdefault(tuple(given.values()), given)
    exemplars = [
        Exemplar(
            fingerprint=value,
            origin=row["origin"],
            failures=tuple(row["given"].values()),
            count=row["count"],
            title=row["of"][:TITLE_CHARS_MAX],
        )
        for value, row in found.items()
    ]
    return exemplars, unreadable


def _exemplar(group: dict[str, Any], *, is_certain: bool) -> Exemplar:
    origin = Origin(group["origin"])
    given: dict[str, Any] = {"origin": origin}
    for part in group["parts"]:
        if part["rule"] == ARGUMENT and part["name"] != "origin":
            given[part["name"]] = int(part["value"]) if part["name"] in _NUMBERS else part["value"]
    messages = [str(sample["text"]) for sample in group["samples"]]
    failures = [reading for document in group["documents"] for reading in readings(origin, document, messages)]
    if is_certain:
        failures = [one for one in failures if origin is Origin.BENCHMARK or one["message"] in messages]
    else:
        failures += [given | {"message": message} for message in messages]
    distinct = {msgspec.json.encode(one, order="deterministic"): one for one in failures}
    verdict = msgspec.convert(group["verdict"], Verdict)
    return Exemplar(
        fingerprint=group["fingerprint"],
        origin=origin,
        failures=tuple(distinct.values()),
        count=group["count"],
        verdict=msgspec.structs.replace(verdict, fingerprint=group["fingerprint"]),
        title=group["title"][:TITLE_CHARS_MAX],
    )
