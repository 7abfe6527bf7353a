"""The JSON of Rust's test harness (`--format json`), also as nextest prints it (`libtest-json`) -> failures.

Source of the format: `library/test/src/formatters/json.rs` of the Rust repository; nextest's documentation of
`--message-format libtest-json`, whose names are `crate::binary$test` and end in `#2` for the second try.
What the harness prints as text is read by `streams.core.extract.sections`, which is also how text between is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Source
from streams.core.extract.error import error_in
from streams.producers.inner import failures_in, reported
from streams.producers.lines import lines_of, objects_of
from streams.producers.report import Collected, Limits, Reading, Reported, shortened

_PLACE: Final = re.compile(r"panicked at (?:'.{0,500}', )?([^\s:']{1,500}\.rs):(\d{1,7})")
_TRY: Final = re.compile(r"#(\d{1,4})$")


@dataclass(slots=True)
class _Held:
    told: list[Reported]
    passed: bool = False
    is_tried: bool = False
    """The same test came again, by a number at its name."""


class Events:
    """What the harness says, event by event: the failures come at `released`, when no try can follow any more."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: dict[str, _Held] = {}
        self._running: set[str] = set()
        self._binary = ""
        self.cases = 0
        self.flakes = 0
        self.chars = 0

    @staticmethod
    def is_one(event: dict[str, Any]) -> bool:
        return event.get("type") in {"suite", "test", "bench"} and isinstance(event.get("event"), str)

    @property
    def count(self) -> int:
        return len(self._held)

    @property
    def running(self) -> int:
        """Tests that began and have not ended."""
        return len(self._running)

    def take(self, event: dict[str, Any]) -> None:
        if event["type"] == "suite":
            told = event.get("nextest")
            if isinstance(told, dict):
                self._binary = f"{told.get('crate', '')}::{told.get('test_binary', '')}".strip(":")
            return
        name = str(event.get("name") or "")
        outcome = event["event"]
        if outcome == "started":
            if len(self._running) < self._limits.open_max:
                self._running.add(name)
            return
        if outcome == "timeout":  # runs longer than it should, and goes on
            return
        self._running.discard(name)
        self.cases += 1
        key = _TRY.sub("", name)
        if outcome == "failed":
            one = self._failed(key, event)
            self.chars += len(one.text)
            held = self._held.setdefault(key, _Held([]))
            held.told.append(one)
            held.is_tried = held.is_tried or key != name
        elif outcome == "ok" and key in self._held and key != name:
            self._held[key].passed = True

    def _failed(self, name: str, event: dict[str, Any]) -> Reported:
        binary, _, test = name.rpartition("$")
        text = shortened(str(event.get("stdout") or ""), self._limits.text_chars_max)
        said = str(event.get("message") or event.get("reason") or "")
        error = error_in(f"\n{text}") if text else ""
        place = _PLACE.search(text)
        seconds = event.get("exec_time")
        return Reported(
            message=shortened(said or error or text.partition("\n")[0], self._limits.text_chars_max),
            text=text,
            classname=binary or self._binary,
            name=test,
            file=place.group(1) if place else "",
            line=int(place.group(2)) if place else None,
            time_s=float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else None,
            framework="rust",
            source=Source.RUST_TEST,
        )

    def released(self) -> Iterator[Reported]:
        """The failures, in order, without tests of which a later try passed; further tries are counted as reruns."""
        for held in self._held.values():
            if held.passed:
                self.flakes += 1
            elif held.is_tried:
                yield replace(held.told[0], reruns=len(held.told) - 1)
            else:
                yield from held.told
        self._held = {}
        self.chars = 0


class Libtest(Reading):
    """See `Reading`."""

    form = "libtest JSON"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream
        self._events = Events(limits)
        self._taken = 0
        self._foreign = Collected(head_max=limits.text_chars_max, tail_max=limits.text_chars_max)

    def __iter__(self) -> Iterator[Reported]:
        for one in objects_of(lines_of(self._stream, self.limits, self._lost), self._lost):
            if isinstance(one, str):
                self._foreign.add(one + "\n")
            elif Events.is_one(one):
                self._taken += 1
                self._events.take(one)
                if self._events.count > self.limits.held_max or self._events.chars > self.limits.held_chars_max:
                    self._note("failures before a later try of their tests could be seen")
                    yield from self._released()
        if not self._taken:
            raise UnreadableInput("no event of a Rust test harness in it")
        if self._events.running:
            self._lost.add("tests that had not ended when the report did", self._events.running)
        yield from self._released()
        for told in reported(failures_in(self._foreign.get().split("\n"))):
            if self._has_room():
                yield told

    def _released(self) -> Iterator[Reported]:
        for one in self._events.released():
            if self._has_room():
                yield one
        self.cases, self.flakes = self._events.cases, self._events.flakes


def read_libtest(stream: BinaryIO, *, limits: Limits | None = None) -> Libtest:
    """Begins to read the events; nothing is read before it is iterated over."""
    return Libtest(stream, limits or Limits())
