"""What a failure says of itself, without the source that its report quotes.

A test report shows the lines of code around the failure, the arguments of each call, and whole docstrings of the
standard library. Words in there (`timeout=None`, `assert pid == self.pid`, `configuration`) are no reason of anything.
"""

from __future__ import annotations

import re

SECTION_MARK = "\nE   "
"""pytest begins each line of an error with this, in every style but `native`."""
_SPOKEN = re.compile(r"E   |E$|\S[^\s:]*:\d+: ?[\w.]*$|\S[^\s:]*:\d+: [A-Z]")
"""Lines of an error, and the line that names the place and the exception."""


def said(text: str) -> str:
    """The lines of a pytest section in which the error speaks, and the first line; other texts as they are.

    Every line of the answer is a line of the text. Linear.
    """
    if SECTION_MARK not in text:
        return text
    first, *rest = text.split("\n")
    return "\n".join([first, *(line for line in rest if _SPOKEN.match(line))])
