"""JUnit reports, whoever wrote them -> failures.

Every `failure` and `error` inside a test case counts, also the second one and the one without text, in any namespace,
under any nesting of suites. What Surefire and nextest call `flakyFailure` and `rerunFailure` is told apart: a flaky
case passed in the end, a rerun repeats a failure that is reported anyway.
A report cut short gives what it held; the reading's `notes` say what was lost.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Literal

import msgspec

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Ci, Failure, Origin, Source, bounded, identified
from streams.core.extract.error import error_in
from streams.producers.xml_events import End, Scanner, Start, Text

Outcome = Literal["failure", "error"]

_OUTCOMES: Final[dict[str, Outcome]] = {"failure": "failure", "error": "error"}
_RERUNS: Final = frozenset({"rerunFailure", "rerunError"})
_FLAKES: Final = frozenset({"flakyFailure", "flakyError"})
_OUTPUTS: Final = frozenset({"system-out", "system-err"})
_SUITES: Final = frozenset({"testsuite", "testsuites"})

_COLOUR = re.compile(r"(?:\x1b|\u241b|#x1B)\[[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PENDING_MAX: Final = 64
"""Results of one case that are held until the case ends; a case with more gives the earlier ones without its output."""
_OUTPUT_LABEL_CHARS: Final = 1000
_GENERIC = re.compile(
    r"(?i)(?:(?:test |collection |collect )?(?:failure|failed|error|fail)[.!]?"
    r"|(?:test case |test )?failed on (?:setup|teardown|call)\b.*|error during (?:setup|teardown)\b.*)?$"
)
"""A `message` attribute that says nothing of its own; or nothing at all."""
_NOT_AN_EXCEPTION: Final = frozenset({"", "failure", "error", "failed", "fail", "test failure", "assertion failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of one report is read. What is beyond is counted in the notes, never dropped without a word."""

    bytes_max: int = 256 * 1024 * 1024
    depth_max: int = 64
    failures_max: int = 100_000
    text_chars_max: int = 128 * 1024
    """Of one failure: half from its beginning, half from its end."""
    output_chars_max: int = 8 * 1024
    """The end of what a failed case printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFailure:
    """One result of a test case that is a failure (the test says no) or an error (it could not say)."""

    __test__ = False  # pytest would take the name for a test

    classname: str
    name: str
    message: str
    """The `message` attribute; empty when there is none."""
    type: str
    """The exception type as the report gives it."""
    text: str
    """The text of the element."""
    suite: str
    """Names of the suites around the case, outermost first, joined by ` > `."""
    file: str
    line: int | None
    time_s: float | None
    framework: str
    outcome: Outcome
    ordinal: int
    """Which one within its case, from 0."""
    reruns: int = 0
    """How often the case was run again, and failed again."""
    output: str = ""
    """The end of what the case printed."""

    @property
    def title(self) -> str:
        return f"{self.classname}::{self.name}" if self.classname else self.name

    @property
    def detail(self) -> str:
        """Message, then text; the message is not repeated when the text begins with it.

        A message that any failure could have (`Failed`, `collection failure`) says nothing: the error that the text
        holds comes first.
        """
        if self.text and _GENERIC.match(self.message) and (error := error_in(self.text)):
            return f"{error}\n{self.message}\n{self.text}" if self.message else f"{error}\n{self.text}"
        if not self.text or self.message.startswith(self.text):
            return self.message
        return self.text if self.text.startswith(self.message) else f"{self.message}\n{self.text}"

    @property
    def said(self) -> tuple[str, str]:
        """The error, and the rest of what the report tells of it: message and traceback of the record.

        The text of a report quotes source, of libraries too; a group must not hang on it.
        """
        if not self.text or self.text == self.message:
            return self.message, ""
        if self.message and not _GENERIC.match(self.message):
            return self.message, self.text
        error = error_in(self.text)
        told = f"{self.message}\n{self.text}" if self.message else self.text
        return (error, told) if error else (told, "")


def framework_of(classname: str, name: str) -> str:
    """`vllm`, `sglang`, `trtllm`, `rust` or nothing, by what the test's class and name contain."""
    told = f"{classname} {name}".lower()
    if "vllm" in told:
        return "vllm"
    if "sgl" in told:
        return "sglang"
    if "trtllm" in told or "tensorrt" in told:
        return "trtllm"
    return "rust" if ".rs" in told else ""


class _Collected:
    """Text in bounded room: its beginning and its end."""

    __slots__ = ("_head", "_room", "_tail", "lost")

    def __init__(self, *, head_max: int, tail_max: int) -> None:
        self._head: list[str] = []
        self._tail = ""
        self._room = [head_max, tail_max]
        self.lost = 0

    def add(self, text: str) -> None:
        head_max, tail_max = self._room
        if head_max > 0:
            self._head.append(text[:head_max])
            self._room[0] -= len(self._head[-1])
            text = text[head_max:]
        if text:
            tail = (self._tail + text)[-tail_max:] if len(text) < tail_max else text[-tail_max:]
            self.lost += len(self._tail) + len(text) - len(tail)
            self._tail = tail

    def get(self) -> str:
        cut = f"\n... [{self.lost} characters cut] ...\n" if self.lost and self._head else ""
        return _clean("".join(self._head) + cut + self._tail)


def _clean(text: str) -> str:
    """Without colours, control characters and the blank lines around it."""
    if "[" in text:
        text = _COLOUR.sub("", text)
    return _CONTROL.sub("", text.replace("\r\n", "\n")).strip("\n\r\t ")


@dataclass(slots=True)
class _Case:
    attributes: dict[str, str]
    suite: str
    suite_file: str
    output: _Collected
    pending: list[TestFailure] = field(default_factory=list)
    count: int = 0
    reruns: int = 0
    flakes: int = 0


class Reading:
    """Reads one report, once: iterate over it, then look at the counts and the notes."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._scanner = Scanner(stream, bytes_max=limits.bytes_max)
        self._limits = limits
        self._open: list[str] = []
        self._suites: list[tuple[int, str, str]] = []
        self._case: _Case | None = None
        self._case_depth = 0
        self._result: tuple[int, Outcome, dict[str, str], _Collected] | None = None
        self._output_depth = 0
        self._beyond_depth = 0
        self._root = ""
        self._lost: dict[str, int] = {}
        self.cases = 0
        self.failures = 0
        self.flakes = 0
        """Cases that failed first and passed in the end; they are not failures."""

    def __iter__(self) -> Iterator[TestFailure]:
        """The failures in the order of the report.

        Raises:
            UnreadableInput: nothing in the input looks like XML, or it brings a document type definition.
        """
        for event in self._scanner:
            match event:
                case Text():
                    self._text(event)
                case Start():
                    yield from self._start(event)
                case End():
                    yield from self._end(event.name)
        if not self._root:
            raise UnreadableInput("no XML element in it: not a test report")
        if self._open:
            self._note("cut off before the end of the report")
            yield from self._close(0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost or stepped over, in sentences; empty for a clean report. Complete once iterated."""
        found = self._lost | {f"damaged: {reason}": count for reason, count in self._scanner.damage.places.items()}
        told = [reason if count == 1 else f"{reason} ({count} times)" for reason, count in sorted(found.items())]
        if self._root and not self.cases and self._root not in _SUITES:
            told.append(f"no test case found: the root element is {self._root[:80]}")
        return tuple(told)

    def _note(self, reason: str) -> None:
        self._lost[reason] = self._lost.get(reason, 0) + 1

    def _start(self, tag: Start) -> Iterator[TestFailure]:
        self._root = self._root or tag.name
        if self._beyond_depth or len(self._open) >= self._limits.depth_max:
            self._beyond_depth += 1
            self._note(f"deeper than {self._limits.depth_max} elements")
            return
        if tag.name == "testcase":
            if self._case is not None:
                self._note("a test case inside a test case")
                yield from self._close(self._case_depth - 1)
            self._begin_case(tag.attributes)
        elif tag.name == "testsuite":
            named = tag.attributes.get("name", "")
            self._suites.append(
                (len(self._open), named, tag.attributes.get("file") or tag.attributes.get("filepath", ""))
            )
        elif self._case is not None and self._result is None:
            self._begin_result(self._case, tag)
        self._open.append(tag.name)

    def _begin_case(self, attributes: dict[str, str]) -> None:
        self.cases += 1
        file = next((file for _, _, file in reversed(self._suites) if file), "")
        suite = " > ".join(name for _, name, _ in self._suites if name)
        self._case = _Case(attributes, suite, file, _Collected(head_max=0, tail_max=self._limits.output_chars_max))
        self._case_depth = len(self._open) + 1

    def _begin_result(self, case: _Case, tag: Start) -> None:
        depth = len(self._open) + 1
        if outcome := _OUTCOMES.get(tag.name):
            half = self._limits.text_chars_max // 2
            self._result = depth, outcome, tag.attributes, _Collected(head_max=half, tail_max=half)
        elif tag.name in _RERUNS:
            case.reruns += 1
        elif tag.name in _FLAKES:
            case.flakes += 1
        elif tag.name in _OUTPUTS and self._open[-1] == "testcase":
            self._output_depth = depth

    def _text(self, text: Text) -> None:
        if self._result is not None:
            self._result[3].add(text.unescaped())
        elif self._output_depth and self._case is not None:
            self._case.output.add(text.unescaped())

    def _end(self, name: str) -> Iterator[TestFailure]:
        if self._beyond_depth:
            self._beyond_depth -= 1
        elif self._open and self._open[-1] == name:
            yield from self._close(len(self._open) - 1)
        elif name in self._open:
            self._note("elements that are not closed")
            yield from self._close(len(self._open) - 1 - self._open[::-1].index(name))
        else:
            self._note("end tags without a beginning")

    def _close(self, depth: int) -> Iterator[TestFailure]:
        """Closes every element deeper than `depth`, and with them what they were collecting."""
        del self._open[depth:]
        if self._result is not None and self._result[0] > depth and self._case is not None:
            yield from self._finish_result(self._case, *self._result[1:])
            self._result = None
        if self._output_depth > depth:
            self._output_depth = 0
        if self._case is not None and self._case_depth > depth:
            case, self._case = self._case, None
            yield from self._finish_case(case)
        while self._suites and self._suites[-1][0] >= depth:
            self._suites.pop()

    def _finish_result(
        self, case: _Case, outcome: Outcome, attributes: dict[str, str], collected: _Collected
    ) -> Iterator[TestFailure]:
        if self.failures >= self._limits.failures_max:
            self._note(f"more than {self._limits.failures_max} failures")
            return
        self.failures += 1
        classname, name = case.attributes.get("classname", ""), case.attributes.get("name", "")
        case.pending.append(
            TestFailure(
                classname=classname,
                name=name,
                message=_clean(attributes.get("message", "")),
                type=_clean(attributes.get("type", "")),
                text=collected.get(),
                suite=case.suite,
                file=case.attributes.get("file") or case.suite_file,
                line=_number(case.attributes.get("line", "")),
                time_s=_seconds(case.attributes.get("time", "")),
                framework=framework_of(classname, name),
                outcome=outcome,
                ordinal=case.count,
            )
        )
        case.count += 1
        if collected.lost:
            self._note(f"failure texts longer than {self._limits.text_chars_max} characters, cut in the middle")
        if len(case.pending) >= _PENDING_MAX:
            yield from case.pending
            case.pending.clear()

    def _finish_case(self, case: _Case) -> Iterator[TestFailure]:
        if case.flakes and not case.count:
            self.flakes += 1
        output = case.output.get() if case.pending else ""
        for failure in case.pending:
            told = case.reruns or output
            yield dataclasses.replace(failure, reruns=case.reruns, output=output) if told else failure


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _seconds(text: str) -> float | None:
    """Seconds of a `time` attribute; thousands separators as some writers set them; None when it is no time."""
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e9 else None


def read_junit(stream: BinaryIO, *, limits: Limits | None = None) -> Reading:
    """Begins to read a report: nothing is read before it is iterated over, and memory does not grow with its size."""
    return Reading(stream, limits or Limits())


def failures(found: Iterable[TestFailure], context: Ci, *, occurred_at_ms: int) -> Iterator[Failure]:
    """The records of what a report holds. `context` says where it ran; what the report knows of the test is added.

    The second result of one class and name, in one case or in a repeated one, has ordinal 1, and so on.
    """
    seen: dict[tuple[str, str], int] = {}
    for one in found:
        key = one.classname, one.name
        ordinal = seen[key] = seen.get(key, -1) + 1
        ci = msgspec.structs.replace(
            context,
            source=Source.JUNIT if context.source is Source.FULL_LOG else context.source,
            test_class=one.classname,
            test_name=one.name,
            test_file=one.file,
            test_line=one.line,
            test_time_s=one.time_s,
            framework=one.framework or context.framework,
        )
        kind = one.type.strip()
        message, traceback = one.said
        labels = {"outcome": one.outcome, "suite": one.suite, "output": one.output[-_OUTPUT_LABEL_CHARS:]}
        yield bounded(
            identified(
                Failure(
                    origin=Origin.CI,
                    occurred_at_ms=occurred_at_ms,
                    message=message or f"{one.title}: {one.outcome} without a message",
                    traceback=traceback,
                    exception_type="" if kind.lower() in _NOT_AN_EXCEPTION else kind,
                    ordinal=ordinal,
                    labels={name: text for name, text in labels.items() if text},
                    ci=ci,
                )
            )
        )
