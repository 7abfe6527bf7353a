"""A text of a failure as it may leave the house: short, clean, without credentials and without orders to whoever reads.

Texts of failures come from strangers. What stands here makes it harder to give the llm orders; what protects us is
that it has no tools, answers from a closed list, and that each row of its answer is checked.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from streams.core.clean import printable
from streams.core.redact import mask_opaque, redact

TEXT_CHARS_MAX: Final = 600
WHERE_CHARS_MAX: Final = 120
_READ_CHARS_MAX: Final = 8_000
"""Of a longer text only head and tail are looked at."""
_CUT: Final = "\n[...]\n"
LEFT_OUT: Final = "[line left out]"
"""Stands for a line that speaks to the reader instead of telling what happened."""

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Characters without a shape that `printable` keeps, tags and variation selectors among them: they can carry a text
that only a machine reads."""
_SPACES: Final = re.compile(r"[ \t]{2,}")
_BLANK_LINES: Final = re.compile(r"\n(?:[ \t]*\n)+")
_ORDERS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|prompt|rule|direction|guideline|above)",
        r"\b(?:system|developer|assistant)\s+(?:prompt|message|instruction|override|note)\b",
        r"\byou are now\b|\byou (?:must|should|will) (?:now )?(?:answer|classify|label|respond|reply|return|output)",
        r"\b(?:classify|label|mark|categori[sz]e|tag|rate) (?:this|these|it|all|every|each|the).{0,60}\b(?:as|with)\b",
        r"\b(?:respond|reply|answer|output) (?:only )?with\b.{0,40}\b(?:kind|label|category|json|confidence|word)",
        r"</?(?:system|instructions?|items?|user|assistant|human|prompt)>|<\|im_(?:start|end)|\[/?INST\]",
        r"\"kind\\?\"\s{0,4}:.{0,80}\"confidence|\"confidence\\?\"\s{0,4}:.{0,80}\"kind",
    )
)


def outgoing(text: str, *, chars_max: int = TEXT_CHARS_MAX) -> str:
    """The text for a question: at most `chars_max` characters, head and tail of it. Pure; linear in the text."""
    if len(text) > _READ_CHARS_MAX:
        text = f"{text[: _READ_CHARS_MAX // 2]}{_CUT}{text[-_READ_CHARS_MAX // 2 :]}"
    text = mask_opaque(redact(_INVISIBLE.sub("", printable(text))))
    lines = [LEFT_OUT if _is_order(line) else line for line in text.split("\n")]
    text = _BLANK_LINES.sub("\n", _SPACES.sub(" ", "\n".join(lines))).strip()
    if len(text) <= chars_max:
        return text
    tail = chars_max // 3
    return f"{text[: chars_max - tail - len(_CUT)]}{_CUT}{text[-tail:]}"


def _is_order(line: str) -> bool:
    if not line.isascii():
        line = unicodedata.normalize("NFKC", line)  # wide and styled letters read as plain ones
    return any(order.search(line) for order in _ORDERS)
