"""The strongest verdict of a group -> verdicts for its other members, so that what is one problem is one kind.

Only verdicts that somebody gave are shared, the llm's and people's; what a failure's own text says stays with it.
A shared verdict is as strong as the one it was made of, so the ladder gives every member the strongest, in whatever
order aliases and verdicts come. It is not shared on, and making it again makes the same.
Not promised: that it goes when the two are taken apart later; then somebody has to say what the one is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from msgspec.structs import replace

from streams.contract.verdict import UNKNOWN, Verdict, VerdictSource
from streams.core.groups import Groups
from streams.core.ladder import strength, stronger

VERDICTS_MAX = 20_000
"""Verdicts that are remembered, given and shared, those that came last; about 0.6 KB each."""
GROUPS_AT_ONCE = 50
"""Groups that one call looks at: about 1 ms, and 2 ms more for every thousand members."""


class Sharing:
    """Verdicts of the fingerprints in some groups."""

    def __init__(self, groups: Groups, *, verdicts_max: int = VERDICTS_MAX) -> None:
        self._groups = groups
        self._verdicts_max = verdicts_max
        self._given: OrderedDict[str, Verdict] = OrderedDict()
        self._shared: OrderedDict[str, Verdict] = OrderedDict()
        self._due: dict[str, None] = {}

    @property
    def is_due(self) -> bool:
        """Whether there is a group that was not looked at since something of it changed."""
        return bool(self._due)

    def on_verdict(self, verdict: Verdict) -> None:
        """A verdict that somebody gave, or that was shared."""
        is_human = verdict.source is VerdictSource.HUMAN  # whose `unknown` counts, as on the ladder
        if verdict.source.rank < VerdictSource.LLM.rank or (verdict.kind == UNKNOWN and not is_human):
            return
        self._remember(verdict)
        if not verdict.inherited_from:  # one that was shared makes no group's best better
            self._due[verdict.fingerprint] = None

    def on_regrouped(self, fingerprints: Iterable[str]) -> None:
        """Fingerprints whose group has another name now."""
        self._due.update(dict.fromkeys(sorted(fingerprints)))

    def verdicts(self) -> list[Verdict]:
        """Verdicts that are due, each once; it counts as given. Looks at GROUPS_AT_ONCE groups, oldest first, at each
        once for all of its members that are due.
        """
        made: list[Verdict] = []
        for key in list(self._due)[:GROUPS_AT_ONCE]:
            if key not in self._due:
                continue
            members = self._groups.members(key)
            for member in members:
                self._due.pop(member, None)
            best = self._best(key)
            for member in sorted(members) if best is not None else ():
                verdict = self._for(member, best)
                if verdict is not None:
                    self._remember(verdict)
                    made.append(verdict)
        return made

    def known(self, fingerprint: str) -> Verdict | None:
        """The verdict that its group has for a fingerprint that has none of its own as strong; None without one."""
        return self._for(fingerprint, self._best(fingerprint))

    def _for(self, member: str, best: Verdict | None) -> Verdict | None:
        if best is None or member == best.fingerprint:
            return None
        held = [one for table in (self._given, self._shared) if (one := table.get(member)) is not None]
        if any(strength(one) >= strength(best) for one in held):
            return None
        return replace(best, fingerprint=member, inherited_from=best.fingerprint, recheck_after_ms=None)

    def _best(self, fingerprint: str) -> Verdict | None:
        if not self._groups.name(fingerprint):
            return None
        found = [self._given[one] for one in self._groups.members(fingerprint) if one in self._given]
        return max(found, key=lambda verdict: (strength(verdict), verdict.fingerprint), default=None)

    def _remember(self, verdict: Verdict) -> None:
        table = self._shared if verdict.inherited_from else self._given
        before = table.get(verdict.fingerprint)
        table[verdict.fingerprint] = verdict if before is None else stronger(before, verdict)
        table.move_to_end(verdict.fingerprint)
        if len(table) > self._verdicts_max:
            table.popitem(last=False)
