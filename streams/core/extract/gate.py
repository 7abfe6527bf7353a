"""Which lines of a chunk may say something: three quick tests that most lines do not pass.

1. What a line says is remembered for all lines that are equal but for their digits: logs repeat themselves. Rules that
   tell one digit from another are tried again on each line.
2. Every rule names words of which one stands in each line it finds. One sieve keeps the lines that hold any of them
   (`sieve.py`): a single pass, however many words there are.
3. Those lines are cleaned and searched, all together, for what the rules of their words need (`literals.py`). What is
   left goes to the rules that may find something in it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, compress
from operator import not_
from typing import Final, NamedTuple

from streams.core.extract.baseline import hashed
from streams.core.extract.clean import clean
from streams.core.extract.literals import least, needed, tells_digits
from streams.core.extract.rule import Rule
from streams.core.extract.section import NEVER
from streams.core.extract.shortcut import Needs, Shortcut
from streams.core.extract.sieve import Sieve

SHAPES_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of lines remembered, each with SHAPE_BYTES for its place; then it forgets all and begins again."""
SHAPE_BYTES: Final = 160
LINES_MIN: Final = 100
"""Fewer new lines with words are looked at one by one."""
SHORTCUTS_MAX: Final = 6
SAMPLE: Final = 256
"""So many lines of one kind are looked at in full before there is a shortcut for them."""
SAMPLE_CHARS_MAX: Final = 500
"""Of each of them that are kept; what stands only behind that is taken for rare."""
SAMPLED: Final = 64
"""So many of them tell what stands in most."""
NEEDLES_MAX: Final = 500
"""Combinations of words of which is remembered what their rules need."""

_DIGITS: Final = b"0123456789"
_MASKED: Final = bytes(ord("0") if byte in _DIGITS else byte for byte in range(256))
_LOWER: Final = bytes(
    ord("0") if byte in _DIGITS else ord(chr(byte).lower()) if byte < 128 else byte for byte in range(256)
)
"""Lower case, and `0` for any digit: as the words of rules are."""


class Hit(NamedTuple):
    """What is in a line."""

    hash: int | None
    """As a baseline has it; None where it is not told."""
    rule: Rule | None
    """The first rule that finds something."""
    told: tuple[Rule, ...]
    """The rules that find nothing, and have a word in it."""
    marks: frozenset[str]

    @property
    def is_idle(self) -> bool:
        """Whether the line says nothing where passing runs print it, too, and nothing is open."""
        rule = self.rule
        if self.told or self.marks:
            return False
        return rule is None or not (rule.fatal or rule.certain or rule.consequence or rule.until)


class _Said(NamedTuple):
    """What is in all lines that are equal but for their digits."""

    hit: Hit
    tried: tuple[Rule, ...]
    """The rules that come before the one that was found, and find something in some of these lines."""


_NO_MARKS: Final = frozenset[str]()
_DIGIT: Final = re.compile(r"[0-9]")

_Placed = tuple[int, Rule]
"""A rule with its place in the order."""
_Needles = dict[str, list[_Placed]]
"""By what stands in each text that they find: rules."""


class Word:
    """A word, and all rules of which a word holds it."""

    def __init__(self, text: str, rules: Sequence[_Placed], marks: Sequence[str]) -> None:
        self.needle: Final = text.encode()
        self.marks: Final = tuple(marks)
        """The marks that stand in no line without the word."""
        self.told: Final = [
            (word, rule)
            for _, rule in rules
            if rule.pattern.pattern == NEVER.pattern
            for word in rule.words
            if text in word
        ]
        """Words of rules that find nothing: they bring the line to who looks for more."""
        self.always: Final[list[_Placed]] = []
        """Rules of which nothing is known."""
        self.weak: Final[list[tuple[str, _Placed]]] = []
        """Rules that need no more than the word in one case; most lines with the word have it."""
        self.strong: Final[_Needles] = {}
        self.folded: Final[_Needles] = {}
        """By what the other rules need; of those that ignore case in lower case."""
        for pair in rules:
            pattern = pair[1].pattern
            if pattern.pattern == NEVER.pattern:
                continue
            exact = needed(pattern)
            if exact is None:
                self.always.append(pair)
                continue
            needles = sorted({_DIGIT.sub("0", needle) for needle in exact})
            if not pattern.flags & re.IGNORECASE and any(needle.lower() in text for needle in needles):
                self.weak.extend((needle, pair) for needle in needles)
                continue
            by = self.folded if pattern.flags & re.IGNORECASE else self.strong
            for needle in needles:
                by.setdefault(needle, []).append(pair)


def _wide(word: str) -> str:
    return word.encode().decode("latin-1")


def _any_mark(line: str, text: str, marks: frozenset[str]) -> bool:  # noqa: ARG001 - as others take it
    return bool(marks)


class Gate:
    """Finds the lines of a chunk that hold a word. What it remembers is true for every log."""

    def __init__(
        self,
        rules: Iterable[Rule],
        marks: Iterable[str] = (),
        means: Callable[[str, str, frozenset[str]], bool] = _any_mark,
    ) -> None:
        """`marks` are further words, which count only in their own case.

        `means` says of a line, as it is and cleaned, whether its marks are worth a look; it tells no digit
        from another.
        """
        self._means: Final = means
        self._said: dict[bytes, _Said | None] = {}
        """By lines with `0` for any digit. Begun anew, never emptied: another thread may be reading it."""
        self._said_bytes = 0
        ordered = list(enumerate(rules))
        self._exact: Final = frozenset(order for order, rule in ordered if tells_digits(rule.pattern))
        """The places of the rules that tell one digit from another."""
        texts = {text for _, rule in ordered for text in rule.words}
        shortest = sorted(least(texts))  # where a longer word is, a shorter one of it is, too
        marks = tuple(dict.fromkeys(marks))
        covered = {mark: [one for one in shortest if one in mark.lower()] for mark in marks}
        words = [
            Word(
                one,
                [pair for pair in ordered if any(one in text for text in pair[1].words)],
                [mark for mark in marks if one in covered[mark]],
            )
            for one in shortest
        ]
        alone = [Word(mark, (), (mark,)) for mark in marks if not covered[mark]]
        self._words: Final = tuple((word.needle, word) for word in words)
        self._own: Final = tuple((word.needle, word) for word in alone)
        """Marks that count in their own case only."""
        self._sieve: Final = Sieve(map(_wide, shortest), [_wide(word.needle.decode()) for word in alone])
        self._rules: Final = tuple(rule for _, rule in ordered)
        self._needs: Final = tuple(map(Needs, self._rules))
        self._marks: Final = marks
        self._samples: Final[dict[int, list[str]]] = {}
        """Of new lines, by the place of the rule that was found in them first."""
        self._shortcuts: tuple[tuple[Shortcut, _Said | None], ...] = ()
        self._needles: Final[dict[frozenset[Word], tuple[_Needles, _Needles]]] = {}
        """What the rules of these words need together, of few and small logs the same again and again."""

    def hits(self, data: bytes, lines: Sequence[bytes]) -> dict[int, Hit]:
        """The lines, by their numbers from 0, ascending, that a rule may find or that hold a mark.

        `data` is the lines, joined. Linear in it, for the words that are in it at all.
        """
        shapes = data.translate(_MASKED).split(b"\n")
        known = self._said
        unseen = set(shapes).difference(known)
        if unseen:
            if self._said_bytes > SHAPES_BYTES_MAX:
                known = self._said = {}
                self._said_bytes = 0
                unseen = set(shapes)
            self._said_bytes += sum(map(len, unseen)) + SHAPE_BYTES * len(unseen)
            known.update(self._say(list(unseen)))
        hits: dict[int, Hit] = {}
        for number, said in enumerate(map(known.__getitem__, shapes)):
            if said is not None and (hit := _of_line(said, lines[number]) if said.tried else said.hit) is not None:
                hits[number] = hit
        return hits

    def _say(self, shapes: list[bytes]) -> dict[bytes, _Said | None]:
        """What is in lines that were not seen before."""
        said: dict[bytes, _Said | None] = dict.fromkeys(shapes)
        wide = b"\n".join(shapes).decode("latin-1").split("\n")  # a byte is a character: none is lost
        lines = [line.encode("latin-1") for line in self._sieve.kept(wide)]
        if len(lines) >= LINES_MIN and self._shortcuts:
            lines = self._short(lines, said)
        if not lines:
            return said
        data = b"\n".join(lines)
        folded = data.translate(_LOWER)
        starts = list(accumulate([len(line) + 1 for line in lines], initial=0))
        held: dict[int, list[Word]] = {}
        for text, words in ((folded, self._words), (data, self._own)):
            for needle, word in [one for one in words if one[0] in text]:
                at = text.find(needle)
                while at >= 0:
                    number = bisect_right(starts, at) - 1
                    held.setdefault(number, []).append(word)
                    at = text.find(needle, starts[number + 1])
        for number, one in self._searched(held, lines).items():
            said[lines[number]] = one
        self._learn()
        return said

    def _short(self, lines: list[bytes], said: dict[bytes, _Said | None]) -> list[bytes]:
        """Says of the lines what shortcuts know; gives the others."""
        raws = [line.decode("utf-8", "replace") for line in lines]
        texts = list(map(clean, raws))
        for shortcut, one in self._shortcuts:
            shortcut.caught //= 2
            if len(lines) < LINES_MIN:
                continue
            known = shortcut.known(texts, raws)
            if not (caught := sum(known)):
                continue
            shortcut.caught += caught
            if one is not None:
                said.update(dict.fromkeys(compress(lines, known), one))
            rest = list(map(not_, known))
            lines = list(compress(lines, rest))
            texts, raws = list(compress(texts, rest)), list(compress(raws, rest))
        self._shortcuts = tuple(sorted(self._shortcuts, key=lambda one: -one[0].caught))
        return lines

    def _learn(self) -> None:
        """Makes a shortcut for each kind of lines of which there were many, in place of the one of least use."""
        needs = self._needs
        for place in [place for place, sample in list(self._samples.items()) if len(sample) >= SAMPLE]:
            sample = self._samples.pop(place, [])[:: SAMPLE // SAMPLED]
            rule, before = (needs[place], needs[:place]) if place >= 0 else (None, needs)
            shortcut = Shortcut(rule, before, self._marks, sample)
            if shortcut.usable:
                said = _Said(Hit(None, self._rules[place], (), _NO_MARKS), ()) if place >= 0 else None
                self._shortcuts = ((shortcut, said), *self._shortcuts[: SHORTCUTS_MAX - 1])

    def _searched(self, held: dict[int, list[Word]], lines: Sequence[bytes]) -> dict[int, _Said]:
        """Of the lines that hold words those in which there is more: what a rule finds, or a mark."""
        numbers = sorted(held)
        raws = [lines[number].decode("utf-8", "replace") for number in numbers]
        texts = list(map(clean, raws))
        strong, folded_needles = self._needed(frozenset(chain.from_iterable(held.values())))
        able: dict[int, dict[int, Rule]] = {}
        _find(able, strong, texts)
        _find(able, folded_needles, [text.lower() for text in texts])
        said: dict[int, _Said] = {}
        for index, number in enumerate(numbers):
            text, raw = texts[index], raws[index]
            rules = able.get(index, {})
            marks: list[str] = []
            told: list[Rule] = []
            folded = lines[number].translate(_LOWER).decode("utf-8", "replace")
            for word in held[number]:
                if word.always:
                    rules.update(word.always)
                if word.weak:
                    rules.update([pair for needle, pair in word.weak if needle in text])
                if word.told:
                    told += [rule for one, rule in word.told if one in folded]
                if word.marks:
                    marks += [mark for mark in word.marks if mark in raw]
            found, place, tried = None, -1, list[Rule]()
            for order in sorted(rules) if len(rules) > 1 else rules:
                rule = rules[order]
                if not any(word in folded for word in rule.words):
                    continue
                if order in self._exact:
                    tried.append(rule)
                elif rule.pattern.search(text):
                    found, place = rule, order
                    break
            meant = frozenset(marks) if marks and self._means(raw, text, frozenset(marks)) else _NO_MARKS
            if not (tried or marks or told) and len(sample := self._samples.setdefault(place, [])) < SAMPLE:
                sample.append(text[:SAMPLE_CHARS_MAX])
            if found is not None or tried or meant or told:
                said[number] = _Said(Hit(hashed(text), found, tuple(told), meant), tuple(tried))
        return said

    def _needed(self, words: frozenset[Word]) -> tuple[_Needles, _Needles]:
        known = self._needles.get(words)
        if known is None:
            if len(self._needles) >= NEEDLES_MAX:
                self._needles.clear()
            known = _together(word.strong for word in words), _together(word.folded for word in words)
            self._needles[words] = known
        return known


def _of_line(said: _Said, line: bytes) -> Hit | None:
    """What is in one of the lines that are equal but for their digits."""
    text = clean(line.decode("utf-8", "replace"))
    hit = said.hit
    for rule in said.tried:
        if rule.pattern.search(text):
            return hit._replace(rule=rule)
    return hit if hit.rule is not None or hit.told or hit.marks else None


def _together(needles: Iterable[_Needles]) -> _Needles:
    together: _Needles = {}
    for one in needles:
        for needle, pairs in one.items():
            together.setdefault(needle, []).extend(pairs)
    return together


def _find(able: dict[int, dict[int, Rule]], needles: _Needles, texts: Sequence[str]) -> None:
    """Tells in which of the texts which rules have what they need."""
    if not needles:
        return
    joined = "\n".join(("", *texts, ""))
    starts = list(accumulate([len(text) + 1 for text in texts], initial=0))
    for needle, pairs in needles.items():
        at = joined.find(needle)
        while at >= 0:
            index = bisect_right(starts, at) - 1
            able.setdefault(index, {}).update(pairs)
            at = joined.find(needle, starts[index + 1])
