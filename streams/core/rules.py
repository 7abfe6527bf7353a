"""Ordered rules that say what kind of failure a text is: the second rung of the ladder.

A rule is data: phrases, at most one bounded pattern, statuses, exit codes. The first rule that matches wins, so a table
is read from the top, the most telling first. The tables are in `known_failures/`; each rule stands for a behaviour that
a tool, library or provider documents, never for one project's own words.

A status is a hint and the body decides: a rule about a body comes before a rule about the status it arrived with.
Everything is linear in the text: phrases are found in one pass, and a pattern has no unbounded repetition that can
overlap itself. 64 KiB take some milliseconds, a line some tens of microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from streams.contract.failure import Origin
from streams.contract.taxonomy import status_from_text
from streams.core.evidence import telling_line
from streams.core.phrases import Phrases

EVIDENCE_CHARS_MAX: Final = 500
PLACES_MAX: Final = 64
"""Places of one phrase or pattern among which the line to quote is chosen."""
STATUS_SEARCH_CHARS_MAX: Final = 4000
"""A status stands near the front of an error's text."""

_STATUS_LOWER: Final = re.compile(
    r"\b(?:http(?:/[\d.]{1,3})?|https? (?:error|code)|status_?code|http_?code|http_?status|statuscode|returned|"
    r"response code|got status|status|error|code)[\"']?\s{0,3}[:=]?\s{0,3}[\"'(\[]{0,2}([45]\d\d)\b(?![.\d])"
    r"|\(([45]\d\d)\)"
)
_STATUS_AT_END: Final = re.compile(r"[45]\d\d\b")
"""What every match of the patterns beside it ends with; letter case has no part in it."""
_STATUS_FIRST: Final = re.compile(r"^\W{0,3}([45]\d\d)\b(?:\s|:)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row. All conditions that are given must hold; phrases are lower case and are looked for in lower case.

    Phrases see the text, and after it the exception type and the provider's error code, each on a line of its own.
    """

    id: str
    kind: str
    confidence: float
    """How often such a match is right, 0 to 1."""
    reason: str
    """One short sentence for people."""
    any_of: tuple[str, ...] = ()
    """At least one of these phrases."""
    all_of: tuple[str, ...] = ()
    """And every one of these."""
    and_any: tuple[str, ...] = ()
    """And at least one of these."""
    unless: tuple[str, ...] = ()
    """And none of these."""
    pattern: re.Pattern[str] | None = None
    """And this, searched in the lower-case text. Put the phrase that is cheap to find in `any_of`."""
    statuses: frozenset[int] = frozenset()
    """And one of these HTTP statuses, given or read from the text."""
    no_status: bool = False
    """And no HTTP status at all: nobody answered."""
    exit_codes: frozenset[int] = frozenset()
    transient: bool = False
    """Whether trying the same thing again may help."""


class RuleHit(NamedTuple):
    """What the first matching rule says."""

    kind: str
    rule_id: str
    confidence: float
    reason: str
    transient: bool
    evidence: str
    """The line that says so, verbatim but cut at 500 characters: one that matched, or the one that it is a note to, a
    count or a consequence of (`streams/core/evidence.py`); empty when a field of its own matched."""


class _Table:
    """The rules of one origin, filed under the phrases without which they cannot match."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        self._always = tuple(number for number, rule in enumerate(rules) if not _keys(rule) and not rule.statuses)
        self._by_status: dict[int | None, list[int]] = {}
        self._by_phrase: dict[str, list[int]] = {}
        for number, rule in enumerate(rules):
            for phrase in _keys(rule):
                self._by_phrase.setdefault(phrase, []).append(number)
            for status in rule.statuses if not _keys(rule) else ():
                self._by_status.setdefault(status, []).append(number)
        self._phrases = Phrases(self._by_phrase)

    def candidates(self, lowered: str, http_status: int | None) -> tuple[list[Rule], set[str]]:
        """The rules that may match, in order, and the keys of any rule that stand in the text."""
        found = self._phrases.found_in(lowered)
        numbers = {*self._always, *self._by_status.get(http_status, ())}
        for phrase in found:
            numbers.update(self._by_phrase[phrase])
        return [self._rules[number] for number in sorted(numbers)], found


def _keys(rule: Rule) -> tuple[str, ...]:
    """Phrases of which at least one stands in every text that the rule matches; none where it names none."""
    return rule.any_of or rule.all_of[:1] or rule.and_any


class RuleBook:
    """The rules of each origin, in order. `classify` answers by its arguments alone, whatever it remembers."""

    def __init__(self, rules: dict[Origin, Iterable[Rule]]) -> None:
        """Raises: ValueError when two rules have one id."""
        self._rules = {origin: tuple(rows) for origin, rows in rules.items()}
        seen: set[str] = set()
        for rule in self.rules():
            if rule.id in seen:
                raise ValueError(f"two rules have the id {rule.id!r}")
            seen.add(rule.id)
        self._tables = {origin: _Table(rows) for origin, rows in self._rules.items()}

    def rules(self, origin: Origin | None = None) -> tuple[Rule, ...]:
        """The rules of one origin, or all, in order."""
        chosen = self._rules if origin is None else (origin,)
        return tuple(rule for key in chosen for rule in self._rules.get(key, ()))

    def classify(
        self,
        *,
        origin: Origin,
        text: str,
        exception_type: str = "",
        http_status: int | None = None,
        provider_error_code: str = "",
        exit_code: int | None = None,
    ) -> RuleHit | None:
        """The first rule that matches, or None: then the status alone may still say something (see the ladder).

        `text` is redacted and bounded by the caller (64 KiB and a little).
        """
        lowered = f"{text}\n{exception_type}\n{provider_error_code}".lower()
        if http_status is None and origin is Origin.BENCHMARK:
            http_status = _status_of(text)
        table = self._tables.get(origin)
        if table is None:
            return None
        rules, found = table.candidates(lowered, http_status)
        for rule in rules:
            places = _places(rule, lowered, found, http_status, exit_code)
            if places is not None:
                evidence = telling_line(text, lowered, places)[:EVIDENCE_CHARS_MAX]
                return RuleHit(rule.kind, rule.id, rule.confidence, rule.reason, rule.transient, evidence)
        return None


def _places(
    rule: Rule, lowered: str, found: set[str], http_status: int | None, exit_code: int | None
) -> list[int] | None:
    """Where the rule matches (indexes into the lower-case text, none for no place), None where it does not.

    `found`: the phrases of all rules' `any_of` that stand in the text. The others are looked for when it comes to them.
    """
    if rule.statuses and http_status not in rule.statuses:
        return None
    if rule.no_status and http_status is not None:
        return None
    if rule.exit_codes and exit_code not in rule.exit_codes:
        return None
    if rule.any_of and found.isdisjoint(rule.any_of):
        return None
    if rule.and_any and not _holds_any(lowered, rule.and_any):
        return None
    if _holds_any(lowered, rule.unless) or not all(phrase in lowered for phrase in rule.all_of):
        return None
    if rule.pattern is not None:
        return [match.start() for match in islice(rule.pattern.finditer(lowered), PLACES_MAX)] or None
    told = [phrase for phrase in rule.any_of if phrase in found] or list(rule.all_of[:1])
    return [at for phrase in told for at in _finds(lowered, phrase)]


def _finds(text: str, phrase: str) -> Iterator[int]:
    """The first PLACES_MAX places of a phrase."""
    at = -1
    for _ in range(PLACES_MAX):
        at = text.find(phrase, at + 1)
        if at < 0:
            return
        yield at


def _holds_any(text: str, phrases: tuple[str, ...]) -> bool:
    return any(map(text.__contains__, phrases))


def _status_of(text: str) -> int | None:
    """The HTTP status that a provider's text states, in the earlier runner's spellings or in a common one."""
    head = text[:STATUS_SEARCH_CHARS_MAX]
    status = status_from_text(head)
    if status is None and _STATUS_AT_END.search(head):
        found = _STATUS_FIRST.search(head) or _STATUS_LOWER.search(head.lower())
        status = int(next(filter(None, found.groups()))) if found else None
    return status
