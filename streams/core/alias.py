"""Near-duplicates: templates that differ only in a slot become one.

An id is a pure function of one text; that two ids are one problem can only be seen when several are known.
The slot rule: templates of equal length that differ in one word alias to a wildcard once enough different words
were seen there.  Sets of words commute, so the answer does not depend on order, and shards may be joined.
Fewer suffice where their shape or the words beside them show that they are values (`value_words`), in several places
at once too, and one where another form has wildcards for all of them (`together`).
The frame rule: failures of one type in the same frames of the user's own code are one, whatever the message says;
in other frames they are two.
The rule for long texts: what differs only in masked words, paths and the lengths of lists is one (`long_texts`).
Words that name a state are never wild: `started` and `failed` are two problems however many there are;
nor are numbers that a template kept, such as exit codes.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.contract.fingerprint import Fingerprint
from streams.core.long_texts import skeleton
from streams.core.parts import keyed
from streams.core.slot_values import (
    CONSTANT_WORDS_MIN,
    CONSTANT_WORDS_OF_A_FIT,
    constant_words,
    fits,
    frame,
    is_constant,
    key_of,
    values_needed,
)
from streams.core.states import EDGES, is_kept, is_state
from streams.core.template.masks import PLACEHOLDERS
from streams.core.together import covered, marked_together, named_together, paired
from streams.core.value_words import FILE, WILD

AGAIN = "<*2>"
"""Where the value of a slot stands a second time."""

NAME_CHARS_MIN = 3
"""Shorter values are not looked for a second time."""


class Slot(NamedTuple):
    """A place, and the rest of a form around it: forms that are equal but for one word have a slot in common."""

    place: int
    rest: tuple[int, int] | str
    """The words before and after, by their numbers; as a text where the value stands in them again."""
    constant: int
    """Words of the rest without a wildcard."""
    again: bool
    """Whether the rest shows where a value stands a second time."""


WORDS_MAX = 64
"""Longer templates are left alone."""

FRAMES_MIN = 2
"""Own frames that say where a failure comes from without its message: one alone may be what all failures pass."""

PERIOD_MAX = 3
"""Words of a group whose repetition is a list."""

ROUNDS_MAX = 8
"""Steps in which a template may gain slots."""

_PLACEHOLDER = re.compile(rf"<(?:{'|'.join(PLACEHOLDERS)})>%?")
_SAME_AMOUNT = re.compile(r"<size> \(<size>\)")
_QUOTED_VALUE = re.compile(r"\w=(?:\"[^\"\n]{0,120}\"|'[^'\n]{0,120}')")
# A line of an access log below 500 is traffic, not a failure of the server.
_TRAFFIC = re.compile(r"(HTTP/<num>\"(?: status[:=]?)?) [1-4]\d\d(?!\d)")
_PLURAL = re.compile(r"(<num>[)\]]? [a-z]{3,20}[^s\W])s\b")
_SAME: dict[str, str] = {}
_RUN = re.compile(r"[<>~]?<\*>(?:[,;:|/.\-]{0,2} ?<\*>)+")


def grouped(fingerprints: Sequence[Fingerprint]) -> list[str]:
    """The group of each failure, by the frame rule where own frames are known, else by the slot rule.

    The names of groups are only to be compared with each other.  The same partition for any order.
    """
    form = aliases(fingerprint.template for fingerprint in fingerprints)
    groups: list[str] = []
    for fingerprint in fingerprints:
        parts = keyed(fingerprint.parts)
        given = [f"{part.name}={part.value}" for part in parts if part.name not in {"template", "foreign_frame"}]
        names = [part.name for part in parts]
        framed = "exception_type" in names and names.count("frame") >= FRAMES_MIN
        where = "" if framed else form[fingerprint.template]
        groups.append("\n".join([*given, where]))
    return groups


def form_of(template: str) -> str:
    """What of a template is compared with others: its skeleton where it is long, else the template `untyped`."""
    form = untyped(template)
    return skeleton(form) or form


def untyped(template: str) -> str:
    """The template with every placeholder made a wildcard: which form a value had may vary from line to line.

    A file name that stayed is no value: `<path:setup.cfg>` is left as it is,
    and a path that opens a message stays a path.
    """
    if "<" not in template:
        return template
    template = _SAME_AMOUNT.sub("<size>", template)
    if "HTTP/" in template:
        template = _TRAFFIC.sub(rf"\1 {WILD}", template)
    if '="' in template or "='" in template:
        template = _QUOTED_VALUE.sub(_glued, template)
    if "<num>" in template:
        template = _PLURAL.sub(r"\1", template)
    first, blank, rest = template.partition(" ")
    if "<path>" not in first:
        first = _PLACEHOLDER.sub(WILD, first)
    words = _RUN.sub(WILD, f"{first}{blank}{_PLACEHOLDER.sub(WILD, rest)}").split(" ")
    for period in range(1, PERIOD_MAX + 1):
        words = _once(words, period)
    return " ".join(words)


def _glued(match: re.Match[str]) -> str:
    """A quoted value as one word."""
    return match.group().replace(" ", "\u00a0")


def _once(words: list[str], period: int) -> list[str]:
    """The words with runs of equal groups of `period` words, each with a wildcard, shown once."""
    kept: list[str] = []
    i = 0
    while i < len(words):
        group = words[i : i + period]
        if len(group) == period and kept[-period:] == group and any(WILD in word for word in group):
            i += period
            continue
        kept.append(words[i])
        i += 1
    return kept


def aliases(templates: Iterable[str]) -> dict[str, str]:
    """template -> the form that stands for its group.

    The same for any order of `templates` and however often each comes.
    Time: the words of the templates, times their length (at most `WORDS_MAX` words), times `ROUNDS_MAX`.
    """
    form = {template: form_of(template) for template in set(templates)}
    wide = widest(form.values())
    return {template: wide[was] for template, was in form.items()}


def widest(forms: Iterable[str]) -> dict[str, str]:
    """form, as `untyped` gives it -> the form that stands for its group. A form keeps its number of words."""
    form = {was: was for was in forms}
    read = _Read()
    for _ in range(ROUNDS_MAX):
        moved = _widened(set(form.values()), read)
        if not moved:
            break
        form = {first: moved.get(was, was) for first, was in form.items()}
    return form


class _Read(dict[str, tuple[list[str], list[list[Slot]]]]):
    """form -> its words and their slots, read once for all rounds; empty for a form that is left alone."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[tuple[int, str], int] = {}

    def __missing__(self, form: str) -> tuple[list[str], list[list[Slot]]]:
        words = form.split(" ")
        alone = len(words) > WORDS_MAX or constant_words(words) < CONSTANT_WORDS_MIN
        self[form] = read = ([], []) if alone else (words, _slots(words, self._numbers))
        return read


def _widened(forms: set[str], read: _Read) -> dict[str, str]:
    """Forms that gain a wildcard, with their new form."""
    slots: defaultdict[Slot, set[str]] = defaultdict(set)
    cut: dict[str, list[str]] = {}
    for form in forms:
        words, places = read[form]
        if words:
            cut[form] = words
            for word, around in zip(words, places, strict=True):
                for slot in around:
                    slots[slot].add(word)
    wide = {slot: _wide(slot, values) for slot, values in slots.items() if len(values) > 1}
    moved: dict[str, str] = {}
    for form, words in cut.items():
        new = list(words)
        places = read[form][1]
        for i, word in enumerate(words):
            for slot in places[i]:
                wild = wide.get(slot, _SAME).get(word)
                if wild:
                    if slot.again:
                        new = [_again(other, _name(word)) for other in new]
                    new[i] = wild
                    break
        if new != words and constant_words(new):
            moved[form] = " ".join(new)
    return moved or paired(cut) or marked_together(cut) or named_together(cut) or covered(cut)


def _slots(words: list[str], numbers: dict[tuple[int, str], int]) -> list[list[Slot]]:
    """Of each word the rest around it: first with the value marked where it stands again, then as it is.

    `numbers` grows by what these words begin and end with: equal words have equal numbers, so that a rest need not be
    written out for each place.
    """
    before, after = _numbered(words, numbers), _numbered(words[::-1], numbers)[::-1]
    constant, again = list(map(is_constant, words)), [AGAIN in word for word in words]
    all_constant, all_again = sum(constant), sum(again)
    standing: defaultdict[str, list[int]] = defaultdict(list)
    for i, word in enumerate(words):
        standing[_name(word)].append(i)
    slots = [
        [Slot(i, (before[i], after[i + 1]), all_constant - constant[i], all_again > again[i])]
        for i in range(len(words))
    ]
    for name, places in standing.items():
        if len(places) == 1 or len(name) < NAME_CHARS_MIN:
            continue
        marked = list(words)
        for i in places:
            marked[i] = _again(words[i], name)
        marked_constant = all_constant + sum(is_constant(marked[i]) - constant[i] for i in places)
        for i in places:
            rest = " ".join(marked[:i] + marked[i + 1 :])
            slots[i].insert(0, Slot(i, rest, marked_constant - is_constant(marked[i]), again=True))
    return slots


def _numbered(words: Iterable[str], numbers: dict[tuple[int, str], int]) -> list[int]:
    """The numbers of the first none, one, two ... of the words."""
    found = [0]
    for word in words:
        found.append(numbers.setdefault((found[-1], word), len(numbers) + 1))
    return found


def _name(word: str) -> str:
    """A word without its punctuation, a file placeholder by its name."""
    file = FILE.search(word)
    return file.group(1) if file else word.strip(EDGES)


def _again(word: str, name: str) -> str:
    """A word that repeats a value, with the value marked."""
    if name not in word or _name(word) != name:  # the first is quick, and nearly always decides
        return word
    return word.replace(f"<path:{name}>", AGAIN) if "<path:" in word else word.replace(name, AGAIN)


def _wide(slot: Slot, values: set[str]) -> dict[str, str]:
    """The new word for each value of a place, where evidence suffices; empty where it does not."""
    place = slot.place
    free = {value for value in values if not is_state(value) and not is_kept(value)}
    if len(free) < 2:
        return {}
    if len(free) == len(values) and len(values) >= values_needed(place, values, slot.constant):
        new = frame(values)
        return dict.fromkeys(values, new)
    if place and slot.constant + bool(key_of(values)) >= CONSTANT_WORDS_OF_A_FIT:
        pattern = min((v for v in free if WILD in v), key=lambda v: (len(v), v), default="")
        return {value: pattern for value in free if fits(value, pattern)} if pattern else {}
    return {}
