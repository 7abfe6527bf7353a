"""Which words of a form look like values: by their own shape, or by the words beside them.

A form is a template whose placeholders are wildcards (`alias.untyped`).
What counts for and against a word is a table each, so that one place says why two lines of a log are one problem.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from streams.core.states import EDGES, is_kept, is_state

WILD = "<*>"

FILES_MIN = 5
"""Different file names that make a place a slot."""

FILE = re.compile(r"<path:([^<>\s]{1,80})>")
"""A file name that stayed."""

SHAPED_VALUES_MIN = 2
"""Different values that make a slot where their shape or their key shows that they are values."""

SHOWN_VALUES_MIN = 3
"""The same where only a word beside them shows it, for words joined by hyphens, which may be prose, for dotted ones
that nothing announces, which may be codes, and in quotes: a quoted name may be what a problem is about."""

WORDS_REMEMBERED_MAX = 20_000
"""Words whose answer is kept, about 5 MB at 100 characters each."""

NAME_CHARS_MIN = 3
"""Letters of a name without other signs: shorter ones are axes, units and levels."""

_QUOTES = frozenset("\"'`")
_AROUND = f"{EDGES}\\"

# `default/web`, `com.acme.app`, `user@1000`, `lease-web`, `nodeName`, and disks without a number.
_SHAPE = re.compile(
    r"[a-zA-Z0-9<>*~+]{1,64}(?:[/.@:_$-]{1,2}[a-zA-Z0-9<>*~+]{1,64}){1,24}|[a-z]{1,64}[A-Z]\w{0,64}|[sv]d[a-h]|xvd[a-p]"
)
# Codes have these shapes, too: `imagePullBackOff`, `storage.objects.get`, `amqp:internal-error`.
_DOTTED = re.compile(r"[\w<>*-]{1,64}(?:[.:]{1,2}[\w<>*-]{1,64}){1,24}")
_CAMEL = re.compile(r"[a-z]{1,64}[A-Z]\w{0,64}")
_TASK = re.compile(r"\W{0,2}:[a-z]\w{0,64}")
"""Of a build, by its path: `:app:lint`."""
_CODE = re.compile(r"[a-z]{2,40}/[a-z]{2,40}(?:-[a-z]{2,40}){1,5}")
"""Of an error: `storage/quota-exceeded`."""
_WORD = re.compile(r"[A-Za-z][\w$.-]{0,63}")
_KEY = re.compile(r"[^\w=]{0,8}([A-Za-z][\w.-]{0,63})[^\w=]{0,8}")

# Names of errors, calls and files: they name a problem.
_NAMES_PROBLEM = re.compile(
    r"(?:Error|Exception|Failure|Warning|Fault|Timeout|Interrupt|Exit)\b|^[A-Z][A-Z0-9]{0,63}(?:_[A-Z0-9]{1,64}){1,8}$"
    r"|\w\(|Test(?:s?(?:[A-Z_.:]|$)|Case)"
)
# What a line says of a name when the name is the problem: a missing module, a wrong option, a test.
_ABOUT_A_NAME = re.compile(
    r"\b(?:undefined|undeclared|unresolved|missing|not found|no such|no module|no rule|cannot find|can't find"
    r"|could not find|not defined|does not exist|doesn't exist|import|symbol|reference|identifier|requirements?"
    r"|attribute|unknown|invalid|unexpected|expected|syntax|pars(?:e|ing)|assert\w{0,16}|tests?|deprecated|unsupported)\b"
    r"|[a-z](?:Error|Exception)\b|_test|test_",
    re.IGNORECASE,
)

_ANNOUNCING_WORDS = """
user users username principal host node pod container service job queue topic table database db volume disk device
interface session collection namespace ns partition broker group peer member thread plugin cluster region
zone replica instance image repository repo project frontend backend pool account role tenant owner
daemon server controller unit stream worker executor agent bucket dataset store index
tag label caller package pkg app application component manufacturer product config profile policy
assertion flavor network activity sensor bundle bookie
"""
_ANNOUNCING = frozenset(_ANNOUNCING_WORDS.split())
"""Words with a name behind them. A task, a stage or a command that failed is a problem of its own by its name."""

_BETWEEN = frozenset("=:")
"""What may stand between such a word and the name."""

_CLOSING = frozenset(
    "controller plugin zone thread daemon partition service worker user job queue node cluster pool".split()
)
"""Words with a name before them."""

_MEANING_WORDS = """
status state code result reason error err cause type event action level severity outcome phase condition exit signal
msg message op operation exception failure kind errtype alert why fault
"""
_MEANING = frozenset(_MEANING_WORDS.split())
"""Keys whose value says what happened."""
_TROUBLE = frozenset({"error", "err", "errno", "failure", "fault"})
"""With one of these in it, whatever the key ends with."""
_KEY_PART = re.compile(r"[A-Z]?[a-z]{1,64}|[A-Z]{1,64}(?![a-z])")

_PROSE_ENDING = re.compile(r"(?:ed|ing|ly|able|ible|tion|ment|ness|ity)\Z")
_PROSE_WORDS = """
a an the this that these those it its is was are were be been has have had do does did can could will would shall
should may might must of to in on at by for from with without into onto over under after before between and or nor
but if then than as so no not all any some each every other another same too very more most less least only own
already yet still now when while where which who what why how because since until unless error errors failure
failures exception timeout name names id ids data file files directory path connection request response message
messages list entry entries value values type types version status state states mode level count size time times
info information details config configuration key keys manager handler process and/or i/o
"""
_PROSE = frozenset(_PROSE_WORDS.split())


class Value(NamedTuple):
    """A word that looks like a value."""

    wide: str
    """The word with a wildcard for the value."""
    needed: int
    """Different values that make the place a slot."""


def is_about_a_name(form: str) -> bool:
    """Whether a form says something of a name (`no module named a`): then every name is a problem of its own."""
    return _ABOUT_A_NAME.search(form) is not None


def value_at(words: Sequence[str], place: int) -> Value | None:
    """The word at a place as a value; None when neither its shape nor its neighbours show one."""
    at = place - 2 if place > 1 and words[place - 1] in _BETWEEN else place - 1
    before = words[at].strip(_AROUND).lower() if at >= 0 else ""
    after = words[place + 1].strip(_AROUND).lower() if place + 1 < len(words) else ""
    return _value(words[place], announced=before in _ANNOUNCING or after in _CLOSING)


@lru_cache(maxsize=WORDS_REMEMBERED_MAX)
def _value(word: str, *, announced: bool) -> Value | None:
    if is_kept(word):
        return None
    if "<path:" in word:
        return Value(FILE.sub(WILD, word), FILES_MIN)
    head, equals, tail = word.partition("=")
    key = _KEY.fullmatch(head) if equals else None
    if key:
        core = tail.strip(_AROUND)
        if _is_meaning(key[1]) or not core or is_state(core) or _NAMES_PROBLEM.search(core):
            return None
        return Value(f"{head}={tail.replace(core, WILD, 1)}", SHAPED_VALUES_MIN)
    core = word.strip(_AROUND)
    if not core or is_state(core):
        return None
    if WILD in word:
        wide = f"{WILD}:" if word.endswith(":") else WILD
        return Value(wide, SHAPED_VALUES_MIN) if ".." not in word else None
    if _names_problem(word) or (_CODE.fullmatch(core) and not announced):
        return None
    at = word.find(core)
    quoted = at > 0 and word[at - 1] in _QUOTES
    shaped = _SHAPE.fullmatch(core) is not None and (announced or not (quoted or _CAMEL.fullmatch(core)))
    compound = "-" in core and core.replace("-", "").isalpha()
    if not shaped and not (announced and _WORD.fullmatch(core) and not _is_prose(core)):
        return None
    doubtful = quoted or compound or (not announced and _DOTTED.fullmatch(core))
    return Value(word.replace(core, WILD, 1), SHAPED_VALUES_MIN if shaped and not doubtful else SHOWN_VALUES_MIN)


@lru_cache(maxsize=WORDS_REMEMBERED_MAX)
def may_be_value(word: str) -> bool:
    """Whether nothing speaks against a word being a value."""
    core = word.strip(_AROUND)
    return not (is_state(word) or is_kept(word) or _is_prose(core) or _names_problem(word))


def may_be_name(word: str) -> bool:
    """Whether a word may be a name of somebody or something: a wildcard or a file, or a word that `may_be_value`,
    long enough and not in capitals, as states and modes are.
    """
    if WILD in word or "<path:" in word:
        return True
    core = word.strip(_AROUND)
    return (
        len(core) >= NAME_CHARS_MIN
        and core[0].isalpha()
        and not core.isupper()
        and core.lower() not in _PROSE
        and not (is_state(word) or is_kept(word) or _names_problem(word))
    )


def is_derived(word: str) -> bool:
    """Whether a word ends as verbs and what is made of them do: more often prose than a name."""
    return _PROSE_ENDING.search(word.strip(_AROUND)) is not None


def _is_meaning(key: str) -> bool:
    """Whether a key says what happened: `reason`, `exitReason`, `err_kind`, `errorCode`."""
    parts = [part.lower() for part in _KEY_PART.findall(key)]
    return key.lower() in _MEANING or (bool(parts) and parts[-1] in _MEANING) or not _TROUBLE.isdisjoint(parts)


def _names_problem(word: str) -> bool:
    return _TASK.match(word) is not None or _NAMES_PROBLEM.search(word.strip("\"'[]{}<>,.:;")) is not None


def _is_prose(core: str) -> bool:
    return core.lower() in _PROSE or _PROSE_ENDING.search(core) is not None
