"""Letters drawn by lot, known by pairs of letters that words do not have.

An id of letters and digits now and then comes without a digit; then only its spelling shows that it is no word.
"""

import re
from itertools import pairwise
from operator import add

LETTERS_MIN = 16
"""Letters in a row; fewer can be an abbreviation."""

MIXED_LETTERS_MIN = 10
"""Letters in a row that change between small and capital as words in camel case never do."""

FLIPS_PER_LETTER = 0.34
MIXED_PAIRS_MIN = 2

LETTERS_A_PAIR = 7
"""One rare pair for so many letters, three at least: words have at most two, ids of 24 letters fewer than three in
one of 300."""

PAIRS_MIN = 3

# Per letter, those that follow it in fewer than one of 5,500 pairs of English and of names in programs.
_RARE_AFTER = {
    "a": "joqz",
    "b": "fghknqvwxz",
    "c": "bgjqwxz",
    "d": "hjkqwxz",
    "e": "jz",
    "f": "bghjkmnqvwxz",
    "g": "bdfjkqvwxyz",
    "h": "bcdfghjknpqvwxyz",
    "i": "hijquwy",
    "j": "bcdfghijklmnpqrtvwxyz",
    "k": "bcfgjkmpqrtuvxyz",
    "l": "bghjqwxz",
    "m": "cfghjnqrvwxyz",
    "n": "jqxz",
    "o": "hjqyz",
    "p": "bjkqvxz",
    "q": "abcdefghijklmnopqrstvwxyz",
    "r": "hjqxz",
    "s": "bjxz",
    "t": "jkqx",
    "u": "hjkquvwxyz",
    "v": "bcdfghjklmnpqrstuvwxyz",
    "w": "bcfgjkmpqtuvwxyz",
    "x": "bghjknoqrsuvwyz",
    "y": "bdfghjkqruvwxyz",
    "z": "bcdfghjklmnpqrstuvwxyz",
}
_PAIRS = frozenset(first + second for first, others in _RARE_AFTER.items() for second in others)
# Also in capitals and with a capital in front; a small letter before a capital ends a word.
_RARE = _PAIRS | {pair.upper() for pair in _PAIRS} | {pair.capitalize() for pair in _PAIRS}
_RUN = re.compile(r"[A-Za-z]{10,256}")
_SUFFIX = re.compile(
    r"[a-z0-9.-]{2,253}-(?:[bcdfghjklmnpqrstvwxz]{8,10}-)?([bcdfghjklmnpqrstvwxz]{5})(?:_[a-z0-9-]{1,63})?"
)
_SPOKEN_WITHOUT_VOWELS = frozenset(["https", "httpd", "xhtml", "npmrc", "sshfs", "sftps", "nftbl", "kvmcl", "dhcpd"])
_SCRATCH = re.compile(r"(?:.{0,128}[-.])?([A-Za-z_]{6,12})|tmp([a-z_]{8})|tmp\.([A-Za-z]{6,12})")


def rare_pairs(letters: str) -> int:
    """Neighbours in a run of letters that words do not have."""
    return sum(map(_RARE.__contains__, map(add, letters, letters[1:])))


def has_random_letters(word: str) -> bool:
    """Whether a word holds letters drawn by lot: 16 or more in a row, or 10 of random case."""
    return any(_is_random(run) for run in _RUN.findall(word))


def _is_random(run: str) -> bool:
    if len(run) >= LETTERS_MIN and len(set(run)) >= LETTERS_A_PAIR:
        return rare_pairs(run) >= max(PAIRS_MIN, len(run) // LETTERS_A_PAIR)
    if run[1:].islower() or run.isupper():
        return False
    flips = sum(one.islower() != other.islower() for one, other in pairwise(run))
    return flips >= len(run) * FLIPS_PER_LETTER and rare_pairs(run) >= MIXED_PAIRS_MIN


def has_random_suffix(word: str) -> bool:
    """Whether a word ends as names of pods do: five letters out of the 20 consonants that Kubernetes draws from."""
    match = _SUFFIX.fullmatch(word)
    return match is not None and match[1] not in _SPOKEN_WITHOUT_VOWELS


def is_scratch_name(name: str) -> bool:
    """Whether a name in a directory for temporary files ends in letters drawn by lot."""
    match = _SCRATCH.fullmatch(name)
    if match is None:
        return False
    return bool(match[2] or match[3]) or rare_pairs(match[1]) > 0
