"""Documents in bounded bulk requests, every item's answer looked at.

    200, 201              written
    409                   the document is newer: done
    404 without index     the index is made, the item sent again
    429, 5xx              the item is sent again after a pause, RETRIES_MAX times
    403, blocked, closed  SinkUnavailable at once
    other 4xx             refused for good
    413 of a request      its halves are sent; a single document is refused for good

Formats: OpenSearch's bulk API, external versions with `external_gte`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.sinks.opensearch.door import NO_INDEX, RETRY_AFTER_S, RIGHTS, Door, Refused, halted, refused_of
from streams.sinks.opensearch.indexes import Indexes

RETRIES_MAX: Final = 6
PAUSE_FIRST_S: Final = 0.2
PAUSE_MAX_S: Final = 2.0
STALE: Final = 409
NEEDED: Final = "errors,items.*.status,items.*.error"
"""Of the answer; the rest is a quarter of the traffic, and nobody reads it."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Item:
    """One document to write."""

    record: int
    """Index of the record it came from."""
    index: str
    id: str
    version: int
    """An older one never replaces a newer one; the same one does, which changes nothing."""
    body: bytes

    @property
    def lines(self) -> bytes:
        """Action and document, as a bulk request has them."""
        action = {"_index": self.index, "_id": self.id, "version": self.version, "version_type": "external_gte"}
        return b"%b\n%b\n" % (_encode({"index": action}), self.body)


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """A document that OpenSearch will never take, and why."""

    record: int
    reason: str


def chunks(items: Sequence[Item], *, documents_max: int, bytes_max: int) -> Iterator[list[tuple[Item, bytes]]]:
    """The items with their lines, in order, cut into requests within both bounds; none is empty."""
    chunk: list[tuple[Item, bytes]] = []
    size = 0
    for item in items:
        lines = item.lines
        if chunk and (len(chunk) >= documents_max or size + len(lines) > bytes_max):
            yield chunk
            chunk, size = [], 0
        chunk.append((item, lines))
        size += len(lines)
    if chunk:
        yield chunk


async def pause(attempt: int) -> None:
    """Wait before the next attempt (counted from 0): doubling, with chance in it, at most PAUSE_MAX_S."""
    await asyncio.sleep(min(PAUSE_MAX_S, PAUSE_FIRST_S * 2**attempt) * random.uniform(0.5, 1.0))


class Bulk:
    """Writes items through a door."""

    def __init__(self, door: Door, indexes: Indexes, *, documents_max: int, bytes_max: int) -> None:
        self._door = door
        self._indexes = indexes
        self._documents_max = documents_max
        self._bytes_max = bytes_max

    async def write(self, items: Sequence[Item]) -> list[RefusedItem]:
        """Write them all; returns what was refused for good.

        Raises: SinkUnavailable, ConfigurationError. Some may be written then, and may be written again.
        """
        await self._indexes.ensure({item.index for item in items})
        refused: list[RefusedItem] = []
        for chunk in chunks(items, documents_max=self._documents_max, bytes_max=self._bytes_max):
            await self._send(chunk, refused)
        return refused

    async def _send(self, chunk: list[tuple[Item, bytes]], refused: list[RefusedItem]) -> None:
        last: Refused | None = None
        for attempt in range(RETRIES_MAX + 1):
            if last is not None:
                await pause(attempt - 1)
            try:
                answer = await self._door.ask(
                    "POST", "/_bulk", b"".join(lines for _, lines in chunk), params={"filter_path": NEEDED}
                )
            except Refused as whole:
                if error := halted(whole, self._door.url):
                    raise error from whole
                if not whole.is_busy:
                    await self._divide(chunk, whole, refused)
                    return
                last = whole
                continue
            again = await self._sorted(chunk, answer, refused)
            if not again:
                return
            chunk = [pair for pair, _ in again]
            last = again[0][1]
        raise SinkUnavailable(
            f"OpenSearch at {self._door.url} is too busy for {len(chunk)} documents: {last and last.reason}",
            retry_after_s=RETRY_AFTER_S,
        )

    async def _divide(self, chunk: list[tuple[Item, bytes]], whole: Refused, refused: list[RefusedItem]) -> None:
        """A request that is refused whole is too large, or one document spoils it: its halves tell."""
        if len(chunk) > 1:
            await self._send(chunk[: len(chunk) // 2], refused)
            await self._send(chunk[len(chunk) // 2 :], refused)
            return
        item, lines = chunk[0]
        reason = f"{len(lines)} bytes are more than http.max_content_length" if whole.status == 413 else whole.reason
        refused.append(RefusedItem(item.record, f"document {item.id} in {item.index}: {reason} ({whole.status})"))

    async def _sorted(
        self, chunk: list[tuple[Item, bytes]], answer: Any, refused: list[RefusedItem]
    ) -> list[tuple[tuple[Item, bytes], Refused]]:
        """Look at every item's answer. Returns those to send again, with their reasons."""
        told = answer.get("items", []) if isinstance(answer, dict) else []
        if len(told) != len(chunk):
            raise SinkUnavailable(
                f"OpenSearch at {self._door.url} is answered for by something else: {len(told)} answers to"
                f" {len(chunk)} documents",
                retry_after_s=RETRY_AFTER_S,
            )
        if not answer.get("errors"):
            return []
        again: list[tuple[tuple[Item, bytes], Refused]] = []
        missing: set[str] = set()
        for pair, one in zip(chunk, told, strict=True):
            status = one["index"]["status"]
            if status < 300 or status == STALE:
                continue
            fault = refused_of(status, one["index"])
            if error := halted(fault, self._door.url):
                raise error
            if status == 403:
                raise ConfigurationError(f"OpenSearch at {self._door.url} forbids this: {fault.reason}; {RIGHTS}")
            if fault.kind == NO_INDEX:
                missing.add(pair[0].index)
                again.append((pair, fault))
            elif fault.is_busy:
                again.append((pair, fault))
            else:
                item = pair[0]
                refused.append(RefusedItem(item.record, f"document {item.id} in {item.index}: {fault.reason}"))
        if missing:
            await self._indexes.ensure(missing, missing=True)
        return again
