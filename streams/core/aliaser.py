"""New fingerprints -> edges between those that the alias rules take for one problem.

Whoever runs an `Aliaser` gives it all new fingerprints and all edges, whoever made them. Several of them may run: they
make the same edges, and an edge that is made twice is one edge. What is kept is bounded; beyond it the fingerprints
seen longest ago are forgotten: their groups stay, only nothing new is compared with them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from streams.contract.alias import Alias, AliasSource, alias_of
from streams.contract.classified import Unseen
from streams.contract.failure import Origin
from streams.contract.fingerprint import Fingerprint
from streams.core.alias import FRAMES_MIN, untyped, widest
from streams.core.groups import EDGES_MAX, Groups
from streams.core.long_texts import skeleton
from streams.core.nearest import Nearest
from streams.core.parts import keyed
from streams.core.sharing import Sharing
from streams.core.states import tells_apart

KNOWN_MAX = 20_000
"""Fingerprints that are compared with new ones: 33 MB with the words of `nearest`, for templates of 320 characters."""
ALIKE_MAX = 250
"""Of these, fingerprints of one length: a new one is compared with so many, which takes about 30 ms, and 60 ms
at 40 words."""
LENGTHS_MAX = 4
"""Lengths that one call compares, so that it takes no longer than a quarter of a second."""
TEMPLATE_CHARS_MAX = 2_000
"""Longer templates are one only where nothing but the type of a placeholder differs."""
FORM_CHARS_SHOWN = 200
NEAR_MAX = 3
"""Neighbours of a fingerprint that somebody is asked about."""
NEAR_LOOKED_AT = 20
"""The nearest, among which those are that may be neighbours."""

SLOT_RULE, FRAME_RULE, LONG_RULE = "slot rule", "frame rule", "rule for long texts"
_SAID = {
    SLOT_RULE: "of one form",
    FRAME_RULE: "of one exception type in the same own frames",
    LONG_RULE: "that differ only in masked words, paths and the lengths of lists",
}

Alike = tuple[Origin, str]
"""What is compared: templates of one origin and one number of words (a slot never changes it), or of one digest."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of a fingerprint."""

    alike: Alike
    given: bytes
    """Digest of all that must be equal: exception type, tool, code, frames, or the whole where they suffice."""
    form: str
    """What of the template is compared (`alias.form_of`); empty where only what is equal is one."""
    rule: str
    first_at_ms: int


class Lot(NamedTuple):
    """Fingerprints that are compared with each other, at most ALIKE_MAX."""

    alike: Alike
    forms: tuple[str, ...]


class Neighbour(NamedTuple):
    """A fingerprint that may be the same problem as another: of the same type, tool and code, and with like words."""

    fingerprint: str
    form: str


class Aliaser:
    """The alias rules over the fingerprints seen last."""

    def __init__(self, *, known_max: int = KNOWN_MAX, alike_max: int = ALIKE_MAX, edges_max: int = EDGES_MAX) -> None:
        self._known_max = known_max
        self._alike_max = alike_max
        self._where: OrderedDict[str, Alike] = OrderedDict()
        """Every fingerprint known, the one seen longest ago first."""
        self._alike: dict[Alike, OrderedDict[str, _Known]] = {}
        self._due: dict[Alike, None] = {}
        """What new fingerprints made worth comparing, in the order they came."""
        self._groups = Groups(edges_max=edges_max)
        self._nearest = Nearest()
        self.sharing = Sharing(self._groups)
        """Verdicts of the groups."""

    def __len__(self) -> int:
        """Fingerprints known."""
        return len(self._where)

    def on_alias(self, alias: Alias) -> None:
        """An edge that somebody made."""
        self.sharing.on_regrouped(self._groups.apply(alias))

    @property
    def edges_held(self) -> int:
        """Edges known, whoever made them."""
        return len(self._groups)

    @property
    def edges_dropped(self) -> int:
        """Edges of new pairs that came when as many were held as may be, each time they came."""
        return self._groups.dropped

    @property
    def is_due(self) -> bool:
        """Whether there is something that was not compared yet."""
        return bool(self._due)

    def on_new(self, unseen: Iterable[Unseen]) -> None:
        """Fingerprints that came, new or again. They are compared by `edges`."""
        for one in unseen:
            self._keep(one)

    def near(self, unseen: Unseen) -> tuple[Neighbour, ...]:
        """Up to NEAR_MAX neighbours, the nearest first, each of a group of its own and none of this one's.

        None where frames say it all, nor what a person took apart from it, nor what differs in a state or in a number
        that was kept. Takes 10 ms at most.
        """
        value, mark = unseen.fingerprint.value, _known(unseen.fingerprint, unseen.origin, unseen.first_at_ms)
        groups = {self._groups.name(value) or value}
        found: list[Neighbour] = []
        for near in self._nearest.of(mark.form, NEAR_LOOKED_AT, but=value) if mark.form else ():
            alike = self._where.get(near.key)
            other = None if alike is None else self._alike[alike].get(near.key)
            group = self._groups.name(near.key) or near.key
            edge = self._groups.edge("|".join(sorted((value, near.key))))
            if (
                other is None
                or (other.alike[0], other.given) != (unseen.origin, mark.given)
                or group in groups
                or (edge is not None and not edge.stands)
                or tells_apart(mark.form, other.form)
            ):
                continue
            groups.add(group)
            found.append(Neighbour(near.key, other.form))
            if len(found) == NEAR_MAX:
                break
        return tuple(found)

    def edges(self, *, lengths_max: int = LENGTHS_MAX) -> list[Alias]:
        """Edges that new fingerprints bring about, also between others: six words in one place make it a slot.

        Compares what is due, at most `lengths_max` lots of ALIKE_MAX, oldest first. Each edge is given once; it
        counts as made. None is made that joins nothing: between two that a person took apart, past the bound of edges.
        """
        made: list[Alias] = []
        for _ in range(min(lengths_max, len(self._due))):
            lot = self.next_lot()
            made += self.joined(lot, widest(lot.forms))
        return made

    def next_lot(self) -> Lot:
        """What was due longest, taken out: its forms go to `alias.widest`, in any thread, and what comes of it to
        `joined`, before anything else is told. Raises: StopIteration when nothing is due.
        """
        alike = next(iter(self._due))
        del self._due[alike]
        return Lot(alike, tuple(one.form for one in self._alike.get(alike, {}).values() if one.form))

    def joined(self, lot: Lot, forms: Mapping[str, str]) -> list[Alias]:
        """The edges of a lot, by what `alias.widest` makes of its forms. See `edges`."""
        known: Mapping[str, _Known] = self._alike.get(lot.alike, {})
        same: dict[tuple[bytes, str], list[str]] = {}
        for value, one in known.items():
            same.setdefault((one.given, forms[one.form] if one.form else ""), []).append(value)
        made: list[Alias] = []
        for (_, form), values in sorted(same.items()):
            first, *others = sorted(values)
            rule = known[first].rule
            reason = f"{rule}, {len(values)} fingerprints {_SAID[rule]}"
            if rule == SLOT_RULE and form:
                reason = f"{reason}: {form[:FORM_CHARS_SHOWN]}"
            for other in others:
                if self._groups.name(first) and self._groups.name(first) == self._groups.name(other):
                    continue
                edge = alias_of(
                    first,
                    other,
                    origin=lot.alike[0],
                    source=AliasSource.RULE,
                    reason=reason,
                    decided_at_ms=max(known[first].first_at_ms, known[other].first_at_ms),
                )
                if changed := self._groups.apply(edge):
                    self.sharing.on_regrouped(changed)
                    made.append(edge)
        return made

    def _keep(self, unseen: Unseen) -> None:
        value = unseen.fingerprint.value
        alike = self._where.get(value)
        if alike is not None:
            self._where.move_to_end(value)
            self._alike[alike].move_to_end(value)
            return
        known = _known(unseen.fingerprint, unseen.origin, unseen.first_at_ms)
        self._where[value] = known.alike
        if known.form:
            self._nearest.add(value, known.form)
        self._alike.setdefault(known.alike, OrderedDict())[value] = known
        if len(self._alike[known.alike]) > self._alike_max:
            self._forget(next(iter(self._alike[known.alike])))
        if len(self._where) > self._known_max:
            self._forget(next(iter(self._where)))
        self._due[known.alike] = None

    def _forget(self, value: str) -> None:
        alike = self._where.pop(value)
        del self._alike[alike][value]
        if not self._alike[alike]:
            del self._alike[alike]


def _known(fingerprint: Fingerprint, origin: Origin, first_at_ms: int) -> _Known:
    parts = keyed(fingerprint.parts)
    names = [part.name for part in parts]
    framed = "exception_type" in names and names.count("frame") >= FRAMES_MIN
    given = [f"{part.name}={part.value}" for part in parts if part.name not in {"template", "foreign_frame"}]
    form = "" if framed else untyped(fingerprint.template)
    long = skeleton(form)
    rule = FRAME_RULE if framed else LONG_RULE if long else SLOT_RULE
    form = long or form
    if len(form) > TEMPLATE_CHARS_MAX:
        given.append(form)
        form = ""
    digest = hashlib.sha256("\n".join(given).encode("utf-8", "replace")).digest()[:16]
    return _Known((origin, str(form.count(" ") + 1) if form else digest.hex()), digest, form, rule, first_at_ms)
