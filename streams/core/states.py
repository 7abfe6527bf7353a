"""Words that tell two problems apart however alike the rest is: states, and numbers that a template kept."""

import re

_WORDS = """
start started starting stop stopped stopping fail failed failing failure pass passed success succeeded
successful active inactive paused pause resumed resume running idle up down enabled disabled enable disable open
opened close closed connected disconnected online offline available unavailable true false yes no on off ok
error warning fatal info debug critical build rescue deleted deleting created creating updated updating ready
pending blocked killed terminated aborted cancelled canceled completed finished accepted rejected allowed denied
read write get put post delete head patch add remove added removed lock unlock locked unlocked begin end enter
exit login logout attach detach attached detached mount unmount mounted unmounted shutdown shutoff reboot
warn notice trace lost elected acquired released expired revoked skipped scheduled queued evicted draining drained
suspend suspended resize migrate verify not never expected unexpected invalid missing found
"""
_STATES = frozenset(_WORDS.split())
EDGES = "()[]{}<>\"'`,.:;!?*"
"""Punctuation that a word may stand in."""

_KEPT = re.compile(r"[0-9]")
"""A digit that is left in a template was kept: it names the problem."""


def is_state(word: str) -> bool:
    """Whether a word names a state: `started` and `failed` are two problems."""
    return word.strip(EDGES).lower() in _STATES


def is_kept(word: str) -> bool:
    """Whether a template kept a number in the word: it names the problem."""
    return bool(_KEPT.search(word))


def tells_apart(one: str, other: str) -> bool:
    """Whether two forms differ where one has a state or a number that was kept: then no likeness makes them one."""
    ours, theirs = one.split(), other.split()
    pairs = zip(ours, theirs, strict=True) if len(ours) == len(theirs) else ()
    return any(x != y and any(is_state(word) or is_kept(word) for word in (x, y)) for x, y in pairs)
