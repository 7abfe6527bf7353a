"""One word -> its masked form.

A word is what stands between blanks.
It is cut at quotes, brackets, commas and `=`; each atom between them goes through the table of masks,
then through the rules for paths, colons, dots and names that carry a number.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from streams.core.template.masks import ATOM_MASK, BY_GROUP, PLACEHOLDERS
from streams.core.template.terms import KEPT_AFTER, SWITCHES, TERMS, is_error_code

WORD_CHARS_MAX = 2048
"""A longer word, or one whose masked form is longer, is masked whole (characters)."""

ATOM_CHARS_MAX = 256
"""A longer atom is masked whole unless it is a path (characters)."""

NAME_CHARS_MAX = 64
"""A longer file name is masked with its directories (characters)."""

_NAMES = "|".join(PLACEHOLDERS)
_CUT = re.compile(
    rf"<(?:{_NAMES})(?::[^<>\s]{{1,80}})?>"
    r"|[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s\"'<>`(){}\[\]|\\^,;]*"
    r"|\d{1,3}(?:,\d{3})+(?![\w,])|\d{1,2}:\d{2}:\d{2},\d{1,9}"
    r"|[^\s<>()\[\]{}\"'`,;=|&?!*]+"
    r"|<|[>()\[\]{}\"'`,;=|&?!*]+"
)
_PLACEHOLDER = re.compile(rf"<(?:{_NAMES})(?::[^<>\s]{{1,80}})?>")
_DELIMITER = re.compile(r"[<>()\[\]{}\"'`,;=|&?!*:]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,1024}(?:={1,2}|[+/][A-Za-z0-9+/]{0,3}={0,2})")
_ROUND_ENCODED = "()[]{}<>\"'`,.;:!?"
_DIGIT = re.compile(r"[0-9]")
_SEPARATORS = re.compile(r"[/\\]+")
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_ROOTS = ("/", "./", "../", "~/", "\\\\", ".\\", "..\\", "$")
_EXTENSION = re.compile(r"[^.]{1,200}(?:\.[A-Za-z][A-Za-z0-9]{0,7}){1,2}")
_GLUE = "/\\@.:~#%$^+_-"
_KEY_GAP = re.compile(r"[\"']?[:=][\"'\[(]{0,2}|[\[(]")
_JOINTS = "/@."
_KEY_JOINTS = str.maketrans("", "", "_-.")


class Piece(NamedTuple):
    """A part of a word: what stood there, what stands in the template, and the rule that decided."""

    raw: str
    out: str
    rule: str


def pieces(word: str) -> list[Piece]:
    """Cut a word without blanks into pieces, each masked or kept.  Linear."""
    if len(word) > WORD_CHARS_MAX:
        return [Piece(word, "<str>", "long")]
    encoded = word.strip(_ROUND_ENCODED)
    if _BASE64.fullmatch(encoded) and _is_mixed(encoded):
        before, _, after = word.partition(encoded)
        cut = [Piece(before, before, "delimiter"), Piece(encoded, "<id>", "base64"), Piece(after, after, "delimiter")]
        return [piece for piece in cut if piece.raw]
    cut: list[Piece] = []
    key = gap = ""
    end = 0
    after_placeholder = False
    for raw in _CUT.findall(word):
        end += len(raw)
        if after_placeholder and not raw[0].isalnum() and not _DELIMITER.match(raw):
            # What a mask left behind it (`<num>/utf8`) is no path, host or number of its own.
            rest = raw.lstrip(_GLUE)
            cut.append(Piece(raw[: len(raw) - len(rest)], raw[: len(raw) - len(rest)], "delimiter"))
            raw = rest if _DIGIT.search(rest) else ""
            if rest and not raw:
                cut.append(Piece(rest, rest, "plain"))
                key, gap = _key(rest), ""
        after_placeholder = False
        if not raw:
            continue
        if _DELIMITER.fullmatch(raw):
            cut.append(Piece(raw, raw, "delimiter"))
            gap += raw
            continue
        found = _atom(raw, word[end : end + 1])
        for i, piece in enumerate(found):
            if piece.rule == "delimiter":
                gap += piece.out
            else:
                # `code:10.0.0.1`: the 10 is a part, not the value
                whole = i + 2 >= len(found) or found[i + 1].out not in _JOINTS
                piece = _valued(piece, key, gap) if key and whole and _KEY_GAP.fullmatch(gap) else piece
                key, gap = (_key(piece.raw) if piece.rule == "plain" else ""), ""
            cut.append(piece)
            after_placeholder = piece.rule == "placeholder"
    if sum([len(p.out) for p in cut]) > WORD_CHARS_MAX:
        return [Piece(word, "<str>", "long")]
    return cut


def _key(atom: str) -> str:
    return atom.translate(_KEY_JOINTS).lower()


def _valued(piece: Piece, key: str, gap: str) -> Piece:
    """Decide again about the value of a key: codes stay, switches go."""
    raw = piece.raw
    if piece.rule == "plain":
        is_switch = raw in SWITCHES and ("=" in gap or ":" in gap)
        return Piece(raw, "<str>", "key-value") if is_switch else piece
    form = KEPT_AFTER.get(key)
    return Piece(raw, raw, "kept-number") if form and form.fullmatch(raw) else piece


def _atom(raw: str, after: str) -> list[Piece]:
    """Mask one atom; `after` is the character that follows it in its word."""
    if _PLACEHOLDER.fullmatch(raw):
        return [Piece(raw, raw, "placeholder")]
    if "://" in raw:
        at = raw.index("://")
        if raw[:at].replace("+", "").replace("-", "").replace(".", "").isalnum():
            return _tailed(raw, lambda core: [Piece(core, "<url>", "url")])
        return [Piece(raw, "<url>", "url")]
    if len(raw) <= ATOM_CHARS_MAX and raw.isalpha():
        mask = ATOM_MASK.fullmatch(raw) if len(raw) >= 8 else None
        return [_masked(raw, mask)] if mask else [Piece(raw, raw, "plain")]
    if after == "<" and not _DIGIT.search(raw):
        # What a mask left in front of it (`bar.py.<num>`) is no path or host of its own.
        return [Piece(raw, raw, "plain")]
    if after == "<" and ":" in raw:
        return _colons(raw, after)
    return _tailed(raw, lambda core: _core(core, after if core == raw else raw[len(core)]))


def _tailed(raw: str, mask: Callable[[str], list[Piece]]) -> list[Piece]:
    """Mask an atom without the full stops and colons that end a sentence or a label."""
    core = raw.rstrip(".:")
    if not core:
        return [Piece(raw, raw, "delimiter")]
    found = mask(core)
    if core != raw:
        found.append(Piece(raw[len(core) :], raw[len(core) :], "delimiter"))
    return found


def _masked(raw: str, match: re.Match[str]) -> Piece:
    mask = BY_GROUP[match.lastgroup or ""]
    return Piece(raw, mask.out, mask.name)


def _core(raw: str, after: str) -> list[Piece]:
    """Mask an atom without its closing punctuation: by its form, or part by part when it has colons."""
    short = len(raw) <= ATOM_CHARS_MAX
    if short:
        match = ATOM_MASK.fullmatch(raw)
        if match and not is_error_code(raw, after):
            return [_masked(raw, match)]
    return _colons(raw, after)


def _colons(raw: str, after: str) -> list[Piece]:
    """Cut at every colon but that of a drive, and mask the parts on their own."""
    start = 2 if _DRIVE.match(raw) else 0
    if ":" not in raw[start:]:
        return _part(raw, after)
    found: list[Piece] = []
    first, *others = raw[start:].split(":")
    parts = [raw[:start] + first, *others]
    for i, part in enumerate(parts):
        if part:
            found.extend(_part(part, ":" if i < len(others) else after))
        if i < len(others):
            found.append(Piece(":", ":", "delimiter"))
    return found


def _part(raw: str, after: str) -> list[Piece]:
    """Mask what has no colon: a path whole, else by its form, else piece by piece at `/`, `@` or `.`."""
    if "/" in raw or "\\" in raw:
        found = _path(raw)
        if found:
            return [found]
    if len(raw) > ATOM_CHARS_MAX:
        return [Piece(raw, "<str>", "long")]
    if is_error_code(raw, after):
        return [Piece(raw, raw, "error-code")]
    match = ATOM_MASK.fullmatch(raw)
    if match:
        return [_masked(raw, match)]
    if not _DIGIT.search(raw):
        return [Piece(raw, raw, "plain")]
    if _DIGIT.sub("0", raw).lower() in TERMS:
        return [Piece(raw, raw, "term")]
    for joint in _JOINTS:
        if joint in raw:
            return _jointed(raw, joint, after)
    return [Piece(raw, "<id>", "word-with-digit")]


def _jointed(raw: str, joint: str, after: str) -> list[Piece]:
    """Cut at every joint and mask the parts on their own.  At most one level for each of the three joints."""
    found: list[Piece] = []
    parts = raw.split(joint)
    last = len(parts) - 1
    for i, part in enumerate(parts):
        if part:
            found.extend(_part(part, joint if i < last else after))
        if i < last:
            found.append(Piece(joint, joint, "delimiter"))
    return found


def _path(raw: str) -> Piece | None:
    """Mask a path: directories go, a last name without digits stays; None when the atom is no path."""
    drive = 2 if _DRIVE.match(raw) else 0
    rooted = drive > 0 or raw.startswith(_ROOTS)
    parts = [part for part in _SEPARATORS.split(raw[drive:]) if part]
    if not any(c.isalnum() for c in raw) or (len(parts) < 2 and not rooted):
        return None
    name = parts[-1] if parts else "."
    if not rooted and not _EXTENSION.fullmatch(name) and not (len(parts) > 2 and _DIGIT.search(raw)):
        return None
    stays = (
        len(name) <= NAME_CHARS_MAX
        and raw[-1] not in "/\\"
        and name[0] != "."
        and not _DIGIT.search(name)
        and not ATOM_MASK.fullmatch(name)
    )
    return Piece(raw, f"<path:{name}>" if stays else "<path>", "path")


def _is_mixed(word: str) -> bool:
    """Whether a run holds upper case, lower case and digits, as encoded bytes do."""
    return bool(_DIGIT.search(word)) and word.lower() != word and word.upper() != word
