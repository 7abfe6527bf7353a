"""Text without credentials.

`redact` runs before a text is hashed, kept, logged or sent to a language model. Each credential becomes
`<secret:rule>`, so that a reader sees that something was there and what kind of thing, and two texts that differ only
in a credential become one.

A text is searched for cheap signs first: its words, its long runs, a few literals, assignments of something long.
Only where one is found does a pattern run. Names and formats are data in `credentials/`.
Doing it again changes nothing. Time is linear in the text.
`mask_opaque` is for texts that leave the house: it also takes anything that looks random, identifiers included.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from streams.core.credentials import told
from streams.core.credentials.armour import key_tails
from streams.core.credentials.formats import FORMATS
from streams.core.credentials.gaps import AFTER_PASSWORD, AFTER_TOLD, COLUMNS, SAID, end_of
from streams.core.credentials.names import (
    DIGESTS,
    KEYS,
    NO_PASSWORDS,
    PASSWORD_PARTS,
    PASSWORDS,
    PHRASES,
    SERVICES,
    STRONG_PASSWORDS,
    WHOLE_PASSWORDS,
)
from streams.core.credentials.row import Format
from streams.core.credentials.signs import TO_RUNS, is_possible, present
from streams.core.credentials.values import (
    is_code,
    is_data_key,
    is_filled,
    is_folder,
    is_marked,
    is_number,
    is_passphrase,
    is_phrase,
    is_placeholder,
    is_random,
    is_strong,
    is_told,
    is_told_loosely,
    is_told_of,
    may_be_key,
)
from streams.core.template.randomness import has_random_letters

ROUNDS_MAX: Final = 10
"""A replacement can uncover another one: tokens that are glued together settle one a round, any other text in two."""
SERVICE_KEY_CHARS_MIN: Final = 14
SERVICE_PART_CHARS_MIN: Final = 5
"""Shorter names of services are parts of other words."""
MASKED_CHARS_MIN: Final = 20
NAMES_REMEMBERED_MAX: Final = 4096
"""What stood in front of values; 100 to 400 bytes each."""
ONE_BY_ONE: Final = 4096
"""So many places of a literal are tried one by one; more are left to one search over the whole text."""
NAMES_FIRST_VALUES: Final = 400
"""With more values than this the names are looked for in the whole text first."""
LONG_WORD_CHARS: Final = range(20, 129)
"""Letters and digits in a row, of a token without a prefix."""
LONG_WORD_MARGIN_CHARS: Final = 64
"""Such a token may reach so far beyond its longest word."""

_ASSIGNED: Final = re.compile(
    r"[=:>,?|](?:(?<==)>|(?<=:):{0,2}=|(?<=\?)=|(?<=\|)\||(?<=[=:>,]))[\s\"'`=\\]{0,9}(?P<bare>[\w.~+/@-]{10,}(?:={1,2}(?![\w.~+/@=-]))?)"
)
"""An assignment of something long. Whether it looks random is judged before anybody asks what stands in front of it.

A value ends where another one begins: of `failed: KEY=value` the second is the one that counts.
"""
_ASSIGNED_RUN: Final = b"a" * 10
"""What each such assignment holds, of the runs that `TO_RUNS` tells."""
_TOLD_RUN: Final = b"a" * told.VALUE_CHARS_MIN
_GOES_ON: Final = re.compile(r"[\w.-]")
_DIGIT: Final = re.compile(r"[0-9]")
_NAME_CHARS_BACK: Final = 64
_BEFORE: Final = re.compile(r"[\w.\-\s\"'`\\\]]{1,64}\Z")
_OURS: Final = re.compile(r"<secret:[a-z0-9-]{1,40}\Z")
_AFTER_KEY: Final = re.compile(r"[\w.-]{0,24}[\"'`\\\]]{0,8}\s{0,2}")
_AFTER_SERVICE: Final = re.compile(r"[\w.\- \t]{0,24}[\s\"'\\]{0,4}")
_WORDS_ONLY: Final = re.compile(r"[A-Za-z_.\-/]+")
_LONG_RUN: Final = re.compile(rf"[A-Za-z0-9_+/=~-]{{{MASKED_CHARS_MIN},}}")


@dataclass(frozen=True, slots=True)
class Redaction:
    """A text without credentials, and what was taken."""

    text: str
    found: tuple[tuple[str, int], ...]
    """Rule and how often, by rule."""

    @property
    def count(self) -> int:
        """How many credentials were taken."""
        return sum(count for _, count in self.found)


def redact(text: str) -> str:
    """The text, each credential replaced by `<secret:rule>`. The same object when there is none."""
    spans = _spans(text)
    return _redacted(text, spans).text if spans else text


def redacted(text: str) -> Redaction:
    """The text without credentials, and how many of which rule were taken."""
    return _redacted(text, _spans(text))


def _redacted(text: str, spans: list[_Span]) -> Redaction:
    found: Counter[str] = Counter()
    for _ in range(ROUNDS_MAX):
        if not spans:
            break
        text = _without(text, spans)
        found.update(span.rule for span in spans)
        spans = _spans(text)
    return Redaction(text, tuple(sorted(found.items())))


def mask_opaque(text: str) -> str:
    """The text, each run of 20 characters or more that looks random replaced by `<opaque>`: hashes and ids too.

    For what goes to a language model or a log, after `redact`: what is lost there says nothing about the kind.
    """
    return _LONG_RUN.sub(lambda found: "<opaque>" if is_random(found[0], turns=4) else found[0], text)


class _Span(NamedTuple):
    start: int
    end: int
    rule: str


_TO_WORDS: Final = bytes(97 if code < 128 and chr(code).isalnum() else 32 for code in range(256))
_LONG_WORD_START: Final = b"a" * LONG_WORD_CHARS.start
_BY_LENGTH: Final = tuple(row for row in FORMATS if not row.literals)


def _lower(text: str) -> str:
    """Lower case of the same length: one capital letter of Unicode becomes two characters otherwise."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.replace("\u0130", "i").lower()


def _spans(text: str) -> list[_Span]:
    """Where the credentials of a text are: apart from each other and in order."""
    lowered = _lower(text)
    letters = lowered.encode("ascii", "replace")
    spans: list[_Span] = []
    runs = letters.translate(TO_RUNS)
    words = letters.translate(_TO_WORDS)
    for row, literals in present(text, lowered, letters, runs):
        if not row.word_chars or b"a" * row.word_chars in words:
            spans += _of_format(row, literals, text, lowered)
    if _LONG_WORD_START in words:
        spans += _of_long_words(text, words + b" ", letters)
    if any(map(lowered.__contains__, PASSWORD_PARTS)):
        for name in PASSWORDS:
            if name in lowered:
                spans += _of_password(name, text, lowered)
    if _ASSIGNED_RUN in runs:
        spans += _of_assignments(text, lowered)
        if _TOLD_RUN in runs:
            spans += (_Span(start, end, "key") for start, end in told.values_told(text, lowered))
        spans += (_Span(start, end, "private-key") for start, end in key_tails(text, lowered))
    return _apart(spans) if spans else spans


def _apart(spans: list[_Span]) -> list[_Span]:
    """Spans that overlap become one, under the rule of the one that begins first and is longest."""
    spans.sort(key=lambda span: (span.start, -span.end))
    out = spans[:1]
    for span in spans[1:]:
        last = out[-1]
        if span.start >= last.end:
            out.append(span)
        elif span.end > last.end:
            out[-1] = _Span(last.start, span.end, last.rule)
    return out


def _without(text: str, spans: list[_Span]) -> str:
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], f"<secret:{span.rule}>")
        at = span.end
    return "".join((*parts, text[at:]))


@functools.cache
def _pattern(row: Format) -> re.Pattern[str]:
    return re.compile(row.pattern, 0 if row.exact_case else re.IGNORECASE)


def _places(lowered: str, literal: str) -> Iterator[int]:
    at = lowered.find(literal)
    while at >= 0:
        yield at
        at = lowered.find(literal, at + len(literal))


def _of_format(row: Format, literals: list[str], text: str, lowered: str) -> list[_Span]:
    pattern = _pattern(row)
    found: Iterable[re.Match[str]]
    if row.anchored:
        places = sorted({at for literal in literals for at in islice(_places(lowered, literal), ONE_BY_ONE)})
        found = _anchored(places, pattern, text) if len(places) < ONE_BY_ONE else pattern.finditer(text)
    else:
        found = pattern.finditer(text)
    return [span for match in found if (span := _span_of(match, row))]


def _of_long_words(text: str, words: bytes, letters: bytes) -> Iterator[_Span]:
    """Tokens without a literal: looked for around each long word, and nowhere else."""
    possible: list[Format] | None = None
    for place in _long_words(words):
        if len(place) not in LONG_WORD_CHARS or letters[place.start : place.stop].isalpha():
            continue  # letters alone are no token
        if possible is None:
            possible = [row for row in _BY_LENGTH if is_possible(row, text)]
        start, end = max(0, place.start - LONG_WORD_MARGIN_CHARS), place.stop + LONG_WORD_MARGIN_CHARS
        for row in possible:
            if row.word_chars <= len(place):
                for match in _pattern(row).finditer(text, start, end):
                    span = _span_of(match, row)
                    if span:
                        yield span


def _long_words(words: bytes) -> Iterator[range]:
    """Where letters and digits of ASCII follow each other long enough, or longer than that; a blank ends the text."""
    start = words.find(_LONG_WORD_START)
    while start >= 0:
        end = words.find(b" ", start)
        yield range(start, end)
        start = words.find(_LONG_WORD_START, end)


def _span_of(match: re.Match[str], row: Format) -> _Span | None:
    """What to take of a match; nothing where it is an example or cannot prove what the row asks for."""
    group = next((name for name in match.re.groupindex if match[name] is not None), 0)
    value = match[group]
    if is_filled(value) or (value[0] != "<" and is_placeholder(value)) or (row.proof and not row.proof(value)):
        return None
    return _Span(*match.span(group), row.id)


def _anchored(places: list[int], pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    end = 0
    for at in places:
        match = pattern.match(text, at) if at >= end else None
        if match:
            end = match.end()
            yield match


def _of_password(name: str, text: str, lowered: str) -> Iterator[_Span]:
    end = 0
    for at in _places(lowered, name):
        before = text[max(0, at - 2) : at]
        if at < end or before.endswith("<"):
            continue  # inside the value before, or in a placeholder of ours
        if name in STRONG_PASSWORDS and before[-1:].isalnum() and not text[at].isupper():
            continue
        after = at + len(name)
        if name in WHOLE_PASSWORDS and _GOES_ON.match(text, after):
            continue
        match = AFTER_PASSWORD.match(text, after)
        if match and not _in_resource(text, at, match.end("op"), match.end()):
            end = match.start("op")
            if _is_password(name, match):
                span = _Span(*match.span("bare" if match["quoted"] is None else "quoted"), "password")
                end = end_of(match, span.end)
                yield span._replace(end=end)
                continue
        loose = AFTER_TOLD.match(text, after) if name not in ("pass", "salt") else None
        if (
            loose
            and is_told_of(name, loose["bare"], after=text[loose.start("bare") - 1])
            and not _in_resource(text, at, *loose.span("bare"))
        ):
            end = loose.end()
            yield _Span(*loose.span("bare"), "password")


def _of_assignments(text: str, lowered: str) -> Iterator[_Span]:
    """Assigned values that look random, where the name in front says that they are a credential."""
    values = [match for match in _ASSIGNED.finditer(text) if may_be_key(match["bare"])]
    names_of = _names
    if len(values) > NAMES_FIRST_VALUES:
        keys, services = (tuple(name for name in names if name in lowered) for names in (KEYS, SERVICES))
        names_of = functools.partial(_names_among, keys, services)
    for match in values:
        if match[0][0] == ">" and _OURS.search(text, max(0, match.start() - _NAME_CHARS_BACK), match.start()):
            continue  # what stands behind a placeholder of ours is not its value
        value = match["bare"]
        before = _BEFORE.search(lowered, max(0, match.start() - _NAME_CHARS_BACK), match.start())
        front = before[0] if before else ""
        if before and not front[:1].isspace() and _in_resource(text, before.start(), *match.span("bare")):
            continue
        if front.endswith(DIGESTS) and match[0][0] == ":":
            continue
        name = names_of(front)
        if name.of_key and match[0][0] not in ">,|" and not value.isdigit():
            yield _Span(*match.span("bare"), "key")
        elif (
            name.service
            and not front.endswith("s id")
            and len(value) >= SERVICE_KEY_CHARS_MIN
            and (is_random(value) or is_number(value))
        ):
            yield _Span(*match.span("bare"), f"{name.service.replace('_', '-')}-key")


def _in_resource(text: str, name: int, value: int, end: int) -> bool:
    """Whether a name and what follows are parts of a longer name, as in `arn:aws:x:region:account:secret:name`."""
    return text[value - 1] == ":" == text[name - 1 : name] and not text[value:end][:1].isspace()


class _Name(NamedTuple):
    """What stands in front of a value."""

    of_key: bool
    service: str


def _names(before: str) -> _Name:
    """Which names stand in front of a value; remembered where `before` has no digit, so that no value is held."""
    if not _ANY_NAME.search(before):
        return _NO_NAME
    return _names_of(before) if _DIGIT.search(before) else _names_remembered(before)


def _names_among(keys: tuple[str, ...], services: tuple[str, ...], before: str) -> _Name:
    return _Name(bool(_named(before, keys, _AFTER_KEY)), _named(before, services, _AFTER_SERVICE))


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    """One pattern for any of the names, by first letter: at each place of a text few of them are tried."""
    by_letter: dict[str, list[str]] = {}
    for name in names:
        by_letter.setdefault(name[0], []).append(re.escape(name[1:]))
    return re.compile("|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_letter.items()))


_NO_NAME: Final = _Name(of_key=False, service="")
_ANY_NAME: Final = _any_of((*KEYS, *SERVICES))
_names_of = functools.partial(_names_among, KEYS, SERVICES)
_names_remembered = functools.lru_cache(maxsize=NAMES_REMEMBERED_MAX)(_names_of)


def _named(before: str, names: tuple[str, ...], gap: re.Pattern[str]) -> str:
    """The name in front of a value, with no more than `gap` between; empty when there is none."""
    for name in names:
        at = before.rfind(name)
        if at > 0 and len(name) < SERVICE_PART_CHARS_MIN and before[at - 1].isalpha():
            continue  # `blob`
        if at >= 0 and gap.fullmatch(before, at + len(name)) and not is_data_key(before[: at + len(name)]):
            return name
    return ""


def _is_password(name: str, found: re.Match[str]) -> bool:
    """Whether what stands behind a name of `PASSWORDS` is a value of it, and not prose, code or a path."""
    quoted = found["quoted"]
    value = quoted if quoted is not None else found["bare"]
    if (
        NO_PASSWORDS.fullmatch(found["rest"].lower())
        or is_placeholder(value)
        or is_folder(value)
        or (name in STRONG_PASSWORDS and not (is_strong(value) or is_passphrase(value) or is_marked(value)))
    ):
        return False
    if found["op"] in COLUMNS:
        return is_told(value) or (name != "secret" and is_told_loosely(value))
    if quoted is not None:
        if found["op"] == "=" and name in PHRASES and is_phrase(value):
            return True
        return " " not in value.strip() or not _WORDS_ONLY.fullmatch(value.replace(" ", ""))
    after = found.string[found.end() : found.end() + 1]
    if after in ("(", "[") and _WORDS_ONLY.fullmatch(value):
        return False
    if found["op"] in SAID:
        return len(value) >= 6 and (
            not _WORDS_ONLY.fullmatch(value) or has_random_letters(value) or (name != "secret" and is_passphrase(value))
        )
    return not (value.startswith("--") or is_code(value))
