"""What a test runner's section is: data that says how it opens, how it ends, and which of its lines says why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Line = tuple[int, str]
"""Number and cleaned text of a line."""
NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    name: str
    """The tool in the ids of the blocks."""
    words: tuple[str, ...]
    """One of them stands in every line that opens a section outside of an area, or opens an area."""
    mark: str
    """Stands in every line that opens a section."""
    opens: re.Pattern[str]
    """Its first group that matched is the test's name."""
    ends: re.Pattern[str]
    """The line that is no longer the section's."""
    says: Callable[[Sequence[Line]], int | None]
    """The number of the line that says why; None when none does. The opening line is not among them."""
    area: re.Pattern[str] | None = None
    """The line after which the runner reports failed tests."""
    area_ends: re.Pattern[str] = NEVER
    opens_inside: re.Pattern[str] | None = None
    """In place of `opens` within the area, where a looser one is safe."""
    anywhere: bool = True
    """Whether sections open outside of the area, too."""
    kept_if: re.Pattern[str] | None = None
    """The section is of a test that ran; it failed only if the line that ends it matches."""
    may_be_empty: bool = False
    """A section in which nothing is said only repeats that another one failed."""
    lists: bool = False
    """It names failed tests again: one counts where no section told of it."""
    named: Callable[[str, Sequence[Line]], str] | None = None
    """The test's whole name, where it goes on below the opening line."""
    retells: tuple[str, ...] = ()
    """Beginnings of the ids of rules which find what the sections tell better."""
