"""Why two fingerprints are one problem or two: the parts, the aliases, the first difference, and what would join them.

Tells templates, types and reasons only: what a mask took out is not there any more, and credentials are taken out of
all that is told, also where whoever gave it did not.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from msgspec.structs import replace

from streams.contract.alias import Alias, AliasSource
from streams.contract.fingerprint import Fingerprint, Part
from streams.core.alias import FRAMES_MIN, WORDS_MAX, form_of, untyped, widest
from streams.core.groups import Groups
from streams.core.long_texts import skeleton
from streams.core.parts import FRAME, TOLD_ONLY, keyed
from streams.core.redact import redact
from streams.core.slot_values import CONSTANT_WORDS_MIN, constant_words, values_needed
from streams.core.states import is_kept, is_state
from streams.core.together import names_needed
from streams.core.value_words import WILD

TEMPLATE = "template"
SOON = "it joins them once the service saw both"


class Answer(enum.StrEnum):
    """Whether two fingerprints are one problem."""

    SAME_FINGERPRINT = "same_fingerprint"
    SAME_GROUP = "same_group"
    TAKEN_APART = "taken_apart"
    """By a person."""
    TWO_PROBLEMS = "two_problems"

    @property
    def is_one(self) -> bool:
        """Whether it is one problem."""
        return self in (Answer.SAME_FINGERPRINT, Answer.SAME_GROUP)


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that tells two fingerprints apart."""

    level: str
    """The coarsest level at which they differ: `class`, `value` or `site`."""
    part: str
    ours: str
    """Of a template the first word that differs; empty where only the other has something."""
    theirs: str
    rule: str
    """The rule that kept our side; empty where only the other has something."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two fingerprints, held against each other."""

    one: str
    other: str
    answer: Answer
    levels: tuple[str, ...]
    """Levels with equal ids, coarse to fine."""
    parts: tuple[Part, ...]
    """Parts that both have."""
    aliases: tuple[Alias, ...]
    """What joins them, in order from the one to the other; or the person's word that keeps them apart."""
    difference: Difference | None
    """None when even `site_value` is equal."""
    way: str
    """What would join them; empty where they are one."""


def compared(one: Fingerprint, other: Fingerprint, aliases: Iterable[Alias] = ()) -> Comparison:
    """Both fingerprints side by side. `aliases`: all that is known of them and of those between them."""
    one, other = _clean(one), _clean(other)
    groups = Groups(replace(alias, reason=redact(alias.reason)) for alias in aliases)
    path = groups.why(one.value, other.value) if one.value != other.value else []
    word = groups.edge("|".join(sorted((one.value, other.value))))
    difference = first_difference(one, other)
    way = ""
    if one.value == other.value:
        answer, path = Answer.SAME_FINGERPRINT, []
    elif path:
        answer = Answer.SAME_GROUP
    elif word is not None and word.source is AliasSource.HUMAN and not word.stands:
        answer, path = Answer.TAKEN_APART, [word]
        way = "a later word of a person: `faultline alias` without --not"
    else:
        answer, way = Answer.TWO_PROBLEMS, _way(one, other, difference)
    theirs = {(part.name, part.value) for part in other.parts}
    return Comparison(
        one=one.value,
        other=other.value,
        answer=answer,
        levels=tuple(name for name, x, y in _levels(one, other) if x == y),
        parts=tuple(part for part in keyed(one.parts) if (part.name, part.value) in theirs),
        aliases=tuple(path),
        difference=difference,
        way=way,
    )


def first_difference(one: Fingerprint, other: Fingerprint) -> Difference | None:
    """The first difference, or None when even `site_value` is equal.  For templates, the first word that differs."""
    level = next((name for name, x, y in _levels(one, other) if x != y), "")
    if not level:
        return None
    names = {part.name for part in other.parts}
    for ours, theirs in zip_longest(_against(one, other), _against(other, one)):
        if ours is not None and (theirs is None or ours.name not in names):
            return Difference(level, ours.name, ours.value, "", ours.rule)
        if theirs is not None and (ours is None or ours.name != theirs.name):
            return Difference(level, theirs.name, "", theirs.value, "")
        if ours is None or theirs is None or ours.value == theirs.value:
            continue
        if ours.name == TEMPLATE:
            for x, y in zip_longest(ours.value.split(), theirs.value.split(), fillvalue=""):
                if x != y:
                    return Difference(level, TEMPLATE, x, y, ours.rule)
        return Difference(level, ours.name, ours.value, theirs.value, ours.rule)
    return Difference(level, "version", one.version, other.version, "version")


def _clean(mark: Fingerprint) -> Fingerprint:
    parts = tuple(Part(part.name, redact(part.value), redact(part.rule)) for part in mark.parts)
    return replace(mark, template=redact(mark.template), parts=parts)


def _way(one: Fingerprint, other: Fingerprint, difference: Difference | None) -> str:
    """What would join two problems."""
    person = "only a person joins them: `faultline alias`"
    fixed = [
        [p for p in keyed(mark.parts) if p.name not in {TEMPLATE, "frame", "foreign_frame"}] for mark in (one, other)
    ]
    ours, theirs = ({part.name: part.value for part in parts} for parts in fixed)
    unlike = next((name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)), "")
    if unlike:
        return f"no rule joins what differs in {unlike}; {person}"
    frames = [[part.value for part in keyed(mark.parts) if part.name == FRAME] for mark in (one, other)]
    if "exception_type" in ours and max(map(len, frames)) >= FRAMES_MIN:
        if frames[0] == frames[1]:
            return f"the frame rule: one exception type in the same own frames; {SOON}"
        return f"no rule joins failures of one type in different own frames; {person}"
    if difference is None or difference.part != TEMPLATE:
        return person
    forms = untyped(one.template), untyped(other.template)
    if form_of(one.template) == form_of(other.template) and skeleton(forms[0]):
        return f"the rule for long texts: only masked words, paths and the lengths of lists differ; {SOON}"
    return _way_of_words(forms[0].split(" "), forms[1].split(" "), person)


def _way_of_words(ours: Sequence[str], theirs: Sequence[str], person: str) -> str:
    """What would join two templates, cut into words, where nothing else differs."""
    if ours == theirs:
        return f"the slot rule: only the types of placeholders differ; {SOON}"
    if len(ours) != len(theirs):
        return (
            f"the slot rule joins only what has as many words, and these have {len(ours)} and {len(theirs)}; {person}"
        )
    if len(ours) > WORDS_MAX:
        return f"the slot rule leaves templates of more than {WORDS_MAX} words alone; {person}"
    if len(set(widest((" ".join(ours), " ".join(theirs))).values())) == 1:
        return f"the slot rule: the one value has the form of the other; {SOON}"
    places = [place for place, (x, y) in enumerate(zip(ours, theirs, strict=True)) if x != y]
    if len(places) > 1:
        return f"the slot rule joins what differs in one place, and these differ in {len(places)}; {person}"
    pair = {ours[places[0]], theirs[places[0]]}
    state = next((word for word in sorted(pair) if is_state(word)), "")
    if state:
        return f"no rule: {state!r} names a state, which tells problems apart; {person}"
    kept = next((word for word in sorted(pair) if is_kept(word)), "")
    if kept:
        return f"no rule: {kept!r} has a number that was kept because it names the problem; {person}"
    needed = _needed(ours, theirs, places[0])
    if needed == math.inf:
        return f"the slot rule leaves alone what has too few words that stay; {person}"
    return f"the slot rule, once {needed} different words were seen in this place; until then {person}"


def _needed(ours: Sequence[str], theirs: Sequence[str], place: int) -> float:
    """How many different words in the one place that differs would join both; infinite where no number does."""
    for words in (ours, theirs):
        # What is a wildcard already is where the others get to.
        if constant_words(words) < CONSTANT_WORDS_MIN and words[place] != WILD:
            return math.inf
    rest = [*ours[:place], *ours[place + 1 :]]
    needed = values_needed(place, {ours[place], theirs[place]}, constant_words(rest))
    return min(needed, names_needed(list(ours), list(theirs), place))


def _against(one: Fingerprint, other: Fingerprint) -> list[Part]:
    """The parts of one that count against the other's: a dropped one only where the other kept its own."""
    kept = {part.name for part in keyed(other.parts)}
    return [part for part in one.parts if part.rule not in TOLD_ONLY or part.name in kept]


def _levels(one: Fingerprint, other: Fingerprint) -> tuple[tuple[str, str, str], ...]:
    return (
        ("class", one.class_value, other.class_value),
        ("value", one.value, other.value),
        ("site", one.site_value, other.site_value),
    )
