"""Apple's crash reports in JSON (`.ips`, since macOS 12 and iOS 15): a line about the report, then the report."""

from __future__ import annotations

import json
import re
from itertools import islice

from streams.core.frames.apple import LANGUAGE, named_frame
from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

MARKS = ('"faultingThread"', '"lastExceptionBacktrace"', '"triggered"')

IMAGES_MAX = 2000
"""Binaries of a process whose names are read."""

_OBJECT = re.compile(r"\{[^{}]{0,2000}\}")
_TYPE = re.compile(r'"exception"\s{0,4}:\s{0,4}\{[^{}]{0,2000}\}')
_SAID = re.compile(r'"asi"\s{0,4}:\s{0,4}\{[^{}]{0,4000}\}')


def find(text: str) -> Found | None:
    """Return the faulting thread, or the backtrace of the exception that ended the process; or None.

    The report may be cut in the middle: it is read piece by piece, and names of binaries that are gone stay empty.
    """
    images = _objects(text, '"usedImages"', IMAGES_MAX)
    calls = _objects(text, '"lastExceptionBacktrace"', FRAMES_MAX)
    if not calls:
        start = text.find('"triggered"')
        calls = _objects(text[start:], '"frames"', FRAMES_MAX) if start >= 0 else []
    raised, message = _raised(text)
    if not calls and not raised:
        return None
    frames = collapse(_frame(call, images) for call in calls)
    return Found(0, Trace(LANGUAGE, raised, message[:MESSAGE_CHARS_MAX], frames, (raised,) if raised else ()))


def _objects(text: str, key: str, most: int) -> list[dict[str, object]]:
    """Read up to `most` flat objects of the list that follows a key."""
    at = text.find(key)
    opened = text.find("[", at, at + len(key) + 8) if at >= 0 else -1
    if opened < 0:
        return []
    found: list[dict[str, object]] = []
    end = opened + 1
    for one in islice(_OBJECT.finditer(text, opened), most):
        if text[end : one.start()].strip(" ,\n\r\t"):
            break
        end = one.end()
        read = _read(one[0])
        if read is not None:
            found.append(read)
    return found


def _read(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _raised(text: str) -> tuple[str, str]:
    found = _TYPE.search(text)
    exception = _read(found[0].partition(":")[2]) if found else None
    kind = str((exception or {}).get("type", ""))
    signal = str((exception or {}).get("signal", ""))
    said = _SAID.search(text)
    told = _read(said[0].partition(":")[2]) if said else None
    lines = [str(line) for value in (told or {}).values() if isinstance(value, list) for line in value]
    return f"{kind} ({signal})" if kind and signal else kind, " ".join(lines)


def _frame(call: dict[str, object], images: list[dict[str, object]]) -> Frame:
    index = call.get("imageIndex")
    image = images[index] if isinstance(index, int) and 0 <= index < len(images) else {}
    line = call.get("sourceLine")
    return named_frame(
        str(call.get("symbol", "")),
        str(image.get("name", "")),
        str(call.get("sourceFile", "")),
        line if isinstance(line, int) else None,
    )
