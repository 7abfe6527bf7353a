"""Patterns of users: RE2 syntax alone, so that none of them can take more than linear time on any text.

RE2 itself also runs them (`google-re2`, an extra): Python's `re` would take the same pattern, `(a+)+$` for one, and
need exponential time for it. https://github.com/google/re2/wiki/Syntax is the syntax.
"""

from __future__ import annotations

from typing import Any, Final

from streams.contract.errors import ConfigurationError

PATTERN_CHARS_MAX: Final = 500
PROGRAM_MAX: Final = 5_000
"""Instructions of one compiled pattern: `\\w{1,100}` has about 3,000, for `\\w` is many ranges in UTF-8."""
PROGRAM_BYTES_MAX: Final = 1024 * 1024
"""Memory that one pattern may take, and so what compiling it costs: some milliseconds."""
SET_BYTES_MAX: Final = 64 * 1024 * 1024
"""Memory of all patterns of a file together, looked for in one pass."""
EXTRA: Final = (
    "patterns need google-re2, which is not installed where faultline is: python -m pip install google-re2 "
    "(in a checkout: .venv/bin/pip install google-re2)"
)

_WAYS_OUT: Final = (
    ("(?=", "lookahead is not RE2: match what follows as well; of a mask only the capture group is masked"),
    ("(?!", "negative lookahead is not RE2: say what may stand there, or put a rule for the exception first"),
    ("(?<", "lookbehind is not RE2: match what stands before as well; of a mask only the capture group is masked"),
    ("(?>", "atomic groups are not RE2, which never goes back: write (?:...)"),
    ("(?P", "of (?P...) RE2 has (?P<name>...) alone: no backreferences; match what repeats a second time"),
    ("(?#", "comments inside a pattern are not RE2: write them behind a # of the file"),
    ("++", "possessive quantifiers are not RE2, which never goes back: write +"),
    ("*+", "possessive quantifiers are not RE2, which never goes back: write *"),
    ("?+", "possessive quantifiers are not RE2, which never goes back: write ?"),
    ("\\Z", "RE2 writes \\z for the end of the text; $ is the end of a line here"),
    ("invalid repetition size", "a repetition counts to 1000 at most, nested ones multiplied"),
    ("pattern too large", "the pattern is too large: use smaller counts in {n,m}"),
    ("missing )", "a parenthesis is opened and not closed; a literal one is \\("),
    ("unexpected )", "a parenthesis is closed and was not opened; a literal one is \\)"),
    ("missing ]", "a bracket is opened and not closed; a literal one is \\["),
    (
        "no argument for repetition",
        "there is nothing before the quantifier to repeat; a literal one has a \\ before it",
    ),
)


class BadPattern(ValueError):
    """The text is no pattern to run; the message says why and what to write instead."""


def compiled(pattern: str) -> Any:
    """The pattern, `^` and `$` being the ends of a line. Raises: BadPattern; ConfigurationError without the extra."""
    re2 = _re2()
    if not pattern or len(pattern) > PATTERN_CHARS_MAX or "\0" in pattern:
        raise BadPattern(f"must be a text of 1 to {PATTERN_CHARS_MAX} characters")
    try:
        regexp = re2.compile(f"(?m){pattern}", _options(PROGRAM_BYTES_MAX))
    except (re2.error, UnicodeEncodeError) as error:
        raise BadPattern(_told(error)) from error
    if regexp.programsize > PROGRAM_MAX:
        raise BadPattern(f"compiles to {regexp.programsize} instructions, more than {PROGRAM_MAX}: use smaller counts")
    if regexp.search("") is not None:
        raise BadPattern("matches the empty text, and so everywhere: demand at least one character")
    return regexp


def found_in(patterns: tuple[str, ...]) -> Any:
    """What says in one pass which of these patterns a text has: about 2 us for 200 of them and 300 characters.

    They were compiled before. Raises: BadPattern when they take too much memory together.
    """
    re2 = _re2()
    together = re2.Set.SearchSet(_options(SET_BYTES_MAX))
    for pattern in patterns:
        together.Add(f"(?m){pattern}")
    try:
        together.Compile()
    except re2.error as error:
        raise BadPattern("the patterns take too much memory together: use fewer, or smaller counts") from error
    return together


def encodable(text: str) -> str:
    """The text, with a question mark for every half of a character, which RE2 cannot read; of the same length."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _re2() -> Any:
    try:
        import re2
    except ImportError as error:
        raise ConfigurationError(EXTRA) from error
    return re2


def _options(bytes_max: int) -> Any:
    options = _re2().Options()
    options.log_errors = False  # it would write to standard error itself
    options.max_mem = bytes_max
    return options


def _told(error: Exception) -> str:
    said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
    if said.startswith("invalid escape sequence: \\") and said[26:27] in set("123456789"):
        return f"{said[25:]} refers back, which RE2 cannot do in linear time: match what repeats a second time"
    for mark, way_out in _WAYS_OUT:
        if mark in said:
            return f"{way_out} (RE2 says: {said})"
    return f"is not RE2 syntax: {said}"
