"""Which failures came before: the ids of the last so many, in little memory.

A partition's filter is rebuilt from the partition itself, so nothing of it is ever stored.
"""

from __future__ import annotations

from array import array

IDS_DEFAULT = 100_000
BUCKETS = 4_096
"""About 24 ids in each at the default: looked through without leaving C."""
_MASK = 2**64 - 1


class RecentIds:
    """The last `size` different ids of a partition, oldest forgotten first.

    Eight bytes an id in the buckets and eight in the order they came: with the default size 2.2 MB a partition in all,
    and 2 microseconds an id. What is kept is Python's own hash of the id, whose key is new in every process: nobody
    outside can make two ids meet on purpose, and by chance a new id is taken for an old one once in 10**14.
    """

    def __init__(self, size: int = IDS_DEFAULT) -> None:
        """`size`: 0 remembers nothing, so that every id is new."""
        self._size = size
        self._buckets = [array("Q") for _ in range(BUCKETS if size else 0)]
        self._order = array("Q")
        self._oldest = 0
        """Where in `_order` the oldest is, once it is full."""

    def __len__(self) -> int:
        return len(self._order)

    def is_new(self, failure_id: str) -> bool:
        """Whether this id is not among the last ones. It is from now on; asking does not make an old id younger."""
        if not self._size:
            return True
        short = hash(failure_id) & _MASK
        bucket = self._buckets[short % BUCKETS]
        if short in bucket:
            return False
        bucket.append(short)
        if len(self._order) < self._size:
            self._order.append(short)
            return True
        gone = self._order[self._oldest]
        del self._buckets[gone % BUCKETS][0]  # the oldest of all is the oldest of its bucket
        self._order[self._oldest] = short
        self._oldest = (self._oldest + 1) % self._size
        return True
