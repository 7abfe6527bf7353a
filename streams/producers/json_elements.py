"""The elements of a JSON document, one at a time, of a document of any length, whole or cut off.

A parser of the whole document needs all of it in memory and gives nothing of one that is cut off. This scanner finds
where the elements of the wanted arrays begin and end, and only these are parsed. Linear; at most one element is held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

import msgspec

from streams.producers.report import Limits, Notes
from streams.producers.xml_events import Damage, chunks

_MARK: Final = re.compile(r"[\"\[\]{}]")
_STRING: Final = re.compile(r"\"(?>[^\"\\]+|\\.)*\"", re.DOTALL)
_NEXT: Final = re.compile(r"(?>[^\"\[\]{}]+|\"(?>[^\"\\]+|\\.)*\")*([\[\]{}])", re.DOTALL)
"""Up to the next bracket, over whole strings: of an element only its end matters."""
_decoded = msgspec.json.Decoder().decode
TOP: Final = ""
"""The name of the array that the document is."""


def elements(stream: BinaryIO, wanted: Mapping[str, int], limits: Limits, notes: Notes) -> Iterator[tuple[str, Any]]:
    """Name and value of each object that is an element of an array of one of the `wanted` names.

    A name stands for the array that a member of that name holds, TOP for the document itself; its number is how many
    objects and arrays are around that array. An element longer than `element_bytes_max` is left out and noted, and so
    is one that is damaged or cut off.
    """
    damage = Damage()
    scan = _Scan(wanted, limits, notes)
    for chunk in chunks(stream, limits.bytes_max, damage):
        yield from scan.feed(chunk)
    scan.end()
    for reason, count in damage.places.items():
        notes.add(reason, count)


class _Scan:
    def __init__(self, wanted: Mapping[str, int], limits: Limits, notes: Notes) -> None:
        self._wanted = wanted
        self._limits = limits
        self._notes = notes
        self._buffer = ""
        self._at = 0
        self._depth = 0
        self._name = ""
        self._last = ""
        """The last string outside of an element: the name of the member whose value comes next."""
        self._array: tuple[str, int] | None = None
        self._begin = -1
        self._is_long = False

    def feed(self, chunk: str) -> Iterator[tuple[str, Any]]:
        kept = self._begin if self._begin >= 0 else self._at
        self._at -= kept
        self._buffer = self._buffer[kept:] + chunk
        self._begin = 0 if self._begin >= 0 else -1
        while (mark := _MARK.search(self._buffer, self._at)) is not None:
            if self._begin >= 0 and (bracket := _NEXT.match(self._buffer, self._at)) is not None:
                self._at = bracket.end()
                yield from self._bracket(bracket.group(1))
                continue
            self._at = mark.start()
            if mark.group() == '"':
                string = _STRING.match(self._buffer, self._at)
                if string is None:  # it goes on in the next piece
                    break
                self._at = string.end()
                if self._array is None:
                    self._last = string.group()[1:-1]
                continue
            self._at += 1
            yield from self._bracket(mark.group())
        else:
            self._at = len(self._buffer)
        if len(self._buffer) - (self._begin if self._begin >= 0 else self._at) > self._limits.element_bytes_max:
            self._forget()

    def _bracket(self, mark: str) -> Iterator[tuple[str, Any]]:
        if mark in "[{":
            if self._array is None and mark == "[" and self._wanted.get(self._named()) == self._depth:
                self._array = self._named(), self._depth + 1
            elif self._array is not None and self._depth == self._array[1] and mark == "{":
                self._begin, self._is_long = self._at - 1, False
            self._depth += 1
            return
        self._depth -= 1
        if self._array is None:
            return
        if self._depth < self._array[1]:
            self._array, self._last = None, ""
        elif self._depth == self._array[1] and mark == "}":
            yield from self._ended(self._array[0])

    def _named(self) -> str:
        return self._last if self._depth else TOP

    def _ended(self, name: str) -> Iterator[tuple[str, Any]]:
        text, self._begin = self._buffer[self._begin : self._at] if self._begin >= 0 else "", -1
        if self._is_long:
            self._is_long = False
            return
        try:
            yield name, _decoded(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            self._notes.add("elements that are damaged")

    def _forget(self) -> None:
        """What is held is too long to be an element or a string that anyone reads; scanning goes on."""
        size = self._limits.element_bytes_max
        self._notes.add(f"elements longer than {size} bytes, left out")
        self._is_long = True
        self._begin = -1
        if self._buffer.startswith('"', self._at):  # stay inside of the string, also behind half an escape
            slashes = len(self._buffer) - len(self._buffer.rstrip("\\"))
            self._buffer, self._at = '"' + "\\" * (slashes % 2), 0

    def end(self) -> None:
        if self._depth > 0:
            self._notes.add("cut off before the end of the document")
