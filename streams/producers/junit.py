"""JUnit reports, whoever wrote them -> failures.

Every `failure` and `error` inside a test case counts, also the second one and the one without text, in any namespace,
under any nesting of suites; one outside of any case counts as the suite's. What Surefire and nextest call
`flakyFailure` and `rerunFailure` is told apart: a flaky case passed in the end, a rerun repeats a failure that is
reported anyway.
Bazel and CTest say only `exited with error code 1` or `Failed`; then the output of the case, or of its suite, says why.
gotestsum and Gradle's retry print a further try as a case of its own: one that passed makes the earlier ones a flake.
A report cut short gives what it held; the reading's `notes` say what was lost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.producers.inner import failures_in
from streams.producers.report import Collected, Limits, Outcome, Reading, Reported, cleaned, framework_of, is_generic
from streams.producers.xml_events import End, Scanner, Start, Text

_OUTCOMES: Final[dict[str, Outcome]] = {"failure": "failure", "error": "error"}
_RERUNS: Final = frozenset({"rerunFailure", "rerunError"})
_FLAKES: Final = frozenset({"flakyFailure", "flakyError"})
_OUTPUTS: Final = frozenset({"system-out", "system-err"})
_OF_GO: Final = "go.version"
"""The property by which reports of Go's tests are known."""
_SUITES: Final = frozenset({"testsuite", "testsuites"})

_PENDING_MAX: Final = 64
"""Results of one case that are held until the case ends; a case with more gives the earlier ones without its output."""


@dataclass(slots=True)
class _Case:
    attributes: dict[str, str]
    suite: str
    suite_file: str
    output: Collected
    pending: list[Reported] = field(default_factory=list)
    count: int = 0
    reruns: int = 0
    flakes: int = 0
    is_skipped: bool = False


class JUnit(Reading):
    """See `Reading`. A failure of a suite's case is held until the suite says what it printed: at most 64 are."""

    form = "junit"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._scanner = Scanner(stream, bytes_max=limits.bytes_max)
        self._open: list[str] = []
        self._suites: list[tuple[int, str, str]] = []
        self._case: _Case | None = None
        self._case_depth = 0
        self._result: tuple[int, Outcome, dict[str, str], Collected] | None = None
        self._output_depth = 0
        self._beyond_depth = 0
        self._root = ""
        self._held: list[Reported] = []
        self._suite_attributes: dict[str, str] = {}
        self._properties: int | None = None
        """How many the open suite has; None where it has no list of them."""
        self._tries = False
        """Whether a case of the open suite that has the name of an earlier one is a further try, not another test."""
        self._suite_output: Collected | None = None

    def __iter__(self) -> Iterator[Reported]:
        for event in self._scanner:
            match event:
                case Text():
                    self._text(event)
                case Start():
                    yield from self._start(event)
                case End():
                    yield from self._end(event.name)
                    if self._case is None and not self._beyond_depth:
                        self._pass_over()
        if not self._root:
            raise UnreadableInput("no XML element in it: not a test report")
        if self._open:
            self._note("cut off before the end of the report")
            yield from self._close(0)
        yield from self._released()

    def _pass_over(self) -> None:
        """Counts the cases that follow of which the report only says that they passed."""
        if self._open[-1:] != ["testsuite"] or len(self._open) >= self.limits.depth_max:
            return
        if not (self._held and (self._tries or self._properties == 0)):  # else one may be a further try of a held one
            self.cases += self._scanner.passed_over("testcase")

    @property
    def notes(self) -> tuple[str, ...]:
        damage = {f"damaged: {reason}": count for reason, count in self._scanner.damage.places.items()}
        told = self._lost.told(damage)
        if self._root and not self.cases and self._root not in _SUITES:
            told.append(f"no test case found: the root element is {self._root[:80]}")
        return tuple(told)

    def _start(self, tag: Start) -> Iterator[Reported]:
        self._root = self._root or tag.name
        if self._beyond_depth or len(self._open) >= self.limits.depth_max:
            self._beyond_depth += 1
            self._note(f"deeper than {self.limits.depth_max} elements")
            return
        if tag.name == "testcase":
            self._tries = self._tries or (self._properties == 0 and "hostname" in self._suite_attributes)
            if self._case is not None:
                self._note("a test case inside a test case")
                yield from self._close(self._case_depth - 1)
            self._begin_case(tag.attributes)
        elif tag.name == "testsuite":
            yield from self._released()
            self._suite_attributes, self._properties, self._tries = tag.attributes, None, False
            named = tag.attributes.get("name", "")
            self._suites.append(
                (len(self._open), named, tag.attributes.get("file") or tag.attributes.get("filepath", ""))
            )
        elif self._case is not None and self._result is None:
            self._begin_result(self._case, tag)
        elif self._case is None and tag.name == "properties":
            self._properties = 0
        elif self._case is None and tag.name == "property":
            self._properties = (self._properties or 0) + 1
            self._tries = self._tries or tag.attributes.get("name") == _OF_GO
        elif self._case is None and self._open and self._open[-1] in _SUITES:
            self._begin_of_suite(tag)
        self._open.append(tag.name)

    def _begin_case(self, attributes: dict[str, str]) -> None:
        self.cases += 1
        file = next((file for _, _, file in reversed(self._suites) if file), "")
        suite = " > ".join(name for _, name, _ in self._suites if name)
        self._case = _Case(attributes, suite, file, Collected(head_max=0, tail_max=self.limits.output_chars_max))
        self._case_depth = len(self._open) + 1

    def _begin_of_suite(self, tag: Start) -> None:
        """What a suite says outside of its cases."""
        if tag.name in _OUTPUTS:
            if self._suite_output is None:
                self._suite_output = Collected(head_max=0, tail_max=self.limits.output_chars_max)
            self._output_depth = len(self._open) + 1
        elif tag.name in _OUTCOMES:
            self._begin_case({})
            self._case_depth += 1
            self.cases -= 1
            if self._case is not None:
                self._begin_result(self._case, tag)

    def _begin_result(self, case: _Case, tag: Start) -> None:
        depth = len(self._open) + 1
        if outcome := _OUTCOMES.get(tag.name):
            half = self.limits.text_chars_max // 2
            self._result = depth, outcome, tag.attributes, Collected(head_max=half, tail_max=half)
        elif tag.name in _RERUNS:
            case.reruns += 1
        elif tag.name in _FLAKES:
            case.flakes += 1
        elif tag.name == "skipped":
            case.is_skipped = True
        elif tag.name in _OUTPUTS and self._open[-1] == "testcase":
            self._output_depth = depth

    def _text(self, text: Text) -> None:
        if self._result is not None:
            self._result[3].add(text.unescaped())
        elif self._output_depth:
            output = self._case.output if self._case is not None else self._suite_output
            if output is not None:
                output.add(text.unescaped())

    def _end(self, name: str) -> Iterator[Reported]:
        if self._beyond_depth:
            self._beyond_depth -= 1
        elif self._open and self._open[-1] == name:
            yield from self._close(len(self._open) - 1)
        elif name in self._open:
            self._note("elements that are not closed")
            yield from self._close(len(self._open) - 1 - self._open[::-1].index(name))
        else:
            self._note("end tags without a beginning")

    def _close(self, depth: int) -> Iterator[Reported]:
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
        if self._suites and self._suites[-1][0] >= depth:
            yield from self._released()
        while self._suites and self._suites[-1][0] >= depth:
            self._suites.pop()

    def _finish_result(
        self, case: _Case, outcome: Outcome, attributes: dict[str, str], collected: Collected
    ) -> Iterator[Reported]:
        if not self._has_room():
            return
        classname, name = case.attributes.get("classname", ""), case.attributes.get("name", "")
        case.pending.append(
            Reported(
                classname=classname,
                name=name,
                message=cleaned(attributes.get("message", "")),
                type=cleaned(attributes.get("type", "")),
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
            self._note(f"failure texts longer than {self.limits.text_chars_max} characters, cut in the middle")
        if len(case.pending) >= _PENDING_MAX:
            yield from case.pending
            case.pending.clear()

    def _finish_case(self, case: _Case) -> Iterator[Reported]:
        if case.flakes and not case.count:
            self.flakes += 1
        if self._tries and self._is_further_try(case):
            return
        output = case.output.get() if case.pending else ""
        for failure in case.pending:
            told = case.reruns or output
            one = dataclasses.replace(failure, reruns=case.reruns, output=output) if told else failure
            if not self._suites or len(self._held) >= _PENDING_MAX:
                yield from self._released()
            if self._suites:
                self._held.append(one)
            else:
                yield _said_by_output(one)

    def _is_further_try(self, case: _Case) -> bool:
        """Whether a test that is held failed before; then this one is told with it, or with none of it if it passed.

        Names are told apart by Go (`#01`) and by Gradle (`[1]`), so in their reports one name is one test. In others it
        may be another row of data, whose passing must hide nothing.
        """
        key = case.attributes.get("classname", ""), case.attributes.get("name", "")
        earlier = [one for one in self._held if (one.classname, one.name) == key]
        if not earlier or case.is_skipped:
            return False
        if case.count:
            again = dataclasses.replace(earlier[0], reruns=earlier[0].reruns + 1)
            self._held = [again if one is earlier[0] else one for one in self._held]
            self.failures -= case.count
        else:
            self._held = [one for one in self._held if one not in earlier]
            self.failures -= len(earlier)
            self.flakes += 1
        return True

    def _released(self) -> Iterator[Reported]:
        """The failures that were held for the output of their suite, with the end of it where they have none."""
        held, self._held = self._held, []
        output, self._suite_output = self._suite_output, None
        printed = output.get() if output is not None and held else ""
        for one in held:
            yield _said_by_output(dataclasses.replace(one, output=printed) if printed and not one.output else one)


def _said_by_output(one: Reported) -> Reported:
    """A failure of which the report says nothing but that it failed, with what it printed instead."""
    if one.text or not one.output or not is_generic(one.message):
        return one
    found = failures_in(one.output.split("\n"), limit=1)
    if not found:
        return dataclasses.replace(one, text=one.output)
    labels = {"said": one.message, "rule": found[0].labels["rule"]}
    return dataclasses.replace(one, message=found[0].message, text=one.output, labels=labels)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _seconds(text: str) -> float | None:
    """Seconds of a `time` attribute; thousands separators as some writers set them; None when it is no time."""
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e9 else None


def read_junit(stream: BinaryIO, *, limits: Limits | None = None) -> JUnit:
    """Begins to read a report: nothing is read before it is iterated over, and memory does not grow with its size."""
    return JUnit(stream, limits or Limits())
