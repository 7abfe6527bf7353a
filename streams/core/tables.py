"""The keyed state, seen as typed mappings over one table of bytes.

Who keeps the bytes (Faust, SQLite, a dict) does not matter: a table is a mutable mapping of text to bytes, and all
keys of one partition begin with its number, so that the partition is computable from the key.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from streams.contract.failure import Origin
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import Cursor, Sample
from streams.contract.rollup import Rollup
from streams.contract.verdict import Verdict

S = TypeVar("S", bound=Struct)


class FingerprintRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one fingerprint."""

    fingerprint: Fingerprint
    origin: Origin
    count: int
    first_at_ms: int
    last_at_ms: int
    samples: tuple[Sample, ...]
    where: dict[str, int]
    verdict: Verdict
    verdict_version: int


class AskedRow(Struct, frozen=True, omit_defaults=True):
    """The llm was asked about a fingerprint, and there may be a reason to ask again. Gone once a verdict is to stay."""

    attempts: int
    """How often an `Unseen` went out."""
    again_ms: int
    """Not before this time."""
    answered: bool = False
    """Whether the last question got a verdict: then only a new failure makes it worth asking again."""


class PlacesRow(Struct, frozen=True):
    """The dimensions of one fingerprint that have a lifetime row, in the order they came."""

    names: tuple[str, ...] = ()


class PositionRow(Struct, frozen=True, omit_defaults=True):
    """How far a partition of the tables is: the only position that counts, written with the rows it stands for."""

    offset: int = -1
    """Of the last applied input record; -1 before the first."""
    watermark_ms: int = 0
    cursors: dict[str, Cursor] = {}
    """By source (`topic/partition`): the cursor of the last applied batch."""
    late: int = 0
    """Failures that came after their window's row was gone; they count in the lifetime rows alone."""
    pending: int = 0
    """Verdicts that wait for a failure of their fingerprint."""
    dropped_verdicts: int = 0
    """Verdicts that came while as many waited as may."""


class TypedTable(Generic[S]):
    """One prefix of a table, as records. A missing key is None; nothing is cached here."""

    def __init__(self, table: MutableMapping[str, bytes], prefix: str, kind: type[S]) -> None:
        self._table = table
        self._prefix = prefix
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._encode = msgspec.msgpack.Encoder().encode

    def get(self, key: str) -> S | None:
        """The row, or None."""
        data = self._table.get(self._prefix + key)
        return None if data is None else self._decode(data)

    def put(self, key: str, row: S) -> None:
        """Write the row."""
        self._table[self._prefix + key] = self._encode(row)

    def delete(self, key: str) -> None:
        """Forget the row; a missing one is fine."""
        self._table.pop(self._prefix + key, None)

    def __iter__(self) -> Iterator[str]:
        """The keys of this prefix. Walks the whole table: for the start only."""
        return (key.removeprefix(self._prefix) for key in self._table if key.startswith(self._prefix))


class Tables:
    """The typed tables of one partition."""

    def __init__(self, table: MutableMapping[str, bytes], partition: int) -> None:
        self.fingerprints = TypedTable(table, f"f|{partition}|", FingerprintRow)
        self.lifetimes = TypedTable(table, f"l|{partition}|", Rollup)
        self.places = TypedTable(table, f"p|{partition}|", PlacesRow)
        self.asked = TypedTable(table, f"a|{partition}|", AskedRow)
        self.pending = TypedTable(table, f"v|{partition}|", Verdict)
        self.windows = TypedTable(table, f"w|{partition}|", Rollup)
        self.position = TypedTable(table, f"m|{partition}|", PositionRow)
