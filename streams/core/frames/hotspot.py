"""HotSpot's error report: a JVM that died itself, of a signal in native code, a failed guarantee or lack of memory."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.java import class_frame
from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Trace, collapse
from streams.core.frames.symbols import stable_native

LANGUAGE = "jvm"
MARKS = ("the Java Runtime Environment",)

_OPENING = "A fatal error has been detected by the Java Runtime Environment"
_MEMORY = "There is insufficient memory for the Java Runtime Environment"
_SIGNAL = re.compile(r"#\s{1,4}((?:SIG|EXCEPTION_)[A-Z_]{2,40}|Internal Error|Out of Memory Error)\b")
_CLAIM = re.compile(r"#\s{1,4}((?:guarantee|assert|Error)\b.{1,400})$")
_NATIVE = re.compile(r"(?:# )?[CV] {1,4}\[([^\]+]{1,200})\+0x[0-9a-f]{1,16}\](?: {1,4}(\S.{0,400}))?$")
_JAVA = re.compile(r"(?:# )?[jJAv] {1,4}(?:\d{1,9}%? (?:[\w!]{1,4} )?)?([\w$.]{1,300})\.([\w$<>]{1,200})\(")
_SYSTEM = ("libc.", "libc-", "libpthread", "libjvm", "jvm.dll", "ntdll", "KERNEL", "ld-", "libjava.", "libsystem_")


def find(lines: Sequence[str]) -> Found | None:
    """Return the first report: its signal, and the calls of the thread that failed or else the problematic frame."""
    at, raised, message = -1, "", ""
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if at < 0:
            if _OPENING in line:
                at = number
            elif _MEMORY in line:
                at, raised = number, "Out of Memory Error"
        elif not raised and (found := _SIGNAL.match(line)):
            raised = found[1]
        elif line.startswith("#") and not message and (found := _CLAIM.match(line)):
            message = found[1]
        elif (frame := _frame(line)) is not None:
            if len(frames) < FRAMES_MAX:
                frames.append(frame)
        elif frames and line.startswith(("---", "siginfo", "Registers")):
            break
    if at < 0 or not raised:
        return None
    return Found(at, Trace(LANGUAGE, raised, message, collapse(frames), (raised,)))


def _frame(line: str) -> Frame | None:
    if found := _NATIVE.match(line):
        name = stable_native(found[2]) if found[2] else ""
        system = found[1].startswith(_SYSTEM)
        return Frame(name, found[1], in_app=not system, reason="system library" if system else "own library")
    found = _JAVA.match(line)
    return class_frame(found[1], found[2]) if found else None
