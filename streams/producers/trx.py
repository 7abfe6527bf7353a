"""TRX, the results file of Visual Studio's test platform (`dotnet test --logger trx`) -> failures.

Source of the format: the schema `vstst.xsd`, namespace VisualStudio/TeamTest/2010.
MSTest, NUnit and xUnit write it alike, but the class of a test stands in definitions after the results: failures are
held until those were read. Rows of a data-driven test that failed count, and their parent does not count beside them.
What the run itself says went wrong (`RunInfo` of outcome Error: the host of the tests crashed) counts, without a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.producers.report import Collected, Limits, Outcome, Reading, Reported, framework_of
from streams.producers.xml_events import End, Scanner, Start, Text

_OUTCOMES: Final[dict[str, Outcome]] = {
    "Failed": "failure",
    "Error": "error",
    "Timeout": "error",
    "Aborted": "error",
    "NotRunnable": "error",
    "Disconnected": "error",
}
_TEXTS: Final = frozenset({"Message", "StackTrace", "StdOut", "StdErr", "DebugTrace", "TextMessages"})
_PLACES: Final = {"Message": 0, "StackTrace": 1}
_RESULT: Final = re.compile(r"^(?:Unit|Web|Load|Manual|Generic|Ordered)?Test(?:Result(?:Aggregation)?)$")
_THREW: Final = re.compile(r"(?:^|threw exception:\s*)([A-Za-z_][\w.+`]{0,200}Exception)\b")
_PLACE: Final = re.compile(r" in (.{1,500}?):line (\d{1,7})\s*?$", re.MULTILINE)
_DURATION: Final = re.compile(r"^(?:(\d{1,4})\.)?(\d{1,2}):(\d\d):(\d\d(?:\.\d{1,9})?)$")
_DEPTH_MAX: Final = 64


@dataclass(slots=True)
class _Result:
    depth: int
    attributes: dict[str, str]
    texts: tuple[Collected, Collected, Collected] | None = None
    """Message, stack and output of one that failed."""
    child_failed: bool = False


class Trx(Reading):
    """See `Reading`."""

    form = "TRX"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._scanner = Scanner(stream, bytes_max=limits.bytes_max)
        self._open: list[str] = []
        self._results: list[_Result] = []
        self._held: list[tuple[str, Reported]] = []
        self._held_chars = 0
        self._classes: dict[str, str] = {}
        self._wanted: set[str] = set()
        self._test_id = ""
        self._run_info: Collected | None = None
        self._root = ""

    @property
    def notes(self) -> tuple[str, ...]:
        damage = {f"damaged: {reason}": count for reason, count in self._scanner.damage.places.items()}
        return tuple(self._lost.told(damage))

    def __iter__(self) -> Iterator[Reported]:
        for event in self._scanner:
            match event:
                case Start():
                    self._start(event)
                case Text():
                    self._text(event)
                case End():
                    yield from self._end(event.name)
            if len(self._held) > self.limits.held_max or self._held_chars > self.limits.held_chars_max:
                self._note("failures before the definitions of their classes could be read")
                yield from self._released()
        if self._root != "TestRun":
            raise UnreadableInput(f"not a TRX file: the root element is {self._root[:80] or 'missing'}")
        if self._open:
            self._note("cut off before the end of the report")
            while self._results:
                self._finish(self._results.pop())
        yield from self._released()

    def _start(self, tag: Start) -> None:
        self._root = self._root or tag.name
        self._open.append(tag.name)
        if len(self._open) > _DEPTH_MAX:
            self._note(f"deeper than {_DEPTH_MAX} elements")
            self._open.pop(-2)
        if _RESULT.match(tag.name):
            self._results.append(_Result(len(self._open), tag.attributes))
            if tag.attributes.get("outcome") in _OUTCOMES:
                half = self.limits.text_chars_max // 2
                output = Collected(head_max=0, tail_max=self.limits.output_chars_max)
                self._results[-1].texts = (
                    Collected(head_max=half, tail_max=half),
                    Collected(head_max=half, tail_max=half),
                    output,
                )
        elif tag.name == "UnitTest":
            self._test_id = tag.attributes.get("id", "")
        elif tag.name == "TestMethod" and self._test_id in self._wanted:
            # `Shop.Cart, shop.tests, Version=...` in files of older versions
            self._classes[self._test_id] = tag.attributes.get("className", "").partition(",")[0]
        elif tag.name == "RunInfo" and tag.attributes.get("outcome") in {"Error", "Failed"}:
            half = self.limits.text_chars_max // 2
            self._run_info = Collected(head_max=half, tail_max=half)

    def _text(self, text: Text) -> None:
        inside = self._open[-1] if self._open else ""
        if self._run_info is not None:
            if inside == "Text":
                self._run_info.add(text.unescaped())
        elif self._results and inside in _TEXTS:
            texts = self._results[-1].texts
            if texts is not None and (inside != "Message" or self._open[-2:-1] == ["ErrorInfo"]):
                texts[_PLACES.get(inside, 2)].add(text.unescaped())

    def _end(self, name: str) -> Iterator[Reported]:
        if name not in self._open:
            self._note("end tags without a beginning")
            return
        while self._open:
            closed = self._open.pop()
            if self._results and self._results[-1].depth > len(self._open):
                self._finish(self._results.pop())
            if closed == name:
                break
            self._note("elements that are not closed")
        if name == "RunInfo" and self._run_info is not None:
            said, self._run_info = self._run_info.get(), None
            if said and self._has_room():
                yield Reported(message=said, outcome="error", labels={"said": "the test run"})
        elif name == "TestDefinitions":
            yield from self._released()

    def _finish(self, one: _Result) -> None:
        outcome = _OUTCOMES.get(one.attributes.get("outcome", ""))
        is_part = bool(self._results)
        self.cases += not is_part
        if outcome is None or one.texts is None:
            return
        if is_part:
            self._results[-1].child_failed = True
        if one.child_failed or not self._has_room():
            return
        message, stack, output = (text.get() for text in one.texts)
        if one.texts[0].lost or one.texts[1].lost:
            self._note(f"failure texts longer than {self.limits.text_chars_max} characters, cut in the middle")
        thrown, place = _THREW.search(message), _PLACE.search(stack)
        name = one.attributes.get("testName", "")
        said = one.attributes.get("outcome", "")
        test = Reported(
            message=message or (f"{said}" if said in {"Timeout", "Aborted", "NotRunnable", "Disconnected"} else ""),
            text=stack,
            type=thrown.group(1) if thrown else "",
            name=name,
            file=place.group(1) if place else "",
            line=int(place.group(2)) if place else None,
            time_s=_seconds(one.attributes.get("duration", "")),
            framework=framework_of("", name),
            outcome=outcome,
            output=output,
        )
        test_id = one.attributes.get("testId", "")
        self._wanted.add(test_id)
        self._held_chars += len(message) + len(stack)
        self._held.append((test_id, test))

    def _released(self) -> Iterator[Reported]:
        for test_id, one in self._held:
            classname = self._classes.get(test_id, "")
            name = one.name.removeprefix(f"{classname}.") if classname else one.name
            yield replace(one, classname=classname, name=name)
        self._held = []
        self._held_chars = 0


def _seconds(duration: str) -> float | None:
    """Seconds of `[days.]hours:minutes:seconds`; None when it is none."""
    found = _DURATION.match(duration)
    if found is None:
        return None
    days, hours, minutes, seconds = found.groups()
    return ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)


def read_trx(stream: BinaryIO, *, limits: Limits | None = None) -> Trx:
    """Begins to read the file; nothing is read before it is iterated over."""
    return Trx(stream, limits or Limits())
