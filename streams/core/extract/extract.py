"""A log -> the blocks that say why it failed, most likely cause first.

One pass, linear time, memory bounded whatever the length of the log. For each line:
1. the words of the rules decide whether any rule is tried (most lines end here, as they are);
2. the first rule whose pattern stands in the cleaned line opens a block, which grows while its lines go on;
3. a line that only tells that something failed (`Process completed with exit code 1`) closes what came before it.
At the end the candidates are weighed: by rule, by what follows them, by how new they are against passing runs.

A log that passed gives nothing: it says itself that it passed, or it is complete and nothing in it says that it failed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.core.extract.baseline import Baseline, hashed
from streams.core.extract.block import Block
from streams.core.extract.clean import LINE_CHARS_MAX, clean, last_drawn
from streams.core.extract.gate import Gate
from streams.core.extract.rule import BEFORE_LINES_MAX, Rule
from streams.core.extract.tools import RULES

BLOCKS_MAX: Final = 20
CANDIDATES_MAX: Final = 400
"""Candidates held at once; beyond, the weakest go, so a log of errors only costs no memory."""
SAME_RULE_MAX: Final = 60
"""Candidates of one rule held; the first ones, for causes come first."""
LINES_SHARE: Final = 0.03
LINES_MIN: Final = 36
LINES_MAX: Final = 600
"""All blocks together take this share of the log, but at least and at most so many lines."""
NEW_SHARE: Final = 0.15
NEW_LINES_MIN: Final = 150
"""The same with a baseline."""
UNENDED_LINES: Final = 25
"""What is kept of a block whose end never came."""
ROOM_MIN: Final = 3
NEW_AROUND: Final = 25
"""A block reaches so many lines up and down while they are new against passing runs."""
TAIL_LINES: Final = 25
"""What is shown before the line that says it failed when nothing says why."""
WEAKEST: Final = 0.33
"""A candidate below is no evidence on its own."""
EARLY: Final = 0.12
"""What a candidate at the log's beginning weighs less than one at the place where the job failed."""
FAR_BELOW: Final = 0.42
"""Candidates that much weaker than the best one are left out."""
UNSAID: Final = 0.45
"""Evidence that counts in a log which does not say how it ended."""
KEY_LINES: Final = 12
"""So many lines of a block tell whether it repeats another."""
NEAR_LINES: Final = 60
STEP_CHARS_MAX: Final = 200

_PASSED = re.compile(
    r"^Finished: SUCCESS|^Job succeeded|^Done\. Your build exited with 0|^(?:The command .* )?exited with code 0$"
)
_TOOL_PASSED = re.compile(r"^\[?INFO\]? BUILD SUCCESS|^BUILD SUCCESS")
_COMPLETE = re.compile(r"^Cleaning up orphan processes|^##\[section\]Finishing: Finalize Job|^Complete job$")
_GROUP = re.compile(r"##\[group\](.*)")
_STAGE = re.compile(r"^\[Pipeline\] \{ \((.*)\)")
_SECTION = re.compile(r"section_start:\d+:([\w.-]+)")
_FOLD = re.compile(r"travis_fold:start:([\w.-]+)")
_ECHO = re.compile(r"^\s*(?:\+{1,4} |\$ |> |echo |set [-+]|if |fi$)")
_CODE = re.compile(r"(?i)(?:exit(?:ed)?(?: with)?(?: code| status)?|error|code|status)[:= ]+(\d{1,3})\b")


_GATE: Final = Gate(RULES)
"""Shared by all passes: what it remembers of a token is true for every log."""


@dataclass(slots=True, eq=False)
class _Candidate:
    rule: Rule
    first: int
    last: int
    evidence: int
    step: str
    new: bool
    key: int
    """Hash of the masked lines: repeats are folded."""
    count: int = 1
    repeat: _Candidate | None = None
    """The last of its repeats."""
    dropped: bool = False
    run: list[int] = field(default_factory=lambda: [0, 0])
    """First and last line of the run of new lines around it; 0 without a baseline."""
    grown: int = 0
    quiet: int = 0
    """Lines at the end that do not belong to the block unless it goes on: blank or foreign ones."""
    foreign: int = 0
    """How many of the quiet ones are foreign."""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class _Consequence:
    at: int
    code: int | None
    step: str
    rule: Rule


@dataclass(slots=True)
class _Reader:
    """The state of one pass."""

    baseline: Baseline | None
    at: int = 0
    step: str = ""
    in_command: bool = False
    open: _Candidate | None = None
    candidates: list[_Candidate] = field(default_factory=list)
    by_key: dict[tuple[str, int], _Candidate] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)
    consequences: deque[_Consequence] = field(default_factory=lambda: deque(maxlen=200))
    before: deque[str] = field(default_factory=lambda: deque(maxlen=BEFORE_LINES_MAX))
    fatal_at: int = 0
    ended_at: int = 0
    """The last line that says that a step failed."""
    run: list[int] | None = None
    passed_at: int = 0
    tool_passed_at: int = 0
    """A tool's own word; it speaks for the job only at the log's end."""
    complete_at: int = 0

    def feed(self, line: str) -> None:
        self.at += 1
        if len(line) > LINE_CHARS_MAX:
            line = last_drawn(line)
        known = self.baseline is not None and self._known(line, self.baseline)
        grew = self.open is not None and self._grow(self.open, line, known=known)
        matched = _GATE.rules(line)
        if matched or "##[" in line or "[Pipeline]" in line or "section_" in line or "travis_" in line:
            self._look(line, matched, grew=grew, known=known)
        elif "uccess" in line or "SUCC" in line or "ucceeded" in line or "leaning up" in line or "exited with" in line:
            self._end_marks(clean(line))
        self.before.append(line)

    def _known(self, line: str, baseline: Baseline) -> bool:
        """Whether a passing run printed the line; keeps the run of lines that none did. Blank lines end no run."""
        text = clean(line)
        if not text:
            return True
        if hashed(text) in baseline.hashes:
            self.run = None
            return True
        if self.run is None:
            self.run = [self.at, self.at]
        self.run[1] = self.at
        return False

    def _look(self, line: str, matched: list[tuple[int, Rule]], *, grew: bool, known: bool) -> None:
        text = clean(line)
        self._step(line, text)
        self._end_marks(text)
        if self.in_command:
            return
        echo = _ECHO.match(text) is not None
        for _, rule in matched:
            if rule.pattern.search(text):
                break
        else:
            return
        if echo and not rule.fatal:
            return
        if rule.fatal:
            self.fatal_at = self.at
        if rule.consequence:
            code = _CODE.search(text)
            found = _Consequence(self.at, int(code.group(1)) if code else None, self.step, rule)
            self.consequences.append(found)
            if rule.fatal:
                self.ended_at = self.at
            self._conclude()
        if known and not rule.fatal and rule.until is None:
            return
        if grew and not rule.fatal and not (self.open and rule.score > self.open.rule.score + 0.2):
            return
        self._open(rule, text, new=not known)

    def _conclude(self) -> None:
        """A line right behind a block that says that it failed belongs to it."""
        block = self.open or (self.candidates[-1] if self.candidates else None)
        if block is not None and not block.rule.consequence and 0 < self.at - block.last <= 2:
            block.last, block.quiet, block.foreign = self.at, 0, 0

    def _end_marks(self, text: str) -> None:
        if _PASSED.match(text):
            self.passed_at = self.at
        elif _TOOL_PASSED.match(text):
            self.tool_passed_at = self.at
        elif _COMPLETE.match(text):
            self.complete_at = self.at

    def _step(self, line: str, text: str) -> None:
        if group := _GROUP.search(text):
            self.step = group.group(1)[:STEP_CHARS_MAX]
            self.in_command = self.step.startswith("Run ")
        elif "##[endgroup]" in text:
            self.in_command = False
        elif stage := _STAGE.match(text):
            self.step = stage.group(1)[:STEP_CHARS_MAX]
        elif section := _SECTION.search(line[:300]) or _FOLD.search(line[:300]):
            self.step = section.group(1)[:STEP_CHARS_MAX]

    def _open(self, rule: Rule, text: str, *, new: bool) -> None:
        self._close()
        self.open = _Candidate(rule, self.at, self.at, self.at, self.step, new, hashed(text))
        if self.run is not None:
            self.open.run = self.run
        self._look_back(self.open)

    def _close(self) -> None:
        """Puts the open block among the candidates: of equal ones the first and the last stay, a retry's end counts."""
        candidate, self.open = self.open, None
        if candidate is None:
            return
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
        else:
            return
        self.candidates.append(candidate)
        if len(self.candidates) > CANDIDATES_MAX:
            self._forget()

    def _look_back(self, candidate: _Candidate) -> None:
        rule = candidate.rule
        reach = rule.before
        for above in reversed(self.before):
            text = clean(above)
            if rule.back is not None and rule.back.search(text):
                candidate.first -= 1
            elif reach > 0 and text:
                candidate.first -= 1
                reach -= 1
            else:
                return

    def _grow(self, block: _Candidate, line: str, *, known: bool) -> bool:
        """Takes the line into the open block, or closes it; says whether the line belongs to it."""
        rule = block.rule
        text = clean(line)
        block.grown += 1
        ended = rule.until is not None and rule.until.search(text) is not None
        belongs = (
            rule.until is not None
            or (rule.goes_on is not None and rule.goes_on.search(text) is not None)
            or (block.grown <= rule.after and bool(text))
        )
        if block.grown > rule.lines_max and rule.until is not None:
            block.last = min(block.last, block.evidence + UNENDED_LINES)
        if block.grown > rule.lines_max or (not belongs and block.foreign >= rule.slack):
            self._close()
            return False
        if not belongs or not text:
            block.foreign += not belongs
            block.quiet += 1
            return belongs
        block.last += block.quiet + 1
        block.quiet = block.foreign = 0
        block.new = block.new or not known
        if block.grown <= KEY_LINES:
            block.key = hash((block.key, hashed(text)))
        if ended:
            if rule.told_last:
                block.evidence, block.key = self.at, hashed(text)
            self._close()
        return True

    def _forget(self) -> None:
        """Drops the weaker half of the candidates."""
        kept = sorted((c for c in self.candidates if not c.dropped), key=lambda c: (-c.rule.score, c.evidence))[
            : CANDIDATES_MAX // 2
        ]
        self.candidates = sorted(kept, key=lambda c: c.evidence)
        self.by_key = {(c.rule.id, c.key): c for c in reversed(self.candidates)}

    @property
    def failed(self) -> bool | None:
        """Whether the log says that it failed; None when it does not say how it ended."""
        if self.fatal_at > self.passed_at:
            return True
        tool_passed = 0 < self.at - self.tool_passed_at <= NEAR_LINES and self.tool_passed_at > self.fatal_at
        if self.complete_at and not self.passed_at and self.baseline is not None:
            return None  # not every runner marks its errors; what is new may still say why
        return False if self.passed_at or self.complete_at or (self.tool_passed_at and tool_passed) else None

    def blocks(self, limit: int, *, failed: bool | None) -> tuple[Block, ...]:
        self._close()
        if failed is None:
            failed = self.failed
        if failed is False:
            return ()
        reach: dict[str, int] = {}
        for candidate in self.candidates:
            reach[candidate.rule.id] = candidate.evidence  # the last one's, as candidates stand in order
        for candidate in self.candidates:
            candidate.score = self._weigh(candidate, reach[candidate.rule.id])
            if candidate.run[0] and not candidate.rule.consequence:
                candidate.first = min(candidate.first, max(candidate.run[0], candidate.first - NEW_AROUND))
                candidate.last = max(candidate.last, min(candidate.run[1], candidate.last + NEW_AROUND))
        least = WEAKEST if failed else UNSAID
        able = sorted(
            (c for c in self.candidates if c.score >= least and not c.dropped), key=lambda c: (-c.score, c.evidence)
        )
        if failed and not able:
            return self._tail()
        chosen: list[_Candidate] = []
        room = self._room()
        for candidate in able:
            if len(chosen) >= limit or candidate.score < able[0].score - FAR_BELOW:
                break
            room -= _place(candidate, chosen, room)
        return tuple(self._block(c) for c in chosen)

    def _room(self) -> int:
        """How many lines all blocks together may take. New lines are fewer and better, so they may take more."""
        share, least = (NEW_SHARE, NEW_LINES_MIN) if self.baseline is not None else (LINES_SHARE, LINES_MIN)
        return min(LINES_MAX, max(least, int(self.at * share)))

    def _weigh(self, candidate: _Candidate, reach: int) -> float:
        """`reach` is the last line where the candidate's rule found something: noise ends early, and of several
        findings of one rule the first is the cause.
        """
        score = candidate.rule.score
        if candidate.rule.consequence:
            return score
        if not candidate.new:
            score -= 0.5
        if candidate.rule.fatal:
            score += 0.08
        end = self.ended_at if self.ended_at >= reach else self.at
        score -= EARLY * (1 - reach / max(1, end))
        after = self._consequence_after(candidate)
        if after is not None and after.at - candidate.last <= NEAR_LINES:
            score += 0.08
        elif candidate.evidence > self.ended_at > 0:
            score -= 0.25  # the job had failed by then; what comes later is cleaning up
        return score

    def _consequence_after(self, candidate: _Candidate) -> _Consequence | None:
        return next((c for c in self.consequences if c.at >= candidate.evidence), None)

    def _tail(self) -> tuple[Block, ...]:
        """The lines before the one that says it failed, or before the end."""
        found = self.consequences[0] if self.consequences else None
        at, code = (found.at, found.code) if found else (self.at, None)
        first = max(1, at - TAIL_LINES)
        return (Block(first, at, at, 0.2, "tail", "tail", code, self.step),) if self.at else ()

    def _block(self, candidate: _Candidate) -> Block:
        after = self._consequence_after(candidate)
        return Block(
            first=candidate.first,
            last=candidate.last,
            evidence=candidate.evidence,
            score=max(0.0, min(1.0, round(candidate.score, 4))),
            reason=candidate.rule.id,
            tool=candidate.rule.tool,
            exit_code=after.code if after else None,
            step=candidate.step,
        )


def _place(candidate: _Candidate, chosen: list[_Candidate], room: int) -> int:
    """Puts a candidate among the chosen within `room` lines; returns how many lines it takes.

    One that overlaps a chosen one widens it; one that is too long is cut around the line that says why.
    """
    for other in chosen:
        if candidate.first <= other.last and other.first <= candidate.last:
            first, last = min(other.first, candidate.first), max(other.last, candidate.last)
            more = (last - first) - (other.last - other.first)
            if more <= room:
                other.first, other.last = first, last
                return more
            return 0
    size = candidate.last - candidate.first + 1
    if size > room and chosen:
        if room < ROOM_MIN:
            return 0
        candidate.first = max(candidate.first, candidate.evidence - room // 2)
        candidate.last = min(candidate.last, candidate.first + room - 1)
        size = candidate.last - candidate.first + 1
    chosen.append(candidate)
    return size


def extract(
    lines: Iterable[str],
    *,
    baseline: Baseline | None = None,
    limit: int = BLOCKS_MAX,
    failed: bool | None = None,
) -> tuple[Block, ...]:
    """The blocks that say why a job failed, most likely cause first; () for the log of a job that passed.

    `lines` may be a stream: it is read once. Line numbers count from 1. `baseline` is what passing runs of the job say.
    At most `limit` blocks. `failed` is what the CI system says of the job, where the caller knows; without it the log's
    own word counts.
    """
    reader = _Reader(baseline)
    for line in lines:
        reader.feed(line)
    return reader.blocks(limit, failed=failed)
