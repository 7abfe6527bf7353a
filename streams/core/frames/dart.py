"""Dart and Flutter: unhandled exceptions and failed tests with their numbered calls."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built

LANGUAGE = "dart"
MARKS = (".dart", "(dart:")

_CALL = re.compile(
    r"\s{0,12}#(\d{1,4}) {2,8}(.{1,300}?) \(((?:package|dart|file|org-dartlang-\w{1,10}):[^()]{1,400})\)$"
)
_SHORT = re.compile(
    r"\s{0,12}((?:package:|dart:|\.{0,2}/?[\w./-]{0,200}\w\.dart)\S{0,300}) (\d{1,9}):\d{1,9} {2,}(\S.{0,200})$"
)
_PLACE = re.compile(r"(.{1,400}?\.dart|dart:[\w/.-]{1,100}?)(?::(\d{1,9}))?(?::\d{1,9})?$")
_OPENS = re.compile(
    r".{0,80}?(?:Unhandled [Ee]xception:|The following (.{1,120}?) was thrown .{0,120})(?: (.{1,800}))?$"
)
_TYPED = re.compile(
    r"'?(?:package:\S{1,300}: Failed assertion.*|((?:_?[A-Z]\w{0,80})(?:Error|Exception|Failure)?)(?:: (.*))?)$"
)
_THROWN = re.compile(
    r"(_?[A-Z]\w{0,100}(?:Error|Exception|Failure)|Exception|TestFailure)(?:\([^()]{0,200}\))?(?:: (.*))?$"
)
_GENERATED = re.compile(r"(?:\.?<(?:anonymous closure|fn|async|sync\*)>)+|<[\w, ?<>]{1,200}>")
_SYSTEM = ("dart:", "package:flutter/", "package:test_api/", "package:test/", "package:stack_trace/", "package:async/")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last exception that has a call, or None."""
    at, raised, message = -1, "", ""
    awaited = False
    frames: list[Frame] = []
    latest: Reading | None = None
    for number, line in enumerate(lines):
        if len(frames) >= FRAMES_MAX and "#" in line[:14] and not line.lstrip().startswith("#0 "):
            continue
        frame = _frame(line)
        if frame is not None:
            if line.lstrip().startswith("#0 ") and frames:
                if not awaited and latest is not None and at == latest[0]:
                    raised, message = "", ""
                frames = []
            at = number if at < 0 else at
            if len(frames) < FRAMES_MAX:
                frames.append(frame)
            awaited = False
            kind = raised or message
            latest = at, raised, message, frames, (kind,) if kind else ()
            continue
        text = line.strip(" │═╡╞\t")
        if ("nhandled" in line or "The following" in line) and (opened := _OPENS.match(line)):
            at, frames = number, []
            raised, message = _named(opened[2] or "") if opened[2] else (_kind(opened[1] or ""), "")
            awaited = not opened[2]
            continue
        if awaited and text and not text.startswith(("When the exception", "The relevant", "#")):
            named, told = _named(text)
            raised, message, awaited = raised or named, told, False
        elif (thrown := _THROWN.match(text)) and ("." not in thrown[1]) and not frames and at < 0:
            at, raised, message = number, thrown[1], thrown[2] or ""
    return built(LANGUAGE, latest)


def _kind(text: str) -> str:
    """Return the type in ``The following FlutterError was thrown``, an assertion by its name."""
    return "_AssertionError" if text == "assertion" else text.removesuffix(" object")


def _named(text: str) -> tuple[str, str]:
    """Return type and message of a line that shows an exception; one without a type is only a message."""
    thrown = _THROWN.match(text) or _TYPED.match(text)
    if thrown and thrown[1] and " " not in thrown[1] and (thrown[2] is not None or thrown[0] == thrown[1]):
        return thrown[1], thrown[2] or ""
    return "", text


def _frame(line: str) -> Frame | None:
    if "#" in line[:14] and (found := _CALL.match(line)):
        return _judged(found[2], found[3])
    if ".dart " in line and (short := _SHORT.match(line)):
        return _judged(short[3], f"{short[1]}:{short[2]}")
    return None


def _judged(function: str, place: str) -> Frame:
    found = _PLACE.match(place)
    file, line = (found[1], found[2]) if found else (place, None)
    own = not file.startswith(_SYSTEM)
    name = _GENERATED.sub("", function).removeprefix("new ").removeprefix("_rootRun")
    module = "/".join(file.rsplit("/", 2)[-2:]) if file.startswith("file:") else file
    reason = "own package" if own else "runtime or framework"
    return Frame(name or "main", module, file, int(line) if line else None, in_app=own, reason=reason)
