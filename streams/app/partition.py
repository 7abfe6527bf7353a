"""The rows of one partition of a table: what is committed, and over it the changes of the batch under way."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TypeVar, overload

from aiokafka import AIOKafkaProducer

from streams.core.pipeline import Pipeline

D = TypeVar("D")


class Partition(MutableMapping[str, bytes]):
    """A mapping of keys to rows. What is written to it waits in `pending` until its transaction is committed.

    About 200 bytes a key beside key and row themselves.
    """

    __slots__ = ("is_loaded", "is_writing", "loaded_to", "number", "pending", "pipeline", "producer", "rows", "used_s")

    def __init__(self, number: int, *, now_s: float) -> None:
        self.number = number
        self.rows: dict[str, bytes] = {}
        """What is committed."""
        self.pending: dict[str, bytes | None] = {}
        """Changes of the batch under way; None: the row is to go."""
        self.loaded_to = 0
        """Offset of the changelog from which on it is not read."""
        self.is_loaded = False
        self.is_writing = False
        self.used_s = now_s
        """When rows were last read from the changelog or written to it."""
        self.producer: AIOKafkaProducer | None = None
        self.pipeline: Pipeline | None = None

    @property
    def is_clean(self) -> bool:
        """Whether the rows are those of the changelog up to `loaded_to`, and nothing else."""
        return self.is_loaded and not self.pending and not self.is_writing

    def take_pending(self) -> dict[str, bytes | None]:
        """The changes to be written; from here on they are the transaction's."""
        out, self.pending = self.pending, {}
        return out

    def apply(self, changes: dict[str, bytes | None]) -> None:
        """Rows as the changelog has them now."""
        rows = self.rows
        for key, row in changes.items():
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row

    def __getitem__(self, key: str) -> bytes:
        row = self.get(key)
        if row is None:
            raise KeyError(key)
        return row

    @overload
    def get(self, key: str, /) -> bytes | None: ...
    @overload
    def get(self, key: str, default: bytes, /) -> bytes: ...
    @overload
    def get(self, key: str, default: D, /) -> bytes | D: ...
    def get(self, key: str, default: object = None, /) -> object:
        """The row as this batch sees it."""
        if key in self.pending:
            row = self.pending[key]
            return default if row is None else row
        return self.rows.get(key, default)

    def __setitem__(self, key: str, row: bytes) -> None:
        self.pending[key] = row

    def __delitem__(self, key: str) -> None:
        if self.get(key) is None:
            raise KeyError(key)
        if key in self.rows:
            self.pending[key] = None
        else:
            del self.pending[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        if not self.pending:
            return iter(self.rows)
        kept = [key for key in self.rows if key not in self.pending]
        return iter(kept + [key for key, row in self.pending.items() if row is not None])

    def __len__(self) -> int:
        return len(self.rows) if not self.pending else sum(1 for _ in self)
