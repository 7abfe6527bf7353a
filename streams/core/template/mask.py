"""message -> template, fast and with reasons.

`template_of` and `explain_template` go the same way; the first remembers words and lines that it has seen.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from streams.core.template.bare import BARE_TEXT_CHARS_MAX, bare_of, is_silent, only_codes, spoken
from streams.core.template.closing import DATE_NAMES, closed, dated
from streams.core.template.context import KEPT, MARK, MARKS, UNSHOWN, kept_numbers, mark_of
from streams.core.template.exits import is_step_end
from streams.core.template.lines import (
    LINE_CHARS_MAX,
    LINE_WORDS_MAX,
    LINE_WORDS_READ_MAX,
    TEMPLATE_CHARS_MAX,
    cleaned,
    is_frame,
    is_python_frame,
    is_trace_head,
    printable,
    unadorned,
)
from streams.core.template.masks import REASONS
from streams.core.template.words import AROUND_WORDS, is_value, pieces

WORDS_REMEMBERED_MAX = 50_000
"""Masked words kept, 5 to 25 MB."""

LINES_REMEMBERED_MAX = 10_000
"""Masked lines kept, 5 to 30 MB; past it all are forgotten at once."""

WORD_REMEMBERED_CHARS_MAX = 256
"""Longer words are held apart (characters)."""

LONG_WORDS_REMEMBERED_MAX = 1024
"""Masked words of more characters kept, at most 4 MB."""

LINE_REMEMBERED_CHARS_MAX = 1024
"""Longer lines are not remembered (characters)."""

MARKED_CHARS_MAX = 32
"""Longer words announce nothing (characters)."""

KEPT_WORDS_MAX = 64
"""Words with kept digits a text may have and still be told apart by its shape."""

_KEEPING = frozenset({"kept-number", "term", "error-code", "numbered-placeholder"})
_FRAME_STARTS = frozenset("a-~^.:,TZ#")
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_WORD = re.compile(r"\S+")

Span = tuple[int, int]


class Measured(NamedTuple):
    """A template and the places of the words whose digits it kept; None when there are too many to remember."""

    template: str
    kept: tuple[Span, ...] | None
    frames: bool = False
    """Whether frames of a stack trace were left out."""


def digits_to_zero(text: str) -> str:
    """The shape of a text.  By way of bytes, which is five times as fast."""
    return text.encode("utf-8", "surrogatepass").translate(_DIGITS_TO_ZERO).decode("utf-8", "surrogatepass")


class _Words(dict[str, str]):
    """word -> masked word, with a mark in front when neighbours matter.

    Held in two generations: when the young one is full, the old one goes, and words still in use come back.
    """

    def __init__(self) -> None:
        super().__init__()
        self._old: dict[str, str] = {}

    def __missing__(self, word: str) -> str:
        if len(word) > WORD_REMEMBERED_CHARS_MAX:
            by_shape = _masked_long(digits_to_zero(word))
            return _masked(word) if by_shape.startswith(KEPT) else by_shape
        masked = self._old.pop(word, None) or self._anew(word)
        self._remember(word, masked)
        return masked

    def _remember(self, word: str, masked: str) -> None:
        if len(self) >= WORDS_REMEMBERED_MAX // 2:
            self._old = dict(self)
            self.clear()
        self[word] = masked

    def _anew(self, word: str) -> str:
        core = word.strip(AROUND_WORDS)
        if core.isalpha() and not is_value(core):
            mark = mark_of(word) if len(word) <= MARKED_CHARS_MAX else ""
            return mark + (dated(word) if core.lower() in DATE_NAMES else word)
        # Words that differ in digits only are masked alike, unless digits stay.
        shape = digits_to_zero(word)
        if shape == word:
            return _masked(word)
        masked = self.get(shape)
        if masked is None:
            masked = self._old.pop(shape, None) or _masked(shape)
            self._remember(shape, masked)
        return _masked(word) if masked.startswith(KEPT) else masked


def _masked(word: str) -> str:
    """The masked form of a word, with its mark."""
    if not word.isprintable():
        return UNSHOWN
    cut = pieces(word)
    masked = "".join([p.out for p in cut])
    if not _KEEPING.isdisjoint([p.rule for p in cut]):
        return KEPT + masked
    return (mark_of(word) if len(word) <= MARKED_CHARS_MAX else "") + dated(masked)


_masked_long = lru_cache(maxsize=LONG_WORDS_REMEMBERED_MAX)(_masked)


class _Lines:
    """line -> its template, remembered by digit shape like whole texts are (`shapes.py`)."""

    def __init__(self) -> None:
        self.known: dict[str, Measured] = {}

    def read(self, line: str, shape: str) -> Measured:
        """The template of a line; `shape` is the line with every digit made 0."""
        found = self.known.get(shape)
        key = shape
        if found is not None and found.kept != ():
            if found.kept is None:
                return _measured_line(line)
            key = _narrowed(line, shape, found.kept)
            found = self.known.get(key)
        if found is None:
            found = _measured_line(line)
            if len(line) <= LINE_REMEMBERED_CHARS_MAX:
                if len(self.known) >= LINES_REMEMBERED_MAX:
                    self.known.clear()
                self.known[shape] = found
                if found.kept:
                    self.known[_narrowed(line, shape, found.kept)] = found
        return found


def _narrowed(line: str, shape: str, kept: tuple[Span, ...]) -> str:
    """The key of one line among those of its shape."""
    return "\0".join([shape, *[line[a:b] for a, b in kept]])


_words = _Words()
_lines = _Lines()
_FRAME = Measured("", (), frames=True)


def template_of(text: str) -> str:
    """The text with typed placeholders in place of what varies.  Linear; at most `TEMPLATE_CHARS_MAX` characters."""
    return measured(cleaned(text)).template


def measured(text: str, *, framed: bool = False) -> Measured:
    """Template of an already cleaned text, with the places of the words whose digits were kept.

    `framed` says that frames from elsewhere tell this text apart, so that it need not speak for itself.
    """
    found = _measured(text)
    if framed or found.frames or not is_silent(found.template):
        return found
    return _spoken(text, found) or found


def _spoken(text: str, found: Measured) -> Measured | None:
    """What a text of placeholders alone still says; None when it says nothing, or would not stay what it is."""
    bare = bare_of(_without_step_ends(text))
    if bare is None:
        return None
    again = _measured(bare.template).template
    if is_silent(again):
        twice = bare_of(bare.template)
        again = twice.template if twice else again
    if again != bare.template:
        return None
    if bare.kept is None or found.kept is None:
        return Measured(bare.template, None)
    return Measured(bare.template, tuple(sorted({*found.kept, *bare.kept})))


def _without_step_ends(text: str) -> str:
    """The text with blanks in place of lines that only say that the step failed; places stay what they are."""
    if "exit" not in text or len(text) > BARE_TEXT_CHARS_MAX:
        return text
    lines = text.split("\n")
    return "\n".join([" " * len(line) if is_step_end(_measured_line(line).template) else line for line in lines])


def _measured(text: str) -> Measured:
    if "\n" not in text:
        found = _measured_line(text)
        if len(found.template) > TEMPLATE_CHARS_MAX:
            return found._replace(template=_cut(found.template))
        return found
    templates: dict[str, None] = {}
    kept: list[Span] = []
    after_frame = frames = many = False
    at = chars = 0
    remembered = _lines.known.get
    for line, shape in zip(text.split("\n"), digits_to_zero(text).split("\n"), strict=True):
        if not line:
            at += 1
            continue
        if after_frame and line[:4].isspace():
            after_frame = False
        elif 'File "' in line and is_python_frame(line):
            after_frame = frames = True
        else:
            after_frame = False
            known = remembered(shape)
            template, spans, is_call = known if known and known.kept == () else _lines.read(line, shape)
            if template not in templates:
                templates[template] = None
                chars += len(template) + 1
            if is_call:
                frames = True
            if spans is None:
                many = True
            elif spans:
                kept.extend([(at + a, at + b) for a, b in spans])
        at += len(line) + 1
        if chars > TEMPLATE_CHARS_MAX:
            break
    templates.pop("", None)
    if len(templates) > 1:
        _drop_step_ends(templates)
    joined = "\n".join(templates)
    if len(joined) > TEMPLATE_CHARS_MAX:
        joined = _cut(joined)
    return Measured(joined, None if many or len(kept) > KEPT_WORDS_MAX else tuple(kept), frames)


def _drop_step_ends(templates: dict[str, None]) -> None:
    """Leave out lines that only say that the step failed, unless there is nothing else."""
    ends = [line for line in templates if is_step_end(line)]
    if len(ends) < len(templates):
        for line in ends:
            del templates[line]


def _cut(template: str) -> str:
    """The head of a template, cut between words."""
    head = template[: TEMPLATE_CHARS_MAX + 1]
    end = max(head.rfind(" "), head.rfind("\n"))
    return head[:end].rstrip() if end > 0 else head[:-1]


def _measured_line(line: str) -> Measured:
    if len(line) > LINE_CHARS_MAX:
        line = line[:LINE_CHARS_MAX].rpartition(" ")[0] or line[:LINE_CHARS_MAX]
    if "##[" in line:
        line = unadorned(line)
    if is_frame(line) or is_trace_head(line):
        return _FRAME
    words = line.split()
    # By shape: most words with digits are new, few of their shapes are.
    shape = digits_to_zero(line)
    shapes = words if shape == line else shape.split()
    if len(words) > LINE_WORDS_MAX:
        del words[LINE_WORDS_READ_MAX:]
        shapes = shapes[:LINE_WORDS_READ_MAX]
    masked = list(map(_words.__getitem__, shapes))
    joined = " ".join(masked)
    spans: tuple[Span, ...] | None = ()
    if MARK in joined:
        if KEPT in joined:
            masked = [_words[words[i]] if m.startswith(KEPT) else m for i, m in enumerate(masked)]
            joined = " ".join(masked)
        if UNSHOWN in joined:
            found = _measured_line(printable(line))
            return found._replace(kept=None) if found.kept else found
        places = kept_numbers(words, masked)
        joined = " ".join(masked)
        if len(places) > KEPT_WORDS_MAX:
            spans = None
        elif places:
            at = [m.span() for m in _WORD.finditer(line)]
            spans = tuple([at[i] for i in sorted(set(places))])
    if MARK in joined or "<" in joined or "..." in joined:
        joined = closed(joined)
    if len(words) > LINE_WORDS_MAX:
        joined = " ".join(joined.split(" ")[:LINE_WORDS_MAX])
    if joined[:1] in _FRAME_STARTS and joined != line and is_frame(joined):
        return _FRAME
    return Measured(joined, spans)


def frame_lines(text: str, count: int) -> list[str]:
    """The first `count` lines of a cleaned text that show a call, masked: frames of a trace that no parser reads."""
    found: list[str] = []
    for line in text.split("\n"):
        if is_frame(line) or is_python_frame(line):
            found.append(closed(" ".join([_words[word] for word in printable(line).split()[:LINE_WORDS_MAX]])))
            if len(found) == count:
                break
    return found


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a message as its template sees it.  A masked value is never held, only its length."""

    shown: str
    """The kept text, or the placeholder."""
    length: int
    """Characters of what stood there."""
    kept: bool
    rule: str
    reason: str


def explain_template(text: str, *, framed: bool = False) -> tuple[Token, ...]:
    """The pieces of a text in order, each with the rule that kept or masked it and that rule's reason."""
    text = cleaned(text)
    plain = _measured(text)
    if not framed and not plain.frames and is_silent(plain.template) and _spoken(text, plain):
        rest = _without_step_ends(text)
        with_codes = only_codes(rest)
        spoken_pieces = [p for word in printable(unadorned(rest)).split() for p in spoken(word, with_codes=with_codes)]
        return tuple([_token(p.out, p.raw, p.rule, kept=p.raw == p.out) for p in spoken_pieces])
    tokens: list[Token] = []
    seen: set[str] = set()
    after_frame = False
    for line in text.split("\n"):
        if not line.strip():
            continue
        if (after_frame and line[:4].isspace()) or is_python_frame(line) or is_frame(line) or is_trace_head(line):
            after_frame = is_python_frame(line)
            tokens.append(_token("", line, "frame", kept=False))
            continue
        after_frame = False
        template = _measured_line(line).template
        if is_step_end(template) and template not in plain.template.split("\n"):
            tokens.append(_token("", line, "step-end", kept=False))
            continue
        if template in seen:
            tokens.append(_token("", line, "repeated-line", kept=False))
            continue
        seen.add(template)
        tokens.extend(_explain_line(line))
    return tuple(tokens)


def _explain_line(line: str) -> list[Token]:
    words = printable(unadorned(line)).split()
    dropped = words[LINE_WORDS_READ_MAX:]
    words = words[:LINE_WORDS_READ_MAX]
    masked = [_words[word] for word in words]
    before = list(masked)
    kept_numbers(words, masked)
    tokens: list[Token] = []
    for word, first, now in zip(words, before, masked, strict=True):
        if now != first:
            rule = _neighbour_rule(first, now)
            tokens.append(_token(now, word, rule, kept=rule in {"kept-number", "program-name"}))
            continue
        for piece in pieces(word):
            tokens.append(_token(piece.out, piece.raw, piece.rule, kept=piece.raw == piece.out))
    joined = MARKS.sub("", " ".join(masked))
    final = closed(" ".join(masked))
    if final != joined:
        tokens.append(_token("", joined[: max(0, len(joined) - len(final))], _closing_rule(joined, final), kept=False))
    if dropped:
        tokens.append(_token("", " ".join(dropped), "line-cap", kept=False))
    return tokens


def _neighbour_rule(first: str, now: str) -> str:
    """Which rule of the neighbours made a masked word another, for the explanation."""
    if now.startswith("<url>"):
        return "url"
    if "<id>" in now:
        return "named-by-word"
    return "program-name" if "<id>" in first else "kept-number"


def _closing_rule(joined: str, final: str) -> str:
    """What shortened a line last, for the explanation."""
    if "<ts>" in joined[:8] and "<ts>" not in final[:8]:
        return "timestamp-prefix"
    if final.startswith("Cloning into"):
        return "path"
    shorter = "list" if final.count("<ts>") == joined.count("<ts>") else "date-words"
    return "url" if final.count("<url>") > joined.count("<url>") else shorter


def _token(shown: str, raw: str, rule: str, *, kept: bool) -> Token:
    return Token(shown=shown, length=len(raw), kept=kept, rule=rule, reason=REASONS[rule])
