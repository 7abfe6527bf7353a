"""The parts of a fingerprint: what they are called, what they say, and by which rule they are in a key or out of it."""

import re
from collections.abc import Sequence

from streams.contract.fingerprint import Part
from streams.core import codes
from streams.core.frames.stack import Frame, Trace
from streams.core.own_rules.rows import OwnRule

FRAMES_IN_SITE_MAX = 5
"""Frames, innermost first, that say where."""

PART_CHARS_MAX = 256
"""Characters of a type, code, tool or frame that enter a hash; a template has its own bound."""

BARE_CHARS_MAX = 512
"""A longer template always says something."""

FRAME = "frame"
FOREIGN_FRAME = "foreign_frame"
"""Names of the parts that say where: in the user's own code, or in none of it."""

OWN_RULE = "own_rule"
GROUP = "group"
"""Names of the parts that rules of the user's own bring: the rule, with a digest of what it does; a name it gave."""

ARGUMENT = "given by the producer"
TEMPLATE = "masked message"
AS_PRINTED = "a line of the stack trace as it was printed"
FROM_TRACE = "read out of the stack trace"
FROM_CODES = "read out of the masked message"
BARE = "the message says nothing, so frames tell problems apart"
DROPPED = "not in the key: tools give this exit code for every failure, and the message or the frames say more"

IN_SITE = "in the id of the call site"
NO_PROBLEM = "; tells sorts and call sites apart, not problems"
"""Ends the rule of a type, tool or code that is in the class and site ids alone."""

REPLACED = "not in the key: a rule of your own says which group it is"
OWN_WORDS = {
    "mask": "a mask of your own",
    "frame": "a frame rule of your own",
    "group": "a grouping rule of your own",
}
TOLD_ONLY = frozenset({DROPPED, REPLACED})
"""Rules of parts that are shown and are in no key."""

_TWO_WORDS = re.compile(r"[A-Za-z]{2} [A-Za-z]{2}")
_PLACEHOLDER = re.compile(r"<[a-z]{2,5}(?::[^<>\s]{1,80})?>")
_OPENING_TYPE = re.compile(r"([A-Za-z_$][\w.$]{0,200}(?:Error|Exception|Failure|Fault|Interrupt)):(?!\S)")
_OPENING_NAME = re.compile(r"(\*?(?=[^:\s]{0,200}[A-Z.\\])[A-Za-z_$][\w.$\\]{1,200}(?:::\w{1,100}){0,8}): (?=\S)")
_LEVELS = frozenset(("ERROR", "WARNING", "WARN", "INFO", "FATAL", "DEBUG", "CRITICAL", "SEVERE", "NOTICE", "TRACE"))
_TYPE_ONLY = re.compile(
    r"[\w.$]{0,200}(?:Error|Exception|Failure|Fault|Interrupt|Exit)|panic|error|failed|FAILED|ERROR"
)
_NUMBER = re.compile(r"[0-9]+")
_LETTERS = re.compile(r"[^\W\d_]")
_PIECE = re.compile(r"<[a-z]{2,5}>|\w+")
_ASSERTING = re.compile(r"(?:[\w.$<>]{0,200}[.$\\])?(?:\w{0,40}Assert\w{0,40}|ComparisonFailure|Error)")
_COMPARED = frozenset(
    "areequal assert asserting assertion equal equality equals expect expected expecting tobe toequal tohavelength "
    "tostrictequal want wanted".split()
)
"""Words that an assertion compares with."""
_COMPARING = _COMPARED | frozenset(
    "actual an and are be but compared differ failed failing failure got greater have instead is left less matches not "
    "object of or received right same than that the to using value values was were".split()
)
_LITERALS = frozenset({"true", "false", "none", "null", "nil", "undefined", "nan"})


def own_part(rule: OwnRule) -> Part:
    """The part that names a rule of the user's own."""
    return Part(OWN_RULE, rule.name, OWN_WORDS[rule.sort])


def site_parts(frames: Sequence[Frame]) -> list[Part]:
    """The parts that say where."""
    return [Part(FRAME if f.in_app else FOREIGN_FRAME, _name(f), f.reason or "frame") for f in _top(frames)]


def is_of_problem(part: Part) -> bool:
    """Whether a part went into the id of the problem, not only into the coarser or the finer one, or into none."""
    if part.name in (FRAME, FOREIGN_FRAME):
        return part.rule == BARE
    return part.rule not in TOLD_ONLY and not part.rule.endswith(NO_PROBLEM)


def keyed(parts: Sequence[Part]) -> list[Part]:
    """The parts that went into a key, without those that are only told."""
    return [part for part in parts if part.rule not in TOLD_ONLY]


def code_parts(said: codes.Said, tool: str, code: str) -> list[Part]:
    """The tool and the code that the message names, each where the producer gave none."""
    parts = [Part("tool", "" if tool else said.tool, FROM_CODES), Part("code", "" if code else said.code, FROM_CODES)]
    return [part for part in parts if part.value]


def type_parts(trace: Trace | None, template: str, *, framed: bool) -> list[Part]:
    """The exception type that the trace names, or else the one that opens the message.

    Above the frames of a trace any name does: not all types end in `Error` (`mall.Declined`, `EXC_BAD_ACCESS`).
    """
    if trace and trace.exception_type:
        return [Part("exception_type", trace.exception_type[:PART_CHARS_MAX], FROM_TRACE)]
    match = _OPENING_TYPE.match(template)
    if match is None and framed:
        match = _OPENING_NAME.match(template)
        if match and match.group(1).upper() in _LEVELS:
            match = None
    return [Part("exception_type", match.group(1), TEMPLATE)] if match else []


def _top(frames: Sequence[Frame]) -> Sequence[Frame]:
    """The innermost frames of the user's own code, or of any code when there is none."""
    own = [frame for frame in frames if frame.in_app]
    return (own or frames)[:FRAMES_IN_SITE_MAX]


def _name(frame: Frame) -> str:
    """Module and function; numbers in them (`lambda$3`, `test_17`) vary from build to build."""
    return _NUMBER.sub("0", f"{frame.module}:{frame.function}"[:PART_CHARS_MAX])


def is_bare(template: str) -> bool:
    """Whether a message says nothing: no word of its own, or one that only names a type."""
    if len(template) > BARE_CHARS_MAX or _TWO_WORDS.search(template):
        return False
    rest = _PLACEHOLDER.sub(" ", template) if "<" in template else template
    words = [word for word in rest.split() if _LETTERS.search(word)]
    return not words or (len(words) == 1 and bool(_TYPE_ONLY.fullmatch(words[0].strip(":;,.()"))))


def is_comparison(template: str, exception_type: str = "") -> bool:
    """Whether an assertion says nothing but that two values are not alike: `expected:<<num>> but was:<<num>>`.

    A value is what was masked, a number that stayed, or a word such as `true` and `null`; one name, text or file of its
    own makes it say something. `exception_type`: what is known beside the message; any but an assertion's says more.
    """
    if len(template) > BARE_CHARS_MAX or (exception_type and not _ASSERTING.fullmatch(exception_type)):
        return False
    opening, colon, rest = template.partition(": ")
    typed = opening if colon and " " not in opening and _ASSERTING.fullmatch(opening) else ""
    has_value = has_compared = False
    for match in _PIECE.finditer(rest if typed else template):
        piece = match[0].lower()
        if piece in _COMPARING:
            has_compared = has_compared or piece in _COMPARED
        elif piece[0] == "<" or piece.isdigit() or piece in _LITERALS:
            has_value = True
        else:
            return False
    # `Error` alone is what JavaScript calls everything: then the words have to say that something was compared
    return has_value and (has_compared or any("Assert" in n or "Comparison" in n for n in (typed, exception_type)))
