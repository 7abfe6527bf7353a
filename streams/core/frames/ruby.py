"""Ruby backtraces: uncaught exceptions, and the failures of RSpec and Minitest."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = "ruby"
MARKS = (".rb:",)

_RAISED = re.compile(
    r"(?:\s{0,8}from )?([^\s:]{1,300}\.rb):(\d{1,9}):in ['`]([^'`]{1,200})': (.*) \(((?:[A-Z]\w{0,99}(?:::)?){1,9})\)$"
)
_CALL = re.compile(r"\s{0,8}(?:from |# )?([^\s:]{1,300}\.rb):(\d{1,9}):in ['`]([^'`]{1,200})'$")
_NAMED = re.compile(r"\s{0,12}((?:[A-Z]\w{0,99}(?:::)?){1,9}(?:Error|Exception|NotFound)):(?: (.*))?$")
_AROUND = re.compile(r"(?:block (?:\(\d{1,3} levels\) )?in |rescue in |ensure in )")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last uncaught exception or failed example with its frames, or None."""
    at, raised, message = -1, "", ""
    frames: list[Frame] = []
    latest: Found | None = None
    for number, line in enumerate(lines):
        if ".rb:" not in line:
            if ":" in line and (named := _NAMED.match(line)):
                at, raised, message, frames = number, named[1], named[2] or "", []
            continue
        if opened := _RAISED.match(line):
            at, raised, message = number, opened[5], opened[4]
            frames = [_frame(opened[1], opened[2], opened[3])]
        elif call := _CALL.match(line):
            if len(frames) < FRAMES_MAX:
                frames.append(_frame(call[1], call[2], call[3]))
        else:
            continue
        if raised:
            trace = Trace(LANGUAGE, raised, message[:MESSAGE_CHARS_MAX], collapse(frames), (raised,))
            latest = Found(at, trace)
    return latest


def _frame(file: str, line: str, function: str) -> Frame:
    own = not any(mark in file for mark in ("/gems/", "/lib/ruby/", "<internal:"))
    module = file.rsplit("/gems/", 1)[-1] if "/gems/" in file else "/".join(file.rsplit("/", 2)[-2:])
    reason = "own file" if own else "gem or standard library"
    return Frame(_AROUND.sub("", function), module, file, int(line), in_app=own, reason=reason)
