"""R: `Error in f(x) :` with the calls that led there, `traceback()` and the backtraces of rlang."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built

LANGUAGE = "r"
MARKS = ("Error in ", "Execution halted", "Backtrace:")

_RAISED = re.compile(r"(?:── )?Error in [`']?([\w.:$]{1,200})[`']?(?:\(.{0,800}?\))? ?: ?(.*)$")
_CALLS = re.compile(r"Calls: (.{1,1500})$")
_TREE = re.compile(r"\s{0,6}\d{1,3}\. [│ ]{0,60}[├└─ ]{1,6}(?:([\w.]{1,80}):{2,3})?`?([\w.$]{1,120})`?\(")
_BASE = frozenset((
    "base", "stats", "utils", "methods", "rlang", "vctrs", "testthat", "withr", "dplyr", "purrr", "tryCatch", "stop",
    "tryCatchList", "tryCatchOne", "doTryCatch", "withCallingHandlers", "abort", "cnd_signal", "stopifnot", "eval",
    "do.call", "lapply", "sapply", "vapply", "FUN", "source", "withVisible", "<Anonymous>", "suppressWarnings",
))  # fmt: skip


def find(lines: Sequence[str]) -> Found | None:
    """Return the last error with its calls, innermost first, or None."""
    latest: Reading | None = None
    at, message = -1, ""
    frames: list[Frame] = []
    tree = False
    for number, line in enumerate(lines):
        if "Error in " in line and (raised := _RAISED.match(line)):
            at, message, frames = number, raised[2].strip(), [_frame("", raised[1])]
            tree = False
            if not message and number + 1 < len(lines):
                message = lines[number + 1].strip(" !\t")
        elif at >= 0 and line.startswith("Calls: ") and (calls := _CALLS.match(line)):
            names = [name.strip() for name in calls[1].split(" -> ") if name.strip() not in ("...", "")]
            frames = [_frame("", name) for name in reversed(names[-FRAMES_MAX:])]
        elif at >= 0 and line.strip() == "Backtrace:":
            tree, frames = True, []
            continue
        elif tree and at >= 0 and (node := _TREE.match(line)):
            if len(frames) < FRAMES_MAX:
                frames.insert(0, _frame(node[1] or "", node[2]))
        else:
            continue
        latest = at, "Error", message, frames, ("Error",)
    return built(LANGUAGE, latest)


def _frame(package: str, name: str) -> Frame:
    own = package not in _BASE and name not in _BASE
    return Frame(name, package, in_app=own, reason="own function" if own else "base or package")
