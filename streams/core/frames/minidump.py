"""Stacks of native programs as crash reporters print them: walked minidumps, signal handlers, stacktrace libraries."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.cpp import native_frame
from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built

LANGUAGE = "cpp"
MARKS = ("(crashed)", "PC: @", " 0# ", "stack trace: ***", "Stack trace:\n#", "STACK_TEXT:", "[Callstack] 0x")

_REASON = re.compile(r"Crash reason: {1,8}(\S.{0,120})$")
_WALKED = re.compile(
    r"\s{0,4}\d{1,4} {2}([\w.+@~-]{1,120})(?:!(.{1,900}?))?"
    r"(?: \[(\S{1,300}) : (\d{1,9}) \+ 0x[0-9a-f]{1,16}\]| \+ 0x[0-9a-f]{1,16})?$"
)
_SIGNALLED = re.compile(r"\*{3} (?:Aborted at|(SIG[A-Z]{2,8})(?: \(@0x[0-9a-f]{1,16}\))? received)")
_AT = re.compile(r"(?:PC: )?\s{0,8}@ {1,20}0x[0-9a-f]{1,16} {1,20}(?:\d{1,9} {1,20}|\(unknown\) {1,20})?(\S.{0,900})$")
_NUMBERED = re.compile(r"\s{0,4}\d{1,4}# (\S.{0,900}?)(?: at (\S{1,300}?):(\d{1,9})| in (\S{1,300}))?$")
_DEBUGGER = re.compile(
    r"[0-9a-f`]{8,17} [0-9a-f`]{8,17} (?:[0-9a-f` :]{0,120}: )?([\w.]{1,80})!"
    r"(\S.{0,900}?)(?: \[(.{1,300}) @ (\d{1,9})\])?$"
)
_CALLSTACK = re.compile(
    r".{0,200}?\[Callstack\] 0x[0-9a-f]{8,16} ([\w.-]{1,80})!(\S.{0,900}?)(?: \[(?:(.{1,300}):(\d{1,9}))?\])?$"
)
_UNHANDLED = re.compile(r".{0,200}?Unhandled Exception: (EXCEPTION_[A-Z_]{2,40})")
_CODE = re.compile(r"(?:EXCEPTION_CODE: \(NTSTATUS\) 0x|ExceptionCode: )([0-9a-f]{8})")
_CODES = {
    "c0000005": "EXCEPTION_ACCESS_VIOLATION", "c00000fd": "EXCEPTION_STACK_OVERFLOW",
    "80000003": "EXCEPTION_BREAKPOINT", "c0000094": "EXCEPTION_INT_DIVIDE_BY_ZERO",
    "c000001d": "EXCEPTION_ILLEGAL_INSTRUCTION", "c0000374": "STATUS_HEAP_CORRUPTION",
    "c0000409": "STATUS_STACK_BUFFER_OVERRUN", "e06d7363": "C++ exception",
}  # fmt: skip
"""Exception codes of Windows, as its headers name them."""
_SYSTEM_MODULES = ("lib", "ld-", "ntdll", "kernel", "linux-gate", "ucrtbase", "msvc", "vcruntime", "user32")
_UNNAMED = re.compile(r"\(unknown\)$|0x[0-9A-Fa-f]{4,16}$")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last stack of any of these forms, or None."""
    latest: Reading | None = None
    at, raised = -1, ""
    frames: list[Frame] = []
    form = ""
    for number, line in enumerate(lines):
        if line.startswith("Crash reason:") and (reason := _REASON.match(line)):
            at, raised, frames, form = number, reason[1], [], ""
        elif line.startswith("Thread ") and line.endswith("(crashed)"):
            at = number if at < 0 else at
            frames, form = [], "walked"
        elif line.startswith("***") and (signalled := _SIGNALLED.match(line)):
            if form != "at" or frames:
                at, frames, form = number, [], "at"
            raised = signalled[1] or raised
            continue
        elif "CODE: " in line[:24].upper() and (code := _CODE.match(line)):
            at, raised, frames, form = number, _CODES.get(code[1], "0x" + code[1]), [], ""
        elif "Unhandled Exception: " in line and (unhandled := _UNHANDLED.match(line)):
            at, raised, frames, form = number, unhandled[1], [], ""
        elif line.startswith("STACK_TEXT:"):
            at, frames, form = (number if at < 0 else at), [], "debugger"
        elif line.startswith("Thread ") and form == "walked":
            form = ""
        else:
            frame, form = _read(line, form)
            if frame is None:
                continue
            at = number if at < 0 else at
            if line.lstrip().startswith("0# "):
                at, raised, frames = number, "", []
            if len(frames) < FRAMES_MAX:
                frames.append(frame)
            latest = at, raised, "", frames, (raised,) if raised else ()
    return built(LANGUAGE, latest)


def _read(line: str, form: str) -> tuple[Frame | None, str]:
    """Return the frame that a line shows, and the form in which the next is expected."""
    listed = "[Callstack] 0x" in line
    if form == "debugger" or listed:
        if called := (_CALLSTACK if listed else _DEBUGGER).match(line):
            frame = native_frame(called[2], f"{called[3]}:{called[4]}" if called[3] else "")
            if frame.in_app and called[1].lower().startswith(_SYSTEM_MODULES):
                frame = Frame(frame.function, "", frame.file, frame.line, in_app=False, reason="library")
            return frame, form
        return None, ""
    if form == "walked" and (walked := _WALKED.match(line)):
        place = f"{walked[3]}:{walked[4]}" if walked[3] else ""
        frame = native_frame(walked[2] or "", place)
        if frame.in_app and walked[1].lower().startswith(_SYSTEM_MODULES):
            frame = Frame(frame.function, "", frame.file, frame.line, in_app=False, reason="library")
        return frame, form
    if "@" in line[:12] and (called := _AT.match(line)):
        if _UNNAMED.match(called[1]):
            return None, form or "at"
        frame = native_frame(called[1])
        return (None, "at") if line.startswith("PC: ") else (frame, "at")
    if "# " in line[:8] and (numbered := _NUMBERED.match(line)):
        return native_frame(numbered[1], f"{numbered[2]}:{numbered[3]}" if numbered[2] else ""), "numbered"
    return None, form
