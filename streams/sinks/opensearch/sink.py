"""The OpenSearch sink: records in, documents and changes of documents out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from streams.contract.classified import Classified, GroupChanged, VerdictChanged
from streams.contract.documents import search_documents
from streams.contract.errors import SinkUnavailable
from streams.contract.failure import Origin
from streams.sinks.base import Record, Refusal
from streams.sinks.opensearch.bulk import Bulk, Item, RefusedItem
from streams.sinks.opensearch.door import RETRY_AFTER_S, Door
from streams.sinks.opensearch.indexes import Dropped, Indexes
from streams.sinks.opensearch.options import OpenSearchOptions
from streams.sinks.opensearch.verdicts import Change, Verdicts

Changes = dict[tuple[Origin, str, str], Change]
"""By origin, name of the record and fingerprint."""

_encode: Final = msgspec.json.Encoder().encode


class OpenSearchSink:
    """One document a failure, in the index of its time. Rollups are passed over: they belong to other stores.

    Documents carry the version of their verdict as their own, so older news never replaces newer. Within a call the
    documents are written before verdicts change them: one that was written after a change already has that verdict,
    and the change passes it over.
    """

    def __init__(self, options: OpenSearchOptions) -> None:
        """Raises `ConfigurationError` for options that no connection can be made of. Connects to nothing yet."""
        self._options = options
        self._door = Door(options)
        self._indexes = Indexes(self._door, options)
        self._bulk = Bulk(
            self._door, self._indexes, documents_max=options.bulk_documents_max, bytes_max=options.bulk_bytes_max
        )
        self._verdicts = Verdicts(self._door, self._indexes, options)

    async def prepare(self) -> None:
        """See `AsyncSink.prepare`. A second call makes again what was deleted in the meantime."""
        await self._indexes.prepare()

    async def write(self, records: Sequence[Record]) -> list[Refusal]:
        """See `AsyncSink.write`. Ends within `write_s_max`. Prepares first where that has not been done."""
        try:
            async with asyncio.timeout(self._options.write_s_max):
                return await self._write(records)
        except TimeoutError as error:
            raise SinkUnavailable(
                f"OpenSearch at {self._options.url} did not take {len(records)} records within"
                f" {self._options.write_s_max:g} s",
                retry_after_s=RETRY_AFTER_S,
            ) from error

    async def drop_before(self, before_ms: int) -> Dropped:
        """Retention: whole periods that ended by this time; see `Indexes.drop_before`."""
        if not self._indexes.is_prepared:
            await self._indexes.prepare()
        return await self._indexes.drop_before(before_ms)

    async def close(self) -> None:
        """Give the connections back."""
        await self._door.close()

    async def _write(self, records: Sequence[Record]) -> list[Refusal]:
        if not self._indexes.is_prepared:
            await self._indexes.prepare()
        items: list[Item] = []
        changes: Changes = {}
        refused: list[RefusedItem] = []
        for number, record in enumerate(records):
            if isinstance(record, Classified) and record.fold.origin in self._options.origins:
                items += self._items(number, record)
            elif isinstance(record, VerdictChanged | GroupChanged):
                origin = record.origin if isinstance(record, GroupChanged) else record.verdict.origin
                if origin not in self._options.origins:
                    continue
                key = origin, type(record).__name__, record.fingerprint
                if key in changes:  # each reaches back from its own time, so none stands for the other
                    refused += await self._flush(items, changes)
                    items, changes = [], {}
                changes[key] = Change(number, record)
        refused += await self._flush(items, changes)
        return _refusals(refused)

    def _items(self, number: int, record: Classified) -> list[Item]:
        options, fold = self._options, record.fold
        documents = search_documents(
            record, primary_is_kind=options.primary_is_kind, full_text_chars_max=options.full_text_chars_max
        )
        return [
            Item(
                record=number,
                index=self._indexes.name_of(fold.origin, member.failure.occurred_at_ms),
                id=name,
                version=record.verdict_version,
                body=_encode(document),
            )
            for member, (name, document) in zip(fold.members, documents, strict=True)
        ]

    async def _flush(self, items: list[Item], changes: Changes) -> list[RefusedItem]:
        refused = await self._bulk.write(items) if items else []
        for origin, sort in sorted({(origin, sort) for origin, sort, _ in changes}):
            mine = [change for (*of, _), change in changes.items() if of == [origin, sort]]
            refused += await self._verdicts.apply(origin, mine)
        return refused


def _refusals(refused: Sequence[RefusedItem]) -> list[Refusal]:
    """One for each record that has any, in the records' order."""
    counts = Counter(item.record for item in refused)
    first = {item.record: item.reason for item in reversed(refused)}
    return [
        Refusal(
            record, first[record] + (f" (and {counts[record] - 1} more of this record)" if counts[record] > 1 else "")
        )
        for record in sorted(counts)
    ]
