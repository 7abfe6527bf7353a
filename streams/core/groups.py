"""Edges between fingerprints -> groups: what is joined by edges that stand is one group, named by its smallest member.

Edges commute: the same edges in any order, and each however often, give the same groups. So whoever holds all of them
names every group without asking anybody, also where its members lie in different partitions.
Two that a person took apart are never in one group, whatever edges there are.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from streams.contract.alias import Alias, AliasSource, weightier

EDGES_MAX = 10_000
"""Edges that are held, about 1.1 KB each; past it those between new pairs are dropped and counted, but a person's."""
HUMAN_EDGES_MORE = 1_000
"""Edges of persons that are held beyond EDGES_MAX: what a person says holds however much the rules joined."""
ALONE = ""
"""The group of a fingerprint that is joined with no other."""
_NONE: frozenset[str] = frozenset()


class Groups:
    """Groups of edges that come and go."""

    def __init__(self, edges: Iterable[Alias] = (), *, edges_max: int = EDGES_MAX) -> None:
        self._edges_max = edges_max
        self._edges: dict[str, Alias] = {}
        self._next: dict[str, set[str]] = {}
        """Edges that stand, from either side."""
        self._members: dict[str, set[str]] = {}
        """By fingerprint: its group, one set for all of its members."""
        self._name: dict[str, str] = {}
        self._apart: dict[str, set[str]] = {}
        """Pairs that a person took apart, from either side."""
        self.dropped = 0
        """Edges that came when there were as many as may be."""
        self._of_persons = 0
        """Edges held by the word of a person."""
        for edge in edges:
            self.apply(edge)

    def __len__(self) -> int:
        """Edges held, also those that do not stand."""
        return len(self._edges)

    def edge(self, key: str) -> Alias | None:
        """The word that holds on a pair, by `Alias.key`."""
        return self._edges.get(key)

    def name(self, fingerprint: str) -> str:
        """The smallest member of its group, or ALONE."""
        return self._name.get(fingerprint, ALONE)

    def members(self, fingerprint: str) -> AbstractSet[str]:
        """All of its group, itself among them."""
        return self._members.get(fingerprint) or frozenset((fingerprint,))

    def apply(self, alias: Alias) -> AbstractSet[str]:
        """Take in an edge. Returns the fingerprints whose group has another name now.

        A stronger word on the same pair holds, whatever came first. Joining costs the smaller of two groups, and both
        where the name changes; taking apart costs the group, and so does all once a person took any two apart.
        """
        before = self._edges.get(alias.key)
        if before is None and not self._has_room(alias.source):
            self.dropped += 1
            return _NONE
        now = alias if before is None else weightier(before, alias)
        if now is before:
            return _NONE
        self._edges[alias.key] = now
        self._of_persons += _is_of_person(now) - (before is not None and _is_of_person(before))
        had_apart = bool(self._apart)
        self._note_apart(now)
        a, b = now.a, now.b
        stood = before is not None and before.stands
        if now.stands and not stood:
            self._next.setdefault(a, set()).add(b)
            self._next.setdefault(b, set()).add(a)
        elif stood and not now.stands:
            self._next[a].discard(b)
            self._next[b].discard(a)
        if had_apart or self._apart:
            return self._regrouped(self._reached(a) | self._reached(b))
        if now.stands == stood:
            return _NONE
        return self._joined(a, b) if now.stands else self._regrouped(self._members[a])

    def at(self, fingerprint: str, number: int) -> tuple[Alias, ...]:
        """The words that hold on a fingerprint and another, strongest first, at most `number`: those that join, and
        those of a person that take apart.
        """
        others = self._next.get(fingerprint, _NONE) | self._apart.get(fingerprint, _NONE)
        if not others:
            return ()
        edges = [self._edges["|".join(sorted((fingerprint, other)))] for other in others]
        return tuple(heapq.nsmallest(number, edges, key=lambda edge: (-edge.source.rank, edge.key)))

    def why(self, one: str, other: str) -> list[Alias]:
        """The fewest edges that join two fingerprints, in order from the one to the other; empty where none do."""
        came_from: dict[str, str] = {one: one}
        members = self.members(one)
        queue = deque((one,))
        while queue and other not in came_from:
            here = queue.popleft()
            for there in sorted(self._next.get(here, ())):
                if there not in came_from and there in members:
                    came_from[there] = here
                    queue.append(there)
        path: list[Alias] = []
        here = other
        while here != one:
            if here not in came_from:
                return []
            path.append(self._edges["|".join(sorted((here, came_from[here])))])
            here = came_from[here]
        return path[::-1]

    def _has_room(self, source: AliasSource) -> bool:
        """Whether an edge of a new pair may be held: whatever edges are held together may come again in any order."""
        held = len(self._edges)
        if held >= self._edges_max + HUMAN_EDGES_MORE:
            return False
        return source is AliasSource.HUMAN or held - self._of_persons < self._edges_max

    def _note_apart(self, edge: Alias) -> None:
        for here, there in ((edge.a, edge.b), (edge.b, edge.a)):
            if _is_of_person(edge) and not edge.stands:
                self._apart.setdefault(here, set()).add(there)
            elif here in self._apart:
                self._apart[here].discard(there)
                if not self._apart[here]:
                    del self._apart[here]

    def _joined(self, a: str, b: str) -> AbstractSet[str]:
        """The groups of two become one."""
        large, small = self._members.setdefault(a, {a}), self._members.setdefault(b, {b})
        if large is small:
            return _NONE
        name = min(a, b, *(known for known in (self.name(a), self.name(b)) if known))
        changed: set[str] = set()
        for side, member in ((large, a), (small, b)):
            if self.name(member) != name:
                changed |= side
        if len(large) < len(small):
            large, small = small, large
        large |= small
        for member in small:
            self._members[member] = large
        self._name.update(dict.fromkeys(changed, name))
        return changed

    def _regrouped(self, those: AbstractSet[str]) -> AbstractSet[str]:
        """Group anew some that no edge joins with others: the strongest edges first, then by their names.

        An edge that would join two that a person took apart is passed over, so the answer depends on the edges alone.
        """
        group = {one: {one} for one in those}
        inside = [self._edges[f"{a}|{b}"] for a in those for b in self._next.get(a, ()) if a < b]
        for edge in sorted(inside, key=lambda edge: (-edge.source.rank, edge.key)):
            large, small = group[edge.a], group[edge.b]
            if len(large) < len(small):
                large, small = small, large
            if large is small or any(not large.isdisjoint(self._apart.get(one, _NONE)) for one in small):
                continue
            large |= small
            for one in small:
                group[one] = large
        first: dict[int, str] = {}
        for one in sorted(group):
            first.setdefault(id(group[one]), one)
        changed: set[str] = set()
        for one, members in group.items():
            name = first[id(members)] if len(members) > 1 else ALONE
            if name != self.name(one):
                changed.add(one)
            if name:
                self._members[one], self._name[one] = members, name
            else:
                self._forget(one)
        return changed

    def _forget(self, fingerprint: str) -> None:
        """One that is joined with no other takes no room."""
        self._members.pop(fingerprint, None)
        self._name.pop(fingerprint, None)
        if not self._next.get(fingerprint):
            self._next.pop(fingerprint, None)

    def _reached(self, start: str) -> set[str]:
        found = {start}
        left = [start]
        while left:
            for there in self._next.get(left.pop(), ()):
                if there not in found:
                    found.add(there)
                    left.append(there)
        return found


def _is_of_person(edge: Alias) -> bool:
    return edge.source is AliasSource.HUMAN
