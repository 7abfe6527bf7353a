"""Android: native tombstones and stacks of programs that no longer answer; the prefixes that logcat puts before all."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames import java
from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse
from streams.core.frames.symbols import stable_native

LANGUAGE = "android"
MARKS = (" pc 0", "DALVIK THREADS")

PREFIXED = ("AndroidRuntime", "DEBUG", "System.err", "flutter", "ReactNativeJS", "F libc", "F/libc")
"""Tags under which logcat shows a crash; a text with none of them is left as it is."""

_PREFIX = re.compile(
    r"(?:\d\d(?:\d\d)?-\d\d(?:-\d\d)? \d\d:\d\d:\d\d\.\d{3,6} {1,4}(?:[+-]\d{4} )?)?"
    r"(?:(?:\d{1,7} {1,7}\d{1,7} )?[VDIWEF] (?P<tag>[\w.$-]{1,60}) {0,20}: ?"
    r"|[VDIWEF]/(?P<brief>[\w.$-]{1,60}) {0,20}(?:\( {0,6}\d{1,7}\))?: ?)"
)
_FRAME = re.compile(r"\s{0,12}(?:native: )?#(\d{1,3}) {1,2}pc [0-9a-f]{4,16}  ?(\S{1,500})(.{0,1000})$")
_SYMBOL = re.compile(r" \((?!BuildId|offset )(.{1,900}?)(?:\+(?:0x[0-9a-f]{1,16}|\d{1,12}))?\)(?= \(BuildId|$)")
_SIGNAL = re.compile(r".{0,80}?signal \d{1,3} \((SIG[A-Z]{2,8})\)")
_ABORTED = re.compile(r".{0,20}?Abort message: ['\"]?(.{1,1500}?)['\"]?$")
_THREAD = re.compile(r'"(.{1,100}?)" (?:daemon )?(?:prio|sysTid|tid)=')
_SYSTEM = ("/system/", "/apex/", "/vendor/", "/product/", "/system_ext/", "[vdso]", "[anon:", "<unknown>")
_RUNTIME = ("art_", "art::", "nterp_", "__", "std::", "android::base::LogMessage", "scudo::", "malloc", "free")
_EXACT = frozenset(("abort", "raise", "tgkill", "main", "start_thread"))


def unprefixed(lines: Sequence[str]) -> list[str]:
    """Return the lines without what logcat puts before each; a line that has no such prefix stays."""
    return [line[found.end() :] if (found := _PREFIX.match(line)) else line for line in lines]


def find(lines: Sequence[str]) -> Found | None:
    """Return the first tombstone, or else the main thread of a program that did not answer, or None.

    Of several tombstones the first counts: what fell after it may have fallen because of it.
    """
    at, raised, message = -1, "", ""
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if " pc " in line and (found := _FRAME.match(line)) and "native: #" not in line:
            if found[1].strip("0") == "" and frames:
                break
            at = number if at < 0 else at
            if len(frames) < FRAMES_MAX:
                frames.append(_frame(found[2], found[3]))
        elif frames and raised and line.strip() and not line.lstrip().startswith("#"):
            break
        elif "SIG" in line and not raised and (found := _SIGNAL.match(line)):
            at, raised = number, found[1]
        elif "message: " in line and (found := _ABORTED.match(line)):
            message = found[1]
        elif "Cause: " in line and not message:
            message = line.partition("Cause: ")[2].strip()
    if not frames:
        return _not_answering(lines)
    trace = Trace(LANGUAGE, raised, message[:MESSAGE_CHARS_MAX], collapse(frames), (raised,) if raised else ())
    return Found(at, trace)


def _frame(path: str, rest: str) -> Frame:
    unit = path.rsplit("/", 1)[-1]
    symbol = _SYMBOL.match(rest)
    name = stable_native(symbol[1]) if symbol else ""
    in_app, reason = True, "own library"
    if path.startswith(_SYSTEM):
        in_app, reason = False, "system library"
    elif name in _EXACT or name.startswith(_RUNTIME):
        in_app, reason = False, "runtime"
    return Frame(name, unit, path, None, in_app, reason)


def _not_answering(lines: Sequence[str]) -> Found | None:
    """Read the calls of the main thread in a dump of all threads."""
    at, reading = -1, False
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if line.startswith('"') and (thread := _THREAD.match(line)):
            if frames:
                break
            reading = thread[1] == "main"
            at = number if reading else at
        elif reading and len(frames) < FRAMES_MAX and line.lstrip().startswith("at "):
            frame = java.frame_of(line)
            frames += [frame] if frame else []
    return Found(at, Trace(LANGUAGE, "ANR", "", collapse(frames), ("ANR",))) if frames else None
