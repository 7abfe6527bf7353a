"""PHP: uncaught exceptions and fatal errors with the numbered stack below them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = "php"
MARKS = (".php",)

_RAISED = re.compile(
    r".{0,80}?(?:PHP )?(?:Fatal error: {1,4})?Uncaught ((?:\w{1,100}\\?){1,12}?)"
    r"(?:: (.*?))?(?: in (\S{1,400}\.php):(\d{1,9}))?$"
)
_FATAL = re.compile(
    r".{0,80}?(?:PHP )?(Fatal error|Parse error|Warning): {1,4}(.*) in (\S{1,400}\.php) on line (\d{1,9})$"
)
_CALL = re.compile(r"\s{0,8}#\d{1,4} (\S{1,400}\.php)\((\d{1,9})\): ([\w\\:>{}-]{1,300})\(")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last uncaught exception, or the last fatal error, or None."""
    latest: Found | None = None
    at, raised, message = -1, "", ""
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if "#" in line[:12] and (call := _CALL.match(line)) and raised:
            if len(frames) < FRAMES_MAX:
                frames.append(_frame(call[1], call[2], call[3]))
        elif "Uncaught " in line and (opened := _RAISED.match(line)):
            at, raised, message, frames = number, opened[1], opened[2] or "", []
            if opened[3]:
                frames.append(_frame(opened[3], opened[4], ""))
        elif " on line " in line and latest is None and (fatal := _FATAL.match(line)):
            at, raised, message = number, fatal[1], fatal[2]
            frames = [_frame(fatal[3], fatal[4], "")]
        else:
            continue
        trace = Trace(LANGUAGE, raised, message[:MESSAGE_CHARS_MAX], collapse(frames), (raised,))
        latest = Found(at, trace)
    return latest


def _frame(file: str, line: str, function: str) -> Frame:
    own = "/vendor/" not in file
    reason = "own file" if own else "installed package"
    name = function.replace("->", "::")
    return Frame(name, "/".join(file.rsplit("/", 2)[-2:]), file, int(line), in_app=own, reason=reason)
