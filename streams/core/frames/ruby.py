"""Ruby backtraces: uncaught exceptions of either order, logged ones, and the failures of RSpec and Minitest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built

LANGUAGE = "ruby"
MARKS = (".rb:", ":in `", ":in '")

_FILE = r"((?:[\w.-]{1,80} \(\d[\w.]{0,40}\) )?[^\s:]{1,300}|<internal:[\w/.-]{1,80}>|\(\w{1,20}\)):(\d{1,9})"
_IN = r":in ['`]([^'`]{1,200})'"
_RAISED = re.compile(rf"(?:\s{{0,8}}from )?{_FILE}{_IN}: (.*) \(((?:[A-Z]\w{{0,99}}::){{0,8}}[A-Z]\w{{0,99}})\)$")
_CALL = re.compile(rf"\s{{0,8}}(?:\d{{1,5}}: )?(from |# |\[[\w-]{{1,80}}\] )?{_FILE}{_IN}$")
_ABOVE = re.compile(r"\s{1,12}\d{1,5}: from ")
_NAMED = re.compile(r"\s{0,12}(?:\[[\w-]{1,80}\] )?((?:[A-Z]\w{0,99}::){0,8}[A-Z]\w{0,99})(?:: ?(.*)| \((.*)\):?)?$")
_ERRORS = ("Error", "Exception", "NotFound", "Invalid", "Interrupt")
_AROUND = re.compile(r"(?:block (?:\(\d{1,3} levels\) )?in |rescue in |ensure in )")
_LIBRARY = ("/gems/", "/lib/ruby/", "<internal:", "/rubygems/", "/bundler/", "/.rbenv/", "/vendor/bundle/")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last uncaught exception or failed example with its frames, or None."""
    at, raised, message = -1, "", ""
    frames: list[Frame] = []
    above: list[Frame] = []
    latest: Reading | None = None
    for number, line in enumerate(lines):
        if ":in " not in line:
            if ("::" in line or line.lstrip()[:1].isupper()) and (named := _NAMED.match(line)) and _is_error(named[1]):
                at, raised, message, frames = number, named[1], named[2] or named[3] or "", []
            continue
        if opened := _RAISED.match(line):
            at, raised, message = number, opened[5] or "", opened[4]
            frames = [_frame(opened[1], opened[2], opened[3]), *reversed(above)]
            above = []
        elif call := _CALL.match(line):
            if _ABOVE.match(line):
                if len(above) < FRAMES_MAX:
                    above.append(_frame(call[2], call[3], call[4]))
                continue
            if len(frames) < FRAMES_MAX:
                frames.append(_frame(call[2], call[3], call[4]))
        else:
            continue
        if raised:
            latest = at, raised, message, frames, (raised,)
    if latest is None:
        return None
    return built(LANGUAGE, (*latest[:3], _judged(latest[3]), latest[4]))


def _is_error(name: str) -> bool:
    return name.endswith(_ERRORS) and name not in _ERRORS


def _frame(file: str, line: str, function: str) -> Frame:
    gem = " (" in file or any(mark in file for mark in _LIBRARY)
    module = file.rsplit("/gems/", 1)[-1] if "/gems/" in file else "/".join(file.rsplit("/", 2)[-2:])
    reason = "gem or standard library" if gem else "own file"
    return Frame(_AROUND.sub("", function), module, file, int(line), in_app=not gem, reason=reason)


def _judged(frames: Sequence[Frame]) -> list[Frame]:
    """Mark methods that are written in C: each shows the place of its caller."""
    judged: list[Frame] = []
    for index, frame in enumerate(frames):
        below = frames[index + 1] if index + 1 < len(frames) else None
        shown = below is not None and (frame.file, frame.line) == (below.file, below.line)
        if shown and below is not None and frame.in_app and below.function != frame.function:
            frame = replace(frame, in_app=False, reason="written in C")
        judged.append(frame)
    return judged
