"""Rust: panics in both printed forms with their backtrace, and the compiler's coded errors."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse
from streams.core.frames.symbols import stable_rust

LANGUAGE = "rust"
MARKS = ("panicked at ", "error[E", "Stack backtrace:", "BACKTRACE ")

_THREAD = r".{0,200}?thread '?[^']{0,200}?'?(?: \(\d{1,20}\))? panicked at "
_OLD = re.compile(_THREAD + r"'(.*)', ([^\s:']{1,400}):(\d{1,9})(?::\d{1,9})?")
_NEW = re.compile(_THREAD + r"([^\s:']{1,400}):(\d{1,9}):\d{1,9}:?$")
_OLD_OPEN = re.compile(_THREAD + r"'(.*)$")
_OLD_CLOSE = re.compile(r".{0,1500}?', ([^\s:']{1,400}):(\d{1,9})(?::\d{1,9})?$")
_FRAME = re.compile(r"\s*(\d{1,5}): (?:\s*0x[0-9a-f]{1,16} - )?(\S.{0,800})$")
_PLACE = re.compile(r"\s+at (?:\./)?([^:]{1,400}):(\d{1,9})(?::\d{1,9})?$")
_CAUSE = re.compile(r"\s{1,8}(?:\d{1,4}: )?")
_REPORTERS = ("anyhow::", "eyre::", "color_eyre::", "<anyhow::", "<eyre::", "<core::result::Result")
_COMPILER = re.compile(r"\s*error\[(E\d{4})\](?::? (.*))?$")
_ARROW = re.compile(r"\s*(?:-->|:::) ([^:]{1,400}):(\d{1,9}):\d{1,9}$")
_STANDARD = ("std::", "core::", "alloc::", "rust_", "__rust", "__libc", "backtrace::", "test::", "proc_macro::",
             "panic_unwind::", "hashbrown::", "<std::", "<core::", "<alloc::", "<&mut core::")  # fmt: skip
_RUNTIMES = (
    "tokio::",
    "<tokio::",
    "futures_util::",
    "<futures_util::",
    "futures_core::",
    "futures_executor::",
    "async_std::",
    "smol::",
    "rayon::",
    "rayon_core::",
    "<rayon_core::",
    "hyper::",
    "<hyper::",
    "tower::",
    "<tower::",
    "axum::",
    "<axum::",
    "actix_rt::",
    "actix_web::",
    "actix_server::",
    "tracing::",
    "<tracing::",
    "criterion::",
    "proptest::",
    "bevy_ecs::",
    "bevy_app::",
    "rustc_",
    "<rustc_",
    "serde::",
    "serde_json::",
)
"""Crates that call a program's own code: frames of theirs stand below it, often without a place."""
_ENTRIES = frozenset(("_start", "main", "start_thread", "clone", "clone3"))
_RAISING = ("core::panicking::", "rust_begin_unwind", "std::panicking::begin_panic", "core::result::unwrap_failed",
            "core::option::expect_failed", "core::option::unwrap_failed", "__rustc::rust_begin_unwind")  # fmt: skip
_PANICKING = (*_RAISING, "std::panicking::", "core::option::", "std::sys::", "backtrace::", "std::backtrace")
_STANDARD_FILES = ("/rustc/", "library/std/", "library/core/", "library/alloc/")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last panic, or, when nothing panicked, the first error of the compiler that has a code."""
    last = -1
    for number, line in enumerate(lines):
        if "panicked at " in line:
            last = number
    if last < 0:
        return _reported(lines) or _compiler(lines)
    return _panic(lines, last)


def _reported(lines: Sequence[str]) -> Found | None:
    """Read an error that ``main`` returned: ``Error:``, its causes, and the backtrace taken where it was made."""
    at, raised, message, causes = -1, "", "", False
    for number, line in enumerate(lines):
        if line.startswith("Error: ") or line == "Error:":
            at, raised, message, causes = number, "Error", line[7:], False
        elif line.startswith("The application panicked"):
            at, raised, message, causes = number, "panic", "", False
        elif raised == "panic" and line.startswith(("Message:", "Location:")):
            message = message or line[8:].strip()
        elif at < 0:
            continue
        elif line.strip() == "Caused by:":
            causes = True
        elif line.startswith(("Stack backtrace:", "  ", "━")) and ("acktrace:" in line or "BACKTRACE " in line):
            frames = [frame for frame in _backtrace(lines, number + 1) if not frame.function.startswith(_REPORTERS)]
            if frames:
                return Found(at, Trace(LANGUAGE, raised, message[:MESSAGE_CHARS_MAX], collapse(frames), (raised,)))
        elif line.strip() and (causes or not message):
            message = _CAUSE.sub("", line)
    return None


def _panic(lines: Sequence[str], at: int) -> Found | None:
    message, file, line, after = "", "", 0, at + 1
    old, new = _OLD.match(lines[at]), _NEW.match(lines[at])
    if old:
        message, file, line = old[1], old[2], int(old[3])
    elif new:
        file, line = new[1], int(new[2])
        if after < len(lines) and not lines[after].lstrip().startswith(("stack backtrace:", "note: ")):
            message, after = lines[after].strip(), after + 1
    elif opened := _OLD_OPEN.match(lines[at]):
        message = opened[1]
        for number in range(after, min(after + 20, len(lines))):
            closed = _OLD_CLOSE.match(lines[number])
            if closed:
                file, line, after = closed[1], int(closed[2]), number + 1
                break
    else:
        return None
    frames = _backtrace(lines, after) or [Frame("", _module(file), file, line, *_in_app("", file))]
    return Found(at, Trace(LANGUAGE, "panic", message[:MESSAGE_CHARS_MAX], collapse(frames), ("panic",)))


def _backtrace(lines: Sequence[str], start: int) -> list[Frame]:
    """Read the numbered frames below a panic; what the panic machinery put on top is dropped."""
    frames: list[Frame] = []
    pending = ""
    for line in lines[start : start + 4 * FRAMES_MAX]:
        call = _FRAME.match(line)
        if call:
            if pending:
                frames.append(_frame(pending, "", None))
            pending = call[2]
        elif pending and (place := _PLACE.match(line)):
            frames.append(_frame(pending, place[1], int(place[2])))
            pending = ""
        elif frames and not line[:1].isspace():
            break
    if pending:
        frames.append(_frame(pending, "", None))
    top = 0
    for index, frame in enumerate(frames):
        if frame.function.startswith(_RAISING):
            top = index + 1
        elif not frame.function.startswith(_PANICKING):
            break
    return frames[top:] or frames


def _frame(symbol: str, file: str, line: int | None) -> Frame:
    function = stable_rust(symbol)
    in_app, reason = _in_app(function, file)
    return Frame(function, "", file, line, in_app, reason)


def _module(file: str) -> str:
    return file.rsplit("/src/", 1)[-1] if "/src/" in file else file.lstrip("./")


def _in_app(function: str, file: str) -> tuple[bool, str]:
    if file.startswith("/rustc/") or any(mark in file for mark in _STANDARD_FILES[1:]):
        return False, "standard library"
    if "/.cargo/registry/" in file or "/cargo/git/checkouts/" in file:
        return False, "crate of others"
    if function.startswith(_STANDARD) or function in _ENTRIES:
        return False, "standard library"
    if function.startswith(_RUNTIMES):
        return False, "crate of others"
    return True, "own crate"


def _compiler(lines: Sequence[str]) -> Found | None:
    for number, line in enumerate(lines):
        coded = _COMPILER.match(line) if "error[E" in line else None
        if not coded:
            continue
        frames: tuple[Frame, ...] = ()
        for below in lines[number + 1 : number + 6]:
            arrow = _ARROW.match(below)
            if arrow:
                frames = (Frame("", _module(arrow[1]), arrow[1], int(arrow[2]), *_in_app("", arrow[1])),)
                break
        return Found(number, Trace(LANGUAGE, coded[1], (coded[2] or "")[:MESSAGE_CHARS_MAX], frames, (coded[1],)))
    return None
