"""Perl: `die` with the calls that Carp prints below it, and errors at a line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built

LANGUAGE = "perl"
MARKS = (" called at ", ".pm line ", ".pl line ", ".t line ")

_CALL = re.compile(
    r"\s{1,20}([\w:]{1,300}|eval \{\.\.\.\}|require \S{1,300})(?:\(.{0,1500}?\))? called at (\S{1,300}) line (\d{1,9})"
)
_RAISED = re.compile(
    r"(.{1,1200}?) at (\S{1,300}\.(?:p[lm]|t|PL|cgi)|-e) line (\d{1,9})(?:, <\w{1,20}> (?:line|chunk) \d{1,12})?\.?$"
)
_LIBRARY = ("/perl5/", "/perl/5", "/usr/share/perl", "/usr/lib/", "/site_perl/", "/vendor_perl/")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last error with its calls, or else the last that names a line; it has no type."""
    latest: Reading | None = None
    at, message = -1, ""
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if " called at " in line and at >= 0 and (call := _CALL.match(line)):
            if len(frames) < FRAMES_MAX and not call[1].startswith(("eval ", "require ")):
                frames.append(_frame(call[1], call[2], call[3]))
        elif " line " in line and (raised := _RAISED.match(line)):
            at, message, frames = number, raised[1], []
            place = _frame("", raised[2], raised[3])
            latest = at, "", message, (place,), ()
            continue
        else:
            continue
        if frames:
            latest = at, "", message, frames, ()
    return built(LANGUAGE, latest)


def _frame(function: str, file: str, line: str) -> Frame:
    own = not any(mark in file for mark in _LIBRARY)
    reason = "own file" if own else "installed module"
    return Frame(function, "/".join(file.rsplit("/", 2)[-2:]), file, int(line), in_app=own, reason=reason)
