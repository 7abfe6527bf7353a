"""Times, counts and texts from outside, made fit to be read.

Characters that a reader cannot see, or that turn text around, are shown as what they are: a control character by its
name (`⟨ESC⟩`), a bidi or zero-width one by its code (`⟨U+202E⟩`). So what a page shows is what the text holds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from streams.core.template.masks import PLACEHOLDERS

TITLE_CHARS_MAX = 300
"""How much of a title a table shows; the group's page has the whole."""
COMMAND_CHARS_MAX = 200
"""A longer text is not offered inside a command."""

_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_VARIABLE = re.compile(rf"<(?:{'|'.join(map(re.escape, PLACEHOLDERS))})(?::[^<>\s]{{1,80}})?>")
_CONTROLS = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI"),
    *("DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"),
)
_STEPS = ((60, "s", 1), (3600, "min", 60), (86_400, "h", 3600))


def plain(text: str) -> str:
    """The text with every odd character made visible; tabs and line ends stay."""
    return _ODD.sub(lambda found: _name(found[0]), text) if _ODD.search(text) else text


def shown(value: Any) -> Any:
    """What a template prints for a value: texts pass through `plain`, markup of our own stays."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def odd_marked(text: str) -> Markup:
    """The escaped text with every odd character made visible and set apart."""
    return _marked(text, _ODD, lambda odd: Markup('<span class="odd">{}</span>').format(_name(odd)))


def variables_marked(template: str) -> Markup:
    """The escaped template with its placeholders marked as variables."""
    return _marked(template, _VARIABLE, Markup("<mark>{}</mark>").format)


def _marked(text: str, pattern: re.Pattern[str], mark: Any) -> Markup:
    pieces: list[str] = []
    end = 0
    for found in pattern.finditer(text):
        pieces += escape(plain(text[end : found.start()])), mark(found[0])
        end = found.end()
    return Markup("").join([*pieces, escape(plain(text[end:]))])


def _name(odd: str) -> str:
    code = ord(odd)
    return f"⟨{_CONTROLS[code]}⟩" if code < len(_CONTROLS) else f"⟨U+{code:04X}⟩"


def cut(text: str, chars_max: int = TITLE_CHARS_MAX) -> str:
    """At most `chars_max` characters, with a mark when something is missing."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def ago(at_ms: int, now_ms: int) -> str:
    """How long ago, in the largest unit that fits; the page's script says it the same way.

    A time after now is now: it comes from a clock that is ahead, and nothing was seen in the future.
    """
    gone_s = int((now_ms - at_ms) / 1000)
    if gone_s < 5:
        return "just now" if gone_s > -5 else "now"
    span = next((f"{gone_s // unit_s} {unit}" for below, unit, unit_s in _STEPS if gone_s < below), "")
    return f"{span or f'{gone_s // 86_400} d'} ago"


def utc(at_ms: int) -> str:
    """The moment to the second, for people."""
    return f"{_moment(at_ms):%Y-%m-%d %H:%M:%S} UTC"


def iso(at_ms: int) -> str:
    """The moment for `<time datetime>`."""
    return f"{_moment(at_ms):%Y-%m-%dT%H:%M:%SZ}"


def clock(at_ms: int) -> str:
    """Day and minute, for a bar's label."""
    return f"{_moment(at_ms):%d %b %H:%M}"


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)


def count(number: int) -> str:
    """A number with its thousands apart, by a blank that does not break."""
    return f"{number:,}".replace(",", "\u202f")


def percent(share: float) -> str:
    """A share of 1 as a percentage; 100 % is said of certainty alone."""
    return f"{min(round(share * 100), 99) if share < 1 else 100}\u00a0%"


def explainable(text: str) -> bool:
    """Whether a text may stand in a command to copy: one short line of visible characters."""
    return 0 < len(text) <= COMMAND_CHARS_MAX and text.isprintable() and not _ODD.search(text)
