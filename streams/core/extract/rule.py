"""What a rule is: data that says which line tells why, and how far its block reaches.

A word that must stand in the line makes the quick test; the pattern is searched in the cleaned line (`clean.py`), whose
length is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_DIGIT: Final = re.compile(r"\d")
BLOCK_LINES_MAX: Final = 80
"""A block that goes on longer is cut, unless its rule says otherwise."""
BEFORE_LINES_MAX: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    id: str
    words: tuple[str, ...]
    """In lower case, with `0` for any digit; one of them stands in every line that the pattern finds."""
    pattern: re.Pattern[str]
    score: float
    """How surely such a line is the cause of a failure, 0 to 1."""
    fatal: bool = False
    """Only a job that fails prints this."""
    consequence: bool = False
    """Says that it failed, not why; what stands before it does."""
    of_step: bool = False
    """Stands in the step that failed."""
    of_job: bool = False
    """Stands at the log's end and says that the job's last command failed."""
    certain: bool = False
    """Says so surely that the log's command failed that no other word of its end is needed."""
    before: int = 0
    """So many lines above belong to the block, up to the first blank one."""
    back: re.Pattern[str] | None = None
    """Lines above belong to it while they match."""
    after: int = 0
    """So many lines below belong to it, up to the first blank one."""
    goes_on: re.Pattern[str] | None = None
    """Lines below belong to it while they match."""
    until: re.Pattern[str] | None = None
    """Lines below belong to it up to the one that matches, which is the last."""
    slack: int = 0
    """So many foreign lines in between do not end the block, if it goes on after them."""
    told_last: bool = False
    """The line that ends the block is the one that says why: a Python traceback."""
    says: re.Pattern[str] | None = None
    """The first line of the block that matches is the one that says why: below a banner, the reason."""
    says_last: bool = False
    """Of the lines that `says` finds the last one counts: the root of a chain of causes."""
    told_above: bool = False
    """The line above the one that matches says why."""
    joins: bool = False
    """Stands between two blocks of one rule which are one: a chain of exceptions."""
    retells: re.Pattern[str] | None = None
    """When the line that says why matches, it says only that a part failed for the reason that is told above."""
    lines_max: int = BLOCK_LINES_MAX

    @property
    def tool(self) -> str:
        return self.id.partition(".")[0]


def rule(
    name: str,
    words: str,
    pattern: str,
    score: float,
    *,
    fatal: bool = False,
    consequence: bool = False,
    of_step: bool = False,
    of_job: bool = False,
    certain: bool = False,
    before: int = 0,
    back: str = "",
    after: int = 0,
    goes_on: str = "",
    until: str = "",
    slack: int = 0,
    told_last: bool = False,
    says: str = "",
    says_last: bool = False,
    told_above: bool = False,
    joins: bool = False,
    retells: str = "",
    lines_max: int = BLOCK_LINES_MAX,
) -> Rule:
    """A Rule from expressions as text; `words` are separated by `|`; for a digit in them any digit counts."""

    def compiled(text: str) -> re.Pattern[str] | None:
        return re.compile(text) if text else None

    return Rule(
        id=name,
        words=tuple(_DIGIT.sub("0", words).split("|")),
        pattern=re.compile(pattern),
        score=score,
        fatal=fatal,
        consequence=consequence,
        of_step=of_step,
        of_job=of_job,
        certain=certain,
        before=before,
        back=compiled(back),
        after=after,
        goes_on=compiled(goes_on),
        until=compiled(until),
        slack=slack,
        told_last=told_last,
        says=compiled(says),
        says_last=says_last,
        told_above=told_above,
        joins=joins,
        retells=compiled(retells),
        lines_max=lines_max,
    )


DEEPER: Final = r"^\s+\S"
