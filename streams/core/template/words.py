"""One word -> its masked form.

A word is what stands between blanks.
It is cut at quotes, brackets, commas and `=`; each atom between them goes through the table of masks,
then through the rules for paths, colons, dots and names that carry a number.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from streams.core.template.masks import PLACEHOLDERS, mask_of
from streams.core.template.randomness import MIXED_LETTERS_MIN, has_random_letters, has_random_suffix, is_scratch_name
from streams.core.template.terms import KEPT_AFTER, NAMES, SWITCHES, TERMS, is_error_code, is_place_key

WORD_CHARS_MAX = 2048
"""A longer word, or one whose masked form is longer, is masked whole (characters)."""

ATOM_CHARS_MAX = 256
"""A longer atom is masked whole unless it is a path (characters)."""

RUNS_REMEMBERED_MAX = 1024
"""Long words kept, with whether their letters are drawn by lot."""

PUNCTUATION_REMEMBERED_MAX = 1024
"""Runs of punctuation kept."""

PARTS_REMEMBERED_MAX = 16_384
"""Masked parts of words kept, 5 to 15 MB: a new word is mostly made of known ones."""

PART_REMEMBERED_CHARS_MAX = 64
"""Longer parts are not remembered (characters)."""

GROWTH_MAX = 5
"""Characters of a placeholder for one character of a word, at most: `1` becomes `<num>`."""

NAME_CHARS_MAX = 64
"""A longer file name is masked with its directories (characters)."""

# What redaction left in place of a credential passes as it is.
_NAMES = "|".join([*PLACEHOLDERS, "secret"])
# No word holds a blank: to ask for one at every character would take as long again.
_URL = r"[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\"'<>`(){}\[\]|\\^,;]*"
_LEFT = r"[^<>()\[\]{}\"'`,;=|&?!*\\]"
_CUTS = (
    rf"<(?:{_NAMES})(?::[^<>\s]{{1,80}})?>"
    r"|[$€£¥₹]?\d{1,3}(?:,\d{3})+(?:\.\d{1,9})?(?!\w|,\d)|\d{1,3}(?:'\d{3})+(?!\w|'\w)|\d{1,2}:\d{2}:\d{2},\d{1,9}"
    # a backslash belongs to a name, but not one that escapes a quote
    rf"|{_LEFT}+(?:\\(?![\"']){_LEFT}*)*|(?:\\(?![\"']){_LEFT}*)+"
    r"|<|(?:[>()\[\]{}\"'`,;=|&?!*]|\\(?=[\"']))+"
)
_CUT = re.compile(_CUTS)
_CUT_AT_URLS = re.compile(rf"{_URL}|(?:[\w.-]{{1,32}}:|[#@])(?=[A-Za-z][A-Za-z0-9+.-]{{1,15}}://)|{_CUTS}")
_DELIMITERS = frozenset("<>()[]{}\"'`,;=|&?!*")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,1024}(?:={1,2}|[+/][A-Za-z0-9+/]{0,3}={0,2})")
_ESCAPED_QUOTES = frozenset(["\\'", '\\"'])
_KEY_BEFORE = re.compile(r"[A-Za-z_][\w.-]{0,63}:(?=.*:)")
_BEFORE_ENCODED = re.compile(r"(?:.*[:,\"'=](?=[A-Za-z0-9+/_-]))?")
_UNPADDED = re.compile(r"[A-Za-z0-9+/]{43}|[A-Za-z0-9+/]{86}")
_TAG = re.compile(r"(?=[\w.-]{0,127}[A-Za-z.])(?=[\w.-]{0,127}\d)\w[\w.-]{0,127}")
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}(?:/[a-z0-9_-]{1,128}){1,6}")
_VERSIONED = re.compile(
    r"[A-Za-z][A-Za-z0-9_+-]{0,127}?[-_.]v?\d{1,9}(?:\.\d{1,9}){1,5}[\w.+~-]{0,128}?"
    r"((?:\.(?:tar|zip|gz|bz2|xz|zst|tgz|jar|war|aar|whl|egg|rpm|deb|apk|exe|dll|msi|dmg|so|gem|nupkg|crate|ko|log|json|txt)){0,3})"
)
AROUND_WORDS = "()[]{}<>\"'`,.;:!?=|&*"
"""Punctuation that a word may stand in without being another word."""

_ROUND_ENCODED = "()[]{}<>\"'`,.;:!?"
_DIGIT = re.compile(r"[0-9]")
_ALNUM = re.compile(r"[^\W_]")
_DIGITS = re.compile(r"[0-9]+")
_CLASS_NAME = re.compile(r"(?:[a-z_][a-z_0-9]{0,63}\.){1,12}[A-Z][A-Za-z]{2,127}")
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_ROOTS = ("/", "./", "../", "~/", "\\\\", ".\\", "..\\", "$")
_EXTENSION = re.compile(r"[^.]{1,200}(?:\.[A-Za-z][A-Za-z0-9]{0,7}){1,2}")
_FLAG = re.compile(r"-[A-Za-z]{1,16}(?=/)")
_SCRATCH = re.compile(r"(?:^|[/\\])(?:te?mp|Te?mp|TE?MP)[/\\]")
_GLUE = "/\\@.:~#%$^+_-"
_KEY_GAP = re.compile(r"[\"']?[:=][\"'\[(]{0,2}|[\[(]")
_JSON_GAPS = frozenset(['":"', "':'"])
_NAME_OF_PARTS = re.compile(r"[A-Za-z_][\w.$-]{0,63}/[\w.$-]{1,253}")
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w.$-]{0,63}")
_JOINTS = "/@."
_JOINT = re.compile(r"[:/@.]")
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
    encoded = word.strip(_ROUND_ENCODED) if "=" in word or "+" in word else ""
    if encoded.endswith("="):
        encoded = encoded[_BEFORE_ENCODED.match(encoded).end() :]  # type: ignore[union-attr]  # it may be empty
    if encoded and _BASE64.fullmatch(encoded) and _is_mixed(encoded):
        before, _, after = word.partition(encoded)
        front = pieces(before) if before else []
        return [*front, Piece(encoded, "<id>", "base64"), *([Piece(after, after, "delimiter")] if after else [])]
    cut: list[Piece] = []
    key = gap = ""
    end = 0
    after_placeholder = False
    raws = (_CUT_AT_URLS if "://" in word else _CUT).findall(word)
    if len(raws) == 1 and word[0] not in _DELIMITERS and word[0] != "\\" and len(word) * GROWTH_MAX <= WORD_CHARS_MAX:
        found = _atom(word, "")
        if len(found) == 1:
            return list(found)
    for raw in raws:
        end += len(raw)
        first = raw[0]
        if (first in _DELIMITERS and (first != "<" or len(raw) == 1)) or raw[:2] in _ESCAPED_QUOTES:
            cut.append(_punctuation(raw))
            gap += raw.replace("\\", "")
            after_placeholder = False
            continue
        if after_placeholder and first != "<" and not first.isalnum():
            # What a mask left behind it (`<num>/utf8`) is no path, host or number of its own.
            rest = raw.lstrip(_GLUE)
            cut.append(_punctuation(raw[: len(raw) - len(rest)]))
            raw = rest if _DIGIT.search(rest) else ""
            if rest and not raw:
                cut.append(Piece(rest, rest, "plain"))
                named = rest.rstrip(".:")
                key, gap = _JOINT.split(named)[-1], rest[len(named) :]
        after_placeholder = False
        if not raw:
            continue
        found = _place_of_parts(raw, key, gap) or _atom(raw, word[end : end + 1])
        for i, piece in enumerate(found):
            cut.append(piece)
            rule = piece.rule
            if rule == "delimiter":
                gap += piece.out
                continue
            if key and _KEY_GAP.fullmatch(gap) and (i + 2 >= len(found) or found[i + 1].out not in _JOINTS):
                # but `code:10.0.0.1`: the 10 is a part, not the value
                cut[-1] = _valued(piece, key, gap)
            key = piece.raw if rule == "plain" else ""
            gap = ""
            after_placeholder = rule.endswith("placeholder")
    if len(word) * GROWTH_MAX > WORD_CHARS_MAX and sum([len(p.out) for p in cut]) > WORD_CHARS_MAX:
        return [Piece(word, "<str>", "long")]
    return cut


_has_random_letters = lru_cache(maxsize=RUNS_REMEMBERED_MAX)(has_random_letters)


def is_value(letters: str) -> bool:
    """Whether a word of letters alone is a value: a number in base 16, or drawn by lot."""
    return (len(letters) >= MIXED_LETTERS_MIN and _has_random_letters(letters)) or mask_of(letters) is not None


@lru_cache(maxsize=PUNCTUATION_REMEMBERED_MAX)
def _punctuation(raw: str) -> Piece:
    return Piece(raw, raw, "delimiter")


def _valued(piece: Piece, key: str, gap: str) -> Piece:
    """Decide again about the value of a key: codes stay, switches go."""
    raw = piece.raw
    if piece.rule == "plain":
        if raw in SWITCHES and ("=" in gap or ":" in gap):
            return Piece(raw, "<str>", "key-value")
        is_place = (gap[0] == "=" or gap in _JSON_GAPS) and is_place_key(key) and _PLAIN_NAME.fullmatch(raw)
        return Piece(raw, "<host>" if "." in raw else "<id>", "named-by-key") if is_place else piece
    form = KEPT_AFTER.get(key.translate(_KEY_JOINTS).lower())
    return Piece(raw, raw, "kept-number") if form and form.fullmatch(raw) else piece


def _place_of_parts(raw: str, key: str, gap: str) -> Sequence[Piece]:
    """The one piece of `pod="shop/web-0"`; nothing where the key names no place."""
    named = key and gap[:1] == "=" and _NAME_OF_PARTS.fullmatch(raw) and is_place_key(key)
    return (Piece(raw, "<id>", "named-by-key"),) if named else ()


def _atom(raw: str, after: str) -> Sequence[Piece]:
    """Mask one atom; `after` is the character that follows it in its word."""
    if raw[0] == "<":
        return [Piece(raw, raw, "numbered-placeholder" if _DIGIT.search(raw) else "placeholder")]
    if "://" in raw:
        core = raw.rstrip(".:") or raw
        tail = raw[len(core) :]
        return [Piece(core, "<url>", "url"), Piece(tail, tail, "delimiter")] if tail else [Piece(raw, "<url>", "url")]
    if after == "<" and not _DIGIT.search(raw):
        # What a mask left in front of it (`bar.py.<num>`) is no path or host of its own.
        return [Piece(raw, raw, "plain")]
    if after == "<" and ":" in raw:
        return _colons(raw, after)
    core = raw.rstrip(".:")
    if not core:
        return [Piece(raw, raw, "delimiter")]
    if core == raw or (raw.endswith("::") and mask_of(raw)):
        return _core(raw, after)
    tail = raw[len(core) :]
    return [*_core(core, tail[0]), Piece(tail, tail, "delimiter")]


def _core(raw: str, after: str) -> Sequence[Piece]:
    """Mask an atom without its closing punctuation: by its form, or part by part when it has colons."""
    if raw[0] in "#@" and len(raw) <= ATOM_CHARS_MAX and not mask_of(raw):
        mask = mask_of(raw[1:])
        if mask:
            return [_punctuation(raw[0]), Piece(raw[1:], mask.out, mask.name)]
    if ":" not in raw:
        return _part(raw, after)
    if len(raw) <= ATOM_CHARS_MAX:
        mask = mask_of(raw)
        if mask:
            return [Piece(raw, mask.out, mask.name)]
        return _keyed(raw) or _colons(raw, after)
    return _colons(raw, after)


def _keyed(raw: str) -> Sequence[Piece]:
    """A key and a value that has colons of its own (`peer:2001:db8::1`); nothing where the value has no form.

    Two numbers are a line and a column, not a time.
    """
    key = _KEY_BEFORE.match(raw)
    mask = mask_of(raw[key.end() :]) if key else None
    if key is None or mask is None or (mask.name == "clock" and raw.count(":") == 2):
        return []
    return [*_part(key[0][:-1], ":"), _punctuation(":"), Piece(raw[key.end() :], mask.out, mask.name)]


def _colons(raw: str, after: str) -> Sequence[Piece]:
    """Cut at every colon but that of a drive, and mask the parts on their own."""
    start = 2 if _DRIVE.match(raw) else 0
    if ":" not in raw[start:]:
        return _part(raw, after)
    found: list[Piece] = []
    first, *others = raw[start:].split(":")
    parts = [raw[:start] + first, *others]
    if len(parts) == 2 and _REPOSITORY.fullmatch(parts[0]) and _TAG.fullmatch(parts[1]):
        return [*_part(parts[0], ":"), _punctuation(":"), Piece(parts[1], "<id>", "image-tag")]
    for i, part in enumerate(parts):
        if part:
            found.extend(_part(part, ":" if i < len(others) else after))
        if i < len(others):
            found.append(Piece(":", ":", "delimiter"))
    return found


def _part(raw: str, after: str) -> tuple[Piece, ...]:
    """Mask what has no colon: a path whole, else by its form, else piece by piece at `/`, `@` or `.`."""
    return _part_remembered(raw, after) if len(raw) <= PART_REMEMBERED_CHARS_MAX else _part_anew(raw, after)


def _part_anew(raw: str, after: str) -> tuple[Piece, ...]:
    short = len(raw) <= ATOM_CHARS_MAX
    if short and not (raw[0] == "/" and raw[1:2].isalpha()):
        if is_error_code(raw, after):
            return (Piece(raw, raw, "error-code"),)
        mask = mask_of(raw)
        if mask:
            return (Piece(raw, mask.out, mask.name),)
    if "/" in raw or "\\" in raw:
        if _UNPADDED.fullmatch(raw) and _is_mixed(raw):
            return (Piece(raw, "<id>", "base64"),)
        found = _path(raw)
        if found:
            return (found,)
    if not short:
        return (Piece(raw, "<str>", "long"),)
    if not _DIGIT.search(raw):
        drawn = (len(raw) >= MIXED_LETTERS_MIN and _has_random_letters(raw)) or ("-" in raw and has_random_suffix(raw))
        return (Piece(raw, "<id>", "random-letters") if drawn else Piece(raw, raw, "plain"),)
    return _with_digits(raw, after)


_part_remembered = lru_cache(maxsize=PARTS_REMEMBERED_MAX)(_part_anew)


def _with_digits(raw: str, after: str) -> tuple[Piece, ...]:
    """Mask a name that carries digits: a term, a class, a name with a version, or joined names."""
    shape = _DIGIT.sub("0", raw).lower()
    if shape in TERMS:
        return (Piece(raw, raw, "term"),)
    if shape in NAMES:
        return (Piece(raw, _DIGITS.sub("<num>", raw), "name"),)
    if _CLASS_NAME.fullmatch(raw):
        return (Piece(raw, _DIGITS.sub("<num>", raw), "name"),)
    versioned = _VERSIONED.fullmatch(raw) if "." in raw else None
    if versioned:
        end = versioned.start(1)
        name = Piece(raw[:end], "<id>", "word-with-digit")
        return (name, Piece(raw[end:], raw[end:], "plain")) if raw[end:] else (name,)
    for joint in _JOINTS:
        if joint in raw:
            return _jointed(raw, joint, after)
    return (Piece(raw, "<id>", "word-with-digit"),)


def _jointed(raw: str, joint: str, after: str) -> tuple[Piece, ...]:
    """Cut at every joint and mask the parts on their own.  At most one level for each of the three joints."""
    found: list[Piece] = []
    parts = raw.split(joint)
    last = len(parts) - 1
    for i, part in enumerate(parts):
        if part:
            found.extend(_part(part, joint if i < last else after))
        if i < last:
            found.append(Piece(joint, joint, "delimiter"))
    return tuple(found)


def _path(raw: str) -> Piece | None:
    """Mask a path: directories go, a last name without digits stays; None when the atom is no path."""
    flag = _FLAG.match(raw)
    if flag:
        path = _path(raw[flag.end() :])
        return Piece(raw, f"{flag.group()}{path.out}", path.rule) if path else None
    rooted = raw.startswith(_ROOTS) or bool(_DRIVE.match(raw))
    name = raw[max(raw.rfind("/"), raw.rfind("\\")) + 1 :]
    if not rooted and not _EXTENSION.fullmatch(name):
        deep = raw.count("/") + raw.count("\\") > 1
        if not deep or not _DIGIT.search(raw):
            return None
    if not _ALNUM.search(raw):
        return None
    stays = 0 < len(name) <= NAME_CHARS_MAX and name[0] != "." and not _DIGIT.search(name) and not mask_of(name)
    if stays:
        scratch = ("mp" in raw or "MP" in raw) and _SCRATCH.search(raw) is not None
        stays = not ((scratch and is_scratch_name(name)) or _has_random_letters(name))
    return Piece(raw, f"<path:{name}>" if stays else "<path>", "path")


def _is_mixed(word: str) -> bool:
    """Whether a run holds upper case, lower case and digits, or letters of random case, as encoded bytes do."""
    if word.lower() == word or word.upper() == word:
        return False
    return bool(_DIGIT.search(word)) or (len(word) % 4 == 0 and _has_random_letters(word))
