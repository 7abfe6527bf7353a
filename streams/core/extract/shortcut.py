"""What a line says that is like many others before it, told from what is not in it.

A flood of errors of which no two are alike is still found by one rule, line after line; and a log of plain lines with
`error` in the name of an option, by none. Such a line is known without a look for each word: nothing is in it that a
rule which is tried before needs (one pass for all of them), but for the few of which the needs stand in most of these
lines. Those are tried on each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from streams.core.extract.literals import needed, tells_digits
from streams.core.extract.rule import Rule
from streams.core.extract.section import NEVER
from streams.core.extract.sieve import Sieve

COMMON_SHARE: Final = 0.1
"""What stands in a larger part of the sample is tried on each line."""
TRIED_MAX: Final = 12
"""More rules to try on each line are no shortcut."""

_DIGIT: Final = re.compile(r"[0-9]")


class Needs:
    """Of a rule: what stands in each line in which it finds something."""

    def __init__(self, rule: Rule) -> None:
        self.finds: Final = None if rule.pattern.pattern == NEVER.pattern else rule.pattern.search
        needles = needed(rule.pattern) if self.finds is not None else None
        self.is_folded: Final = needles is None or bool(rule.pattern.flags & re.IGNORECASE)
        self.needles: Final = frozenset(_DIGIT.sub("0", needle) for needle in needles or rule.words)
        """With `0` for any digit; a newline stands for the beginning of a line, and for its end."""
        self.tells_digits: Final = tells_digits(rule.pattern)


class Shortcut:
    """Knows lines in which a rule is the first to find something, or none is. It leaves what it is not sure of."""

    def __init__(
        self, rule: Needs | None, before: Iterable[Needs], marks: Sequence[str], sample: Sequence[str]
    ) -> None:
        """`before` are the rules that are tried first, `sample` cleaned lines with `0` for any digit."""
        self.caught = 0
        self._found: Final = None if rule is None else rule.finds
        exact = _Common(sample)
        folded = _Common([text.lower() for text in sample])
        self.usable = not (rule is not None and rule.tells_digits) and not exact.any_of(marks)
        self._tried: Final = []
        others: tuple[set[str], set[str]] = set(), set(marks)
        for one in before:
            if not (folded if one.is_folded else exact).any_of(one.needles):
                others[not one.is_folded].update(one.needles)
            elif one.finds is None or one.tells_digits:
                self.usable = False
            else:
                self._tried.append(one.finds)
        self.usable = self.usable and len(self._tried) <= TRIED_MAX
        self._others: Final = Sieve(*others) if self.usable else None

    def known(self, texts: Sequence[str], raws: Sequence[str]) -> list[bool]:
        """For each line, cleaned and as it is, whether it is one of these. Linear."""
        if self._others is None:
            return [False] * len(texts)
        found, others = self._found, set(self._others.kept(texts))
        known = [text not in others and (found is None or found(text) is not None) for text in texts]
        if doubtful := [raw for raw, text in zip(raws, texts, strict=True) if raw != text]:
            others = set(self._others.kept(doubtful))  # marks count in what cleaning takes away, too
            known = [one and raw not in others for one, raw in zip(known, raws, strict=True)]
        for search in self._tried:
            known = [one and search(text) is None for one, text in zip(known, texts, strict=True)]
        return known


class _Common:
    """What stands in many of some lines."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts: Final = [f"\n{text}\n" for text in texts]
        self._joined: Final = "".join(self._texts)
        self._least: Final = COMMON_SHARE * len(texts)

    def any_of(self, needles: Iterable[str]) -> bool:
        return any(
            needle in self._joined and sum([needle in text for text in self._texts]) > self._least for needle in needles
        )
