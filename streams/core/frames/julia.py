"""Julia: errors with their stack trace, of both printed forms."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built
from streams.core.frames.symbols import without_brackets

LANGUAGE = "julia"
MARKS = ("Stacktrace:",)

_CALL = re.compile(r"\s{1,8}\[(\d{1,4})\] (\S.{0,600}?)(?: at (\S{1,300}?):(\d{1,9}))?(?: \[inlined\])?$")
_PLACE = re.compile(r"\s{3,12}@ (?:([\w.]{1,100}) )?(\S{1,300}?):(\d{1,9})(?: \[inlined\])?$")
_RAISED = re.compile(
    r"\s{0,8}(?:ERROR: |caused by: |nested task error: )?(?:LoadError: |InitError: |TaskFailedException)?"
    r"((?:[A-Z]\w{0,100}\.)?[A-Z]\w{0,100}(?:Error|Exception|Failure))(?:: ?(.*))?$"
)
_SAID = re.compile(r"\s{0,8}ERROR: (?:LoadError: )?(.{1,1000})$")
_NUMBERED = re.compile(r"^#?(\w[\w!]{0,200})#\d{1,6}$|^#(\d{1,6})$|^(?:kwcall|#\w{1,100}#\d{1,6})$")
_BASE = frozenset(
    ("Base", "Core", "Test", "Distributed", "LinearAlgebra", "Serialization", "Printf", "Dates", "Random")
)


def find(lines: Sequence[str]) -> Found | None:
    """Return the innermost cause of the last error with its calls, or None."""
    at, raised, message = -1, "", ""
    latest: Reading | None = None
    frames: list[Frame] = []
    pending = ""
    for number, line in enumerate(lines):
        if "[" in line[:9] and (call := _CALL.match(line)):
            if pending and len(frames) < FRAMES_MAX:
                frames.append(_frame(pending, "", "", ""))
            pending = call[2]
            if call[3]:
                frames.append(_frame(pending, "", call[3], call[4]))
                pending = ""
        elif pending and (place := _PLACE.match(line)):
            if len(frames) < FRAMES_MAX:
                frames.append(_frame(pending, place[1] or "", place[2], place[3]))
            pending = ""
        elif ("Error" in line or "xception" in line or "Failure" in line) and (found := _RAISED.match(line)):
            at, raised, message, frames, pending = number, found[1], found[2] or "", [], ""
            continue
        elif "ERROR: " in line and (said := _SAID.match(line)):
            at, raised, message, frames, pending = number, "", said[1], [], ""
            continue
        else:
            continue
        if frames and at >= 0:
            latest = at, raised, message, frames, (raised,) if raised else ()
    return built(LANGUAGE, latest)


def _frame(symbol: str, module: str, file: str, line: str) -> Frame:
    name = without_brackets(without_brackets(symbol, "{", "}"), "(", ")").strip()
    if found := _NUMBERED.match(name):
        name = found[1] or "<anonymous>"
    own = module not in _BASE and not file.startswith(("./", "client.jl")) and "/stdlib/" not in file
    if name.startswith("top-level scope") or "/.julia/packages/" in file:
        own = False
    reason = "own file" if own else "base, package or top level"
    number = int(line) if line else None
    return Frame(name, "/".join(file.rsplit("/", 2)[-2:]), file, number, in_app=own, reason=reason)
