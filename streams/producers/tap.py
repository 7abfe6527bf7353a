"""TAP, the Test Anything Protocol, versions 12 to 14 -> failures.

Source of the format: the TAP 13 and TAP 14 specifications. The producers differ in what stands below a failed test: a
YAML block (node's test runner, tap), or comments (Perl's Test::More, bats, pgTAP); both are read, and comments also
where they stand before the test.
`# TODO` and `# SKIP` are no failures. A subtest that failed counts, and the test that sums it up does not count beside
it. `Bail out!`, a plan that was not kept and a pragma that is broken are errors of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from streams.contract.errors import UnreadableInput
from streams.producers.inner import failures_in
from streams.producers.lines import lines_of
from streams.producers.report import Collected, Limits, Outcome, Reading, Reported, cleaned, shortened
from streams.producers.yamlish import read_block

_POINT: Final = re.compile(r"^(not )?ok\b(?: +(\d{1,9})\b)?(?:\s*-\s|\s+)?(.*)$")
_DIRECTIVE: Final = re.compile(r"(?<!\\)#\s*(?:todo|skip)", re.IGNORECASE)
_PLAN: Final = re.compile(r"^(\d{1,9})\.\.(\d{1,9})(?:\s*#\s*(.*))?$")
_BAIL: Final = re.compile(r"^bail out!\s*(.*)$", re.IGNORECASE)
_VERSION: Final = re.compile(r"^tap version (\d{1,3})$", re.IGNORECASE)
_SUBTEST: Final = re.compile(r"^#\s*Subtest(?::\s*(.*))?$")
_YAML_BEGINS: Final = re.compile(r"^(\s+)---\s*$")
_ESCAPED: Final = re.compile(r"\\([#\\])")
_COMMENT: Final = re.compile(r"^#\s?")
_LOOKS_LIKE: Final = re.compile(r"^#\s*(?:Looks like|(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) )")
_PLACE: Final = re.compile(r"(?:^|[\s(/'])([^\s()'\"]{1,300}\.\w{1,6})(?::(\d{1,7})(?::\d{1,7})?| line (\d{1,7}))")
_IS_PLACE: Final = re.compile(r"^\s*(?:at \S|\(?in test file |\(from function )")
_SUMMED: Final = frozenset({"subtestsfailed", "parent already finished"})
_TOLD_KEYS: Final = ("stack", "diff", "expected", "actual", "wanted", "found", "got", "operator", "code", "data")
_YAML_LINES_MAX: Final = 4_000
YAML_CHARS_MAX: Final = 64 * 1024
"""Of one line of a block."""
_LEVELS_MAX: Final = 64
PLACE_CHARS_MAX: Final = 4_000
"""A place stands at the beginning of what tells it."""


@dataclass(slots=True)
class _Level:
    """One document: the whole, or a subtest."""

    indent: int
    name: str = ""
    points: int = 0
    failed: int = 0
    planned: int | None = None


@dataclass(slots=True)
class _Point:
    """A failed test whose diagnostics are being read."""

    indent: int
    name: str
    above: tuple[str, ...]
    told: Collected
    sums_up: bool
    """A subtest of its own failed."""
    failed: bool
    yaml: list[str] = field(default_factory=list)


class Tap(Reading):
    """See `Reading`."""

    form = "TAP"

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        super().__init__(limits)
        self._stream = stream
        self._levels = [_Level(0)]
        self._point: _Point | None = None
        self._before = self._collected()
        """Comments and foreign lines since the last test."""
        self._coming = ""
        """What a comment calls the next subtest."""
        self._yaml_indent = -1
        self._child_failed = False
        """The subtest that ended last had a failed test; the next test sums it up."""
        self._buffered: list[_Point] = []
        """Tests whose subtest follows between braces."""
        self._bailed = False
        self._is_tap = False
        self._is_calm = False
        """No test, subtest or text is open that the next line could belong to."""

    def _collected(self) -> Collected:
        half = self.limits.text_chars_max // 2
        return Collected(head_max=half, tail_max=half)

    def __iter__(self) -> Iterator[Reported]:
        for raw in lines_of(self._stream, self.limits, self._lost):
            if raw.startswith("ok ") and self._is_calm and raw[-1] != "{":  # most lines, and nothing waits for them
                self._levels[0].points += 1
                self.cases += 1
                continue
            yield from self._line(raw.rstrip())
            self._is_calm = (
                self._is_tap
                and len(self._levels) == 1
                and not (self._point or self._coming or self._child_failed or self._buffered or self._before.chars)
            )
        yield from self._told()
        if not self._is_tap:
            raise UnreadableInput("no test, plan or version of TAP in it")
        while len(self._levels) > 1:
            yield from self._level_ended()
        if not self._bailed:
            yield from self._kept(self._levels[0])

    def _line(self, raw: str) -> Iterator[Reported]:
        if self._yaml_indent >= 0 and self._yaml(raw):
            return
        line = cleaned(raw)
        indent = len(raw) - len(raw.lstrip())
        begins = _YAML_BEGINS.match(raw)
        if begins is not None and self._point is not None and indent > self._point.indent:
            self._yaml_indent = indent
        elif point := _POINT.match(line):
            yield from self._told()
            yield from self._to(indent)
            self._is_tap = True
            self._begins(indent, *point.groups(default=""))
        elif plan := _PLAN.match(line):
            self._is_tap = True
            yield from self._told()
            yield from self._to(indent)
            self._levels[-1].planned = max(0, int(plan.group(2)) - int(plan.group(1)) + 1)
        elif bail := _BAIL.match(line):
            yield from self._told()
            yield from self._bail(bail.group(1))
        elif _VERSION.match(line):
            self._is_tap = True
        else:
            yield from self._beside(raw, line, indent)

    def _beside(self, raw: str, line: str, indent: int) -> Iterator[Reported]:
        """Comments, and what is no TAP."""
        if subtest := _SUBTEST.match(line):
            yield from self._told()
            yield from self._to(indent)
            self._coming = subtest.group(1) or ""
        elif line == "}" and self._buffered and self._buffered[-1].indent == indent:
            yield from self._told()
            yield from self._to(indent)
            point = self._buffered.pop()
            point.sums_up, self._child_failed = self._child_failed, False
            self._point = point if point.failed else None
        elif not line or _LOOKS_LIKE.match(line):
            return
        elif self._point is not None and (line.startswith("#") or indent > self._point.indent):
            self._point.told.add(_COMMENT.sub("", raw.strip() if line.startswith("#") else raw) + "\n")
        else:
            yield from self._told()
            self._before.add(_COMMENT.sub("", line) + "\n")

    def _begins(self, indent: int, failed: str, number: str, described: str) -> None:
        level = self._levels[-1]
        if self._coming and len(self._levels) > 1 and not level.points and not level.name:
            level.name = self._coming  # Test::More indents the comment like the subtest
        level.points += 1
        self.cases += 1
        child_failed, self._child_failed = self._child_failed, False
        before, self._before = self._before, self._collected()
        self._coming = ""
        directive = _DIRECTIVE.search(described)
        has_failed = bool(failed) and directive is None
        level.failed += has_failed
        name = _ESCAPED.sub(r"\1", described).strip()
        is_buffered = name.endswith("{")
        name = name.removesuffix("{").strip() or f"test {number or level.points}"
        above = tuple(one.name for one in self._levels[1:] if one.name)
        point = _Point(indent, name, above, before, child_failed, has_failed)
        if is_buffered and len(self._buffered) < _LEVELS_MAX:
            self._buffered.append(point)
            self._coming = name
        elif has_failed:
            self._point = point

    def _to(self, indent: int) -> Iterator[Reported]:
        """Opens or ends documents so that the last one has this indent."""
        while len(self._levels) > 1 and self._levels[-1].indent > indent:
            yield from self._level_ended()
        if self._levels[-1].indent < indent:
            if len(self._levels) >= _LEVELS_MAX:
                self._note(f"subtests deeper than {_LEVELS_MAX}")
                return
            self._levels.append(_Level(indent, self._coming))
            self._coming = ""
            self._child_failed = False

    def _level_ended(self) -> Iterator[Reported]:
        level = self._levels.pop()
        self._child_failed = bool(level.failed)
        yield from self._kept(level)

    def _kept(self, level: _Level) -> Iterator[Reported]:
        """Whether as many tests ran as were planned; a run that died does not say so itself."""
        if level.planned is None:
            if level.points and len(self._levels) == 1 and level.indent == 0:
                self._note("no plan: whether all tests ran is not known")
            return
        if level.points >= level.planned or not self._has_room():
            return
        said = self._before.get()
        inner = failures_in(said.split("\n"), limit=1) if said else []
        last = said.rpartition("\n")[2]
        told = inner[0].message if inner else last
        planned = f"planned {level.planned} tests, ran {level.points}"
        yield Reported(
            message=f"{told}\n{planned}" if told else planned,
            text=said,
            suite=level.name,
            outcome="error",
            labels={"said": planned},
        )

    def _bail(self, reason: str) -> Iterator[Reported]:
        self._is_tap = True
        if self._bailed or not self._has_room():  # node and others repeat it at each level
            return
        self._bailed = True
        text = self._before.get()
        yield Reported(message=f"Bail out! {reason}".strip(), text=text, outcome="error")

    def _yaml(self, raw: str) -> bool:
        """Takes a line of a block; False for one that ends it without being its end."""
        if raw.strip() == "..." and len(raw) - len(raw.lstrip()) <= self._yaml_indent:
            self._yaml_indent = -1
            return True
        if raw.strip() and len(raw) - len(raw.lstrip()) < self._yaml_indent:
            self._yaml_indent = -1
            self._note("blocks of YAML without an end")
            return False
        if self._point is not None:
            if len(self._point.yaml) < _YAML_LINES_MAX:
                self._point.yaml.append(raw[:YAML_CHARS_MAX])
            else:
                self._note(f"lines of YAML beyond {_YAML_LINES_MAX} of a block")
        return True

    def _told(self) -> Iterator[Reported]:
        """The failed test whose diagnostics came to their end."""
        point, self._point, self._yaml_indent = self._point, None, -1
        if point is None:
            return
        block = read_block(point.yaml)
        kind = block.get("failureType", block.get("failuretype", "")).lower()
        if (point.sums_up or kind in _SUMMED) and (kind in _SUMMED or not block.get("stack")):
            return
        if not self._has_room():
            return
        yield _reported(point, block, self.limits)


def _reported(point: _Point, block: dict[str, str], limits: Limits) -> Reported:
    comments = point.told.get()
    said = next((block[key] for key in ("error", "message", "reason", "msg") if block.get(key, "").strip()), "")
    kind = block.get("name", "")
    if kind and not kind.endswith(("Error", "Exception", "Failure")):
        kind = ""
    message = shortened(said, limits.text_chars_max)
    if kind and message and not message.startswith(kind):
        message = f"{kind}: {message}"
    if not message and comments:
        message = "\n".join(_without_name([line for line in comments.split("\n") if line.strip()], point.name))
    told = [f"{key}: {block[key]}" if "\n" not in block[key] else block[key] for key in _TOLD_KEYS if block.get(key)]
    place = next(
        (found for text in _places(block, comments) if (found := _PLACE.search(text[:PLACE_CHARS_MAX])) is not None),
        None,
    )
    outcome: Outcome = "error" if block.get("severity") == "error" else "failure"
    return Reported(
        message=message,
        text=shortened("\n".join(filter(None, [comments, *told])), limits.text_chars_max),
        type=kind,
        classname=" > ".join(point.above),
        name=point.name,
        file=place.group(1) if place else "",
        line=int(place.group(2) or place.group(3)) if place else None,
        time_s=_seconds(block.get("duration_ms", "")),
        outcome=outcome,
    )


def _places(block: dict[str, str], comments: str) -> Iterator[str]:
    if block.get("file") and block.get("line", "").isdigit():
        yield f"{block['file']}:{block['line']}"
    yield from (block[key] for key in ("location", "at", "stack") if block.get(key))
    yield from (line for line in comments.split("\n") if "line " in line or ":" in line)


def _without_name(lines: list[str], name: str) -> list[str]:
    """`Failed test 'adds'` and `at a.t line 2.` tell which test it was, which is known."""
    own = [line for line in lines if not _IS_PLACE.match(line) and not (name in line and "Failed" in line)]
    return [line.strip() for line in own[:6]] or [lines[0].strip()]


def _seconds(milliseconds: str) -> float | None:
    try:
        seconds = float(milliseconds) / 1000
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e9 else None


def read_tap(stream: BinaryIO, *, limits: Limits | None = None) -> Tap:
    """Begins to read the output; nothing is read before it is iterated over."""
    return Tap(stream, limits or Limits())
