"""What stands between the name of a password and its value."""

from __future__ import annotations

import re
from typing import Final

from streams.core.credentials.row import COLOUR

AFTER_PASSWORD: Final = re.compile(
    rf"(?P<rest>[\w.-]{{0,24}})(?:[\"'`*\\\]%]|&quot;|&#34;|(?<=\\)u0022){{0,8}}{COLOUR}{{0,2}}[ \t]{{0,40}}\s?"
    rf"(?P<op>={{1,3}}>|->|:{{1,3}}=|::|\?=|[=:：＝]|\t|[ ]{{2}}|[|│┃])"
    rf"(?:(?<==>)\s{{1,24}}string\(\d{{1,6}}\) |[ \t]{{0,40}}|\s{{0,2}}){COLOUR}{{0,2}}(?:\*\* |&quot;|&#34;|\\u0022)?"
    r"(?:(?:&[\w.-]{1,32}|!!str) )?"
    r"(?:(?:[bBuUrRN]{0,2}|Some\(|Optional[(\[]|String = )(?:(?P<escaped>\\{1,8})|)(?P<mark>[\"'`])"
    r"(?P<quoted>(?![\s,;:)}\]])(?:(?!(?P=mark))[^\\\n<>]|(?(escaped)(?!)|\\[\"'\\])){4,256})"
    r"|[“„«]?(?P<bare>[^\s\"'`,;&<>(){}\[\]|\\\x1b“”»]{4,1024}))"
)
"""From the name of a password to its value: a sign of assignment, or what parts the columns of a table."""
BARE_CHARS_MAX: Final = 1024
"""Of a value without quotes that are looked at: else each name in one long word costs all of it."""
_GOES_ON: Final = re.compile(r"[^\s\"'`,;&<>(){}\[\]|\\\x1b“”»]+")
AFTER_TOLD: Final = re.compile(
    rf"[s\d_-]{{0,3}}(?:[\s\"'`*(){{}}\[\]=>|│┃,«“‘「：:-]|{COLOUR}|\\{{1,8}}[nrt\"'`]|<(?!secret:)|"
    r"(?<=[\s\"'`*:=])(?:is|was|are|es|est|ist)(?=[\s:])){1,12}"
    r"(?P<bare>[A-Za-z0-9](?![^\s=]{0,128}=[^\s=])[^\s\"'`<>\\,;()\[\]{}|]{7,127})"
)
"""Whatever may lead from a name to a value that can only be a password."""
_DIGIT: Final = re.compile(r"[0-9]")
_REST: Final = re.compile(r"[&(){}\[\]|;,>][A-Za-z0-9][^\s\"'`=:<>\\]{2,64}(?=\s|\Z)")
"""What goes on behind a sign that ends most values, and is no assignment of its own."""
SAID: Final = frozenset((":", "->", "::", ":::", "："))
"""Signs that prose has too."""
COLUMNS: Final = frozenset(("\t", "  ", "|", "│", "┃"))
"""What stands between the columns of a table, and in prose."""


def end_of(match: re.Match[str], end: int) -> int:
    """Where a value ends that is `end` of a match of `AFTER_PASSWORD`: one without quotes may go on behind a sign."""
    if match["bare"] and len(match["bare"]) == BARE_CHARS_MAX and (more := _GOES_ON.match(match.string, end)):
        end = more.end()
    rest = _REST.match(match.string, end) if match["bare"] and _DIGIT.search(match["bare"]) else None
    return rest.end() if rest else end
