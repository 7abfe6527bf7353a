"""Tracebacks of IPython, as notebooks and their runners print them: error above and below, calls with code around."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames import python
from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = python.LANGUAGE
MARKS = (" Traceback (most recent call last)",)

_OPENING = re.compile(r"\s{0,8}([A-Za-z_][\w.]{1,200}) {2,80}Traceback \(most recent call last\)$")
_CELL = re.compile(
    r"\s{0,8}(?:Input )?(?:In |Cell In ?)\[\d{1,9}\](?:, line (\d{1,9})|, in <[^>]{1,60}>)?(?:\(.{0,200}\))?$"
)
_FILE = re.compile(r"\s{0,8}File (\S.{0,400}?):(\d{1,9}), in ([\w.<>]{1,200})\(")
_OLD = re.compile(r"\s{0,8}((?:/|~|[A-Za-z]:\\|<ipython-input-)[^()]{0,400}?) in ([\w.<>]{1,200})(?:\(|$)")
_RAISED = re.compile(r"\s{0,8}([A-Za-z_][\w.]{1,200})(?:: ?(.*))?$")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last traceback that IPython printed, or None."""
    latest: Found | None = None
    opened, name = -1, ""
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if "Traceback" in line and (found := _OPENING.match(line)):
            opened, name, frames = number, found[1], []
        elif opened < 0:
            continue
        elif (call := _call(line)) is not None:
            frames = [*frames[-FRAMES_MAX + 1 :], call]
        elif name in line and frames and (raised := _RAISED.match(line)) and raised[1].rsplit(".", 1)[-1] == name:
            message = (raised[2] or "")[:MESSAGE_CHARS_MAX]
            latest = Found(opened, Trace(LANGUAGE, raised[1], message, collapse(reversed(frames)), (raised[1],)))
            opened = -1
    return latest


def _call(line: str) -> Frame | None:
    if "n [" in line[:20] or "n[" in line[:20]:
        found = _CELL.match(line)
        if found:
            return python.call_frame("<ipython-input>", found[1] or "0", "<module>")
    if "File " in line[:16] and (found := _FILE.match(line)):
        return python.call_frame(found[1], found[2], found[3])
    if " in " in line and (found := _OLD.match(line)):
        file = "<ipython-input>" if found[1].startswith("<ipython-input") else found[1]
        return python.call_frame(file, "0", found[2])
    return None
