"""Long templates: two are one problem where they differ only in masked words, in paths, or in the length of a list.

What is left without these is the skeleton: equal skeletons are exactly such a difference, so no pair has to be
compared, and the answer does not depend on order.  A short text says too little for that: there a path or the length
of a list may be all that tells two problems apart.
"""

import re
from collections.abc import Sequence

WORDS_MIN = 60
"""Words of a long template."""

CONSTANT_WORDS_MIN = 40
"""Different words with letters that its skeleton holds."""

PERIOD_MAX = 8
"""Words of a group whose repetition is a list."""

_MASKED = re.compile(r"[^\w<>*]*(?:<\*>[^\w<>*]*)+")
_PATH = re.compile(
    r"[^\w<>/\\.~]{0,4}(?:"
    r"[^\s<>]{0,200}<path(?::[^<>\s]{1,80})?>[^\s<>]{0,80}"
    r"|(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w.@+~<>*/\\-]{1,400}"
    r"|[\w.@+-]{1,100}[/\\][\w.@+<>*-]{1,100}[/\\][\w.@+<>*/\\-]{1,400}"
    r"|[\w@+-]{1,100}(?:[/\\][\w@+-]{1,100}){1,9}\.[A-Za-z]\w{0,9}"
    r")(?:[:,(]{1,2}(?:\d{1,9}|<\*>)){0,3}[^\w<>]{0,4}"
)


def skeleton(form: str) -> str:
    """What tells a long template from others; empty for a template that is not long, or has too little of its own.

    `form`: a template whose placeholders are wildcards (`alias.untyped`). Linear in it.
    """
    words = form.split()
    if len(words) < WORDS_MIN:
        return ""
    kept = [word for word in words if not (_MASKED.fullmatch(word) or _PATH.fullmatch(word))]
    for period in range(1, PERIOD_MAX + 1):
        kept = _without_repeats(kept, period)
    if len({word for word in kept if any(letter.isalpha() for letter in word)}) < CONSTANT_WORDS_MIN:
        return ""
    return " ".join(kept)


def _without_repeats(words: Sequence[str], period: int) -> list[str]:
    """The words with each run of one group of `period` words shown once."""
    kept: list[str] = []
    at = 0
    while at < len(words):
        group = list(words[at : at + period])
        if len(group) == period and kept[-period:] == group:
            at += period
            continue
        kept.append(words[at])
        at += 1
    return kept
