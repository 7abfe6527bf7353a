"""Which command of a job failed, as its CI system marks commands and their ends.

What stands elsewhere is seldom the cause: commands before it ended well, and what runs afterwards (uploads, clean-up,
steps that always run) fails because of it or beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from streams.core.extract.ending import is_wrapper
from streams.core.extract.step import Step
from streams.core.extract.window import Window

JOBS_MAX: Final = 200
"""Jobs of one log whose failing command is remembered."""
WORDS: Final = "\x1b[00;0m$ |\x1b[00m$\x1b[0m |starting command output|[command]"
"""As a rule's words: one of them stands in every line with which a CI system tells a command."""

TAIL_LINES: Final = 12
"""So many lines above its end are looked at for the last that a command printed."""
_ECHOED: Final = re.compile(r"\x1b\[(?:32;1m\$ |90m\$\x1b\[0m )")
_OUTPUT: Final = " Starting Command Output ==========================="
_RUNS: Final = re.compile(r"^\[Pipeline\] (?:\[[^\]]+\] )?(?:sh|bat|powershell|pwsh)$")
_AFTER: Final = re.compile(
    r"(?i)^(?:after_script|cleanup_file_variables|upload_artifacts\w*|archive_cache\w*|declarative: post actions"
    r"|post job cleanup|post (?:run |cache|checkout|set ?up)\S*.*|cleaning up orphan processes|complete job"
    r"|finalize job"
    r"|running (?:.* )?(?:pre-exit|post-command|post-artifact) hook)\b"
)
_SCRIPTS: Final = frozenset({"step_script", "build_script"})


@dataclass(slots=True)
class Span:
    """Lines of a command that failed, counted from 1, both included."""

    step: Step
    first: int
    last: int
    evidence: int = 0
    """The last line that it printed; 0 if it printed none."""
    is_sure: bool = True
    """Whether the CI system says which command it was."""


@dataclass(slots=True)
class Commands:
    """The state of one pass: where the command at hand began, and which one failed first in each job."""

    window: Window
    failed: dict[str, Span] = field(default_factory=dict)
    """By job: the first command that failed."""
    begun: int = 1
    """The first line of the command at hand."""
    _run: Span | None = None
    """The last command of a log that tells only at its end that one failed."""

    def enter(self, begins: int, left: Step, step: Step) -> None:
        """Another step begins with line `begins`."""
        if left.name in _SCRIPTS:
            self._run = self._span(left, begins - 2)
        if step.number is not None:  # else it is a part of what a command printed
            self.begun = begins

    def look(self, at: int, line: str, text: str, step: Step, *, begins: bool) -> None:
        """Takes line `at` of a step, as it is and cleaned, which marks steps or commands.

        `begins`: the step's own text ends here.
        """
        if text.startswith("[Pipeline]"):
            if self._run is None:
                self._run = self._span(step, at - 1, is_sure=False)
            if _RUNS.match(text) and not runs_afterwards(step):
                self.begun, self._run = at + 1, None
        elif begins or _ECHOED.search(line) or text.startswith("[command]") or text.endswith(_OUTPUT):
            self.begun = at + 1

    def fail(self, at: int, step: Step) -> Span | None:
        """Line `at` says of its step that it failed; gives the command if it is the first one."""
        known = self.failed.get(step.job)
        if known is None:
            return self._keep(self._span(step, at))
        if known.step is step:
            known.last = at
        return None

    def end(self, at: int, step: Step) -> Span | None:
        """Line `at` says at the log's end that a command failed; gives the command if it is the first one."""
        return None if step.job in self.failed else self._keep(self._run or self._span(step, at))

    def _span(self, step: Step, last: int, *, is_sure: bool = True) -> Span:
        """The command at hand, which ends with line `last`."""
        return Span(step, self.begun, last, self.last_told(last), is_sure)

    def last_told(self, last: int) -> int:
        """The last line of the command at hand up to this one that says more than that it failed; 0 for none near."""
        above = range(last, max(self.begun, last - TAIL_LINES + 1) - 1, -1)
        return next((n for n in above if (text := self.window.text(n)) and not is_wrapper(text)), 0)

    def _keep(self, span: Span) -> Span | None:
        if span.first > span.last or len(self.failed) >= JOBS_MAX:
            return None
        self.failed[span.step.job] = span
        return span


def runs_afterwards(step: Step) -> bool:
    """Whether a step runs when the job's own steps are over, be it well or not."""
    return bool(step.name) and _AFTER.match(step.name) is not None
