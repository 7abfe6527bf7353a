"""The rows that are served here, as the mapping that a Faust table has under it.

Questions get committed rows; inside the agent a single row is as the batch under way sees it.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from faust.stores.base import Store as FaustStore

from streams.app.partition import Partition
from streams.contract.errors import FaultlineError


class NotHere(FaultlineError):
    """The row's partition is not in this process, or not yet: ask again later, or ask the stores."""


class ServedRows(FaustStore[str, bytes]):
    """Rows as bytes by text key, of the partitions that this process has."""

    partition_of: Callable[[str], int]
    """The partition of a key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.partitions: dict[int, Partition] = {}
        self._is_serving = False

    @property
    def is_serving(self) -> bool:
        """Whether rows may be read and written."""
        return self._is_serving

    def _served(self, key: str) -> Partition:
        partition = self.partitions.get(self.partition_of(key)) if self._is_serving else None
        if partition is None:
            raise NotHere(f"{key!r} is not in this process now")
        return partition

    def _all(self) -> Iterator[Partition]:
        if not self._is_serving:
            raise NotHere("the table is being loaded")
        return iter(list(self.partitions.values()))

    def lookup(self, key: str) -> bytes | None:
        """The committed row, or None. Raises: NotHere."""
        return self._served(key).rows.get(key)

    def __getitem__(self, key: str) -> bytes:
        return self._served(key)[key]

    def __setitem__(self, key: str, row: bytes) -> None:
        self._served(key)[key] = row

    def __delitem__(self, key: str) -> None:
        del self._served(key)[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._served(key)

    def __iter__(self) -> Iterator[str]:
        return (key for partition in self._all() for key in partition.rows)

    def __len__(self) -> int:
        return sum(len(partition.rows) for partition in self._all())

    def keys(self) -> KeysView[str]:
        """Committed keys."""
        return KeysView(self)

    def values(self) -> ValuesView[bytes]:
        """Committed rows."""
        return ValuesView(_Committed(self))

    def items(self) -> ItemsView[str, bytes]:
        """Committed keys and rows."""
        return ItemsView(_Committed(self))

    def clear(self) -> None:
        """Not offered: rows go one by one, so that the changelog is told."""
        raise NotImplementedError("delete the rows of a partition one by one")


class _Committed(Mapping[str, bytes]):
    """Committed rows as a mapping, for views."""

    def __init__(self, store: ServedRows) -> None:
        self._store = store

    def __getitem__(self, key: str) -> bytes:
        row = self._store.lookup(key)
        if row is None:
            raise KeyError(key)
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(self._store)

    def __len__(self) -> int:
        return len(self._store)
