"""One pass over a log: rules open blocks, blocks grow, repeats fold.

Linear time, memory bounded whatever the length of the log:
1. the words of the rules decide which lines are looked at (`gate.py`), and those behind them while a block is open;
2. the first rule whose pattern stands in the cleaned line opens a block, which grows while its lines go on;
3. a line that only tells that something failed (`Process completed with exit code 1`) ends what came before it.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from streams.core.extract.baseline import Baseline, hashed
from streams.core.extract.ending import (
    END_LINES,
    FOR_GOOD,
    OF_NO_TOOL,
    RAN_LINES,
    Ending,
    is_side,
    is_sum,
    is_tried_again,
    is_warning,
    is_wrapper,
    says_nothing_failed,
)
from streams.core.extract.failing import Commands
from streams.core.extract.flood import shapes_of
from streams.core.extract.gate import Hit
from streams.core.extract.news import AROUND, News
from streams.core.extract.rule import BEFORE_LINES_MAX, Rule
from streams.core.extract.step import NO_STEP, Step, Steps
from streams.core.extract.tools import END_MARK, STEP_MARK
from streams.core.extract.window import Window

CANDIDATES_MAX: Final = 400
"""Candidates held at once; beyond, the weakest go, so a log of errors only costs no memory."""
SAME_RULE_MAX: Final = 60
"""Candidates of one rule held; the first ones, for causes come first."""
UNENDED_LINES: Final = 25
"""What is kept of a block whose end never came."""
KEY_LINES: Final = 12
"""So many lines of a block tell whether it repeats another."""
CLEARLY_BETTER: Final = 0.2
"""By so much a rule must beat the open block's to open its own inside it."""
CONCLUDES_LINES: Final = 1
"""A line that says that something failed belongs to a block that ended so many lines before, or fewer."""
RETRY_LINES: Final = 3
"""So many lines below a trouble may say that it is tried again."""
JOINED: Final = 2
JOIN_LINES: Final = 2
"""Two blocks are one when no more than so many lines stand between each and the line that joins them."""
WORTH: Final = 0.45
"""What a candidate below says is too little to doubt that all went well."""
CONSEQUENCES_MAX: Final = 200

_WARN_OF_ERRORS: Final = frozenset({"sanitizer", "go", "sphinx"})
"""Tools whose warnings are what they fail for."""
_TRACED = re.compile(r"\+ [\w./]")
"""How a shell shows the next command that it runs."""
_ECHO = re.compile(r"^\s*(?:\+{1,4} |\$ |> |echo |set [-+]|if |fi$)")
_CODE = re.compile(r"(?i)(?:exit(?:ed)?(?: with)?(?: code| status)?|error|code|status)[:= ']+(\d{1,3})\b")


def is_harmless(text: str) -> bool:
    """Whether a line with words of trouble only echoes a command, or says that there was none."""
    return _ECHO.match(text) is not None or says_nothing_failed(text)


@dataclass(slots=True, eq=False)
class Candidate:
    """A block in the making; lines count from 1."""

    rule: Rule
    first: int
    last: int
    evidence: int
    step: Step
    new: bool
    key: int
    """Hash of the masked lines: repeats are folded."""
    count: int = 1
    repeat: Candidate | None = None
    """The last of its repeats."""
    dropped: bool = False
    run: list[int] = field(default_factory=lambda: [0, 0])
    """First and last line of the run of new lines around it; 0 without a baseline."""
    tried_again: bool = False
    """Whether the log says that it was not the end: a retry followed."""
    warns: bool = False
    """Whether the line says of itself that it only warns."""
    wraps: bool = False
    """Whether the line that says why says no more than that a command failed."""
    aside: bool = False
    """Whether the line that says why tells of a service beside the work, such as an upload."""
    retells: bool = False
    """Whether it says only that a part failed for the reason that is told above."""
    retold: bool = False
    """Whether it does, and something else in its step tells why."""
    root: int = 0
    """Of a chain of exceptions the line of the last one that tells of no such service; 0 for none."""
    sums: bool = False
    """Whether the line that says why only counts what is told elsewhere."""
    told: bool = False
    """Whether the line that says why, below the one that opened the block, was found."""
    grown: int = 0
    quiet: int = 0
    """Lines at the end that do not belong to the block unless it goes on: blank or foreign ones."""
    foreign: int = 0
    """How many of the quiet ones are foreign."""
    score: float = 0.0
    opened: int = 0
    """The line at which its rule found something."""
    shape: bytes = b""
    """Of the line that the key begins with: equal lines have equal ones."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """A line that says that something failed, not why."""

    at: int
    code: int | None
    step: Step
    rule: Rule
    above: int
    """The line above it that says something else; 0 where there is none near."""


@dataclass(slots=True)
class Reader:
    """The state of one pass."""

    baseline: Baseline | None
    window: Window = field(default_factory=Window)
    at: int = 0
    steps: Steps = field(default_factory=Steps)
    open: Candidate | None = None
    candidates: list[Candidate] = field(default_factory=list)
    by_key: dict[tuple[str, int], Candidate] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)
    held: set[bytes] = field(default_factory=set)
    """The shapes of the blocks that were held: one with another shape repeats none of them."""
    consequences: deque[Consequence] = field(default_factory=lambda: deque(maxlen=CONSEQUENCES_MAX))
    fatal_at: int = 0
    certain_at: int = 0
    ended_at: int = 0
    """The last line that says that a step failed."""
    commands: Commands = field(init=False)
    ending: Ending = field(default_factory=Ending)
    closed: list[Candidate] = field(default_factory=list)
    """Blocks that were closed since somebody emptied it, held or not."""
    news: News | None = field(init=False)
    _step: Step = NO_STEP
    _step_at: int = 1
    _watched: int = 0
    """Up to here, new lines may belong to a block that is closed."""

    def __post_init__(self) -> None:
        self.commands = Commands(self.window)
        self.news = None if self.baseline is None else News(self.baseline, self.window)

    @property
    def step(self) -> Step:
        """Which step the last line stands in."""
        return self.steps.at

    @property
    def run(self) -> list[int] | None:
        """The run of new lines that goes on here, while it may still be a block's."""
        return self.news.run if self.news is not None and self.at < self._watched else None

    @property
    def wants_next(self) -> bool:
        """Whether the next line must be fed, whatever it says; others only if a word of a rule is in them."""
        awaits = self.open is not None or self.steps.watches or self.run is not None
        return awaits or self.at < self.ending.ran_at + RAN_LINES

    def feed(self, at: int, hit: Hit | None) -> None:
        """Looks at line `at` of the window, in which `hit` is all that may be. Lines between are without any."""
        self.at = at
        grew = False
        if self.open is not None or self.run is not None:
            known = self._is_known(at)
            grew = self.open is not None and self._grow(self.open, self.window.text(at), known=known)
        if hit is not None:
            self._look(hit, grew=grew)
        elif at <= self.ending.ran_at + RAN_LINES:
            self.ending.look(at, self.window.text(at))

    def _is_known(self, at: int) -> bool:
        return self.news is not None and self.news.is_known(at)

    def _look(self, hit: Hit, *, grew: bool) -> None:
        text, rule = self.window.text(self.at), hit.rule
        if STEP_MARK in hit.told:
            line, in_command = self.window.raw(self.at), self.steps.in_command
            self.steps.look(line, text)
            self.enter_step()
            self.commands.look(self.at, line, text, self.steps.at, begins=in_command and not self.steps.in_command)
        if END_MARK in hit.told or self.at <= self.ending.ran_at + RAN_LINES:
            self.ending.look(self.at, text)
        if self.steps.in_command:
            return
        if rule is None or (not rule.fatal and is_harmless(text)):
            return
        if rule.fatal:
            self.fatal_at = self.at
        if rule.certain:
            self.certain_at = self.at
        known = self._is_known(self.at)
        if rule.consequence:
            code = _CODE.search(text)
            above = self.commands.last_told(self.at - 1)
            found = Consequence(self.at, int(code.group(1)) if code else None, self.steps.at, rule, above)
            self.consequences.append(found)
            if rule.fatal:
                self.ended_at = self.at
            if rule.of_step:
                self.commands.fail(self.at, self.steps.at)
            elif rule.of_job and not self.steps.is_mixed:
                self.commands.end(self.at, self.steps.at)
            self._conclude()
        if known and not rule.fatal and rule.until is None:
            return
        if grew and not rule.fatal and not (self.open and self._gives_way(self.open, rule, text)):
            return
        self._open(rule, text, hashed(text) if hit.hash is None else hit.hash, new=not known)

    def _gives_way(self, block: Candidate, rule: Rule, text: str) -> bool:
        """Whether a line of the open block begins one of its own: a better one, or one that is not tried again."""
        if rule.score > block.rule.score + CLEARLY_BETTER:
            return True
        beside = block.tried_again and block.grown <= block.rule.after and not text[:1].isspace()
        if not beside or rule.consequence or is_tried_again(text) or is_warning(text):
            return False
        block.last = min(block.last, self.at - 1)
        return True

    def _conclude(self) -> None:
        """A line right behind a block that says that it failed belongs to it."""
        block = self.open or (self.candidates[-1] if self.candidates else None)
        if block is not None and not block.rule.consequence and 0 < self.at - block.last <= CONCLUDES_LINES:
            block.last, block.quiet, block.foreign = self.at, 0, 0
            self._watched = self.at + AROUND

    def enter_step(self) -> None:
        """Remembers where the step began: what stands before it belongs to no block of it."""
        if self.steps.at is not self._step:
            if not self.steps.is_mixed:
                self._leave_step()
            self._step, self._step_at = self.steps.at, self.at

    def _leave_step(self) -> None:
        """Ends the command at hand, and a block that is open: neither goes on in another step."""
        begins = self.at if self.steps.is_named else self.at + 1
        self.commands.enter(begins, self._step, self.steps.at)
        if self.open is not None and self.steps.at.number is not None:
            self.open.last = min(self.open.last, self.at - 1)
            self.close()

    def _open(self, rule: Rule, text: str, key: int, *, new: bool) -> None:
        if rule.told_above and self.at > 1 and is_warning(self.window.text(self.at - 1)):
            return
        self.close()
        self.open = Candidate(rule, self.at, self.at, self.at, self.steps.at, new, key)
        self.open.opened, self.open.shape = self.at, shapes_of(self.window.bytes(self.at))[0]
        if self.news is not None and self.news.run is not None:
            self.open.run = self.news.run
        self.open.tried_again = is_tried_again(text)
        self._tell(self.open, text)
        self.open.warns = rule.tool not in _WARN_OF_ERRORS and is_warning(text)
        self._look_back(self.open)
        if rule.told_above and self.open.first < self.at:
            self.open.evidence = self.at - 1

    def close(self) -> None:
        """Puts the open block among the candidates; at the end of the log, too.

        Of equal ones the first and the last stay: of a retry, the end counts.
        """
        candidate, self.open = self.open, None
        if candidate is None:
            return
        self._join(candidate)
        self._watched = candidate.last + AROUND
        self.closed.append(candidate)
        key = candidate.rule.id, candidate.key
        same = self.by_key.get(key)
        if same is not None:
            same.count += 1
            if same.repeat is not None:
                same.repeat.dropped = True
            same.repeat = candidate
        elif self.by_rule.get(candidate.rule.id, 0) < SAME_RULE_MAX:
            self.by_rule[candidate.rule.id] = self.by_rule.get(candidate.rule.id, 0) + 1
            self.by_key[key] = candidate
            self.held.add(candidate.shape)
        else:
            return
        self.candidates.append(candidate)
        if len(self.candidates) > CANDIDATES_MAX:
            self._forget()

    def _join(self, candidate: Candidate) -> None:
        """Makes one block of two that a line between them joins; the later one says why."""
        if len(self.candidates) < JOINED or not self.candidates[-1].rule.joins:
            return
        before, between = self.candidates[-JOINED:]
        near = candidate.first - between.last <= JOIN_LINES and between.first - before.last <= JOIN_LINES
        if near and before.rule is candidate.rule:
            candidate.first = before.first
            if candidate.aside and before.root:  # telling of the trouble failed, too
                candidate.evidence = candidate.root = before.root
            before.dropped = between.dropped = True

    def _look_back(self, candidate: Candidate) -> None:
        rule = candidate.rule
        reach = rule.before
        for above in range(
            self.at - 1, max(self._step_at - 1, self.commands.begun - 1, self.at - 1 - BEFORE_LINES_MAX), -1
        ):
            text = self.window.text(above)
            if rule.back is not None and rule.back.search(text):
                candidate.first -= 1
            elif _TRACED.match(text):
                return
            elif reach > 0 and text:
                candidate.first -= 1
                reach -= 1
            else:
                return

    def _grow(self, block: Candidate, text: str, *, known: bool) -> bool:
        """Takes the line into the open block, or closes it; says whether the line belongs to it."""
        rule = block.rule
        block.grown += 1
        if block.grown <= RETRY_LINES and not rule.fatal and rule.tool not in FOR_GOOD and is_tried_again(text):
            block.tried_again = True
        ended = rule.until is not None and rule.until.search(text) is not None
        belongs = (
            rule.until is not None
            or (rule.goes_on is not None and rule.goes_on.search(text) is not None)
            or (block.grown <= rule.after and bool(text) and not _TRACED.match(text))
        )
        endless = rule.told_last and (ended or not text or text[0].isspace())  # however deep a stack, its end says why
        over = block.grown > rule.lines_max and not endless
        if over and rule.until is not None:
            block.last = min(block.last, block.evidence + UNENDED_LINES)
        if over or (not belongs and block.foreign >= rule.slack):
            self.close()
            return False
        if not belongs or not text:
            block.foreign += not belongs
            block.quiet += 1
            return belongs
        block.last += block.quiet + 1
        block.quiet = block.foreign = 0
        block.new = block.new or not known
        if rule.says is not None and (rule.says_last or not block.told) and rule.says.search(text):
            block.told = True
            self._tell(block, text)
        if block.grown <= KEY_LINES:
            block.key = hash((block.key, hashed(text)))
        if ended:
            if rule.told_last:
                block.key, block.shape = hashed(text), shapes_of(self.window.bytes(self.at))[0]
                self._tell(block, text)
            self.close()
        return True

    def _tell(self, block: Candidate, text: str) -> None:
        """Takes the line that says why."""
        block.evidence = self.at
        block.wraps = not block.rule.fatal and is_wrapper(text)
        block.retells = block.rule.retells is not None and block.rule.retells.search(text) is not None
        block.sums = block.rule.tool in OF_NO_TOOL and is_sum(text)
        block.aside = block.rule.tool in OF_NO_TOOL and is_side(text)
        block.root = 0 if block.aside else self.at

    def is_whole(self, last: int) -> bool:
        """Whether no line that may come makes the block longer that ends with this line so far."""
        if self.at < last + CONCLUDES_LINES or (self.open is not None and self.open.first <= last):
            return False
        return self.run is None or self.run[0] > last or self.run[1] > last  # a run of new lines goes on to the end

    def so_far(self) -> Reader:
        """A copy to be ranked while more lines come; the open block is not in it."""
        copy = replace(self, open=None, candidates=[replace(one) for one in self.candidates])
        copy.commands = self.commands
        return copy

    def _forget(self) -> None:
        """Drops the weaker half of the candidates."""
        kept = sorted((c for c in self.candidates if not c.dropped), key=lambda c: (-c.rule.score, c.evidence))[
            : CANDIDATES_MAX // 2
        ]
        self.candidates = sorted(kept, key=lambda c: c.evidence)
        self.by_key = {(c.rule.id, c.key): c for c in reversed(self.candidates)}

    @property
    def failed(self) -> bool | None:
        """Whether the log says that it failed; None when it does not say how it ended.

        Where passing runs printed every line that a rule looked at, and the last lines, this run passed, too.
        """
        if self.news is not None and not self.news.is_any and not self._ends_anew(self.news):
            return False
        ending = self.ending
        if self.fatal_at > ending.passed_at:
            return True
        tool_passed_at = ending.tool_passed_at if ending.tool_passed_at > self.fatal_at else 0
        if ending.complete_at and not ending.passed_at and self.baseline is not None:
            return None  # not every runner marks its errors; what is new may still say why
        if ending.passed_at or ending.complete_at or (tool_passed_at and self.at - tool_passed_at <= END_LINES):
            return False
        return True if 0 <= self.at - self.certain_at < END_LINES and self.certain_at else None

    def _ends_anew(self, news: News) -> bool:
        """Whether one of the last lines is new: it may be one that no rule knows."""
        return any(news.is_new(number) for number in range(max(1, self.at - END_LINES + 1), self.at + 1))

    @property
    def seems_passed(self) -> bool:
        """Whether the last word of a log that does not say how it ended is a tool's that all went well."""
        at = self.ending.seems_at
        if not at or self.at - at > END_LINES or self.consequences or self.failed is not None:
            return False
        return all(c.evidence < at or c.rule.score < WORTH for c in self.candidates)
