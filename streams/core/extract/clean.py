"""A line as its tool wrote it: without colours, progress bars and the prefixes that a CI system puts before it."""

from __future__ import annotations

import json
import re
from typing import Final

LINE_CHARS_MAX: Final = 4096
"""A longer line keeps this much of its beginning: no tool says why it failed beyond that."""
CUT_MARK: Final = " ... [line cut]"

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_STAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_STAMPED = (
    rf"\ufeff?(?:\[(?:[\w-]{{1,30}}[ :])?{_STAMP}\]|{_STAMP})"
    r"(?:[ \t](?:stdout|stderr)[ ][FP](?=[ ])|[ ]\d\d[OE](?=[ +]))?"  # Kubernetes; GitLab's stream marks
    r"[ +\t]?"
)
_PREFIX = re.compile(r"\ufeff?" + _STAMPED)
_NAMED_PREFIX = re.compile(rf"\ufeff?(?:[^\t]{{1,120}}\t[^\t]{{1,120}}\t(?=\ufeff?\d{{4}}-))?{_STAMPED}")
"""`gh run view --log`: job and step before the stamp."""
_BEGINS_PREFIX: Final = frozenset("0123456789[\ufeff")
"""What a stamp or a clock begins with: most lines of most logs need no expression to be known as without."""
_CLOCK = re.compile(r"\[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]?[ \t]+(?:(?:DEBUG|INFO|WARNING)[ \t]+-[ \t]+)?")
"""A level goes with the clock before it, unless it is an error's."""
_VERTEX = re.compile(r"#\d{1,5} (?:\d{1,6}\.\d{1,6}(?: |$))?")
"""BuildKit: the number of the vertex and the seconds since its start."""
_FOLD = re.compile(r"(?:travis_(?:fold|time):[\w.:=,-]*|section_(?:start|end):\d+:[\w.-]+(?:\[[^\]]*\])?)")


def last_drawn(line: str) -> str:
    """What a terminal shows of a line that a progress bar drew over with carriage returns, bounded in length."""
    if "\r" in line:
        end = len(line)
        while end and line[end - 1] in "\r\n":
            end -= 1
        line = line[line.rfind("\r", 0, end) + 1 : end]
    if len(line) > LINE_CHARS_MAX:
        return line[:LINE_CHARS_MAX] + CUT_MARK
    return line


_OBJECTS: Final = ('{"Time":"', '{"Action":"', '{"reason":"')
_ACTIONS: Final = "run|pause|cont|pass|bench|fail|output|skip|start|attr|artifacts|build-(?:output|fail)"
_QUOTES: Final = re.compile(rf'\{{"(?:(?:Time":"[^"]{{0,40}}",")?Action":"(?:{_ACTIONS})"|reason":"compiler-message")')
_SAID: Final = re.compile(r'"(?:Output|rendered)":"((?:[^"\\]|\\.)*)"')
"""What a tool said, in an object of `go test -json` or of cargo."""


def clean(line: str) -> str:
    """The line without what terminals and CI systems add. Linear; at most LINE_CHARS_MAX characters and a mark.

    What `go test -json` and cargo's JSON messages quote of a tool is unwrapped to its first line, and
    their objects without such words are blank.
    Colours, carriage returns, control characters and trailing blanks go; time stamps of GitHub, GitLab, Jenkins,
    Kubernetes and `gh run view` go, and so does BuildKit's vertex number before what a command printed.
    """
    line = undecorated(line)
    if line.startswith("#") and (vertex := _VERTEX.match(line)):
        line = line[vertex.end() :]
    elif line.startswith(_OBJECTS) and _QUOTES.match(line):
        said = _SAID.search(line)
        line = "" if said is None else _unwrapped(said.group(1))
    return line


def _unwrapped(said: str) -> str:
    """The first line of a JSON string's content."""
    try:
        text = str(json.loads(f'"{said}"', strict=False))
    except ValueError:  # no JSON after all
        return said
    return text.partition("\n")[0].rstrip()


def undecorated(line: str) -> str:
    """The same with BuildKit's vertex number, for readers that want to know which step speaks."""
    if len(line) > LINE_CHARS_MAX or "\r" in line:
        line = last_drawn(line)
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    if not line.isprintable():
        if "section_" in line or "travis_" in line:
            line = _FOLD.sub("", line)
        line = _CONTROL.sub("", line)
    if "\t" in line:
        if stamp := _NAMED_PREFIX.match(line):
            line = line[stamp.end() :]
    elif line[:1] in _BEGINS_PREFIX and (stamp := _PREFIX.match(line)):
        line = line[stamp.end() :]
    if line[:1] in _BEGINS_PREFIX and (clock := _CLOCK.match(line)):
        line = line[clock.end() :]
    return line.rstrip()
