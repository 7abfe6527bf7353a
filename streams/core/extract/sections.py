"""The failed tests of a log, one by one, as their runner sets them apart: every one is a failure of its own.

What a runner prints in sections needs no weighing, and no share of the log: it says itself where a test's word begins
and ends. Linear time; what is held of a section is bounded, and so is the number of sections.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from streams.core.extract.baseline import Baseline
from streams.core.extract.section import Line, Runner
from streams.core.extract.step import Step
from streams.core.extract.testers import RUNNERS

SECTIONS_MAX: Final = 2_000
NAMES_MAX: Final = 20_000
"""Failed tests whose names are remembered, so that a list of them tells of none again; of the others, it may."""
"""Sections held; further ones are counted."""
HEAD_LINES: Final = 400
TAIL_LINES: Final = 200
"""What is held of an open section to find the line with the error: its beginning and its end."""
RUNS_MAX: Final = 500
"""Tests that run, and have not said yet how they ended, whose output is held."""
RUN_LINES_MAX: Final = 60

_LISTED = re.compile(r"^(?:FAILED|ERROR) ([^\s:]++(?<=\.py)(?:::[^\s\[]++(?:\[.*?\](?= - |$))?)?)(?: - .*)?$")
"""pytest's summary: the only word on a failed test when the run shows no sections."""
_RULERS: Final = "-=_ "
"""A line of these only ends a section's last line; it tells nothing."""
_NAMES: Final = ("FAILED ", "ERROR ", "=== ")
PASSED_MAX: Final = 20_000
"""Spans of what tests printed that passed that are remembered."""
_RUN = re.compile(r"^=== (?:RUN|NAME|CONT) +(\S+)")
_PASS = re.compile(r"^\s*--- (?:PASS|SKIP): (\S+)")


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one failed test, counted from 1, both included."""

    runner: Runner
    test: str
    first: int
    last: int
    evidence: int
    step: Step
    opening: int = 0
    """The line that says that the test failed, where what the test printed stands elsewhere."""


@dataclass(slots=True)
class _Open:
    runner: Runner
    test: str
    first: int
    last: int
    step: Step
    head: list[Line] = field(default_factory=list)
    tail: deque[Line] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    def add(self, at: int, text: str) -> None:
        if text.strip(_RULERS):
            self.last = at
        (self.head if len(self.head) < HEAD_LINES else self.tail).append((at, text))

    @property
    def lines(self) -> list[Line]:
        return [*self.head, *self.tail]


class Sections:
    """The state of one pass: feed every line, then `end`."""

    def __init__(self, baseline: Baseline | None = None) -> None:
        self.found: list[Section] = []
        self.beyond = 0
        """Sections that were not kept because there were too many."""
        self.areas: list[tuple[int, int]] = []
        """From and to: what stands there is a runner's report of failed tests and nothing else."""
        self.passed: list[tuple[int, int]] = []
        """From and to: what a test printed that passed."""
        self._passes = 0
        """The line that said last of a test that it passed, while the next one may be what it printed."""
        self._baseline = baseline
        self._open: _Open | None = None
        self._area: tuple[Runner, int] | None = None
        self._named: Counter[str] = Counter()
        self._runs: dict[str, list[Line]] = {}
        self._run = ""

    @property
    def wants_next(self) -> bool:
        """Whether the next line must be fed, whatever it says; others only if one of WORDS is in them."""
        return self._open is not None or self._area is not None or bool(self._run or self._passes)

    def feed(self, at: int, line: str, text: str, step: Step, marks: frozenset[str]) -> None:
        """Takes line `at` of a step, as it is and cleaned; `marks` are all of WORDS in it. Lines between have none."""
        if self._area is not None and self._area[0].area_ends.search(text):
            self._close()
            self.areas.append((self._area[1], at))
            self._area = None
        for runner in RUNNERS if self._area is not None else _able(marks):
            if runner.area is not None and runner.area.search(text):
                self._close()
                self._area = self._area or (runner, at)
                return
            if runner.mark in line and self._opens(runner, at, text, step):
                return
        if self._open is not None:
            if self._open.runner.ends.search(text):
                self._close(at, text)
            else:
                self._open.add(at, text)
        if text.startswith(("FAILED ", "ERROR ")) and (listed := _LISTED.match(text)):
            self._list(listed.group(1), at, step)
        self._ran(at, text)

    def _opens(self, runner: Runner, at: int, text: str, step: Step) -> bool:
        inside = self._area is not None and self._area[0] is runner
        if runner.area is not None and not inside and not runner.anywhere:
            return False
        match = (runner.opens_inside if inside and runner.opens_inside is not None else runner.opens).search(text)
        if match is None:
            return False
        self._close()
        test = next((group for group in match.groups() if group), "").strip()
        self._open = _Open(runner, test, at, at, step)
        return True

    def _ran(self, at: int, text: str) -> None:
        """What a Go test prints before it says how it ended, where the run is a talkative one."""
        passes, self._passes = self._passes, 0
        if text.startswith("=== ") and (match := _RUN.match(text)):
            self._run = match.group(1)
            if self._run not in self._runs and len(self._runs) >= RUNS_MAX:
                del self._runs[next(iter(self._runs))]
            self._runs.setdefault(self._run, [])
        elif text.startswith(("FAIL", "ok ", "PASS")):
            self._run = ""
        elif "--- " in text and (passed := _PASS.match(text)):
            self._pass([at for at, _ in self._runs.pop(passed.group(1), ())])
            self._run, self._passes = "", at
        elif passes and text[:1].isspace() and not text.lstrip().startswith("--- "):
            self._pass([at])
            self._passes = at
        elif self._open is None and len(run := self._runs.get(self._run, [])) < RUN_LINES_MAX and self._run:
            run.append((at, text))

    def _pass(self, lines: list[int]) -> None:
        """Takes what a test printed that passed: numbers of lines that ascend."""
        for at in lines:
            if self.passed and self.passed[-1][1] == at - 1:
                self.passed[-1] = self.passed[-1][0], at
            elif len(self.passed) < PASSED_MAX:
                self.passed.append((at, at))

    def _list(self, node: str, at: int, step: Step) -> None:
        """A test that the summary names, which stands below the sections: it counts when no section told of it."""
        file, _, name = node.partition("::")
        test = name.replace("::", ".") or file
        if not self._is_told(test):
            self._keep(Section(RUNNERS[0], test, at, at, at, step))

    def _is_told(self, test: str) -> bool:
        """Whether a section told of a test that is named again; each counts once."""
        told = self._named.get(test, 0) > 0
        if told:
            self._named[test] -= 1
        return told

    def _close(self, at: int = 0, text: str = "") -> None:
        """Ends the open section; `at` is the line that ended it, where it may be the section's own."""
        section, self._open = self._open, None
        if section is None:
            return
        runner = section.runner
        if runner.kept_if is not None:
            if not runner.kept_if.search(text):
                return
            section.last = at
        lines = section.lines
        if runner.named is not None:
            section.test = runner.named(section.test, lines)
        run = self._runs.pop(section.test, [])
        opening = 0
        if run and not any(text for _, text in lines):
            opening = section.first
            section.first, section.last, lines = run[0][0], run[-1][0], run
        if runner.lists and self._is_told(section.test):
            return
        evidence = runner.says(lines)
        is_told = evidence is not None or any(text for _, text in lines)
        if is_told and (section.test in self._named or len(self._named) < NAMES_MAX):
            self._named[section.test] += 1
        told = section.first if evidence is None else evidence
        if (evidence is None and runner.may_be_empty) or not (runner.lists or self._is_new(told, lines)):
            return
        last = max(section.last, told)
        self._keep(Section(runner, section.test, section.first, last, told, section.step, opening))

    def _is_new(self, at: int, lines: list[Line]) -> bool:
        return self._baseline is None or any(self._baseline.is_new(text) for n, text in lines if n == at)

    def _keep(self, section: Section) -> None:
        if len(self.found) < SECTIONS_MAX:
            self.found.append(section)
        else:
            self.beyond += 1

    def so_far(self) -> Sections:
        """A copy to be ended while more lines come; the open section is not in it."""
        other = copy(self)
        other._open = None  # noqa: SLF001 - it is one of its own class
        other.found, other.areas, other.passed = list(self.found), list(self.areas), list(self.passed)
        return other

    def spans(self) -> Iterator[tuple[int, int]]:
        """From and to: the sections so far, with the one that is open."""
        for section in self.found:
            yield section.first, section.last
            if section.opening:
                yield section.opening, section.opening
        if self._open is not None:
            yield self._open.first, self._open.last

    def end(self, at: int) -> None:
        """The log ended at line `at`."""
        self._close()
        if self._area is not None:
            self.areas.append((self._area[1], at))
            self._area = None
        self.found.sort(key=lambda section: section.first)


WORDS: Final = ("FAILED ", "ERROR ", "=== ", *(word for runner in RUNNERS for word in runner.words))
"""One of them stands in each line that opens something."""


@lru_cache(maxsize=256)
def _able(marks: frozenset[str]) -> tuple[Runner, ...]:
    """The runners that may open something outside of an area in a line with these marks."""
    return tuple(runner for runner in RUNNERS if not marks.isdisjoint(runner.words))


def tells(line: str, text: str, marks: frozenset[str]) -> bool:
    """Whether a line, as it is and cleaned, with these of WORDS opens or names anything while nothing is open."""
    if text.startswith(_NAMES) or "--- " in text:
        return True
    return any(
        (runner.area is not None and runner.area.search(text))
        or (runner.mark in line and (runner.anywhere and runner.opens.search(text)))
        for runner in _able(marks)
    )
