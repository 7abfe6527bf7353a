"""The log of a CI job -> failures: one for each failed test, and for each other block that says why the job failed.

The message is the error itself; the block that it stands in is the traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec

from streams.contract.failure import (
    MESSAGE_BYTES_MAX,
    TRACEBACK_BYTES_MAX,
    Ci,
    Failure,
    Origin,
    Source,
    bounded,
    head_and_tail,
    identified,
)
from streams.core.extract.baseline import Baseline
from streams.core.extract.block import Block
from streams.core.extract.chunks import Chunk, Log, chunks
from streams.core.extract.clean import LINE_CHARS_MAX, clean
from streams.core.extract.error import error_of
from streams.core.extract.extract import BLOCKS_MAX, TESTS_MAX, Findings, Pass, extract
from streams.core.extract.image_step import word_in
from streams.producers.fitting import Fitting
from streams.producers.github_logs import Steps
from streams.producers.held import Held

LOG_BYTES_MAX: Final = 64 * 1024 * 1024
"""A longer log is read to its end, too; of its text its beginning and its end are held, half each, and what is found.
"""
TEXT_LINES_MAX: Final = 4_000
"""Of one block: half from its beginning, half from its end."""
OUTPUT_LINES: Final = 1
"""What a step of an image printed last stands before the word that it failed."""
CODES_THAT_TELL: Final = frozenset({124, *range(129, 160)})
"""Ended by `timeout`, or by a signal. Other exit codes say no more than that it failed, and vary with the runner."""
INNER_MAX: Final = 5
"""Blocks inside of a builder's that are looked at."""
_BY_TOOL: Final = {
    "buildkit": Source.BUILDKIT,
    "docker": Source.BUILDKIT,
    "kaniko": Source.BUILDKIT,
    "buildah": Source.BUILDKIT,
    "pytest": Source.PYTEST,
    "rust": Source.RUST_TEST,
    "nextest": Source.RUST_TEST,
}


def text_of(lines: Iterable[str], bytes_max: int = MESSAGE_BYTES_MAX) -> str:
    """The lines of a block as its tool wrote them, at most `bytes_max`, without the indent that all share."""
    cleaned = [clean(line) for line in lines]
    filled = [line for line in cleaned if line]
    indent = min((len(line) - len(line.lstrip()) for line in filled), default=0)
    return head_and_tail("\n".join(line[indent:] for line in cleaned).strip("\n"), bytes_max)


class LogReading(Iterator[Failure]):
    """The failures of one log, once: iterate over it, then look at the notes. Nothing is read before."""

    def __init__(self, found: Iterator[Failure], notes: list[str]) -> None:
        self._found = found
        self._notes = notes

    def __next__(self) -> Failure:
        return next(self._found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, in sentences; empty when everything was given. Complete once iterated."""
        return tuple(self._notes)


def read_log(
    log: Log,
    context: Ci,
    *,
    occurred_at_ms: int,
    baseline: Baseline | None = None,
    limit: int = BLOCKS_MAX,
    tests_max: int = TESTS_MAX,
    failed: bool | None = None,
    steps: Steps | None = None,
) -> LogReading:
    """The failures that a job's log tells of, most likely cause first; nothing for a log that passed.

    `context` says which job it was; source, step, test and lines are added. `log` is read once. The
    place in it is in `ci.log_lines`; the rule that found it and its weight are labels. At most
    `tests_max` failed tests and `limit` others; the reading's `notes` count what is beyond.
    `failed` is what the CI system says of the job, where the caller knows it. `steps`: where the steps begin, where
    the caller knows that; complete once the log is read.
    """
    notes: list[str] = []
    limits = limit, tests_max
    found = _read(log, context, notes, occurred_at_ms, baseline=baseline, limits=limits, failed=failed, steps=steps)
    return LogReading(found, notes)


def _read(
    log: Log,
    context: Ci,
    notes: list[str],
    occurred_at_ms: int,
    *,
    baseline: Baseline | None,
    limits: tuple[int, int],
    failed: bool | None,
    steps: Steps | None,
) -> Iterator[Failure]:
    found, held = blocks_in(log, notes, baseline=baseline, limits=limits, failed=failed)
    ordinals: dict[tuple[str, str], int] = {}
    told = [block for block in found.blocks if not block.retold] or found.blocks
    messages = {block: _message(block, held) for block in told}
    labels: dict[Block, dict[str, str]] = {}
    own = {messages[block]: block for block in reversed(told) if not _is_build(block)}
    seen: set[str] = set()
    for block in filter(_is_build, told):
        lines = held.cut(block.first, block.last)
        if len(lines) <= block.last - block.first:  # there was no room to hold them
            continue
        word = word_in(lines, block.evidence - block.first)
        inner = _inner(word.printed)[1]
        if inner in own:  # the builder only tells it again
            labels.setdefault(own[inner], {}).update(word.labels)
            del messages[block]
            continue
        messages[block] = inner or word.message or messages[block]
        if (key := word.name or messages[block]) in seen:
            del messages[block]
        seen.add(key)
        labels[block] = word.labels
    for block, message in messages.items():
        where = _within(context, steps, block, lines=len(held))
        yield _failure(block, held, where, occurred_at_ms, ordinals, message, labels.get(block, {}))


def blocks_in(
    log: Log,
    notes: list[str],
    *,
    baseline: Baseline | None = None,
    limits: tuple[int, int] = (BLOCKS_MAX, TESTS_MAX),
    failed: bool | None = None,
) -> tuple[Findings, Held]:
    """What a log says, and its lines; what is left out is added to the notes. Limits: of other blocks, of tests."""
    held, coming = Held(bytes_max=LOG_BYTES_MAX), chunks(log)
    first: list[Chunk] = []
    if baseline is not None:
        fitting = Fitting(baseline)
        fitting.take_from(coming)
        first, baseline = fitting.first, fitting.fitting(notes)
    reading = Pass(baseline)
    for chunk in chain(first, coming):
        reading.feed(chunk)
        held.take(chunk, reading.spans)
    found = reading.end(limit=limits[0], tests_max=limits[1], failed=failed)
    notes += left_out(found, held)
    return found, held


def _within(context: Ci, steps: Steps | None, block: Block, *, lines: int) -> Ci:
    """The context with the step's number and name. Steps of another length than the log are not its own."""
    step = steps.at(block.evidence) if steps is not None and steps.lines == lines else None
    if step is None:
        return context
    number, name = step
    return msgspec.structs.replace(
        context, step_number=number, step_name=context.step_name or name.removeprefix("Run ")
    )


def _is_build(block: Block) -> bool:
    """Whether a builder of images speaks in it."""
    return _BY_TOOL.get(block.tool) is Source.BUILDKIT


def evidence_of(block: Block, held: Held) -> tuple[int, str]:
    """The line that says why, and where it is a tool's inside of what a step of an image printed, its error."""
    lines = held.cut(block.first, block.last) if _is_build(block) else []
    if len(lines) <= block.last - block.first:  # no builder's, or there was no room to hold them
        return block.evidence, ""
    word = word_in(lines, block.evidence - block.first)
    at, error = _inner(word.printed)
    return (block.first + word.printed_at + at, error) if error else (block.evidence, "")


def _inner(lines: Sequence[str]) -> tuple[int, str]:
    """The error of a tool inside of what a step printed, and its line from 0; "" where no tool's rule knows one."""
    for inner in extract(lines, limit=INNER_MAX, failed=True):
        if not _is_build(inner) and inner.tool not in {"tail", "generic"}:
            return inner.evidence - 1, error_of(lines[inner.evidence - 1 : inner.last])
    return 0, ""


def left_out(found: Findings, held: Held) -> Iterator[str]:
    """What a log says beyond what is told of, in sentences."""
    if found.tests_left_out:
        yield f"{found.tests_left_out} more failed tests in the log than are told of one by one"
    if found.others_left_out:
        yield f"{found.others_left_out} more places in the log that may say why it failed"
    if held.cut_short:
        yield f"{held.cut_short} lines longer than {LINE_CHARS_MAX} characters, read up to there"
    if held.lost:
        yield f"{held.lost} lines in which something was found were not held: the log is too long"


def _failure(
    block: Block,
    held: Held,
    context: Ci,
    occurred_at_ms: int,
    ordinals: dict[tuple[str, str], int],
    told: str,
    step_labels: Mapping[str, str],
) -> Failure:
    text = text_of(said(_bounded_lines(held, block), block), TRACEBACK_BYTES_MAX)
    message = head_and_tail(told, MESSAGE_BYTES_MAX) or text.strip() or block.reason
    step = context.step_name or block.step.removeprefix("Run ")
    test = block.test or context.test_name
    key = step, f"test {test}" if test else message
    ordinal = ordinals[key] = ordinals.get(key, -1) + 1
    evidence = next(iter(held.cut(block.evidence, block.evidence)), "")
    source = _BY_TOOL.get(block.tool) or (Source.GITHUB_JOB_LOG if context.provider == "github" else Source.FULL_LOG)
    if context.source is not Source.FULL_LOG:
        source = context.source
    test_class = context.test_class
    if block.tool == "unittest":  # `test_adds (shop.tests.Cart.test_adds)`; before Python 3.11 without the last name
        test, _, where = test.partition(" (")
        test_class = where.removesuffix(")").removesuffix(f".{test}")
    ci = msgspec.structs.replace(
        context,
        source=source,
        job_name=context.job_name or block.job,
        step_name=step,
        step_number=context.step_number if context.step_name else block.step_number,
        test_class=test_class,
        test_name=test,
        log_lines=(block.first, block.last),
    )
    labels = {
        "rule": block.reason,
        "score": f"{block.score:.2f}",
        "evidence": clean(evidence)[:1000],
        "evidence_line": str(block.evidence),
    }
    if block.exit_code is not None:
        labels["exit_code"] = str(block.exit_code)
    labels |= step_labels
    return bounded(
        identified(
            Failure(
                origin=Origin.CI,
                occurred_at_ms=occurred_at_ms,
                message=message,
                traceback="" if text.strip() == message else text,
                exit_code=block.exit_code if block.exit_code in CODES_THAT_TELL or _says_no_more(block) else None,
                ordinal=ordinal,
                labels=labels,
                ci=ci,
            )
        )
    )


def _says_no_more(block: Block) -> bool:
    """Whether the exit code is the best that the log says."""
    return block.tool == "tail"


def _bounded_lines(held: Held, block: Block) -> list[str]:
    opening = held.cut(block.opening, block.opening) if block.opening else []
    if block.last - block.first < TEXT_LINES_MAX:
        return [*opening, *held.cut(block.first, block.last)]
    half = TEXT_LINES_MAX // 2
    missing = block.last - block.first + 1 - 2 * half
    mark = f"... [{missing} lines left out] ..."
    return [*held.cut(block.first, block.first + half - 1), mark, *held.cut(block.last - half + 1, block.last)]


def said(lines: Iterable[str], block: Block) -> list[str]:
    """The lines cleaned, without the prefix of the parallel branch that Jenkins puts before them."""
    prefix = f"[{block.step}] "
    return [clean(line).removeprefix(prefix) for line in lines]


def _message(block: Block, held: Held) -> str:
    """The error itself, which tells what group a failure is of: no banner, and nothing of what only stands near it."""
    told = error_of(said(held.cut(block.evidence, min(block.last, block.evidence + 30)), block))
    if block.reason == "tail" or _BY_TOOL.get(block.tool) is Source.BUILDKIT:
        filled = [text for line in said(held.cut(block.first, block.evidence - 1), block) if (text := line.strip("- "))]
        told = "\n".join([*filled[-OUTPUT_LINES:], told])
    return told
