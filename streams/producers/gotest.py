"""The events of `go test -json` (test2json), also such as gotestsum keeps -> failures.

Source of the format: `go doc test2json` and `go doc cmd/go` (Go 1.24 adds `build-output`, `build-fail`, `FailedBuild`).
A test that only failed because a subtest did is not told of again. A package that failed without a failed test (build,
init, TestMain, a deadline) counts itself. A test that failed and passed in a later run of its package, which passed
then, is a flake; one that failed there too was run again in vain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.producers.inner import failures_in, reported
from streams.producers.lines import lines_of, objects_of
from streams.producers.report import Collected, Limits, Reading, Reported

_FRAME: Final = re.compile(r"^\s*(?:=== (?:RUN|PAUSE|CONT|NAME)\b|--- (?:FAIL|PASS|SKIP): )")
"""What says that a test ran, and how it ended."""
_PANIC: Final = re.compile(r"^(?:panic: |fatal error: |WARNING: DATA RACE)")
_PLACE: Final = re.compile(r"^\s*([\w./-]+\.go):(\d{1,7}): ")
_PACKAGE_FRAME: Final = re.compile(r"^(?:FAIL|ok|PASS|\?)(?:\s|$)|^(?:exit status|coverage:)")
_BUILD_MAX: Final = 1_000
"""Builds of which the output is held."""


@dataclass(slots=True)
class _Test:
    output: Collected
    child_failed: bool = False
    said: bool = False


@dataclass(slots=True)
class _Package:
    run: int = 0
    """How often it ran to its end."""
    tests: dict[str, _Test] = field(default_factory=dict)
    output: Collected | None = None
    failed_tests: int = 0
    """In the run that goes on."""
    held: dict[str, list[tuple[int, Reported]]] = field(default_factory=dict)
    """Failures by test, each with its run."""
    passed: dict[str, int] = field(default_factory=dict)
    """Tests that failed, and the last run in which they passed."""
    ended_well: bool = False


class GoTest(Reading):
    """See `Reading`. Failures are held until the end, or until `held_chars_max`, for a later run may pass."""

    form = "go test -json"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream
        self._packages: dict[str, _Package] = {}
        self._builds: dict[str, Collected] = {}
        self._running = 0
        self._held = 0
        self._held_chars = 0
        self._foreign = Collected(head_max=limits.text_chars_max, tail_max=limits.text_chars_max)
        self._events = 0

    def __iter__(self) -> Iterator[Reported]:
        for one in objects_of(lines_of(self._stream, self.limits, self._lost), self._lost):
            if isinstance(one, str):
                self._foreign.add(one + "\n")
            elif isinstance(one.get("Action"), str):
                self._events += 1
                self._event(one)
                if self._held > self.limits.held_max or self._held_chars > self.limits.held_chars_max:
                    self._note("failures before a later run of their tests could be seen")
                    yield from self._released()
        if not self._events:
            raise UnreadableInput("no event of `go test -json` in it")
        unended = sum(len(package.tests) for package in self._packages.values())
        if unended:
            self._lost.add("tests that had not ended when the report did", unended)
        yield from self._unended()
        yield from self._released()
        yield from self._told_beside()

    def _event(self, event: dict[str, Any]) -> None:
        name = str(event.get("Package") or "")
        test = str(event.get("Test") or "")
        action = event["Action"]
        output = event.get("Output")
        if action in {"build-output", "build-fail"}:
            self._build(str(event.get("ImportPath") or ""), output)
            return
        package = self._packages.get(name)
        if package is None:
            package = self._packages[name] = _Package()
        match action:
            case "output":
                if isinstance(output, str):
                    self._print(package, test, output)
            case "run" if test:
                self._test(package, test)
            case "pass" | "skip" if test:
                self._ends(package, test)
                self.cases += 1
                if test in package.held:
                    package.passed[test] = package.run
            case "fail" if test:
                self.cases += 1
                self._test_failed(name, package, test, event)
            case "pass" | "skip" | "fail":
                self._package_ended(name, package, event)
            case _:
                pass

    def _build(self, path: str, output: object) -> None:
        if isinstance(output, str):
            if path not in self._builds and len(self._builds) >= _BUILD_MAX:
                self._note(f"output of more than {_BUILD_MAX} builds")
                return
            self._builds.setdefault(path, self._collected()).add(output)

    def _collected(self) -> Collected:
        half = self.limits.text_chars_max // 2
        return Collected(head_max=half, tail_max=half)

    def _test(self, package: _Package, test: str) -> _Test | None:
        one = package.tests.get(test)
        if one is None:
            if self._running >= self.limits.open_max:
                self._note(f"output of more than {self.limits.open_max} tests that run at one time")
                return None
            self._running += 1
            one = package.tests[test] = _Test(self._collected())
        return one

    def _ends(self, package: _Package, test: str) -> _Test | None:
        one = package.tests.pop(test, None)
        self._running -= one is not None
        return one

    def _print(self, package: _Package, test: str, output: str) -> None:
        if not test:
            if package.output is None:
                package.output = self._collected()
            package.output.add(output)
        elif (one := self._test(package, test)) is not None:
            one.said = one.said or not _FRAME.match(output)
            one.output.add(output)

    def _test_failed(self, name: str, package: _Package, test: str, event: dict[str, Any]) -> None:
        one = self._ends(package, test)
        package.failed_tests += 1
        parent = test.rpartition("/")[0]
        if parent and parent in package.tests:
            package.tests[parent].child_failed = True
        if one is not None and one.child_failed and not one.said:
            return
        text = "" if one is None else one.output.get()
        if one is not None and one.output.lost:
            self._note(f"texts longer than {self.limits.text_chars_max} characters, cut in the middle")
        self._hold(package, test, _reported(name, test, text, event.get("Elapsed")))

    def _hold(self, package: _Package, test: str, one: Reported) -> None:
        if not self._has_room():
            return
        self._held += 1
        self._held_chars += len(one.text) + len(one.message)
        package.held.setdefault(test, []).append((package.run, one))

    def _package_ended(self, name: str, package: _Package, event: dict[str, Any]) -> None:
        package.ended_well = event["Action"] != "fail"
        if event["Action"] == "fail" and not package.failed_tests:
            self._package_failed(name, package, event)
        elif package.ended_well and "" in package.held:
            package.passed[""] = package.run
        self._running -= len(package.tests)
        package.tests.clear()
        package.output = None
        package.failed_tests = 0
        package.run += 1

    def _package_failed(self, name: str, package: _Package, event: dict[str, Any]) -> None:
        """It failed, and none of its tests did; what its unended tests printed tells why, too."""
        build = self._builds.get(str(event.get("FailedBuild") or ""))
        printed = build if build is not None else package.output
        texts = [one.output.get() for one in package.tests.values() if one.said]
        texts.append(printed.get() if printed is not None else "")
        lines = "\n".join(filter(None, texts)).split("\n")
        text = "\n".join(lines)
        inner = failures_in(lines)
        label = "build failed" if build is not None or "[build failed]" in text else "package failed"
        if not inner:
            kept = [line for line in lines if line.strip() and not _PACKAGE_FRAME.match(line)]
            message = next((line for line in kept if _PANIC.match(line)), kept[0] if kept else "")
            self._hold(package, "", Reported(message=message, text=text, suite=name, outcome="error"))
        for one in reported(inner):
            labels = {**one.labels, "said": label}
            told = replace(one, suite=name, outcome="error", name="", classname="", labels=labels)
            self._hold(package, "", told)

    def _unended(self) -> Iterator[Reported]:
        """Tests that were running when the report ended, and printed a panic: nobody said that they failed."""
        for name, package in self._packages.items():
            for test, one in package.tests.items():
                text = one.output.get()
                if any(map(_PANIC.match, text.split("\n"))) and self._has_room():
                    yield _reported(name, test, text, None)

    def _released(self) -> Iterator[Reported]:
        """What is held, in order, without what passed in a later run that passed as a whole."""
        for package in self._packages.values():
            for test, told in package.held.items():
                if package.ended_well and package.passed.get(test, -1) > told[-1][0]:
                    self.failures -= len(told)
                    self.flakes += 1
                    continue
                first = told[0][0]
                again = len({run for run, _ in told}) - 1
                yield from (replace(one, reruns=again) for run, one in told if run == first)
                self.failures -= sum(run != first for run, _ in told)
            package.held.clear()
            package.passed.clear()
        self._held = self._held_chars = 0

    def _told_beside(self) -> Iterator[Reported]:
        """Older versions print what the compiler says as plain text between the events."""
        text = self._foreign.get()
        if not text:
            return
        for one in reported(failures_in(text.split("\n"))):
            if self._has_room():
                yield one


def _reported(package: str, test: str, text: str, elapsed: object) -> Reported:
    lines = text.split("\n")
    spoken = [line for line in lines if not _FRAME.match(line)]
    inner = next(iter(failures_in(["--- FAIL: T (0.00s)", *spoken], limit=1)), None)
    message = inner.message if inner is not None else next((line.strip() for line in spoken if line.strip()), "")
    place = next((found for line in spoken if (found := _PLACE.match(line)) and message in line), None)
    return Reported(
        message=message,
        text="\n".join(spoken).strip("\n"),
        classname=package,
        name=test,
        file=place.group(1) if place else "",
        line=int(place.group(2)) if place else None,
        time_s=float(elapsed) if isinstance(elapsed, int | float) and elapsed >= 0 else None,
    )


def read_gotest(stream: BinaryIO, *, limits: Limits | None = None) -> GoTest:
    """Begins to read the events; nothing is read before it is iterated over."""
    return GoTest(stream, limits or Limits())
