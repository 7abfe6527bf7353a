"""Which step of the job a line stands in, as its CI system marks steps.

GitHub: `##[group]Run ...`, or the columns of `gh run view --log`. GitLab: section_start and section_end. Jenkins:
`[Pipeline] { (..)`, and the prefixes of parallel branches. Buildkite: `---`, `+++` and `~~~` headers. Azure:
`##[section]Starting: ..`. CircleCI: the shell's first line before the command. Travis: travis_fold, travis_time.
TeamCity: service messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from streams.core.extract.clean import clean

STEP_CHARS_MAX: Final = 200
DEPTH_MAX: Final = 50
"""Steps within steps that are held; deeper ones are not told apart."""
BRANCHES_MAX: Final = 200
"""Parallel branches whose prefixes are known."""
WORDS: Final = (
    "##[group]|##[endgroup]|##[section]|##[command]|[pipeline]|section_start|section_end|travis_fold|travis_time"
    "|pipefail|##teamcity[block|current runner version|post job cleanup|orphan processes|working directory"
    "|environment hook|running commands"
)
"""As a rule's words: one of them stands in every line that begins or ends a step, or tells the CI system."""
RUN: Final = "Run "
SET_UP: Final = "Set up job"
UNKNOWN: Final = "UNKNOWN STEP"

_GROUP = re.compile(r"##\[group\](.*)")
_STARTING = re.compile(r"^##\[section\](Starting|Finishing): (.*)")
_STAGE = re.compile(r"^\[Pipeline\] (?:\[[^\]]+\] )?(?:\{(?: \((?:Branch: )?(.*)\))?|(\}))\s*$")
_BRANCH = re.compile(r"^\[Pipeline\] (?:\[[^\]]+\] )?\{ \(Branch: (.*)\)")
_PREFIXED = re.compile(r"\[([^\]]{1,200})\] ?")
_SECTION = re.compile(r"section_(start|end):\d+:([\w.-]+)")
_FOLD = re.compile(r"travis_fold:(start|end):([\w.-]+)")
_TYPED = re.compile(r"travis_time:start:\w+[\r\n]*(?:\x1b\[[0-9;]*[A-Za-z])*\$ (.+)")
_HEADER = re.compile(r"^(?:---|\+\+\+|~~~) (.+)")
_EMOJI = re.compile(r":[a-z0-9_+-]{1,40}:\s*")
_SHELL = re.compile(r"^#!/\S+(?: \S+)* -?\w*o pipefail\b")
_BLOCK = re.compile(r"^##teamcity\[block(Opened|Closed)\b.*?\bname='((?:[^'|]|\|.)*)'")
_COLUMNS = re.compile(r"^([^\t]{1,120})\t([^\t]{1,120})\t\ufeff?\d{4}-\d\d-\d\dT")


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job. Empty means that the log does not say."""

    name: str = ""
    number: int | None = None
    """Its own number where the log says it, else its place among the steps of its job that the log shows, from 1."""
    job: str = ""
    """The job, with the leg of its matrix, where a log of several jobs names it."""


NO_STEP: Final = Step()


@dataclass(slots=True)
class Steps:
    """The state of one pass: which step the last line that was looked at stands in."""

    at: Step = NO_STEP
    in_command: bool = False
    """Whether the lines are a step's own text, which GitHub prints before the step runs."""
    watches: bool = False
    """Whether every line has to be given to `each`."""
    _columns: bool = False
    """Whether every line names its step, as `gh run view --log` prints it."""
    _column: str = ""
    """How the last line that named its step began, and the step then: most lines begin as the one before."""
    _named: Step | None = None
    _branches: dict[str, Step] = field(default_factory=dict)
    """The parallel branches of Jenkins by what stands in brackets before their lines."""
    _outer: list[tuple[str, Step]] = field(default_factory=list)
    """The steps that are open around, each with the key that ends it."""
    _job: str = ""
    _count: int = 0
    _buildkite: bool = False
    _shell: bool = False
    """Whether the next line is the command of a step that began."""

    @property
    def is_named(self) -> bool:
        """Whether every line names its step, so that the first one of a step is no heading."""
        return self._columns

    @property
    def is_mixed(self) -> bool:
        """Whether lines of several steps stand between each other."""
        return bool(self._branches)

    def first(self, line: str) -> None:
        """Takes the first line of the log."""
        self._columns = self.watches = _COLUMNS.match(line) is not None

    def each(self, line: str) -> str:
        """Takes a line before all else, where the CI system marks every one; gives it without its branch's prefix."""
        if self._columns:
            if self.at is self._named and line.startswith(self._column):
                return line
            found = _COLUMNS.match(line)
            if found and found.group(1) != self._job:
                self._job, self._count, self.at, self.in_command = found.group(1), 0, NO_STEP, False
            if found and found.group(2) not in {self.at.name, UNKNOWN}:
                self._begin(found.group(2))
            if found:
                self._column, self._named = line[: found.end(2) + 1], self.at
        elif self._buildkite:
            if ("--- " in line or "+++ " in line or "~~~ " in line) and (header := _HEADER.match(clean(line))):
                self._begin(_EMOJI.sub("", header.group(1)))
        elif self._shell:
            if text := clean(line):
                self._shell = self.watches = False
                self._begin(text)
        elif "[" in line and (prefix := _PREFIXED.match(text := clean(line))) and prefix.group(1) in self._branches:
            self.at = self._branches[prefix.group(1)]
            return text[prefix.end() :]
        return line

    def look(self, line: str, text: str) -> None:
        """Takes a line with one of WORDS, as it is and cleaned."""
        if "##[" in text:
            self._github(text)
        elif "[Pipeline]" in text:
            self._jenkins(text)
        elif "section_" in line or "travis_" in line:
            for mark in (*_SECTION.finditer(line), *_FOLD.finditer(line)):
                self._mark(mark.group(2), begins=mark.group(1) == "start")
            if (typed := _TYPED.search(line)) and not self._outer:
                self._begin(typed.group(1))
        elif text.startswith("~~~ ") and not self._buildkite:
            self._buildkite = self.watches = True
            self.each(line)
        elif "pipefail" in text and _SHELL.match(text):
            self._shell = self.watches = True
        elif block := _BLOCK.match(text):
            self._mark(block.group(2), begins=block.group(1) == "Opened")
        elif text.startswith("Current runner version: "):
            self._begin(SET_UP)
        elif text in {"Post job cleanup.", "Cleaning up orphan processes"}:
            self.in_command = False
            self._begin(text.removesuffix("."))

    def _github(self, text: str) -> None:
        if group := _GROUP.search(text):
            self.in_command = group.group(1).startswith(RUN)
            if self._columns:
                return  # the columns say it better
            if self.in_command:
                self._begin(group.group(1))
            elif not (self._outer or self.at.name.startswith((RUN, SET_UP))):
                self._begin(group.group(1), counted=False)
        elif "##[endgroup]" in text:
            self.in_command = False
        elif mark := _STARTING.match(text):
            self._mark(mark.group(2), begins=mark.group(1) == "Starting")

    def _jenkins(self, text: str) -> None:
        found = _STAGE.match(text)
        if found is None:
            return
        if found.group(2):
            self._leave("")
        elif found.group(1):
            self._enter("", found.group(1))
            if (branch := _BRANCH.match(text)) and len(self._branches) < BRANCHES_MAX:
                self._branches[branch.group(1)] = self.at
                self.watches = True
        else:
            self._outer.append(("", self.at))

    def _begin(self, name: str, *, counted: bool = True) -> None:
        self._count += counted
        self.at = Step(name.strip()[:STEP_CHARS_MAX], self._count if counted else None, self._job)

    def _mark(self, name: str, *, begins: bool) -> None:
        if begins:
            self._enter(name, name)
        else:
            self._leave(name)

    def _enter(self, key: str, name: str) -> None:
        if len(self._outer) < DEPTH_MAX:
            self._outer.append((key, self.at))
        self._begin(name)

    def _leave(self, key: str) -> None:
        """Ends the step of this key, and those within it that did not say that they ended."""
        if any(key == other for other, _ in self._outer):
            while self._outer:
                other, self.at = self._outer.pop()
                if other == key:
                    return
