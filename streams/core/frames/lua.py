"""Lua: errors with their traceback, as the interpreter, LuaJIT and programs that embed them print it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Reading, built

LANGUAGE = "lua"
MARKS = ("stack traceback:",)

_CALL = re.compile(r"\s{1,20}(\[C\]|.{1,300}?):(?:(-?\d{1,9}):)? in (.{1,300})$")
_RAISED = re.compile(r"(?:.{0,120}?(?:lua\w{0,10}|error|failed).{0,80}?: )?(?:([^\s:]{1,300}):(\d{1,9}): )(.{1,1000})$")
_NAME = re.compile(r"(?:(?:local|upvalue|method|field|global|metamethod|function|hook) )?'?([^'<>]{1,200})'?$")
_UNNAMED = re.compile(r"function <(.{1,300}?):\d{1,9}>")
_QUOTED = re.compile(r" \((?:local|global|field|upvalue|method|constant) '[^']{0,120}'\)|'[^']{0,200}'")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last error with its calls, or None; its type is its message without names of variables."""
    latest: Reading | None = None
    for number, line in enumerate(lines):
        if "stack traceback:" not in line or not number:
            continue
        said = _RAISED.match(lines[number - 1].strip())
        message = (said[3] if said else lines[number - 1].strip())[:MESSAGE_CHARS_MAX]
        frames: list[Frame] = []
        for below in lines[number + 1 : number + 1 + FRAMES_MAX]:
            if frame := _frame(below):
                frames.append(frame)
            elif not below[:1].isspace():
                break
        kind = " ".join(_QUOTED.sub("", message).split())[:120]
        if frames:
            latest = number - 1, kind, message, frames, (kind,)
    return built(LANGUAGE, latest)


def _frame(line: str) -> Frame | None:
    found = _CALL.match(line)
    if not found:
        return None
    own = found[1] != "[C]"
    unnamed = _UNNAMED.match(found[3])
    name = _NAME.match(found[3].removeprefix("function ").strip())
    function = "<anonymous>" if unnamed else name[1] if name else found[3]
    file = "" if not own else found[1]
    line_number = int(found[2]) if found[2] and found[2].isdigit() else None
    reason = "own file" if own else "written in C"
    return Frame(function, "/".join(file.rsplit("/", 2)[-2:]), file, line_number, in_app=own, reason=reason)
