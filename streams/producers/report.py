"""What every reader of a report gives: `Reported`, one at a time, and notes of what was lost; and the records of it.

A reader is a `Reading`: made from a stream, iterated over once, asked for its counts and notes afterwards. Nothing is
read before, and memory does not grow with the report. `formats.py` knows which reader a report wants.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

import msgspec

from streams.contract.failure import Ci, Failure, Origin, Source, bounded, identified
from streams.core.extract.error import error_in

Outcome = Literal["failure", "error"]

_COLOUR = re.compile(r"(?:\x1b|\u241b|#x1B)\[[0-9;?]*[ -/]*[@-~]")
_LINK = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OUTPUT_LABEL_CHARS: Final = 1000
_GENERIC = re.compile(
    r"(?i)(?:(?:test |collection |collect )?(?:failure|failed|error|fail)[.!]?"
    r"|exited with error code \d+.*|error during (?:setup|teardown)\b.*"
    r"|(?:test case |test )?failed on (?:setup|teardown|call)\b.*)?$"
)
"""A `message` that says nothing of its own; or nothing at all."""
_NOT_AN_EXCEPTION: Final = frozenset({"", "failure", "error", "failed", "fail", "test failure", "assertion failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of one report is read. What is beyond is counted in the notes, never dropped without a word."""

    bytes_max: int = 2 * 1024 * 1024 * 1024
    depth_max: int = 64
    failures_max: int = 100_000
    text_chars_max: int = 128 * 1024
    """Of one failure: half from its beginning, half from its end."""
    output_chars_max: int = 8 * 1024
    """The end of what a failed case printed."""
    line_chars_max: int = 4 * 1024 * 1024
    """Of one line, where a format has lines."""
    element_bytes_max: int = 16 * 1024 * 1024
    """Of one element of a JSON document, such as all tests of one file."""
    held_max: int = 10_000
    """Failures that are held back until it is known how they ended: whether a later run passed, what is above them."""
    held_chars_max: int = 16 * 1024 * 1024
    """Their texts together."""
    open_max: int = 10_000
    """Tests, packages or steps that run at one time and of which the output is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One thing that a report says failed: a test case, or a build's step or file where `name` is empty."""

    message: str
    """What the report calls the message; empty when there is none."""
    text: str = ""
    """What it tells beyond that: traceback, output, rendered source."""
    type: str = ""
    """The exception type as the report gives it."""
    classname: str = ""
    name: str = ""
    suite: str = ""
    """Names of the suites around the case, outermost first, joined by ` > `."""
    file: str = ""
    line: int | None = None
    time_s: float | None = None
    framework: str = ""
    outcome: Outcome = "failure"
    """`failure`: the test says no; `error`: it could not say."""
    ordinal: int = 0
    """Which one within its case, from 0."""
    reruns: int = 0
    """How often the case was run again, and failed again."""
    output: str = ""
    """The end of what the case printed."""
    source: Source = Source.JUNIT
    step: str = ""
    """The step of the job in which it stands, where the report tells."""
    exit_code: int | None = None
    """Only where it tells more than that it failed, see `joblog.CODES_THAT_TELL`."""
    labels: Mapping[str, str] = field(default_factory=dict)

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


def is_generic(message: str) -> bool:
    """Whether any failure could have this message, or it is empty."""
    return _GENERIC.match(message) is not None


class Notes:
    """What a reader stepped over, by reason, each reason once with how often it came."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def add(self, reason: str, count: int = 1) -> None:
        self._places[reason] = self._places.get(reason, 0) + count

    def told(self, more: Mapping[str, int] | None = None) -> list[str]:
        """Sentences, sorted; `more` are reasons and counts from elsewhere."""
        found = self._places | dict(more or {})
        return [reason if count == 1 else f"{reason} ({count} times)" for reason, count in sorted(found.items())]


class Reading(ABC):
    """Reads one report, once: iterate over it, then look at the counts and the notes."""

    form: ClassVar[str]
    """The name of the format."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.cases = 0
        """Test cases, or steps of a build, that were seen."""
        self.failures = 0
        self.flakes = 0
        """Cases that failed first and passed in the end; they are not failures."""
        self._lost = Notes()

    @abstractmethod
    def __iter__(self) -> Iterator[Reported]:
        """What failed, in the order of the report.

        Raises:
            UnreadableInput: the input is not of this format at all; says why.
        """

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost or stepped over, in sentences; empty for a clean report. Complete once iterated."""
        return tuple(self._lost.told())

    def _note(self, reason: str) -> None:
        self._lost.add(reason)

    def _has_room(self) -> bool:
        """Counts one more failure; False, with a note, when there are too many."""
        if self.failures >= self.limits.failures_max:
            self._note(f"more than {self.limits.failures_max} failures")
            return False
        self.failures += 1
        return True


class Collected:
    """Text in bounded room: its beginning and its end."""

    __slots__ = ("_head", "_room", "_tail", "_tail_max", "_waiting", "lost")

    def __init__(self, *, head_max: int, tail_max: int) -> None:
        self._head: list[str] = []
        self._tail: list[str] = []
        self._waiting = 0
        self._room = head_max
        self._tail_max = tail_max
        self.lost = 0
        """Characters that were left out; complete after `get`."""

    @property
    def chars(self) -> int:
        """How many are held."""
        return sum(map(len, self._head)) + self._waiting

    def add(self, text: str) -> None:
        if self._room > 0:
            self._head.append(text[: self._room])
            self._room -= len(self._head[-1])
            text = text[len(self._head[-1]) :]
        if text:
            self._tail.append(text)
            self._waiting += len(text)
            if self._waiting > 2 * self._tail_max:
                self._shorten()

    def _shorten(self) -> None:
        tail = "".join(self._tail)
        kept = tail[len(tail) - self._tail_max :] if len(tail) > self._tail_max else tail
        self.lost += len(tail) - len(kept)
        self._tail = [kept]
        self._waiting = len(kept)

    def get(self) -> str:
        self._shorten()
        cut = f"\n... [{self.lost} characters cut] ...\n" if self.lost and self._head else ""
        return cleaned("".join(self._head) + cut + "".join(self._tail))


def cleaned(text: str) -> str:
    """Without colours, control characters and the blank lines around it. Linear."""
    if "[" in text:
        text = _COLOUR.sub("", text)
    if "\x1b]" in text:
        text = _LINK.sub("", text)
    return _CONTROL.sub("", text.replace("\r\n", "\n")).strip("\n\r\t ")


def shortened(text: str, chars_max: int) -> str:
    """Cleaned; a text that is longer keeps its beginning and its end, with a mark that says how much is missing."""
    if len(text) <= chars_max:
        return cleaned(text)
    held = Collected(head_max=chars_max // 2, tail_max=chars_max // 2)
    held.add(text)
    return held.get()


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


def failures(found: Iterable[Reported], context: Ci, *, occurred_at_ms: int) -> Iterator[Failure]:
    """The records of what a report holds. `context` says where it ran; what the report knows of the test is added.

    The second result of one class and name, in one case or in a repeated one, has ordinal 1, and so on; where there is
    no name, the second of one message.
    """
    seen: dict[tuple[str, str], int] = {}
    for one in found:
        message, traceback = one.said
        key = (one.classname, one.name) if one.name else ("", f"{one.step}\n{message}")
        ordinal = seen[key] = seen.get(key, -1) + 1
        ci = msgspec.structs.replace(
            context,
            source=one.source if context.source is Source.FULL_LOG else context.source,
            step_name=context.step_name or one.step,
            test_class=one.classname,
            test_name=one.name,
            test_file=one.file,
            test_line=one.line,
            test_time_s=one.time_s,
            framework=one.framework or context.framework,
        )
        kind = one.type.strip()
        if kind.lower() in _NOT_AN_EXCEPTION or " " in kind:  # `test failure with exit code 101`
            kind = ""
        labels = {"outcome": one.outcome, "suite": one.suite, "output": one.output[-_OUTPUT_LABEL_CHARS:], **one.labels}
        yield bounded(
            identified(
                Failure(
                    origin=Origin.CI,
                    occurred_at_ms=occurred_at_ms,
                    message=message
                    or f"{one.title or one.suite or one.step or 'a step'}: {one.outcome} without a message",
                    traceback=traceback,
                    exception_type=kind,
                    exit_code=one.exit_code,
                    ordinal=ordinal,
                    labels={name: text for name, text in labels.items() if text},
                    ci=ci,
                )
            )
        )
