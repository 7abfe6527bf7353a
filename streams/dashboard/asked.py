"""What an address asks for, and the address that asks for something.

The filters live in the URL, so a view can be sent on.
An empty value asks for nothing in particular: a form sends every field it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from streams.contract.errors import FaultlineError
from streams.contract.failure import FIELD_CHARS_MAX, Origin
from streams.sinks.base import PAGE_ROWS_MAX, GroupFilter

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NEW_FOR_MS = DAY_MS
"""A group is new for this long after it was first seen."""
TEXT_CHARS_MAX = 200
OFFSET_MAX = 1_000_000
ROWS_DEFAULT = 50
GIVEN_CHARS_MAX = 100
"""How much of a wrong value an answer repeats."""

Readers = Mapping[str, Callable[[str, str], Any]]
"""By the name of a parameter: takes name and value, gives the field's value or raises BadParameter."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time up to now, in `buckets` steps of `step_ms`."""

    name: str
    label: str
    last: str
    """The words behind `in the last`."""
    step_ms: int
    buckets: int
    step_label: str

    @property
    def length_ms(self) -> int:
        """From its beginning to now."""
        return self.step_ms * self.buckets

    def start_ms(self, now_ms: int) -> int:
        """Where the first step begins, so that the last one holds `now_ms` and every step begins at a multiple."""
        return (now_ms // self.step_ms + 1) * self.step_ms - self.length_ms


STRETCHES = {
    stretch.name: stretch
    for stretch in (
        # Stores keep minutes for a few hours and hours for a week, so only the shortest stretch has a finer step.
        Stretch("1h", "1 hour", "hour", 60_000, 60, "1 minute"),
        Stretch("24h", "24 hours", "24 hours", HOUR_MS, 24, "1 hour"),
        Stretch("7d", "7 days", "7 days", 2 * HOUR_MS, 84, "2 hours"),
    )
}
SORTS = {"last_seen": "last seen", "first_seen": "first seen", "count": "count"}


class BadParameter(FaultlineError):
    """A parameter of the address is wrong; says which, what was given, and what is allowed."""

    def __init__(self, name: str, given: str, allowed: str) -> None:
        shown = given if len(given) <= GIVEN_CHARS_MAX else given[:GIVEN_CHARS_MAX] + "…"
        super().__init__(f"{name} is {shown!r}; allowed: {allowed}")
        self.name = name
        self.given = shown
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Asked:
    """What one address asks for. Every field is a parameter of that name; the defaults ask for everything."""

    origin: str = ""
    kind: str = ""
    family: str = ""
    where: str = ""
    text: str = ""
    since: str = ""
    """Last seen within this stretch; empty for any time."""
    new: bool = False
    """Only groups first seen within NEW_FOR_MS."""
    fingerprints: bool = False
    """Every fingerprint by itself instead of groups."""
    sort: str = "last_seen"
    range: str = ""
    """The stretch of the chart; empty lets the page choose."""
    limit: int = ROWS_DEFAULT
    offset: int = 0

    @property
    def filters(self) -> bool:
        """Whether anything is left out of the table."""
        return replace(self, sort="last_seen", range="", limit=ROWS_DEFAULT, offset=0) != Asked()

    def wanted(self, now_ms: int) -> GroupFilter:
        """The question to the store."""
        since = STRETCHES.get(self.since)
        return GroupFilter(
            origin=self.origin,
            kind=self.kind,
            family=self.family,
            where=self.where,
            text=self.text,
            since_ms=now_ms - since.length_ms if since else None,
            new_since_ms=now_ms - NEW_FOR_MS if self.new else None,
            sort=self.sort,
            fingerprints=self.fingerprints,
        )

    def url(self, path: str = "/", **changes: Any) -> str:
        """The address of this view with some fields changed, from row 0 on; defaults are left out."""
        changed = replace(self, **{"offset": 0, **changes})
        query = {
            field.name: int(value) if isinstance(value, bool) else value
            for field in fields(changed)
            if (value := getattr(changed, field.name)) != field.default
        }
        return f"{path}?{urlencode(query)}" if query else path


@dataclass(frozen=True, slots=True)
class AskedRows:
    """Which rows of a list without filters one address asks for."""

    limit: int = ROWS_DEFAULT
    offset: int = 0

    def url(self, path: str, *, offset: int) -> str:
        """The address of the rows from `offset` on; defaults are left out."""
        query = {"limit": self.limit, "offset": offset}
        query = {name: value for name, value in query.items() if value != getattr(_ROWS, name)}
        return f"{path}?{urlencode(query)}" if query else path


_ROWS = AskedRows()


def asked(
    items: Iterable[tuple[str, str]], *, kinds: Mapping[str, frozenset[str]], families: frozenset[str], strict: bool
) -> Asked:
    """What these parameters ask for. `kinds` are the known kinds by origin; `strict` refuses unknown names.

    Raises:
        BadParameter: a value is not allowed, a name is given twice, or, when `strict`, a name is unknown.
    """
    readers: Readers = {
        "origin": _one_of([origin.value for origin in Origin]),
        "kind": _one_of(sorted(frozenset().union(*kinds.values()))),
        "family": _one_of(sorted(families)),
        "where": _text(FIELD_CHARS_MAX),
        "text": _text(TEXT_CHARS_MAX),
        "since": _one_of(list(STRETCHES)),
        "new": _flag,
        "fingerprints": _flag,
        "sort": _one_of(list(SORTS)),
        "range": _one_of(list(STRETCHES)),
        **_PAGE,
    }
    return Asked(**_read(items, readers, strict=strict))


def asked_rows(items: Iterable[tuple[str, str]], *, strict: bool) -> AskedRows:
    """What these parameters ask for, of a list without filters. Raises as `asked`."""
    return AskedRows(**_read(items, _PAGE, strict=strict))


def _read(items: Iterable[tuple[str, str]], readers: Readers, *, strict: bool) -> dict[str, Any]:
    """The fields that the parameters give a value."""
    found: dict[str, Any] = {}
    for name, value in items:
        reader = readers.get(name)
        if reader is None:
            if strict:
                raise BadParameter(name[:GIVEN_CHARS_MAX], value, f"the parameters {', '.join(readers)}")
            continue
        if name in found:
            raise BadParameter(name, value, "each parameter once")
        found[name] = reader(name, value.strip()) if value.strip() else None
    return {name: value for name, value in found.items() if value is not None}


def _one_of(values: list[str]) -> Callable[[str, str], str]:
    def read(name: str, given: str) -> str:
        if given not in values:
            raise BadParameter(name, given, ", ".join(values))
        return given

    return read


def _text(chars_max: int) -> Callable[[str, str], str]:
    def read(name: str, given: str) -> str:
        if len(given) > chars_max:
            raise BadParameter(name, given, f"at most {chars_max} characters")
        return given

    return read


def _number(smallest: int, largest: int) -> Callable[[str, str], int]:
    def read(name: str, given: str) -> int:
        # Ten digits are more than any bound here, and int() of a very long text is slow.
        if not (given.isascii() and given.isdigit() and len(given) <= 10 and smallest <= int(given) <= largest):
            raise BadParameter(name, given, f"a whole number from {smallest} to {largest}")
        return int(given)

    return read


_PAGE: Readers = {"limit": _number(1, PAGE_ROWS_MAX), "offset": _number(0, OFFSET_MAX)}


def _flag(name: str, given: str) -> bool:
    if given not in ("0", "1"):
        raise BadParameter(name, given, "0, 1")
    return given == "1"
