"""A file of rules -> the rules, or every fault of it with its line.

version = "1"

[[mask]]
id = "order"
pattern = '\\border ([A-Z]{3}-\\w+)'
examples = ["order ABC-x7 lost"]

[[group]]
id = "oom"
type = 'MemoryError|.*OutOfMemory.*'
group = "out of memory"

[[frame]]
id = "vendored"
module = 'vendor\\..*'
app = false
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from streams.contract.blocks import Block, FaultyFile, blocks
from streams.contract.failure import Origin
from streams.core.own_rules.examples import EXAMPLE_FIELDS, EXAMPLES_MAX, faults_of
from streams.core.own_rules.patterns import BadPattern, compiled
from streams.core.own_rules.rows import VARIABLE, VARIABLES, Example, FrameRule, Group, Mask, OwnRule
from streams.core.own_rules.rules import OwnRules

TEXT_CHARS_MAX: Final = 512 * 1024
RULES_MAX: Final = 200
"""Of one file, of all sorts together."""
ID_CHARS_MAX: Final = 40
GROUP_CHARS_MAX: Final = 120
REASON_CHARS_MAX: Final = 200
VALUES_MAX: Final = 50
"""Statuses or exit codes of one rule."""
FORMAT: Final = "1"

_ID: Final = re.compile(rf"[a-z][a-z0-9-]{{0,{ID_CHARS_MAX - 1}}}")
_NAME: Final = re.compile(rf"[a-z][a-z-]{{0,{ID_CHARS_MAX - 1}}}")
_LEFT_OPEN: Final = re.compile(r"[{}]")
_EVERY: Final = frozenset({"id", "reason", "examples", "unlike"})
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "mask": _EVERY | {"pattern", "name"},
    "group": _EVERY
    | {"group", "origin", "message", "type", "code", "http_status", "exit_code", "language", "module", "function"},
    "frame": frozenset({"id", "reason", "module", "function", "file", "app"}),
}


class RulesError(FaultyFile):
    """The file holds no rules that can be used."""


def rules_in_use(text: str, *, source: str) -> OwnRules | None:
    """The rules of a file; None where there is no text, that is, no file. Raises: as `own_rules`."""
    return own_rules(text, source=source) if text else None


def own_rules(text: str, *, source: str) -> OwnRules:
    """The rules of a file, their examples tried. `source` names it in errors.

    Raises: RulesError with every fault, each with its line; ConfigurationError where google-re2 is not installed.
    """
    reading = _Reading()
    if len(text) > TEXT_CHARS_MAX:
        reading.fault(0, f"longer than {TEXT_CHARS_MAX} characters")
    else:
        for block in blocks(text):
            reading.block(block)
        if reading.number > RULES_MAX:
            reading.fault(0, f"{reading.number} rules; {RULES_MAX} are possible")
        if not reading.has_version:
            reading.fault(0, f'the version is missing: begin the file with version = "{FORMAT}"')
    rules: OwnRules | None = None
    if not reading.faults:
        try:
            rules = OwnRules(reading.rules)
        except BadPattern as error:
            reading.fault(0, str(error))
    if rules is None:
        raise RulesError(source, tuple(sorted(reading.faults)))
    if found := faults_of(rules):
        raise RulesError(source, tuple(sorted(found)))
    return rules


@dataclass(slots=True)
class _Reading:
    rules: list[OwnRule] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    """By id: the line where it stands first."""
    number: int = 0
    has_version: bool = False

    def fault(self, line: int, what: str) -> None:
        self.faults.append((line, what))

    def block(self, block: Block) -> None:
        table = block.table(self.fault)
        if table is None:
            self.has_version = self.has_version or not block.header
            return
        if not block.header:
            self._head(block, table)
        elif not block.is_array or block.header not in _KEYS:
            known = ", ".join(f"[[{name}]]" for name in _KEYS)
            self.fault(block.line, f"table {block.header!r} is not known: a rule is a table {known}")
        else:
            self.number += 1
            if self.number <= RULES_MAX:
                _Rule(self, block, table).read()

    def _head(self, block: Block, table: Mapping[str, object]) -> None:
        for key in table.keys() - {"version"}:
            self.fault(block.line_of(key), f"key {key!r} is not known: before the first rule stands only the version")
        if "version" in table:
            self.has_version = True
            if table["version"] != FORMAT:
                self.fault(block.line_of("version"), f'the version of the format must be "{FORMAT}"')


class _Rule:
    """One table on its way to a rule. Faults are told as `mask 'order': what to change`."""

    def __init__(self, reading: _Reading, block: Block, table: Mapping[str, object]) -> None:
        self._reading, self._block, self._table = reading, block, table
        self._sort = block.header
        self._faulty = False

    def _fault(self, key: str, what: str) -> None:
        self._faulty = True
        name = self._table.get("id")
        whose = f"{self._sort} {name!r}" if isinstance(name, str) and name else self._sort
        self._reading.fault(self._block.line_of(key), f"{whose}: {what}")

    def read(self) -> None:
        for key in sorted(self._table.keys() - _KEYS[self._sort]):
            known = ", ".join(sorted(_KEYS[self._sort]))
            self._fault(key, f"key {key!r} is not known: a {self._sort} has {known}")
        reason = self._text("reason", chars_max=REASON_CHARS_MAX, is_needed=False)
        common: dict[str, Any] = {"id": self._id(), "line": self._block.line, "reason": reason}
        if self._sort == "frame":
            made: OwnRule = self._frame(common)
        else:
            common["examples"] = (*self._examples("examples"), *self._examples("unlike"))
            made = self._mask(common) if self._sort == "mask" else self._group(common)
        if not self._faulty:
            self._reading.rules.append(made)

    def _id(self) -> str:
        found = self._table.get("id")
        if not isinstance(found, str) or not _ID.fullmatch(found):
            letters = f"a lower-case letter, then letters, digits and -, at most {ID_CHARS_MAX}"
            self._fault("id", f"id is missing: {letters}" if found is None else f"id must be {letters}")
            return ""
        if found in self._reading.ids:
            self._fault("id", f"this id stands in line {self._reading.ids[found]} already")
        else:
            self._reading.ids[found] = self._block.line_of("id")
        return found

    def _mask(self, common: dict[str, Any]) -> Mask:
        regexp = self._pattern("pattern", is_needed=True, groups=1)
        name = self._table.get("name", re.sub(r"[^a-z-]", "", common["id"]) or "own")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._fault("name", f"name must be a lower-case letter, then letters and -, at most {ID_CHARS_MAX}")
        return Mask(**common, regexp=regexp, pattern=self._given("pattern"), placeholder=f"<id:{name}>")

    def _frame(self, common: dict[str, Any]) -> FrameRule:
        patterns = {key: self._pattern(key) for key in ("module", "function", "file")}
        if all(one is None for one in patterns.values()) and not patterns.keys() & self._table.keys():
            self._fault("module", "matches every frame: give module, function or file")
        app = self._table.get("app")
        if not isinstance(app, bool):
            self._fault("app", "app must be true (code of your own) or false")
        return FrameRule(**common, **patterns, app=app is True)

    def _group(self, common: dict[str, Any]) -> Group:
        name = self._text("group", chars_max=GROUP_CHARS_MAX)
        for variable in VARIABLE.findall(name):
            if variable not in VARIABLES:
                self._fault("group", f"{{{{ {variable} }}}} is not known: there are {', '.join(VARIABLES)}")
        rest = VARIABLE.sub("", name)
        if _LEFT_OPEN.search(rest):
            self._fault("group", "a variable is written {{ type }}; no other braces can stand in a name")
        elif name and not rest.strip():
            self._fault("group", "must have a word of its own besides variables")
        patterns = {key: self._pattern(key) for key in ("code", "type", "language", "module", "function")}
        regexp = self._pattern("message")
        origin = self._table.get("origin")
        if origin is not None and origin not in set(Origin):
            self._fault("origin", f"origin must be {' or '.join(Origin)}")
            origin = None
        numbers = {key: self._numbers(key) for key in ("http_status", "exit_code")}
        if not self._table.keys() & (_KEYS["group"] - _EVERY - {"group", "origin"}):
            self._fault("group", "matches everything: give a condition, as message or type")
        return Group(
            **common,
            regexp=regexp,
            pattern=self._given("message"),
            group=name,
            origin=None if origin is None else Origin(str(origin)),
            http_status=numbers["http_status"],
            exit_code=numbers["exit_code"],
            **patterns,
        )

    def _given(self, key: str) -> str:
        found = self._table.get(key)
        return found if isinstance(found, str) else ""

    def _text(self, key: str, *, chars_max: int, is_needed: bool = True) -> str:
        found = self._table.get(key)
        if found is None and not is_needed:
            return ""
        if not isinstance(found, str) or not found.strip() or "\n" in found or len(found) > chars_max:
            told = "is missing: it" if found is None else "must be"
            self._fault(key, f"{key} {told}{' is' if found is None else ''} a text of 1 to {chars_max} characters")
            return ""
        return found

    def _pattern(self, key: str, *, is_needed: bool = False, groups: int = 0) -> Any:
        found = self._table.get(key)
        if found is None and not is_needed:
            return None
        if not isinstance(found, str):
            self._fault(key, f"{key} is missing" if found is None else f"{key} must be a text, best in single quotes")
            return None
        try:
            regexp = compiled(found)
        except BadPattern as error:
            self._fault(key, f"{key} {found[:80]!r}: {error}")
            return None
        if groups and regexp.groups != groups:
            self._fault(
                key,
                f"{key} has {regexp.groups} capture groups, and must have one, around the value; "
                "other parentheses are (?:...)",
            )
        return regexp

    def _numbers(self, key: str) -> tuple[int, ...]:
        found = self._table.get(key, [])
        numbers = found if isinstance(found, list) else [found]
        if len(numbers) > VALUES_MAX or any(type(one) is not int for one in numbers):
            self._fault(key, f"{key} must be a whole number, or a list of at most {VALUES_MAX}")
            return ()
        return tuple(numbers)

    def _examples(self, key: str) -> list[Example]:
        found = self._table.get(key, [])
        if not isinstance(found, list) or len(found) > EXAMPLES_MAX:
            self._fault(key, f"{key} must be a list of at most {EXAMPLES_MAX} texts or tables")
            return []
        out: list[Example] = []
        for one in found:
            given = {"message": one} if isinstance(one, str) else one
            if (
                not isinstance(given, dict)
                or not given
                or not all(type(value) is EXAMPLE_FIELDS.get(name) for name, value in given.items())
            ):
                self._fault(key, f"{key}: each is a text, or a table of {', '.join(EXAMPLE_FIELDS)}")
                return []
            out.append(Example(self._block.line_of(key), given, is_like=key == "examples"))
        return out
