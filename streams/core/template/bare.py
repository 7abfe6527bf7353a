"""A message that is nothing but placeholders: what its words still say.

`oom1` and `disk2` are both `<id>`, `E1001` and `E2002` both `<hex>`; beside other words that is right,
alone it would fold what has nothing in common.  Such a message keeps the letters of its names (`oom<num>`),
and its codes whole when nothing else stands there.
"""

import re
from typing import NamedTuple

from streams.core.template.closing import closed
from streams.core.template.lines import printable, unadorned
from streams.core.template.terms import is_code
from streams.core.template.words import Piece, pieces

BARE_TEXT_CHARS_MAX = 256
"""A longer text of placeholders alone is a dump of values, not a name (characters)."""

COMMIT_CHARS_MIN = 7
"""A number in base 16 of this length is a digest even if its letters come first."""

_SILENT = re.compile(r"(?:<[a-z]{2,5}>|[^\w<])+")
_VALUED = frozenset({"word-with-digit", "bare-hex"})
_JOINT = re.compile(r"([-_])")
_NAME = re.compile(r"[A-Za-z]{1,24}")
_NUMBERED = re.compile(r"([A-Za-z]{1,24})\d{1,6}")
_NUMBER = re.compile(r"\d{1,12}")
_WORD = re.compile(r"\S+")


class Bare(NamedTuple):
    """The template of a bare text, and the places of the words that keep their digits."""

    template: str
    kept: tuple[tuple[int, int], ...] | None


def is_silent(template: str) -> bool:
    """Whether a template holds placeholders only, and one that may stand for a name."""
    if template[:1].isalpha():
        return False
    return bool(_SILENT.fullmatch(template)) and ("<id>" in template or "<hex>" in template)


def bare_of(text: str) -> Bare | None:
    """The letters and codes of a text whose template is silent; None when they say nothing either."""
    if len(text) > BARE_TEXT_CHARS_MAX:
        return None
    with_codes = only_codes(text)
    lines: dict[str, None] = {}
    for line in text.split("\n"):
        words = [
            "".join([p.out for p in spoken(word, with_codes=with_codes)]) for word in printable(unadorned(line)).split()
        ]
        lines[closed(" ".join(words))] = None
    lines.pop("", None)
    template = "\n".join(lines)
    if is_silent(template):
        return None
    kept = [m.span() for m in _WORD.finditer(text) if _has_code(m.group())] if with_codes else []
    return Bare(template, tuple(kept) if text.replace("\n", " ").isprintable() else None)


def only_codes(text: str) -> bool:
    """Whether codes are all that speaks in a bare text: beside a name, a code is one more numbered name."""
    names = [p for word in printable(unadorned(text)).split() for p in pieces(word) if p.rule in _VALUED]
    return any(is_code(p.raw) for p in names) and not any(_said(p) and not is_code(p.raw) for p in names)


def spoken(word: str, *, with_codes: bool) -> list[Piece]:
    """The pieces of a word of a bare text, with what its names say."""
    found: list[Piece] = []
    for piece in pieces(word):
        if piece.rule in _VALUED:
            if with_codes:
                piece = Piece(piece.raw, piece.raw, "lone-code") if is_code(piece.raw) else piece
            else:
                said = _said(piece)
                piece = Piece(piece.raw, said, "lone-name") if said else piece
        found.append(piece)
    return found


def _has_code(word: str) -> bool:
    return any(piece.rule == "lone-code" for piece in spoken(word, with_codes=True))


def _said(piece: Piece) -> str:
    """The letters of a name, or nothing: a digest has none."""
    if piece.rule == "bare-hex" and len(piece.raw) >= COMMIT_CHARS_MIN:
        return ""
    letters = _letters(piece.raw)
    return "" if is_silent(letters) or letters == "<num>" else letters


def _letters(raw: str) -> str:
    """`db-replica12` -> `db-replica<num>`, and `<id>` from the first part on that letters and digits are mixed in."""
    shown: list[str] = []
    for part in _JOINT.split(raw):
        numbered = _NUMBERED.fullmatch(part)
        if numbered:
            shown.append(f"{numbered.group(1)}<num>")
        elif part in {"", "-", "_"} or _NAME.fullmatch(part):
            shown.append(part)
        elif _NUMBER.fullmatch(part):
            shown.append("<num>")
        else:
            shown.append("<id>")
            break
    return "".join(shown)
