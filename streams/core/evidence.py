"""Which line of a failure a person would quote, where a rule matched several, or one that only follows from another.

Tools say what is wrong once, and then speak on: notes to it, what they quote of the source, a count of all errors, the
words of whoever had called them. Some announce what they are about to say. A rule's words may stand in any of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from streams.core.extract.says import exception

LINE_CHARS_MAX: Final = 500
"""What is looked at of one line."""

_ROOT, _SAYS, _PLAIN, _CODE = range(4)
"""Of a line that stands for itself: names the cause of an error; states one; nothing is known of it; tells a code."""

_PLACE: Final = r"(?:(?:[a-z]:)?(?=[^\s:()]*[./])[^\s:()]+(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\)):? )"
_SPENT: Final = r"(?:1|2|101|127)\b"
"""Exit codes that say no more than that something failed."""
_ASIDE: Final = re.compile(
    rf"{_PLACE}?(?:= )?\[?(?:note|help|hint|info|remark)(?::|\])|\d* ?\|(?: |$)|[\s~^|]+$"
    r"|in file included from |.*: in function [`'‘]|for more information|expect\(|raise |throw |at \S+(?:[( ]|:\d)"
    r"|(?:code|name|type|failuretype|severity): "
)
_LATER: Final = re.compile(
    r"(?:\[\w+\] )?\W{0,4}(?:found )?\d+ (?:errors?|warnings?|problems?|failures?|failed|failing|issues?|offenses?|"
    r"violations?|tests? failed)\b(?! ?:)"
    rf"|g?make(?:\[\d+\])?: \*\*\* .*error {_SPENT}|ninja: build stopped|failed \(|fail\t|(?:failed|error) \S+::"
    r"|fail(?:ed|ure)?[:!]?$|failures[:!]$|test result: |tests:? .*\bfailed\b|\[  failed  \]"
    r"|(?:failure: )?build fail(?:ed|ure)\b|execution failed for task|compilation (?:terminated|failed)"
)
_LATER_ANYWHERE: Final = re.compile(
    r"aborting due to|could not compile `|failed to execute goal \S+:\S+ |the build could not read |\[error\] \[help "
    r"|test failed, to rerun pass |collect2: |linker command failed with exit code"
    rf"|(?:exit|exited with)(?: (?:code|status))?:? {_SPENT}|non-zero (?:code|exit status):? {_SPENT}"
    r"|\bcommand '[^']*' failed\b|compilation error\. see |elifecycle|\bnpm (?:error|err!) (?:code|errno|syscall|path) "
)
_OPENS: Final = re.compile(
    r"not ok \d|--- fail|● |-+ .* stdout -+$|(?:fail|error): \w+ \([\w.]+\)|goroutine \d+ \[|during handling of "
    r"|\S+:\d+: (?:[\w.]*$|in )|(?:error|message): ?[|>][-+]?$|error message:$|\S+:\d+: failure$"
)
_TRACEBACK: Final = "traceback (most recent call last)"
_BANNER: Final = re.compile(r"panicked at .*:$|(?:error|message): ?[|>][-+]?$|error message:$")
"""Says nothing that the next line does not say better."""
_ENDED: Final = re.compile(r"\bexit(?:ed)?(?: with)? (?:code|status)\b|^g?make(?:\[\d+\])?: \*\*\* .*error \d+$")
_STATES_ANYWHERE: Final = re.compile(
    r"(?:^|[\s\])])(?:fatal )?error(?:\[\w+\]| [a-z]{0,6}\d+)?: ?\S| - error |\bassertion .*failed"
)
_STATES: Final = re.compile(
    r"\d+:\d+ +error |e: |e {3,}\S|\[(?:error|fatal)\] ?\S|error +\S|fatal: |panic: |expected:? \S|message: ?\S"
    r"|failed asserting "
    r"|(?:uncaught )?(?:[\w$]+(?:\.|::|\\))*\w*(?:error|exception)(?: \[\w+\])?(?:: |$)|(?:[a-z_]\w*\.)+[a-z_]\w*: \S"
    rf"|{_PLACE}(?!warning|info)\S"
)


def telling_line(text: str, lowered: str, matched: Iterable[int]) -> str:
    """The line of `text`, without the white space around it, that says best why; "" where none matched.

    `matched`: indexes into `lowered`, which is the text in lower case and maybe more lines; the most telling first.
    A line that states an error goes before one that does not, an earlier one before a later one, but of causes the
    last, which is the root. Where all that match are notes, counts, later consequences or announcements, the line that
    they belong to is taken, though it did not match. Linear.
    """
    lines = text.split("\n")
    numbers = [number for number in dict.fromkeys(_numbers(lowered, matched)) if number < len(lines)]
    if not numbers or len(lines) == 1:
        return text.strip() if numbers else ""
    small = [line.strip()[:LINE_CHARS_MAX] for line in lowered.split("\n", len(lines))[: len(lines)]]
    apart = [number for number in numbers if not _is_beside(small[number])]
    if not apart:
        return lines[_meant(lines, small, min(numbers))].strip()
    if len(apart) == 1:
        return lines[apart[0]].strip()
    ranks = {number: _rank(small[number]) for number in apart}
    rank = min(ranks.values())
    told = [number for number in apart if ranks[number] == rank]
    return lines[max(told) if rank == _ROOT else min(told) if rank == _SAYS else told[0]].strip()


def _numbers(lowered: str, matched: Iterable[int]) -> Iterable[int]:
    """Numbers of lines, from 0. What begins with a line break is of the line that it begins."""
    for at in matched:
        yield lowered.count("\n", 0, at + 1 if lowered[at : at + 1] == "\n" else at)


def _is_beside(line: str) -> bool:
    """Whether it belongs to another line."""
    if line.startswith(_TRACEBACK) or _ASIDE.match(line) or _LATER.match(line) or _OPENS.match(line):
        return True
    return bool(_LATER_ANYWHERE.search(line) or _BANNER.search(line))


def _rank(line: str) -> int:
    """Of a line that stands for itself."""
    if line.startswith("caused by: "):
        return _ROOT
    if _STATES.match(line) or _STATES_ANYWHERE.search(line):
        return _SAYS
    return _CODE if _ENDED.search(line) else _PLAIN


def _meant(lines: list[str], small: list[str], at: int) -> int:
    """The line that the line `at` belongs to; itself where there is none."""
    if small[at].startswith(_TRACEBACK):
        said = exception([(number, lines[number].rstrip()) for number in range(at, len(lines))])
        if said is not None:
            return said
    if _BANNER.search(small[at]):
        return next((number for number in range(at + 1, len(lines)) if small[number]), at)
    stated = [number for number, line in enumerate(small) if line and not _is_beside(line) and _rank(line) <= _SAYS]
    if _OPENS.match(small[at]) and stated and stated[-1] > at:
        return next(number for number in stated if number > at)
    if stated:
        return stated[0]
    opened = next((number for number, line in enumerate(small) if _BANNER.search(line)), None)
    return at if opened is None else _meant(lines, small, opened)
