"""The kinds of failure and their families, one table for the prompt, the validator, the documents and the pages.

The table is `taxonomy.toml`; a custom file replaces it whole. Families are free words of the file. The default ones of
`ci` are those of the earlier system; those of `benchmark` say what has to be looked after, since that is what an
operator asks first: `account` (key, credit), `model` (its entry in the list), `provider` (mostly by waiting).
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from streams.contract.blocks import Block, FaultyFile, blocks
from streams.contract.failure import Origin
from streams.contract.verdict import UNKNOWN

TEXT_CHARS_MAX: Final = 256 * 1024
KINDS_MAX: Final = 64
"""Of one origin. They all go into one prompt."""
DEFINITION_CHARS_MAX: Final = 400
NAME_CHARS_MAX: Final = 40
VERSION_CHARS_MAX: Final = 40

_NAME: Final = re.compile(rf"[a-z][a-z0-9_]{{0,{NAME_CHARS_MAX - 1}}}")
_FIELDS: Final[Mapping[str, type]] = {
    "name": str,
    "definition": str,
    "family": str,
    "transient": bool,
    "optional": bool,
}
_TYPE_WORDS: Final[Mapping[type, str]] = {str: "text in quotes", bool: "true or false"}

_STATUS_IN_TEXT: Final = (
    re.compile(r"error code:\s{0,16}(\d{3})", re.IGNORECASE),
    re.compile(r"\b(?:http\s{0,16}status|status(?:\s{0,16}code)?)\s{0,16}[:=]\s{0,16}(\d{3})\b", re.IGNORECASE),
    re.compile(
        r"\b(?:NotFound|PermissionDenied|Unauthenticated|ResourceExhausted|Internal|Unavailable|DeadlineExceeded)"
        r"\s{0,16}:\s{0,16}(\d{3})\b"
    ),
)
"""What the earlier runner read a status from. White space is bounded, so that the search is linear."""
_STATED_NUMBER: Final = re.compile(r"[:=]\s{0,16}\d{3}")
"""What each of these ends with: found fast, and missing in most texts."""
_STATUS_KINDS: Final[Mapping[int, str]] = {
    401: "auth",
    402: "billing",
    403: "auth",
    404: "hard_model",
    429: "rate_limit",
}


class TaxonomyError(FaultyFile):
    """The file is no taxonomy."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of failure."""

    name: str
    definition: str
    """One sentence."""
    family: str
    transient: bool
    """Whether trying again may help, where nothing says more."""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The kinds of both origins, in the order of the file.

    `unknown` is a permitted answer of both origins, listed or not: nothing else can say that a text says nothing.
    """

    version: str
    """The file's version; optional kinds in use are appended, as `1+timeout`, since they change what was asked."""
    by_origin: Mapping[Origin, Mapping[str, Kind]]

    def kinds(self, origin: Origin) -> tuple[Kind, ...]:
        """The kinds of an origin."""
        return tuple(self.by_origin[origin].values())

    def names(self, origin: Origin) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.by_origin[origin])

    def has(self, origin: Origin, name: str) -> bool:
        """Whether a verdict of this origin may say `name`."""
        return name == UNKNOWN or name in self.by_origin[origin]

    def kind(self, origin: Origin, name: str) -> Kind:
        """The kind of that name. Raises: KeyError where the origin lists none (`unknown` of CI, for one)."""
        return self.by_origin[origin][name]

    def family(self, origin: Origin, name: str) -> str:
        """The kind's family; `unknown` for a name that is not listed."""
        kind = self.by_origin[origin].get(name)
        return kind.family if kind else UNKNOWN

    def transient(self, origin: Origin, name: str) -> bool:
        """Whether trying again may help; false for a name that is not listed."""
        kind = self.by_origin[origin].get(name)
        return kind is not None and kind.transient

    @classmethod
    def from_toml(cls, text: str, *, source: str, optional_kinds: frozenset[str] = frozenset()) -> Taxonomy:
        """Read a taxonomy file. `source` names it in errors; `optional_kinds` are the optional ones to use.

        Raises: TaxonomyError with every fault of the file, each with its line.
        """
        reading = _Reading()
        if len(text) > TEXT_CHARS_MAX:
            reading.fault(0, f"longer than {TEXT_CHARS_MAX} characters")
        else:
            for block in blocks(text):
                reading.block(block)
            reading.whole(optional_kinds)
        if reading.faults:
            raise TaxonomyError(source, tuple(sorted(reading.faults)))
        used = {
            origin: {name: kind for name, kind in kinds.items() if not kind.optional or name in optional_kinds}
            for origin, kinds in reading.kinds.items()
        }
        return cls(version="+".join((reading.version, *sorted(optional_kinds))), by_origin=used)


@functools.cache
def default_taxonomy(optional_kinds: frozenset[str] = frozenset()) -> Taxonomy:
    """The taxonomy that comes with the package. Read once for each set of optional kinds."""
    text = importlib.resources.files("streams.contract").joinpath("taxonomy.toml").read_text(encoding="utf-8")
    return Taxonomy.from_toml(text, source="taxonomy.toml", optional_kinds=optional_kinds)


def status_kind(http_status: int | None) -> str:
    """The benchmark kind that an HTTP status alone hints at: the earlier system's hot path, kept as it was."""
    if http_status is None:
        return UNKNOWN
    if 500 <= http_status <= 599:
        return "transient_provider"
    return _STATUS_KINDS.get(http_status, UNKNOWN)


STATUS_MIN, STATUS_MAX = 100, 599
"""The HTTP statuses there are (RFC 9110, 15)."""


def status_from_text(message: str) -> int | None:
    """The HTTP status that a message carries in one of the earlier runner's three spellings. Linear."""
    if not _STATED_NUMBER.search(message):
        return None
    for pattern in _STATUS_IN_TEXT:
        found = pattern.search(message)
        if found and STATUS_MIN <= int(found[1]) <= STATUS_MAX:
            return int(found[1])
    return None


@dataclass(slots=True)
class _Reading:
    version: str = ""
    kinds: dict[Origin, dict[str, Kind]] = field(default_factory=lambda: {origin: {} for origin in Origin})
    faults: list[tuple[int, str]] = field(default_factory=list)

    def fault(self, line: int, what: str) -> None:
        self.faults.append((line, what))

    def block(self, block: Block) -> None:
        table = block.table(self.fault)
        if table is None:
            if not block.header:
                self.version = UNKNOWN  # one fault is enough: a version may stand behind the broken line
            return
        if not block.header:
            self._head(block, table)
        elif not block.is_array or block.header not in set(Origin):
            tables = " or ".join(f"[[{origin}]]" for origin in Origin)
            self.fault(block.line, f"table {block.header!r} is not known: each kind is a table {tables}")
        else:
            self._kind(Origin(block.header), block, table)

    def _head(self, block: Block, table: Mapping[str, object]) -> None:
        for key in table.keys() - {"version"}:
            self.fault(block.line_of(key), f"key {key!r} is not known: before the first kind stands only the version")
        version = table.get("version")
        if isinstance(version, str) and 0 < len(version) <= VERSION_CHARS_MAX:
            self.version = version
        elif version is not None:
            self.version = UNKNOWN
            self.fault(block.line_of("version"), f"version must be text of 1 to {VERSION_CHARS_MAX} characters")

    def _kind(self, origin: Origin, block: Block, table: Mapping[str, object]) -> None:
        before = len(self.faults)
        for key in table.keys() - _FIELDS.keys():
            self.fault(block.line_of(key), f"key {key!r} is not known: a kind has {', '.join(_FIELDS)}")
        for key, wanted in _FIELDS.items():
            value = table.get(key)
            if value is None and key != "optional":
                self.fault(block.line, f"{key} is missing")
            elif value is not None and type(value) is not wanted:
                self.fault(block.line_of(key), f"{key} must be {_TYPE_WORDS[wanted]}")
            elif isinstance(value, str):
                self._text(block.line_of(key), key, value)
        name = table.get("name")
        if isinstance(name, str) and name in self.kinds[origin]:
            self.fault(block.line_of("name"), f"kind {name!r} of {origin} stands here a second time")
        elif len(self.kinds[origin]) == KINDS_MAX:
            self.fault(block.line, f"more than {KINDS_MAX} kinds of {origin}")
        elif isinstance(name, str):
            # Also a faulty kind takes its name, so that the second one of that name is told.
            self.kinds[origin][name] = Kind(
                name=name,
                definition=str(table.get("definition")),
                family=str(table.get("family")),
                transient=table.get("transient") is True,
                optional=table.get("optional") is True,
            )
        if len(self.faults) == before and name == UNKNOWN and table.get("optional") is True:
            self.fault(block.line_of("optional"), f"{UNKNOWN!r} is always a permitted answer, so it cannot be optional")

    def _text(self, line: int, key: str, value: str) -> None:
        if key == "definition":
            if not value.strip() or "\n" in value or len(value) > DEFINITION_CHARS_MAX:
                self.fault(
                    line, f"definition must be one sentence of 1 to {DEFINITION_CHARS_MAX} characters on one line"
                )
        elif not _NAME.fullmatch(value):
            self.fault(
                line,
                f"{key} {value[:NAME_CHARS_MAX]!r} must be a lower-case letter, then letters, digits and underscores, "
                f"at most {NAME_CHARS_MAX}",
            )

    def whole(self, optional_kinds: frozenset[str]) -> None:
        if not self.version:
            self.fault(0, 'the version is missing: begin the file with version = "1"')
        for origin, kinds in self.kinds.items():
            if not any(not kind.optional for kind in kinds.values()):
                self.fault(0, f"no kind of {origin}: add at least one [[{origin}]] table")
        known = sorted({kind.name for kinds in self.kinds.values() for kind in kinds.values() if kind.optional})
        for name in sorted(optional_kinds.difference(known)):
            self.fault(0, f"no optional kind {name!r} here to switch on (there are: {', '.join(known) or 'none'})")
