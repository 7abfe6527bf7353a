"""Near-duplicates: templates that differ only in a slot become one.

An id is a pure function of one text; that two ids are one problem can only be seen when several are known.
The slot rule: templates of equal length that differ in one word alias to a wildcard once enough different words
were seen there.  Sets of words commute, so the answer does not depend on order, and shards may be joined.
Words that name a state are never wild: `started` and `failed` are two problems however many there are.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

WILD = "<*>"

VALUES_MIN = 6
"""Different words that make a place a slot."""

FIRST_WORD_VALUES_MIN = 12
"""Different words that make the first place a slot: a line's first word mostly says what it is about."""

MARKED_VALUES_MIN = 3
"""Different values that suffice where the form shows a value: `key=`, or a place that also held a masked one."""

CONSTANT_WORDS_MIN = 2
"""Words without a placeholder that must stay."""

WORDS_MAX = 64
"""Longer templates are left alone."""

ROUNDS_MAX = 3
"""Slots that one template may get, one after the other."""

_STATES_WORDS = """
start started starting stop stopped stopping fail failed failing failure pass passed success succeeded
successful active inactive paused pause resumed resume running idle up down enabled disabled enable disable open
opened close closed connected disconnected online offline available unavailable true false yes no on off ok
error warning fatal info debug critical build rescue deleted deleting created creating updated updating ready
pending blocked killed terminated aborted cancelled canceled completed finished accepted rejected allowed denied
read write get put post delete head patch add remove added removed lock unlock locked unlocked begin end enter
exit login logout attach detach attached detached mount unmount mounted unmounted shutdown shutoff reboot
suspend suspended resize migrate verify not never expected unexpected invalid missing found
"""
_STATES = frozenset(_STATES_WORDS.split())
_EDGES = "()[]{}<>\"'`,.:;!?*"
_PLACEHOLDER = re.compile(r"<[a-z]{2,5}(?::[^<>\s]{1,80})?>")
_RUN = re.compile(r"<\*>(?:[,;:|/.\-]{0,2} ?<\*>)+")
_KEY = re.compile(r"([A-Za-z_][\w.-]{0,63}[=:])(.*)")


def untyped(template: str) -> str:
    """The template with every placeholder made a wildcard: which form a value had may vary from line to line."""
    return _RUN.sub(WILD, _PLACEHOLDER.sub(WILD, template)) if "<" in template else template


def aliases(templates: Iterable[str]) -> dict[str, str]:
    """template -> the form that stands for its group.

    The same for any order of `templates` and however often each comes.
    Time: the words of the templates, times their length (at most `WORDS_MAX` words), times `ROUNDS_MAX`.
    """
    form = {template: untyped(template) for template in set(templates)}
    for _ in range(ROUNDS_MAX):
        moved = _widened(set(form.values()))
        if not moved:
            break
        form = {template: moved.get(was, was) for template, was in form.items()}
    return form


def _widened(forms: set[str]) -> dict[str, str]:
    """Forms that gain a wildcard, with their new form."""
    slots: defaultdict[tuple[int, str, str], set[str]] = defaultdict(set)
    cut = {form: form.split(" ") for form in forms}
    for words in cut.values():
        if len(words) > WORDS_MAX or _constant(words) < CONSTANT_WORDS_MIN:
            continue
        for i in range(len(words)):
            slots[_slot(words, i)].add(words[i])
    open_slots = {slot for slot, values in slots.items() if len(values) > 1 and _is_open(slot, values)}
    moved: dict[str, str] = {}
    for form, words in cut.items():
        if len(words) > WORDS_MAX or not open_slots:
            continue
        wide = [WILD if _slot(words, i) in open_slots else word for i, word in enumerate(words)]
        if wide != words and _constant(wide) >= CONSTANT_WORDS_MIN:
            moved[form] = " ".join(wide)
    return moved


def _slot(words: list[str], i: int) -> tuple[int, str, str]:
    return i, " ".join(words[:i]), " ".join(words[i + 1 :])


def _constant(words: list[str]) -> int:
    return sum(1 for word in words if WILD not in word and any(c.isalpha() for c in word))


def _is_open(slot: tuple[int, str, str], values: set[str]) -> bool:
    """Whether the values seen at a place make it a slot."""
    place, before, after = slot
    words = f"{before} {after}".split()
    if _constant(words) < CONSTANT_WORDS_MIN:
        return False
    if any(value.strip(_EDGES).lower() in _STATES for value in values):
        return False
    keys = {match.group(1) if match else "" for match in map(_KEY.fullmatch, values)}
    marked = any(WILD in value for value in values) or (len(keys) == 1 and keys != {""})
    need = MARKED_VALUES_MIN if marked else VALUES_MIN
    return len(values) >= (max(need, FIRST_WORD_VALUES_MIN) if place == 0 and not marked else need)
