"""When a batch is to go: full, or due. The caller brings the clock and moves the items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Batcher(Generic[T]):
    """Collects items until there are `items_max`, or `size_max` of their size, or the first is `age_max_s` old.

    Holds at most one batch: an item that would make it too large starts the next one, so a batch never exceeds
    `size_max` unless a single item does.
    """

    items_max: int
    age_max_s: float
    size_max: int
    _items: list[T] = field(default_factory=list)
    _size: int = 0
    _first_at_s: float = 0.0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T, *, size: int, now_s: float) -> list[T]:
        """Take one item. Returns the batch that is to go now because of it, or an empty list."""
        out: list[T] = []
        if self._items and self._size + size > self.size_max:
            out = self.take()
        if not self._items:
            self._first_at_s = now_s
        self._items.append(item)
        self._size += size
        if not out and (len(self._items) >= self.items_max or self._size >= self.size_max):
            out = self.take()
        return out

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until the batch must go: 0 when it is due, None when there is nothing."""
        if not self._items:
            return None
        full = len(self._items) >= self.items_max or self._size >= self.size_max
        return 0.0 if full else max(0.0, self._first_at_s + self.age_max_s - now_s)

    def take(self) -> list[T]:
        """The items collected so far; the batch is empty afterwards."""
        out, self._items, self._size = self._items, [], 0
        return out
