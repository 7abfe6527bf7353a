"""The Faust table over the store: changes reach the changelog in the store's transaction, never one by one."""

from __future__ import annotations

from faust.tables.table import Table

from streams.app.store import Store


class DoorTable(Table[str, bytes]):
    """Keys are texts, rows are bytes."""

    data: Store

    def on_key_set(self, key: str, value: bytes) -> None:
        """Nothing: the store keeps the change until its transaction."""

    def on_key_del(self, key: str) -> None:
        """Nothing: the store keeps the change until its transaction."""

    def lookup(self, key: str) -> bytes | None:
        """The committed row, or None. Raises: NotHere."""
        return self.data.lookup(key)
