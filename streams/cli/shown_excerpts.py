"""Excerpts on a terminal, in a file, or as JSON."""

from __future__ import annotations

import os
import sys
from typing import Final

from streams.cli.screen import line, shown
from streams.producers.excerpts import Excerpt, Line

LINES_SHOWN_MAX: Final = 60
"""Of one excerpt, for people; `--json` has all that is held."""
ABOVE_SHOWN_MAX: Final = 20
"""Of them above the line that says why."""
LINE_CHARS_MAX: Final = 400
_BOLD, _RED, _DIM, _PLAIN = "\x1b[1m", "\x1b[1;31m", "\x1b[2m", "\x1b[0m"


def is_coloured() -> bool:
    """Whether a person looks at standard output, on a terminal that has colours, and has not refused them."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def text_of(excerpt: Excerpt, *, coloured: bool) -> str:
    """One excerpt: where and why, then its lines with their numbers, the one that says why marked with `>`."""
    found = _window(excerpt)
    width = max((len(str(one.line)) for one in found if one.line is not None), default=0)
    out = [_paint(_head(excerpt), _BOLD, coloured=coloured)]
    before = None
    for one in found:
        if before is not None and one.line is not None and one.line > before + 1:
            out.append(_paint(f"  {'':>{width}} | ... {one.line - before - 1} lines", _DIM, coloured=coloured))
        before = one.line
        says_why = one.line is not None and one.line == excerpt.evidence_line
        number = "" if one.line is None else str(one.line)
        text = f"{'>' if says_why else ' '} {number:>{width}} | {_flat(one.text)}".rstrip()
        out.append(_paint(text, _RED, coloured=coloured and says_why))
    if missing := len(excerpt.lines) + excerpt.lines_left_out - len(found):
        out.append(_paint(f"  {'':>{width}} | ... {missing} of its lines not shown", _DIM, coloured=coloured))
    return "\n".join(out)


def _head(excerpt: Excerpt) -> str:
    where = [f"test {line(excerpt.test)}"] if excerpt.test else []
    if excerpt.first is not None:
        lines = f"lines {excerpt.first}-{excerpt.last}" if excerpt.first != excerpt.last else f"line {excerpt.first}"
        where.insert(0, lines)
    if excerpt.step:
        number = "" if excerpt.step_number is None else f"{excerpt.step_number} "
        where.append(f"step {number}{line(excerpt.step)}")
    why = excerpt.rule if excerpt.score is None else f"{excerpt.rule}, score {excerpt.score:.2f}"
    if excerpt.exit_code is not None:
        why += f", exit code {excerpt.exit_code}"
    return f"{excerpt.rank}. {', '.join(where) or 'a failure'} ({why})"


def _window(excerpt: Excerpt) -> list[Line]:
    lines = excerpt.lines
    if len(lines) <= LINES_SHOWN_MAX:
        return list(lines)
    at = next((n for n, one in enumerate(lines) if one.line == excerpt.evidence_line), 0)
    first = max(0, min(at - ABOVE_SHOWN_MAX, len(lines) - LINES_SHOWN_MAX))
    return list(lines[first : first + LINES_SHOWN_MAX])


def _flat(text: str) -> str:
    told = shown(text[: LINE_CHARS_MAX * 2]).replace("\n", " ")
    return told if len(told) <= LINE_CHARS_MAX else f"{told[: LINE_CHARS_MAX - 1]}…"


def _paint(text: str, colour: str, *, coloured: bool) -> str:
    return f"{colour}{text}{_PLAIN}" if coloured else text
