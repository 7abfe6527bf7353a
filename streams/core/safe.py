"""A failure fit to be kept, shown or sent: every text clean and without credentials."""

from __future__ import annotations

import functools
import re
from typing import Final

from msgspec.structs import replace

from streams.contract.failure import Failure
from streams.core.clean import printable
from streams.core.redact import redact

NAMES_MAX: Final = 20_000
"""Names whose answer is remembered."""
_PLAIN: Final = re.compile(r"[\w./-]{0,12}|[A-Za-z_./-]{0,64}|[0-9]{0,64}", re.ASCII)
"""Names too short, or too plain, to hold a credential: most names are such."""


def safe(failure: Failure) -> Failure:
    """The failure with safe texts; itself where they were safe before. A second call changes nothing."""
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
        if place is None:
            continue
        texts = ((name, getattr(place, name)) for name in place.__struct_fields__)
        names = {name: clean for name, text in texts if type(text) is str and (clean := _name(text)) != text}
        if names:
            changed[room] = replace(place, **names)
    return replace(failure, **changed) if changed else failure


@functools.lru_cache(maxsize=NAMES_MAX)
def _name(text: str) -> str:
    """A name, id or url: on one line. Names come again and again, so answers are remembered."""
    return text if _PLAIN.fullmatch(text) else redact(printable(text)).replace("\n", " ")
