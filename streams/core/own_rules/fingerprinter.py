"""Failure -> fingerprint under rules of the user's own, from caches."""

from __future__ import annotations

from typing import Unpack

from streams.contract.fingerprint import Fingerprint
from streams.core.fingerprint import ENTRIES_MAX, Fingerprinter, fingerprint
from streams.core.given import Arguments, Given
from streams.core.own_rules.read import rules_in_use
from streams.core.own_rules.rules import OwnRules
from streams.core.template.lines import cleaned
from streams.core.template.shapes import Shapes


def fingerprinter_under(rules: OwnRules | None) -> Fingerprinter:
    """The fingerprinter under rules; the plain one where there are none."""
    return Fingerprinter() if rules is None else RuledFingerprinter(rules)


def fingerprinter_before(text: str | None, *, source: str) -> Fingerprinter | None:
    """The fingerprinter under the rules that were in use before: an empty file says none; None where no file is set.

    Raises: as `own_rules`.
    """
    return None if text is None else fingerprinter_under(rules_in_use(text, source=source))


class RuledFingerprinter(Fingerprinter):
    """`fingerprint(..., rules=rules)` with caches in front; the same answers.

    What no rule can touch goes the common way, 2 us later; the rest is remembered by its exact text, since a pattern
    may look at a digit.
    """

    def __init__(self, rules: OwnRules, max_entries: int = ENTRIES_MAX) -> None:
        super().__init__(max_entries)
        self._rules = rules
        self._ruled: Shapes[Fingerprint] = Shapes(max_entries)

    def text(self, message: str) -> str:
        """`fingerprint(origin="ci", message=message, rules=rules).value`."""
        return self(origin="ci", message=message).value

    def __call__(self, **given: Unpack[Arguments]) -> Fingerprint:
        """The same as `fingerprint` with the rules."""
        failure = Given(**given)
        text, traceback = cleaned(failure.message), cleaned(failure.traceback)
        if not self._rules.may_touch(failure, text=text, traceback=traceback):
            return super().__call__(**given)
        salt = failure.salt()
        known = self._ruled.get(failure.message, salt)
        if known is None:
            known = fingerprint(**given, rules=self._rules)
            self._ruled.put(failure.message, None, known, salt)
        return known
