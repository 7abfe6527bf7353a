"""A TOML file of tables, read table by table, so that one error tells every fault of the file with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from streams.contract.errors import ConfigurationError

_HEADER: Final = re.compile(r"\[\[?\s*([^\]]*?)\s*\]")
_KEY: Final = re.compile(r"""["']?([A-Za-z0-9_-]+)["']?\s*=""")
_SYNTAX_PLACE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


class FaultyFile(ConfigurationError):
    """A file is not what it should be. `faults`: all of them as (line from 1, or 0 for the whole; what to change)."""

    def __init__(self, source: str, faults: tuple[tuple[int, str], ...]) -> None:
        lines = (f"{source}:{line}: {fault}" if line else f"{source}: {fault}" for line, fault in faults)
        super().__init__("\n".join(lines))
        self.source = source
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Block:
    """The lines from one table header to the next, so that a mistake in one table does not hide those of another."""

    header: str
    """The table's name; empty before the first."""
    is_array: bool
    line: int
    """Of the header; 0 before the first."""
    text: str

    def line_of(self, key: str) -> int:
        """Where `key` is set; the header's line where it is not."""
        for number, line in enumerate(self.text.split("\n"), start=self.line + 1):
            found = _KEY.match(line.lstrip())
            if found and found[1] == key:
                return number
        return self.line

    def table(self, fault: Callable[[int, str], None]) -> Mapping[str, object] | None:
        """What stands in it; None where that is no TOML, once `fault` was told the line and why."""
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            place = _SYNTAX_PLACE.search(str(error))
            lines_in = int(place[1]) if place and place[1] else self.text.rstrip().count("\n") + 1
            fault(self.line + lines_in, f"not TOML: {_SYNTAX_PLACE.sub('', str(error))}")
            return None


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a file, what stands before the first header among them."""
    header, is_array, start, quote = "", False, 0, ""
    lines: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        stripped = line.lstrip()
        found = _HEADER.match(stripped) if not quote and stripped.startswith("[") else None
        if found:
            yield Block(header, is_array, start, "\n".join(lines))
            header, is_array, start, lines = found[1], stripped.startswith("[[") and "]]" in stripped, number, []
            continue
        quote = _open_quote(line, quote)
        lines.append(line)
    yield Block(header, is_array, start, "\n".join(lines))


def _open_quote(line: str, quote: str) -> str:
    """The multi-line quote that is open after this line; a bracket inside one is no header."""
    for mark in ('"""', "'''"):
        if quote in ("", mark) and line.count(mark) % 2:
            return "" if quote else mark
    return quote
