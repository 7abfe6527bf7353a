"""What each kind means, and which colour it has: the taxonomy as the pages need it.

A kind's colour is its place in the taxonomy, so it keeps it from view to view. The eleven colour names are classes of
the style sheet: ten hues apart for colour-blind readers too, and a grey for `unknown` and for kinds that the taxonomy
does not list. Colour never stands alone: every place that uses one also names the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.contract.failure import Origin
from streams.contract.taxonomy import Taxonomy
from streams.contract.verdict import UNKNOWN

COLOURS = 10
NO_COLOUR = "tone-none"
NO_MEANING = "Nothing said yet what kind of failure this is."


@dataclass(frozen=True, slots=True)
class Kinds:
    """Names, meanings and colours by origin."""

    names: Mapping[str, frozenset[str]]
    families: frozenset[str]
    order: Mapping[str, tuple[str, ...]]
    _meanings: Mapping[tuple[str, str], str]
    _colours: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> Kinds:
        """The kinds of a taxonomy; `unknown` is last in its origin whether it is listed or not."""
        order: dict[str, tuple[str, ...]] = {}
        meanings: dict[tuple[str, str], str] = {}
        colours: dict[tuple[str, str], str] = {}
        families = {UNKNOWN}
        for origin in Origin:
            known = [kind for kind in taxonomy.kinds(origin) if kind.name != UNKNOWN]
            order[origin.value] = (*(kind.name for kind in known), UNKNOWN)
            for place, kind in enumerate(known):
                meanings[origin.value, kind.name] = kind.definition
                colours[origin.value, kind.name] = f"tone-{place % COLOURS}"
            families |= {kind.family for kind in taxonomy.kinds(origin)}
            if UNKNOWN in taxonomy.names(origin):
                meanings[origin.value, UNKNOWN] = taxonomy.kind(origin, UNKNOWN).definition
        names = {origin: frozenset(listed) for origin, listed in order.items()}
        return cls(names, frozenset(families), order, meanings, colours)

    def meaning(self, origin: str, kind: str) -> str:
        """The kind's definition in one sentence."""
        if kind == UNKNOWN:
            return self._meanings.get((origin, kind), NO_MEANING)
        return self._meanings.get((origin, kind), "The taxonomy in use does not list this kind.")

    def colour(self, origin: str, kind: str) -> str:
        """The style class of the kind's colour."""
        return self._colours.get((origin, kind), NO_COLOUR)

    def has(self, origin: str, kind: str) -> bool:
        """Whether the taxonomy lists the kind for this origin."""
        return kind in self.names.get(origin, frozenset())
