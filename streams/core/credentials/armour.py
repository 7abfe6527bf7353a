"""Lines of a private key whose first line is not in the text: only the last one says what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_END: Final = "-----end"
_LAST_LINE: Final = re.compile(r"-----END[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----", re.IGNORECASE)
_LINE: Final = re.compile(r"[A-Za-z0-9+/]{32,}={0,2}")
BETWEEN_CHARS_MAX: Final = 64
"""What a log writes in front of each line; a longer gap ends the block."""


def key_tails(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Where the lines in front of each end of a private key are, back to the first gap between them."""
    end = 0
    at = lowered.find(_END)
    while at >= 0:
        if _LAST_LINE.match(text, at):
            start = _first_line(text, end, at)
            if start < at:
                yield start, at
        end = at + len(_END)
        at = lowered.find(_END, end)


def _first_line(text: str, begin: int, at: int) -> int:
    """Where the last block of lines of base64 begins that reaches `at`; `at` where there is none."""
    start = last = at
    for line in _LINE.finditer(text, begin, at):
        if start == at or line.start() - last > BETWEEN_CHARS_MAX:
            start = line.start()
        last = line.end()
    return start if last + BETWEEN_CHARS_MAX + len("\n") >= at else at
