"""The JSON reports of Jest, Vitest and Mocha -> failures.

Sources of the formats: Jest's `--json` (`FormattedTestResults` in @jest/test-result), which Vitest's json reporter
writes, too; Mocha's json reporter. Both are one document; it is read one test file or test at a time.
Of a file that could not be run Jest has no test, only the message of the file: that is one failure, an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.producers.inner import failures_in
from streams.producers.json_elements import elements
from streams.producers.report import Limits, Outcome, Reading, Reported, cleaned, shortened

_NAMED: Final = re.compile(r"^(?:Uncaught )?([A-Za-z_$][\w$.]{0,200}(?:Error|Exception|Failure))\b")
_FRAME: Final = re.compile(r"^\s+at |^\s*\u276f ")
_PLACE: Final = re.compile(r"(?:\(|at |\u276f )(?:file://)?([^\s():]+):(\d{1,7}):\d{1,7}\)?$")


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _spoken(text: str) -> str:
    """The message of an error's text: what stands before its stack."""
    lines = text.split("\n")
    upto = next((at for at, line in enumerate(lines) if _FRAME.match(line)), len(lines))
    return "\n".join(lines[:upto]).strip()


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) and milliseconds >= 0 else None


def _place(text: str, file: str) -> tuple[str, int | None]:
    """File and line of the first frame in the test's own file."""
    for line in text.split("\n"):
        found = _PLACE.search(line)
        if found is not None and (not file or found.group(1).endswith(file) or file.endswith(found.group(1))):
            return file or found.group(1), int(found.group(2))
    return file, None


class Jest(Reading):
    """See `Reading`."""

    form = "Jest or Vitest JSON"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream

    def __iter__(self) -> Iterator[Reported]:
        files = 0
        for _, file in elements(self._stream, {"testResults": 1}, self.limits, self._lost):
            files += 1
            yield from self._of_file(file)
        if not files and not self._lost.told():
            raise UnreadableInput("no `testResults` in it: not a report of Jest or Vitest")

    def _of_file(self, file: Mapping[str, Any]) -> Iterator[Reported]:
        path = str(file.get("name") or file.get("testFilePath") or "")
        tests = file.get("assertionResults") or file.get("testResults")
        tests = [one for one in tests if isinstance(one, dict)] if isinstance(tests, list) else []
        failed = [one for one in tests if one.get("status") == "failed"]
        self.cases += len(tests)
        for test in tests:
            if test.get("status") == "passed" and (test.get("retryReasons") or _tries(test) > 1):
                self.flakes += 1
        for test in failed:
            for ordinal, text in enumerate(_texts(test.get("failureMessages")) or [""]):
                if self._has_room():
                    yield self._reported(test, path, text, ordinal)
        said = file.get("testExecError")
        message = said.get("message") if isinstance(said, dict) else file.get("message")
        if not failed and (file.get("status") == "failed" or file.get("testExecError")) and self._has_room():
            text = shortened(str(message or ""), self.limits.text_chars_max)
            inner = failures_in(text.split("\n"), limit=1)
            spoken = (
                inner[0].message if inner else _spoken(text).removeprefix("\u25cf Test suite failed to run").strip()
            )
            yield Reported(
                message=spoken or "the test file could not be run",
                text=text,
                type=_type(spoken),
                suite=path,
                file=path,
                outcome="error",
            )

    def _reported(self, test: Mapping[str, Any], path: str, raw: str, ordinal: int) -> Reported:
        text = shortened(raw, self.limits.text_chars_max)
        where = test.get("location")
        file, line = _place(text, path)
        if isinstance(where, dict) and isinstance(where.get("line"), int) and line is None:
            line = where["line"] if 0 <= where["line"] < 2**31 else None
        above = _texts(test.get("ancestorTitles"))
        spoken = _spoken(text)
        return Reported(
            message=spoken,
            text=text,
            type=_type(spoken),
            classname=" > ".join(above),
            name=str(test.get("title") or test.get("fullName") or ""),
            suite=path,
            file=file,
            line=line,
            time_s=_seconds(test.get("duration")),
            ordinal=ordinal,
            reruns=max(0, _tries(test) - 1),
        )


def _tries(test: Mapping[str, Any]) -> int:
    tries = test.get("invocations")
    return tries if isinstance(tries, int) and 0 < tries < 10_000 else 1


def _type(text: str) -> str:
    found = _NAMED.match(text)
    return found.group(1) if found else ""


class Mocha(Reading):
    """See `Reading`. A document that is cut off before `failures` gives those of `tests` that have an error."""

    form = "Mocha JSON"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream

    def __iter__(self) -> Iterator[Reported]:
        waiting: list[Reported] = []
        chars = 0
        seen = set()
        for name, test in elements(self._stream, {"tests": 1, "failures": 1}, self.limits, self._lost):
            seen.add(name)
            error = test.get("err")
            has_failed = isinstance(error, dict) and bool(error)
            if name == "tests":
                self.cases += 1
                if _retried(test) and not has_failed:
                    self.flakes += 1
                if has_failed and chars < self.limits.held_chars_max and len(waiting) < self.limits.held_max:
                    waiting.append(self._reported(test, error))
                    chars += len(waiting[-1].text)
            elif self._has_room():
                yield self._reported(test, error if isinstance(error, dict) else {})
        if "failures" not in seen and self._lost.told():
            for one in waiting:
                if self._has_room():
                    yield one
        if not seen and not self._lost.told() and not self.cases:
            self._note("no test in it")

    def _reported(self, test: Mapping[str, Any], error: Mapping[str, Any]) -> Reported:
        title, full = str(test.get("title") or ""), str(test.get("fullTitle") or "")
        stack = shortened(str(error.get("stack") or ""), self.limits.text_chars_max)
        message = shortened(str(error.get("message") or ""), self.limits.text_chars_max)
        kind = str(error.get("name") or "") or _type(stack)
        file, line = _place(stack, str(test.get("file") or ""))
        compared = [f"{name}: {error[name]}" for name in ("expected", "actual") if isinstance(error.get(name), str)]
        outcome: Outcome = "error" if title.startswith(('"before', '"after')) else "failure"
        return Reported(
            message=f"{kind}: {message}" if kind and not message.startswith(kind) else message or _spoken(stack),
            text=cleaned("\n".join(filter(None, [stack or message, *compared]))),
            type=kind,
            classname=full.removesuffix(title).strip() if title else "",
            name=title or full,
            file=file,
            line=line,
            time_s=_seconds(test.get("duration")),
            outcome=outcome,
            reruns=_retried(test),
        )


def _retried(test: Mapping[str, Any]) -> int:
    again = test.get("currentRetry")
    return again if isinstance(again, int) and 0 < again < 10_000 else 0


def read_jest(stream: BinaryIO, *, limits: Limits | None = None) -> Jest:
    """Begins to read the report of Jest or Vitest; nothing is read before it is iterated over."""
    return Jest(stream, limits or Limits())


def read_mocha(stream: BinaryIO, *, limits: Limits | None = None) -> Mocha:
    """Begins to read the report of Mocha; nothing is read before it is iterated over."""
    return Mocha(stream, limits or Limits())
