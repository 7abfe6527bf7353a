"""The error itself, out of the lines from the one that says why: what people read first, and what tells groups apart.

A line that announces (`Expected equality of these values:`) says nothing without the next ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from streams.core.extract.says import exception, marked

SPOKEN_LINES_MAX: Final = 20
"""Of one error in pytest's report."""
ANNOUNCED_LINES_MAX: Final = 5
"""Below a line that announces them."""

_RUNNER_MARK = re.compile(r"^##\[error\]\s*|^::error\b[^:]*::\s*|^\s*> |^\s*Caused by: (?=[\w.$]+[:\s]*\S)")
_LISTED = re.compile(r"^(?:FAILED|ERROR) [^\s:]++(?<=\.py)(?:::[^\s\[]++(?:\[.*?\](?= - ))?)? - (?=\S)")
_BANNER = re.compile(r"^\* What went wrong:$|\bpanicked at .*:$")
"""Says nothing that the next line does not say better."""
_FOREIGN = re.compile(r"^(?:note: |stack backtrace|##\[|\[\s+FAILED|\s+at |FAIL\b|make(?:\[\d+\])?: )")
_COMPARED = re.compile(
    r"^\s*(?:left|right|code|expected|received|actual|got|want|which is|wrong total)\b ?:", re.IGNORECASE
)


def error_in(text: str) -> str:
    """The error that the report of one test holds: what pytest marks, a panic, or the end of a Python traceback.

    "" when it begins with the error, or when none of these is in it. Linear.
    """
    lines = text.split("\n")
    numbered = list(enumerate(lines))
    at = next((at for at, line in numbered if "panicked at" in line), None)
    if at is None:
        at = marked(numbered) if "\nE  " in text else exception(numbered)
    return error_of(lines[at : at + SPOKEN_LINES_MAX]) if at else ""


def error_of(lines: Sequence[str]) -> str:
    """The error that cleaned `lines` begin with; the first one says why. Linear; "" for no lines."""
    if not lines:
        return ""
    first = lines[0]
    if first.startswith("E  ") or first == "E":
        return _spoken(lines)
    if len(lines) > 1 and lines[1].strip() and _BANNER.search(first):
        return error_of(lines[1:])
    told = [_LISTED.sub("", _RUNNER_MARK.sub("", first)).strip()]
    announces = first.endswith(":")
    for line in lines[1 : 1 + ANNOUNCED_LINES_MAX * 2]:
        if (
            len(told) > ANNOUNCED_LINES_MAX
            or _FOREIGN.match(line)
            or (announces and not line.strip() and len(told) > 1)
        ):
            break
        if announces or _COMPARED.match(line):
            told += [line.strip()] if line.strip() else []
        elif line.strip():
            break
    return "\n".join(told)


def _spoken(lines: Sequence[str]) -> str:
    told: list[str] = []
    for line in lines[:SPOKEN_LINES_MAX]:
        if line != "E" and not line.startswith("E  "):
            break
        told.append(line[1:])
    indent = min((len(line) - len(line.lstrip()) for line in told if line.strip()), default=0)
    return "\n".join(line[indent:] for line in told).strip()
