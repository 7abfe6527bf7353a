"""Cargo's JSON messages (`--message-format json`) -> the errors of the compiler, and of the tests printed among them.

Source of the format: The Cargo Book, External Tools, JSON messages; rustc's JSON output for the diagnostics.
An error counts once, though cargo repeats it for each target that has the file. Errors that are one in macros, or
that only say that there were errors, do not count beside others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Source
from streams.producers.inner import failures_in, reported
from streams.producers.libtest import Events
from streams.producers.lines import lines_of, objects_of
from streams.producers.report import Collected, Limits, Reading, Reported, shortened

_LEVELS: Final = frozenset({"error", "error: internal compiler error"})
_SUMMARY: Final = ("aborting due to", "could not compile", "Some errors have detailed explanations")


class Cargo(Reading):
    """See `Reading`. `cases` counts messages of the compiler and tests."""

    form = "cargo JSON messages"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream
        self._seen: set[bytes] = set()
        self._events = Events(limits)
        self._foreign = Collected(head_max=limits.text_chars_max, tail_max=limits.text_chars_max)
        self._messages = 0
        self._success: bool | None = None

    def __iter__(self) -> Iterator[Reported]:
        for one in objects_of(lines_of(self._stream, self.limits, self._lost), self._lost):
            if isinstance(one, str):
                self._foreign.add(one + "\n")
            elif Events.is_one(one):
                self._events.take(one)
                if self._events.count > self.limits.held_max or self._events.chars > self.limits.held_chars_max:
                    yield from self._tests()
            elif isinstance(one.get("reason"), str):
                yield from self._message(one)
        if not self._messages:
            raise UnreadableInput("no message of cargo in it")
        yield from self._tests()
        found = self.failures
        for told in reported(failures_in(self._foreign.get().split("\n"))):
            is_repeat = found and told.source is not Source.RUST_TEST  # cargo says on stderr what it said already
            if not is_repeat and self._has_room():
                yield told
        if self._success is None:
            self._note("cut off before the build was finished")
        elif not self._success and not self.failures and self._has_room():
            message = "the build failed, and no message says why"
            yield Reported(message=message, outcome="error", source=Source.FULL_LOG)

    def _tests(self) -> Iterator[Reported]:
        for one in self._events.released():
            if self._has_room():
                yield one
        self.flakes = self._events.flakes
        self.cases += self._events.cases
        self._events.cases = 0

    def _message(self, told: dict[str, Any]) -> Iterator[Reported]:
        self._messages += 1
        if told["reason"] == "build-finished":
            self._success = bool(told.get("success"))
        message = told.get("message")
        if told["reason"] != "compiler-message" or not isinstance(message, dict):
            return
        self.cases += 1
        said = str(message.get("message") or "")
        if message.get("level") not in _LEVELS or said.startswith(_SUMMARY):
            return
        one = _reported(message, said, told, self.limits)
        key = hashlib.blake2b(f"{one.file}:{one.line}\n{one.text}".encode(), digest_size=12).digest()
        if key in self._seen:
            return
        if self._has_room():
            self._seen.add(key)
            yield one


def _reported(message: dict[str, Any], said: str, told: dict[str, Any], limits: Limits) -> Reported:
    code = message.get("code")
    number = str(code.get("code") or "") if isinstance(code, dict) else ""
    spans = [span for span in message.get("spans") or () if isinstance(span, dict)]
    place = next((span for span in spans if span.get("is_primary")), {})
    target = told.get("target")
    line = place.get("line_start")
    labels = {
        "code": number,
        "package": str(told.get("package_id") or "").rpartition("#")[2],
        "target": str(target.get("name") or "") if isinstance(target, dict) else "",
    }
    return Reported(
        message=shortened(f"error[{number}]: {said}" if number else f"error: {said}", limits.text_chars_max),
        text=shortened(str(message.get("rendered") or ""), limits.text_chars_max),
        file=str(place.get("file_name") or ""),
        line=line if isinstance(line, int) and 0 <= line < 2**31 else None,
        outcome="error",
        framework="rust",
        source=Source.FULL_LOG,
        labels={name: text for name, text in labels.items() if text},
    )


def read_cargo(stream: BinaryIO, *, limits: Limits | None = None) -> Cargo:
    """Begins to read the messages; nothing is read before it is iterated over."""
    return Cargo(stream, limits or Limits())
