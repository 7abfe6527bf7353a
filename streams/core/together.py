"""Forms that differ in several places at once: which wildcards they gain.

No place alone has enough different words there, so that all the places that may hold values are looked at together.
Each function takes forms with their words, and returns those that gain wildcards with their new form: the same for any
order, of as many words as before.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations

from streams.core.slot_values import (
    CONSTANT_WORDS_MIN,
    CONSTANT_WORDS_OF_A_FIT,
    FIRST_WORD_VALUES_MIN,
    VALUES_MIN,
    constant_words,
    fewer,
    fits,
    is_constant,
    values_needed,
)
from streams.core.states import is_kept, is_state
from streams.core.value_words import (
    FILE,
    FILES_MIN,
    SHOWN_VALUES_MIN,
    WILD,
    Value,
    is_about_a_name,
    may_be_value,
    value_at,
)

NAMES_MAX = 6
"""Names of programs in a template that are looked at in pairs."""

FIRST_WORD_CONSTANT_MIN = 4
"""Words that must stay where the first, with a colon behind it, is the name of a program: `imap-login:`."""

FEW_WORDS_VALUES_MIN = 4
"""Different values that make a slot, whatever shows them, where but two words stay."""

CANDIDATES_MAX = 16
"""Wide forms that a form is held against, those of the most words that stay."""

Cut = Mapping[str, list[str]]
"""form -> its words."""

_DOTTED = re.compile(r"\A[\[(<*>]{0,4}[\w-]{1,64}[./][\w<*>-]")
_PROGRAM_NAME = re.compile(r"[a-z][A-Z]|\w[.$]\w")
_SHOWN = re.compile(
    r"(?P<before>[\w.-]{1,64}=[\"'`\[(<\\]{0,8}|[\[(<]{1,4}|(?=<\*>))(?P<value><\*>|[\w.$/@:*-]{1,128})"
    r"(?P<after>[\"'`\])>\\,.:;]{0,8})"
)


def paired(cut: Cut) -> dict[str, str]:
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


def marked_together(cut: Cut) -> dict[str, str]:
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


def named_together(cut: Cut) -> dict[str, str]:
    """Forms that gain wildcards for names, where what looks like a value (`value_words`) varies.

    A line that says something of a name is left alone: `no such module a` and `no such module b` are two problems.
    """
    alike: defaultdict[str, list[str]] = defaultdict(list)
    found: dict[str, list[Value | None]] = {}
    for form, words in cut.items():
        if not is_about_a_name(form):
            values = found[form] = [value_at(words, i) for i in range(len(words))]
            rest = [value.wide if value else word for value, word in zip(values, words, strict=True)]
            if constant_words(rest) >= CONSTANT_WORDS_MIN:
                alike[" ".join(rest)].append(form)
    moved: dict[str, str] = {}
    for wide, forms in alike.items():
        if len(forms) < 2:  # one form differs from none
            continue
        rest = wide.split(" ")
        wild = [i for i in range(len(rest)) if _varies(i, rest, forms, cut, found)]
        for form in forms:
            new = " ".join([rest[i] if i in wild else word for i, word in enumerate(cut[form])])
            if new != form:
                moved[form] = new
    return moved


def _varies(place: int, rest: list[str], forms: list[str], cut: Cut, found: Mapping[str, list[Value | None]]) -> bool:
    """Whether forms that are one but for values have enough different ones at a place."""
    words = {cut[form][place] for form in forms}
    if len(words) == 1:
        return False
    stay = constant_words(rest)
    needed = max(value.needed for form in forms if (value := found[form][place]))
    if place == 0:
        if rest[0].endswith(":") and stay >= FIRST_WORD_CONSTANT_MIN and all(map(_begins_as_name, words)):
            return True
        needed = max(needed, SHOWN_VALUES_MIN) if all(map(_DOTTED.search, words)) else FIRST_WORD_VALUES_MIN
    return len(words) >= _needed(needed, stay)


def _begins_as_name(word: str) -> bool:
    return word[0].isalpha() or WILD in word


def _needed(needed: int, stay: int) -> int:
    """How many different values make a slot where so many words stay, and `needed` if these are enough."""
    if needed == FILES_MIN:
        return fewer(needed, stay)
    return needed if stay >= CONSTANT_WORDS_OF_A_FIT else max(needed, FEW_WORDS_VALUES_MIN)


def names_needed(ours: list[str], theirs: list[str], place: int) -> float:
    """How many different words make a slot of the one place where two forms differ; infinite without names there."""
    cut = {" ".join(words): words for words in (ours, theirs)}
    values = [value_at(words, place) for words in (ours, theirs)]
    one, other = values
    if place == 0 or one is None or other is None or one.wide != other.wide or any(map(is_about_a_name, cut)):
        return math.inf
    rest = [value.wide if (value := value_at(ours, i)) else word for i, word in enumerate(ours)]
    stay = constant_words(rest)
    return _needed(max(one.needed, other.needed), stay) if stay >= CONSTANT_WORDS_MIN else math.inf


def covered(cut: Cut) -> dict[str, str]:
    """Forms that another has a wildcard for wherever they differ from it: they become that form.

    A form is held against those whose longest word it has at the same place, so that the time is linear.
    """
    wide: defaultdict[tuple[int, int, str], list[tuple[int, str]]] = defaultdict(list)
    stay = {form: constant_words(words) for form, words in cut.items()}
    for form, words in cut.items():
        if WILD in form and stay[form] >= CONSTANT_WORDS_OF_A_FIT:
            places = [i for i, word in enumerate(words) if WILD not in word and is_constant(word)]
            if places:
                at = max(places, key=lambda i: (len(words[i]), -i))
                wide[len(words), at, words[at]].append((-stay[form], form))
    moved: dict[str, str] = {}
    for form, words in cut.items():
        near = sorted([one for i, word in enumerate(words) for one in wide.get((len(words), i, word), ())])
        del near[CANDIDATES_MAX:]
        best = min([(n, other) for n, other in near if _covers(cut[other], words, -n)], default=None)
        if best:
            moved[form] = best[1]
    return moved


def _covers(wide: list[str], words: list[str], stay: int) -> bool:
    """Whether the first form has a wildcard for each word that the second has instead, and less of its own."""
    for i, (pattern, word) in enumerate(zip(wide, words, strict=True)):
        if pattern != word:
            if WILD not in pattern or not may_be_value(word) or not fits(word, pattern):
                return False
            if i == 0 and WILD not in word and not (pattern.endswith(":") and stay >= FIRST_WORD_CONSTANT_MIN):
                return False
    return _own(wide) < _own(words)


def _own(words: list[str]) -> int:
    """Characters beside the wildcards."""
    return len("".join(words).replace(WILD, ""))


def _marked(word: str) -> str:
    """The word with a wildcard for a value in brackets, of a key or a file; nothing where none is shown."""
    if is_kept(word):
        return ""
    shown = _SHOWN.fullmatch(FILE.sub(WILD, word))
    if shown is None or is_state(shown["value"]):
        return ""
    return f"{shown['before']}{WILD}{shown['after']}"
