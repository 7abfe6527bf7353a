"""A flood of errors of which no two are alike: once a rule holds as many blocks as it may, few of them need a look.

Further blocks of that rule are read and dropped. They change what is held only when they repeat a held one, and what
comes behind them only by how far they reach. So the reader makes the first of a run of such blocks, and goes on at the
last one that opens for sure, whatever was open before. Linear; what it is not sure of it leaves to the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.core.extract.ending import RAN_LINES
from streams.core.extract.flood import shapes_of
from streams.core.extract.gate import Hit
from streams.core.extract.news import AROUND
from streams.core.extract.reader import CLEARLY_BETTER, JOIN_LINES, SAME_RULE_MAX, Reader, is_harmless
from streams.core.extract.rule import Rule


class Skim:
    """The hits of one chunk."""

    def __init__(self, reader: Reader, data: bytes, hits: dict[int, Hit], first: int) -> None:
        """`data` is the chunk, `first` the number of its first line."""
        self._reader: Final = reader
        self._data: Final = data
        self._hits: Final = hits
        self._numbers: Final = list(hits)
        self._first: Final = first
        self._shapes: Sequence[bytes] = ()
        self._apart: Final[dict[str, tuple[Rule, bool]]] = {}
        """By their ids: rules, and whether a block of theirs is no longer than to the next line that they find."""
        self._opened = 0
        """The last line at which a block was opened that is not held."""
        self._tried = 0
        """Up to this place among the hits, what may be passed over is known."""

    def goes_on_at(self, place: int) -> int:
        """The place, among the hits, of the one to look at next; the one at `place` was looked at last."""
        reader, block = self._reader, self._reader.open
        at = self._first + self._numbers[place]
        if block is None or block.opened != at or not self._is_full(self._hits[self._numbers[place]]):
            return place + 1
        before, self._opened = self._opened, at
        if place < self._tried or not before or not self._is_calm(before) or block.shape in reader.held:
            return place + 1
        if not self._shapes:
            self._shapes = shapes_of(self._data)
        opens = self._apart_from(place)
        while opens and not self._is_sure(self._numbers[opens[-1]]):
            opens.pop()
        opens = opens or self._followed_from(place, block.rule)
        if not opens:
            return place + 1
        for number in (self._numbers[one] for one in opens):
            rule = self._hits[number].rule
            if rule is not None and rule.fatal:
                reader.fatal_at = self._first + number
            if rule is not None and rule.certain:
                reader.certain_at = self._first + number
        reader.open = None
        return opens[-1]

    def _is_full(self, hit: Hit) -> bool:
        """Whether no more is in the line than a rule of which no block is held any more."""
        rule = hit.rule
        if rule is None or hit.told or hit.marks or rule.consequence or rule.joins:
            return False
        return self._reader.by_rule.get(rule.id, 0) >= SAME_RULE_MAX

    def _is_calm(self, since: int) -> bool:
        """Whether a line counts for nothing but blocks, and what is held ended long before line `since`."""
        reader = self._reader
        held = max((one.last for one in reader.candidates[-1:]), default=0)
        return (
            not (reader.steps.watches or reader.steps.in_command)
            and since > max(held + max(AROUND, JOIN_LINES) + 1, reader.ending.ran_at + RAN_LINES)
            and (reader.news is None or reader.news.is_any)
        )

    def _apart_from(self, place: int) -> list[int]:
        """The places behind this one of lines that no block takes in which may be open."""
        numbers, hits, held, shapes = self._numbers, self._hits, self._reader.held, self._shapes
        opens: list[int] = []
        known = None
        for at in range(place, len(numbers)):
            number = numbers[at]
            hit = hits[number]
            if shapes[number] in held or (
                hit is not known and not (self._is_full(hit) and self._is_apart(hit.rule, number))
            ):
                break
            known = hit
            opens.append(at)
        self._tried = place + len(opens)
        return opens[1:]

    def _is_apart(self, rule: Rule | None, number: int) -> bool:
        """Whether each line that the rule finds begins a block, as this one shows."""
        if rule is None:
            return False
        if rule.id not in self._apart:
            is_apart = rule.fatal or (rule.until is None and not rule.after and not self._goes_on(rule, number))
            self._apart[rule.id] = rule, is_apart
        return self._apart[rule.id][1]

    def _goes_on(self, rule: Rule, number: int) -> bool:
        return rule.goes_on is not None and rule.goes_on.search(self._text(number)) is not None

    def _is_sure(self, number: int) -> bool:
        """Whether the line opens a block, whatever block of a rule may be open whose lines stand apart."""
        rules = [rule for rule, is_apart in self._apart.values() if is_apart and not self._is_fatal(number)]
        return self._is_told(number) and not any(self._goes_on(rule, number) for rule in rules)

    def _is_told(self, number: int) -> bool:
        """Whether the line tells of trouble, and no passing run printed it."""
        rule, news = self._hits[number].rule, self._reader.news
        if rule is None or rule.fatal:
            return rule is not None
        is_new = news is None or rule.until is not None or news.is_new(self._first + number)
        return is_new and not is_harmless(self._text(number))

    def _is_fatal(self, number: int) -> bool:
        rule = self._hits[number].rule
        return rule is not None and rule.fatal

    def _text(self, number: int) -> str:
        return self._reader.window.text(self._first + number)

    def _followed_from(self, place: int, rule: Rule) -> list[int]:
        """The places behind this one, where a block of the rule was opened, at which further ones begin."""
        numbers, hits, held, shapes = self._numbers, self._hits, self._reader.held, self._shapes
        opens: list[int] = []
        at, ended = place, self._end(rule, numbers[place])
        if ended >= 0 and not (rule.told_last and shapes[ended] in held):
            for at in range(place + 1, len(numbers)):
                number = numbers[at]
                hit = hits[number]
                other = hit.rule
                if other is None or hit.told or hit.marks:
                    break
                if number <= ended and not other.fatal and other.score <= rule.score + CLEARLY_BETTER:
                    if other.consequence or other.certain:
                        break
                    continue
                if not self._is_full(hit):
                    break
                if not self._is_told(number):
                    continue
                rule, ended = other, self._end(other, number)
                if ended < 0 or shapes[ended if rule.told_last else number] in held:
                    break
                opens.append(at)
        self._tried = at
        return opens

    def _end(self, rule: Rule, opened: int) -> int:
        """The last line that the open block of the rule takes in; -1 where it does not end in the chunk."""
        hits, foreign = self._hits, 0
        for line in range(opened + 1, len(self._shapes)):
            if line - opened > rule.lines_max:
                return -1 if rule.told_last else line - 1
            told = self._text(line)
            if rule.until is not None:
                if rule.until.search(told):
                    return line
            elif (rule.goes_on is not None and rule.goes_on.search(told)) or (line - opened <= rule.after and told):
                foreign = 0 if told else foreign
            elif foreign >= rule.slack or line in hits:
                return line - 1
            else:
                foreign += 1
        return -1
