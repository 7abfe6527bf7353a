"""Which partition a key belongs to: murmur2, as the default partitioner of Kafka's clients has it.

So a keyed record written by any client meets the table row of the same key.
Format: Apache Kafka, `org.apache.kafka.common.utils.Utils.murmur2` and `toPositive`.
"""

from __future__ import annotations

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit hash, as an unsigned number."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = h * _M & _MASK ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, 0 to `partitions` - 1."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
