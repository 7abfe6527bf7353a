"""Near-duplicates: templates that differ only in a slot become one.

An id is a pure function of one text; that two ids are one problem can only be seen when several are known.
The slot rule: templates of equal length that differ in one word alias to a wildcard once enough different words
were seen there.  Sets of words commute, so the answer does not depend on order, and shards may be joined.
The frame rule: failures of one type in the same frames of the user's own code are one, whatever the message says;
in other frames they are two.
The rule for long texts: what differs only in masked words, paths and the lengths of lists is one (`long_texts`).
Words that name a state are never wild: `started` and `failed` are two problems however many there are;
nor are numbers that a template kept, such as exit codes.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from streams.contract.fingerprint import Fingerprint
from streams.core.long_texts import skeleton
from streams.core.parts import keyed
from streams.core.states import EDGES, is_kept, is_state
from streams.core.template.masks import PLACEHOLDERS

WILD = "<*>"

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


VALUES_MIN = 6
"""Different words that make a place a slot."""

FILES_MIN = 5
"""Different file names that make a place a slot."""

LONE_VALUES_MIN = 12
"""Different words that make a slot where only one other word is left."""

FIRST_WORD_VALUES_MIN = 12
"""Different words that make the first place a slot: a line's first word mostly says what it is about."""

MARKED_VALUES_MIN = 3
"""Different values that suffice where the form shows a value: `key=`, or a place that also held a masked one."""

CONSTANT_WORDS_MIN = 2
"""Words without a placeholder that must stay."""

CONSTANT_WORDS_OF_A_FIT = 3
"""Words that must stay where one other value of the form `node-<*>` is evidence enough for `node-a`."""

WORDS_MAX = 64
"""Longer templates are left alone."""

FRAMES_MIN = 2
"""Own frames that say where a failure comes from without its message: one alone may be what all failures pass."""

PERIOD_MAX = 3
"""Words of a group whose repetition is a list."""

NAMES_MAX = 6
"""Names of programs in a template that are looked at in pairs."""

ROUNDS_MAX = 4
"""Steps in which a template may gain slots."""

_PLACEHOLDER = re.compile(rf"<(?:{'|'.join(PLACEHOLDERS)})>%?")
_FILE = re.compile(r"<path:([^<>\s]{1,80})>")
_SAME_AMOUNT = re.compile(r"<size> \(<size>\)")
_QUOTED_VALUE = re.compile(r"\w=(?:\"[^\"\n]{0,120}\"|'[^'\n]{0,120}')")
# A line of an access log below 500 is traffic, not a failure of the server.
_TRAFFIC = re.compile(r"(HTTP/<num>\"(?: status[:=]?)?) [1-4]\d\d(?!\d)")
_PLURAL = re.compile(r"(<\*> [a-z]{3,20}[^s\W])s\b")
_PUNCTUATED = re.compile(r"(?:[\w.-]{1,64}[=:(\[]|[^\w\s])*")
_PROGRAM_NAME = re.compile(r"[a-z][A-Z]|\w[.$]\w")
_SAME: dict[str, str] = {}
_RUN = re.compile(r"[<>~]?<\*>(?:[,;:|/.\-]{0,2} ?<\*>)+")
_SHOWN = re.compile(
    r"(?P<before>[\w.-]{1,64}=[\"'`\[(<\\]{0,8}|[\[(<]{1,4}|(?=<\*>))(?P<value><\*>|[\w.$/@:*-]{1,128})"
    r"(?P<after>[\"'`\])>\\,.:;]{0,8})"
)
_NAMED_WILD = re.compile(r"(?:[A-Za-z][\w.-]{0,63}:)?[A-Za-z][\w.-]{1,63}=[^\w\s]{0,3}<\*>")
_UNIT = re.compile(
    r"\S{1,128}(\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)[^\w\s]{0,4})"
)
_KEY = re.compile(r"([^\w<]{0,3}[A-Za-z_][\w.-]{0,63}[=:])(.*)")


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
    first, blank, rest = template.partition(" ")
    if "<path>" not in first:
        first = _PLACEHOLDER.sub(WILD, first)
    words = _RUN.sub(WILD, f"{first}{blank}{_PLACEHOLDER.sub(WILD, rest)}").split(" ")
    for period in range(1, PERIOD_MAX + 1):
        words = _once(words, period)
    return _PLURAL.sub(r"\1", " ".join(words))


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
    for _ in range(ROUNDS_MAX):
        moved = _widened(set(form.values()))
        if not moved:
            break
        form = {first: moved.get(was, was) for first, was in form.items()}
    return form


def _widened(forms: set[str]) -> dict[str, str]:
    """Forms that gain a wildcard, with their new form."""
    slots: defaultdict[Slot, set[str]] = defaultdict(set)
    cut: dict[str, list[str]] = {}
    places: dict[str, list[list[Slot]]] = {}
    numbers: dict[tuple[int, str], int] = {}
    for form in forms:
        words = form.split(" ")
        if len(words) <= WORDS_MAX and constant_words(words) >= CONSTANT_WORDS_MIN:
            cut[form] = words
            places[form] = _slots(words, numbers)
            for word, around in zip(words, places[form], strict=True):
                for slot in around:
                    slots[slot].add(word)
    wide = {slot: _wide(slot, values) for slot, values in slots.items() if len(values) > 1}
    moved: dict[str, str] = {}
    for form, words in cut.items():
        new = list(words)
        for i, word in enumerate(words):
            for slot in places[form][i]:
                wild = wide.get(slot, _SAME).get(word)
                if wild:
                    if slot.again:
                        new = [_again(other, _name(word)) for other in new]
                    new[i] = wild
                    break
        if new != words and constant_words(new):
            moved[form] = " ".join(new)
    return moved or _paired(cut) or _marked_together(cut)


def _paired(cut: dict[str, list[str]]) -> dict[str, str]:
    """Forms that gain two wildcards at once, where two names of programs vary together: `class a.B for class c.D`."""
    pairs: defaultdict[tuple[int, int, str], list[str]] = defaultdict(list)
    for form, words in cut.items():
        names = [i for i, word in enumerate(words) if _PROGRAM_NAME.search(word) and not is_kept(word)]
        for i, j in combinations(names[:NAMES_MAX], 2):
            rest = [WILD if k in (i, j) else word for k, word in enumerate(words)]
            if constant_words(rest) >= CONSTANT_WORDS_OF_A_FIT:
                pairs[i, j, " ".join(rest)].append(form)
    moved: dict[str, str] = {}
    for (i, j, wide), forms in sorted(pairs.items()):
        if all(len({cut[form][place] for form in forms}) >= VALUES_MIN for place in (i, j)):
            moved.update(dict.fromkeys(forms, wide))
    return moved


def _marked_together(cut: dict[str, list[str]]) -> dict[str, str]:
    """Forms that gain several wildcards at once, where values that their form shows vary together.

    `adding [a] for zone=b` and `adding [c] for zone=d` differ in two words, so that no place alone has enough values.
    A name in quotes is no such value: `'a' has no attribute 'b'` names a problem each time.
    """
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for form, words in cut.items():
        rest = [_marked(word) or word for word in words]
        if constant_words(rest) >= CONSTANT_WORDS_OF_A_FIT:
            alike[" ".join(rest)].append(form)
    moved: dict[str, str] = {}
    for wide, forms in alike.items():
        rest = wide.split(" ")
        values = [{cut[form][i] for form in forms} for i in range(len(rest))]
        stay = constant_words(rest)
        wild = [i for i, found in enumerate(values) if len(found) > 1 and len(found) >= values_needed(i, found, stay)]
        if len(wild) > 1:
            for form in forms:
                moved[form] = " ".join([rest[i] if i in wild else word for i, word in enumerate(cut[form])])
    return moved


def _marked(word: str) -> str:
    """The word with a wildcard for a value in brackets, of a key or a file; nothing where none is shown."""
    if is_kept(word):
        return ""
    shown = _SHOWN.fullmatch(_FILE.sub(WILD, word))
    if shown is None or is_state(shown["value"]):
        return ""
    return f"{shown['before']}{WILD}{shown['after']}"


def _slots(words: list[str], numbers: dict[tuple[int, str], int]) -> list[list[Slot]]:
    """Of each word the rest around it: first with the value marked where it stands again, then as it is.

    `numbers` grows by what these words begin and end with: equal words have equal numbers, so that a rest need not be
    written out for each place.
    """
    before, after = _numbered(words, numbers), _numbered(words[::-1], numbers)[::-1]
    constant, again = list(map(_is_constant, words)), [AGAIN in word for word in words]
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
        marked_constant = all_constant + sum(_is_constant(marked[i]) - constant[i] for i in places)
        for i in places:
            rest = " ".join(marked[:i] + marked[i + 1 :])
            slots[i].insert(0, Slot(i, rest, marked_constant - _is_constant(marked[i]), again=True))
    return slots


def _numbered(words: Iterable[str], numbers: dict[tuple[int, str], int]) -> list[int]:
    """The numbers of the first none, one, two ... of the words."""
    found = [0]
    for word in words:
        found.append(numbers.setdefault((found[-1], word), len(numbers) + 1))
    return found


def _name(word: str) -> str:
    """A word without its punctuation, a file placeholder by its name."""
    file = _FILE.search(word)
    return file.group(1) if file else word.strip(EDGES)


def _again(word: str, name: str) -> str:
    """A word that repeats a value, with the value marked."""
    if name not in word or _name(word) != name:  # the first is quick, and nearly always decides
        return word
    return word.replace(f"<path:{name}>", AGAIN) if "<path:" in word else word.replace(name, AGAIN)


def constant_words(words: Iterable[str]) -> int:
    """How many words stay."""
    return sum(map(_is_constant, words))


def _is_constant(word: str) -> bool:
    """Whether a word stays: it has no wildcard, or is a key whose value has one (`uid=<*>`, `a:b=<*>`)."""
    return (WILD not in word or _NAMED_WILD.match(word) is not None) and any(map(str.isalpha, word))


def _wide(slot: Slot, values: set[str]) -> dict[str, str]:
    """The new word for each value of a place, where evidence suffices; empty where it does not."""
    place = slot.place
    free = {value for value in values if not is_state(value) and not is_kept(value)}
    if len(free) < 2:
        return {}
    if len(free) == len(values) and len(values) >= values_needed(place, values, slot.constant):
        new = _frame(values)
        return dict.fromkeys(values, new)
    if place and slot.constant + bool(_key(values)) >= CONSTANT_WORDS_OF_A_FIT:
        pattern = min((v for v in free if WILD in v), key=lambda v: (len(v), v), default="")
        return {value: pattern for value in free if _fits(value, pattern)} if pattern else {}
    return {}


def values_needed(place: int, values: set[str], constant: int) -> float:
    """How many different words, with `values`, make a slot where `constant` others stay; infinite if too few do."""
    key = bool(_key(values))
    needed = MARKED_VALUES_MIN if key else _needed_by_form(place, values)
    if constant + key >= CONSTANT_WORDS_MIN:
        return needed
    return max(LONE_VALUES_MIN, needed) if place and constant + key else math.inf


def _needed_by_form(place: int, values: set[str]) -> int:
    files = any(_FILE.search(value) for value in values)
    masked = any(WILD in value for value in values)
    if masked and not (files and place == 0):
        return MARKED_VALUES_MIN
    if place == 0:
        return FIRST_WORD_VALUES_MIN
    return FILES_MIN if files else VALUES_MIN


def _key(values: set[str]) -> str:
    """The `key=` that all values share, or the kind of unit that an init system starts, or nothing."""
    for form in (_KEY, _UNIT):
        keys = {match.group(1) if match else "" for match in map(form.fullmatch, values)}
        if len(keys) == 1:
            key = keys.pop()
            if key:
                return key
    return ""


def _frame(values: set[str]) -> str:
    """A wildcard in what all values begin and end with, cut at punctuation."""
    values = {_FILE.sub(WILD, value) for value in values}
    head = _PUNCTUATED.match(_common(values))
    tail = _PUNCTUATED.match(_common({value[::-1] for value in values}))
    before = head.group().rstrip("<*>") if head else ""
    after = tail.group()[::-1].lstrip("<*>") if tail else ""
    return f"{before}{WILD}{after}"


def _common(values: set[str]) -> str:
    """What all values begin with."""
    first, last = min(values), max(values)
    for i, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:i]
    return first


def _fits(value: str, pattern: str) -> bool:
    """Whether a value has what stands around the wildcard of `pattern`."""
    head, _, tail = pattern.partition(WILD)
    return len(value) >= len(head) + len(tail) and value.startswith(head) and value.endswith(tail)
