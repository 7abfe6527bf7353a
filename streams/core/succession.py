"""Kept failures under another version or other rules: which fingerprints stay, are renamed, merge, split.

What follows from it costs no question to a language model: a renamed or merged fingerprint is joined with its successor
by an alias, and a successor inherits the verdict that those before it had. Ids are never changed: what came before
keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec.structs import replace

from streams.contract.alias import Alias, AliasSource, alias_of
from streams.contract.failure import Origin
from streams.contract.fingerprint import Fingerprint
from streams.contract.verdict import UNKNOWN, Verdict, VerdictSource
from streams.core.ladder import stronger
from streams.core.parts import GROUP

FAILURES_MAX: Final = 20
"""Kept failures of one fingerprint that are read again."""

Given = Mapping[str, Any]
"""A failure as `fingerprint` takes it."""
Reads = Callable[..., Fingerprint]
"""`fingerprint` under a version or rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """A fingerprint and what is kept of its failures."""

    fingerprint: str
    origin: Origin
    failures: tuple[Given, ...]
    """Ways to read what is kept: those count that give this fingerprint again. At most FAILURES_MAX are read."""
    count: int = 1
    """Failures that it stands for."""
    verdict: Verdict | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Renamed:
    """One fingerprint that has another id, and no other has that one."""

    before: Exemplar
    after: str


@dataclass(frozen=True, slots=True)
class Merged:
    """Several fingerprints that are one."""

    before: tuple[Exemplar, ...]
    """Most failures first."""
    after: str
    verdict: Verdict | None
    """What is known of them all: of a person, else what most of their failures had. Own-text verdicts do not count."""
    conflicts: tuple[Verdict, ...] = ()
    """Verdicts of another kind, which give way."""


@dataclass(frozen=True, slots=True)
class Split:
    """One fingerprint that is several."""

    before: Exemplar
    after: tuple[str, ...]


@dataclass(slots=True)
class Succession:
    """What a change does. One that splits may have a part in merges, too."""

    total: int = 0
    """Fingerprints looked at."""
    unchanged: int = 0
    renamed: list[Renamed] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)
    split: list[Split] = field(default_factory=list)
    unread: list[Exemplar] = field(default_factory=list)
    """Nothing that is kept of them gives their fingerprint again: cut texts, or an earlier version."""
    titles: dict[str, str] = field(default_factory=dict)
    """By new fingerprint: the group that a rule names, else the template."""
    verdicts: list[Verdict] = field(default_factory=list)
    """What successors inherit; `inherited_from` says whom from."""
    pairs: list[tuple[Exemplar, str]] = field(default_factory=list)
    """Fingerprints whose failures all have the same other one now."""

    def aliases(self, *, reason: str, source: AliasSource, decided_at_ms: int) -> list[Alias]:
        """The edges that lead from each fingerprint to its successor."""
        return [
            alias_of(
                before.fingerprint,
                after,
                origin=before.origin,
                source=source,
                reason=reason,
                decided_at_ms=decided_at_ms,
            )
            for before, after in self.pairs
        ]


def succession(exemplars: Iterable[Exemplar], *, after: Reads, before: Reads | None = None) -> Succession:
    """What reading kept failures by `after` makes of their fingerprints.

    `before`: how their fingerprints were made; None where it is not at hand and all that is kept is trusted.
    Time: each kept failure is read once or twice. The answer depends on no order.
    """
    out = Succession()
    moved: dict[str, tuple[Exemplar, set[str]]] = {}
    came: dict[str, list[Exemplar]] = {}
    for one in sorted(exemplars, key=lambda one: one.fingerprint):
        out.total += 1
        read = [
            after(**given)
            for given in one.failures[:FAILURES_MAX]
            if before is None or before(**given).value == one.fingerprint
        ]
        if not read:
            out.unread.append(one)
            continue
        values = {found.value for found in read}
        out.titles |= {found.value: _title(found) for found in read}
        moved[one.fingerprint] = one, values
        for value in values:
            came.setdefault(value, []).append(one)
    for one, values in moved.values():
        if len(values) > 1:
            out.split.append(Split(one, tuple(sorted(values))))
            continue
        (value,) = values
        if value != one.fingerprint:
            out.pairs.append((one, value))
        if len(came[value]) > 1:
            continue
        if value == one.fingerprint:
            out.unchanged += 1
        else:
            out.renamed.append(Renamed(one, value))
    for value, ones in sorted(came.items()):
        ones = sorted(ones, key=lambda one: (-one.count, one.fingerprint))
        verdict, conflicts = _known(ones)
        if len(ones) > 1:
            out.merged.append(Merged(tuple(ones), value, verdict, conflicts))
        if verdict is not None and verdict.fingerprint != value:
            given_way = [one.decided_at_ms for one in conflicts if one.fingerprint == value]
            own = inherited(verdict, value)
            # Of two verdicts of one source the later stands, and here the more used one is to.
            later_ms = max([own.decided_at_ms, *(at_ms + 1 for at_ms in given_way)])
            out.verdicts.append(replace(own, decided_at_ms=later_ms))
    return out


def inherited(verdict: Verdict, fingerprint: str) -> Verdict:
    """The verdict of one fingerprint as another has it from it, with its source and time: any later one replaces it."""
    return replace(verdict, fingerprint=fingerprint, inherited_from=verdict.fingerprint, supersedes="")


def _title(found: Fingerprint) -> str:
    name = next((part.value for part in found.parts if part.name == GROUP), "")
    return f"{name} (named by a rule): {found.template}" if name else found.template


def _known(ones: list[Exemplar]) -> tuple[Verdict | None, tuple[Verdict, ...]]:
    """What is known of these together, and what is known of some and says another kind.

    What a failure's own text says is said of its successor's failures again, so it is not inherited.
    """
    used: dict[str, int] = {}
    best: dict[str, Verdict] = {}
    for one in ones:
        verdict = one.verdict
        if verdict is None or verdict.source.is_own_text or verdict.kind == UNKNOWN:
            continue
        verdict = replace(verdict, fingerprint=verdict.fingerprint or one.fingerprint)
        used[verdict.kind] = used.get(verdict.kind, 0) + one.count
        best[verdict.kind] = stronger(best[verdict.kind], verdict) if verdict.kind in best else verdict
    if not best:
        return None, ()
    ranked = sorted(best.values(), key=lambda v: (v.source is not VerdictSource.HUMAN, -used[v.kind], v.kind))
    return ranked[0], tuple(ranked[1:])
