"""The candidates of one pass -> blocks, most likely cause first.

A candidate is weighed by its rule, by what follows it, by where its rule last found something, and by how new it is
against passing runs. Overlapping ones become one; all together stay within a share of the log.
"""

from __future__ import annotations

from typing import Final

from streams.core.extract.block import Block
from streams.core.extract.ending import OF_NO_TOOL
from streams.core.extract.failing import runs_afterwards
from streams.core.extract.news import AROUND
from streams.core.extract.reader import Candidate, Consequence, Reader
from streams.core.extract.rule import rule
from streams.core.extract.step import Step

LINES_SHARE: Final = 0.03
LINES_MIN: Final = 36
LINES_MAX: Final = 600
"""All blocks together take this share of the log, but at least and at most so many lines."""
NEW_SHARE: Final = 0.15
NEW_LINES_MIN: Final = 150
"""The same with a baseline."""
ROOM_MIN: Final = 3
TAIL_LINES: Final = 25
"""What is shown before the line that says it failed when nothing says why."""
WEAKEST: Final = 0.33
"""A candidate below is no evidence on its own."""
UNSAID: Final = 0.45
"""Evidence that counts in a log which does not say how it ended."""
FAR_BELOW: Final = 0.42
"""Candidates that much weaker than the best one are left out."""
FEW: Final = 3
FAR_BELOW_MANY: Final = 0.3
"""The same when FEW are chosen already: then weaker ones are noise."""
FAR_BELOW_NEW: Final = 0.34
"""The same with a baseline: what is new is said plainly, so weaker words seldom add to it."""
EARLY: Final = 0.12
"""What a candidate at the log's beginning weighs less than one at the place where the job failed."""
FATAL: Final = 0.08
"""What a line weighs more that only failing jobs print."""
FOLLOWED: Final = 0.08
"""What a candidate weighs more when, within NEAR_LINES, a line says that something failed."""
NEAR_LINES: Final = 60
AFTERWARDS: Final = 0.45
"""What a candidate weighs less when the job had failed by then: cleaning up."""
ELSEWHERE: Final = 0.5
"""What a candidate weighs less that stands before the command that failed: those there ended well."""
UNSURE: Final = 0.75
"""The share of these that counts when the log does not say for sure which command failed."""
ASIDE: Final = 0.4
"""What a candidate weighs less that tells of a service beside the work."""
SUMS: Final = 0.3
"""What a candidate weighs less that only counts what is told elsewhere."""
SURE: Final = 0.9
FAR_LINES: Final = 500
FAR_ABOVE: Final = 0.3
"""What words weigh less that stand FAR_LINES above a tool's own word at the end that it failed, which is that SURE."""
WRAPS: Final = 0.35
"""What a candidate weighs less that says only that a command failed which something else ran."""
TOLD: Final = 0.45
"""What a candidate of the command that failed weighs at least, or else the command's last lines tell, too."""
CLEARLY_TOLD: Final = 0.55
"""What a candidate weighs at least that makes needless what only says below it that a command failed."""
SURELY_TOLD: Final = 0.65
"""What a candidate weighs at least that is the reason for what says only that a part of its step failed."""
LAST_WORDS: Final = 0.6
"""What these weigh."""
LAST_LINES: Final = 6
WARNS: Final = 0.25
"""What a candidate weighs less whose line calls itself a warning."""
TRIED_AGAIN: Final = 0.45
"""What a candidate weighs less of which the log says that it was not the end."""
KNOWN: Final = 0.5
"""What a candidate weighs less whose lines passing runs print, too."""

_LOUD: Final = OF_NO_TOOL | {"memory", "disk", "java", "git", "signal", "process", "assert", "docker", "node"}
_UNCAUGHT: Final = frozenset({"python.traceback", "python.exception", "js.error", "node.unhandled"})
_LAST: Final = rule("tail.command", "", "(?!)", LAST_WORDS)


def ranked(reader: Reader, limit: int, *, failed: bool | None, best: float = 0.0) -> tuple[tuple[Block, ...], int]:
    """The blocks of a log that was read to its end, and how many found no room; none if it passed.

    `failed` None: the log's own word counts. `best` is the weight of what the caller knows already.
    """
    reader.close()
    if failed is None:
        failed = False if reader.seems_passed and not best else reader.failed
    if failed is False:
        return (), 0
    reach: dict[str, int] = {}
    for candidate in reader.candidates:
        reach[candidate.rule.id] = candidate.evidence  # the last one's, as candidates stand in order
    for candidate in reader.candidates:
        candidate.score = _weigh(reader, candidate, reach[candidate.rule.id])
    _hush(reader)
    for candidate in reader.candidates:
        if candidate.run[0] and not candidate.rule.consequence:
            candidate.first = min(candidate.first, max(candidate.run[0], candidate.first - AROUND))
            candidate.last = max(candidate.last, min(candidate.run[1], candidate.last + AROUND))
    if failed and not best:
        reader.candidates += _last_words(reader)
    _drop_wrappers(reader)
    least = WEAKEST if failed else UNSAID
    able = sorted(
        (c for c in reader.candidates if c.score >= least and not c.dropped), key=lambda c: (-c.score, c.evidence)
    )
    if failed and not able:
        return (() if best else _tail(reader)), 0
    chosen: list[Candidate] = []
    room = _room(reader)
    left_out = 0
    far = FAR_BELOW if reader.baseline is None else FAR_BELOW_NEW
    for candidate in able:
        if candidate.score < max(best, able[0].score) - (far if len(chosen) < FEW else min(far, FAR_BELOW_MANY)):
            break
        if len(chosen) >= limit:
            left_out += not any(_meet(candidate, other) for other in chosen)
            continue
        taken = _place(candidate, chosen, room)
        left_out += taken is None
        room -= taken or 0
    return tuple(_block(reader, c) for c in chosen), left_out


def _meet(one: Candidate, other: Candidate) -> bool:
    return one.first <= other.last and other.first <= one.last


def _room(reader: Reader) -> int:
    """How many lines all blocks together may take. New lines are fewer and better, so they may take more."""
    share, least = (NEW_SHARE, NEW_LINES_MIN) if reader.baseline is not None else (LINES_SHARE, LINES_MIN)
    return min(LINES_MAX, max(least, int(reader.at * share)))


def _weigh(reader: Reader, candidate: Candidate, reach: int) -> float:
    """`reach` is the last line where the candidate's rule found something: noise ends early, and of several
    findings of one rule the first is the cause.
    """
    score = candidate.rule.score
    if candidate.rule.consequence:
        return score
    if not candidate.new:
        score -= KNOWN
    if candidate.aside and not _died_of(reader, candidate):
        score -= ASIDE
    if candidate.wraps:
        score -= WRAPS
    if candidate.sums:
        score -= SUMS
    if candidate.warns:
        score -= WARNS
    if candidate.tried_again:
        score -= TRIED_AGAIN
    if candidate.rule.fatal:
        score += FATAL
    end = reader.ended_at if reader.ended_at >= reach else reader.at
    score -= EARLY * (1 - reach / max(1, end))
    after = _consequence_after(reader, candidate)
    if out := _out_of_place(reader, candidate):
        score -= out
    elif after is not None and after.at - candidate.last <= NEAR_LINES:
        score += FOLLOWED
    return score


def _died_of(reader: Reader, candidate: Candidate) -> bool:
    """Whether an error that nobody caught is the last that the command, or the log, says."""
    has_stack = candidate.rule.told_last or candidate.last > candidate.evidence
    if candidate.rule.id not in _UNCAUGHT or not has_stack:
        return False
    after = _consequence_after(reader, candidate)
    told = reader.commands.last_told(reader.at) if after is None else after.above
    return 0 < told <= candidate.last


def _out_of_place(reader: Reader, candidate: Candidate) -> float:
    """What a candidate weighs less that stands outside of the command that failed first."""
    span = reader.commands.failed.get(candidate.step.job)
    if runs_afterwards(candidate.step) or (span is None and candidate.evidence > reader.ended_at > 0):
        return AFTERWARDS
    if span is None:
        return 0.0
    share = 1.0 if span.is_sure else UNSURE
    if candidate.evidence > span.last:
        return AFTERWARDS * share
    if candidate.evidence < span.first and not candidate.rule.fatal:  # what only failing jobs print is no noise
        return ELSEWHERE * share
    return 0.0


def _consequence_after(reader: Reader, candidate: Candidate) -> Consequence | None:
    return next((c for c in reader.consequences if c.at >= candidate.evidence), None)


def exit_code(reader: Reader, at: int, step: Step) -> int | None:
    """What the command ended with that says why at this line: the next code of its step, or of the job."""
    codes = (c.code for c in reader.consequences if c.at >= at and (c.step == step or c.rule.fatal))
    return next((code for code in codes if code is not None), None)


def _hush(reader: Reader) -> None:
    """Where a tool says at the log's end why it failed, loud words far above are what passed tests print."""
    sure = [c.evidence for c in reader.candidates if c.rule.fatal and not c.wraps and c.score >= SURE]
    above = max(sure, default=0) - FAR_LINES
    for candidate in reader.candidates:
        if candidate.evidence < above and not candidate.rule.fatal and candidate.rule.tool in _LOUD:
            candidate.score -= FAR_ABOVE


def _drop_wrappers(reader: Reader) -> None:
    """What says only that a command failed, where the same step says above it why; marks what only tells again."""
    told: set[Step] = set()
    known: set[Step] = set()
    """In which a tool says why, not some loud word."""
    for candidate in sorted(reader.candidates, key=lambda one: one.evidence):
        if candidate.wraps:
            candidate.dropped = candidate.dropped or candidate.step in told
        elif candidate.score >= CLEARLY_TOLD and not candidate.dropped:
            told.add(candidate.step)
            if candidate.score >= SURELY_TOLD and not candidate.retells and candidate.rule.tool not in _LOUD:
                known.add(candidate.step)
    for candidate in reader.candidates:
        candidate.retold = candidate.retold or (candidate.retells and candidate.step in known)
        candidate.dropped = candidate.dropped or (candidate.retold and candidate.score < SURELY_TOLD)


def _last_words(reader: Reader) -> list[Candidate]:
    """The last lines of the commands that failed, where nothing in them tells why."""
    found = []
    for span in reader.commands.failed.values():
        inside = range(span.first, span.last + 1)
        told = [c for c in reader.candidates if c.evidence in inside and not c.dropped]
        if any(c.score >= TOLD and not c.wraps for c in told):
            continue
        ends = [c.above for c in reader.consequences if c.at in inside and c.above]
        ends += [c.first - 1 for c in told if c.wraps and c.first > span.first]
        if at := min(ends, default=span.evidence):
            first = max(span.first, at - LAST_LINES + 1)
            score = LAST_WORDS if span.is_sure else LAST_WORDS * UNSURE
            found.append(Candidate(_LAST, first, at, at, span.step, new=True, key=0, score=score))
    return found


def _tail(reader: Reader) -> tuple[Block, ...]:
    """The lines before the one that says it failed, or before the end."""
    found = reader.consequences[0] if reader.consequences else None
    if found is not None and found.rule.certain:
        # What it says of itself is that the command failed, so the line before it is the command's last word.
        first = max(1, found.at - TAIL_LINES)
        return (
            Block(
                first,
                found.at,
                max(1, found.at - 1),
                0.3,
                found.rule.id,
                "make",
                found.code,
                found.step.name,
                found.step.number,
            ),
        )
    at, code, step = (found.at, found.code, found.step) if found else (reader.at, None, reader.step)
    first = max(1, at - TAIL_LINES)
    return (Block(first, at, at, 0.2, "tail", "tail", code, step.name, step.number),) if reader.at else ()


def _block(reader: Reader, candidate: Candidate) -> Block:
    return Block(
        first=candidate.first,
        last=candidate.last,
        evidence=candidate.evidence,
        score=max(0.0, min(1.0, round(candidate.score, 4))),
        reason=candidate.rule.id,
        tool=candidate.rule.tool,
        exit_code=exit_code(reader, candidate.evidence, candidate.step),
        step=candidate.step.name,
        step_number=candidate.step.number,
        job=candidate.step.job,
        retold=candidate.retold,
    )


def _place(candidate: Candidate, chosen: list[Candidate], room: int) -> int | None:
    """Puts a candidate among the chosen within `room` lines; returns how many lines it takes, None without room.

    One that overlaps a chosen one widens it; one that is too long is cut around the line that says why.
    """
    for other in chosen:
        if _meet(candidate, other):
            others = [one for one in chosen if one is not other]  # what it widens must not meet these instead
            first = max((min(other.first, candidate.first), *(o.last + 1 for o in others if o.last < other.first)))
            last = min((max(other.last, candidate.last), *(o.first - 1 for o in others if o.first > other.last)))
            more = (last - first) - (other.last - other.first)
            if more <= room:
                other.first, other.last = first, last
                other.retold = other.retold and candidate.retold
                return more
            return 0
    size = candidate.last - candidate.first + 1
    if size > room and chosen:
        if room < ROOM_MIN:
            return None
        candidate.first = max(candidate.first, candidate.evidence - room // 2)
        candidate.last = min(candidate.last, candidate.first + room - 1)
        size = candidate.last - candidate.first + 1
    chosen.append(candidate)
    return size
