"""Text from outside, made safe to keep and to show: no control characters, no direction marks, no half characters."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\-_])")


def printable(text: str) -> str:
    """The text without terminal sequences, control characters (newline and tab stay) and invisible direction marks.

    A carriage return at the end of a line goes; one inside a line becomes a newline, so that a progress bar is lines.
    Lone surrogates become U+FFFD. Linear in the text; a clean text is returned as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    return _UNSAFE.sub(lambda found: "\ufffd" if found.group() >= "\ud800" and found.group() <= "\udfff" else "", text)
