"""The keyed state, seen as typed mappings over one table of bytes.

Who keeps the bytes (Faust, SQLite, a dict) does not matter: a table is a mutable mapping of text to bytes, and all
keys of one partition begin with its number, so that the partition is computable from the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from streams.contract.alias import Alias
from streams.contract.verdict import Verdict
from streams.core import older_rows
from streams.core.rows import (
    AskedRow,
    FingerprintRow,
    LifetimeRow,
    MarkRow,
    PlacesRow,
    PositionRow,
    WindowRow,
)

S = TypeVar("S", bound=Struct)
FIXMAP = 0x80
"""How a map of up to 15 fields begins (MessagePack specification, "map format"); rows have no more."""


class TypedTable(Generic[S]):
    """One prefix of a table, as records. A missing key is None; nothing is cached here.

    `older` makes a row of what an earlier version wrote under a key: a MessagePack map where rows are arrays now.
    """

    def __init__(
        self,
        table: MutableMapping[str, bytes],
        prefix: str,
        kind: type[S],
        *,
        older: Callable[[str, bytes], S] | None = None,
    ) -> None:
        self._table = table
        self._prefix = prefix
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._older = older

    def get(self, key: str) -> S | None:
        """The row, or None."""
        data = self._table.get(self._prefix + key)
        if data is None:
            return None
        older = self._older
        return self._decode(data) if older is None or data[0] & 0xF0 != FIXMAP else older(key, data)

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
        self.fingerprints = TypedTable(table, f"f|{partition}|", FingerprintRow, older=self._parted)
        self.marks = TypedTable(table, f"t|{partition}|", MarkRow)
        self.lifetimes = TypedTable(table, f"l|{partition}|", LifetimeRow, older=lambda _, d: older_rows.lifetime(d))
        self.places = TypedTable(table, f"p|{partition}|", PlacesRow)
        self.asked = TypedTable(table, f"a|{partition}|", AskedRow)
        self.pending = TypedTable(table, f"v|{partition}|", Verdict)
        self.aliases = TypedTable(table, f"e|{partition}|", Alias)
        self.windows = TypedTable(table, f"w|{partition}|", WindowRow, older=lambda _, d: older_rows.window(d))
        self.position = TypedTable(table, f"m|{partition}|", PositionRow)

    def _parted(self, key: str, data: bytes) -> FingerprintRow:
        """An earlier row held the whole fingerprint too: it gets its own row before the next write would lose it."""
        row, mark = older_rows.fingerprint(data)
        self.marks.put(key, mark)
        return row
