"""Which index a document belongs to, and what has to be there for it: template, alias, mapping.

The name of an index is a function of the failure's time alone, so a record that comes again meets its document: an
index that is rolled over by size, and a data stream, would take the same `_id` twice.

    period month, day   `<name>-2026.09`, `<name>-2026.09.21`; `<name>` is the alias that is read
    period none         `<name>` itself

An index that bears the name itself, as the earlier system made it, is used as it is, whatever the period, when no
field of it has another type than our documents need; fields that it lacks are added to its mapping.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from streams.contract.documents import SEARCH_NAMES, TIME_FIELDS, iso
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.mappings import period_pattern
from streams.sinks.opensearch.door import BLOCKED, RETRY_AFTER_S, Door, Refused, halted
from streams.sinks.opensearch.names import index_name, period_of
from streams.sinks.opensearch.options import OpenSearchOptions
from streams.sinks.opensearch.preparation import ALL, VARIABLES, Preparation

NAMES_A_REQUEST_MAX: Final = 60
"""Names in one address: OpenSearch reads 4,096 bytes of it."""
DELETED_A_REQUEST_MAX: Final = 50_000
REMADE_AFTER_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Dropped:
    """What retention took away."""

    indexes: tuple[str, ...] = ()
    documents: int = 0
    """Single ones, out of an index that is not divided by time."""


class Indexes:
    """The indexes of the origins that are written. `prepare` comes before all else."""

    def __init__(self, door: Door, options: OpenSearchOptions) -> None:
        self._door = door
        self._options = options
        self._preparation = Preparation(door, options)
        self._single: dict[Origin, str | None] = {}
        """The one index of an origin; None where there is one a period."""

    @property
    def is_prepared(self) -> bool:
        """Whether `prepare` has gone through."""
        return len(self._single) == len(self._options.origins)

    def name_of(self, origin: Origin, at_ms: int) -> str:
        """The index of a failure of this time."""
        single = self._single[origin]
        return single or index_name(self._options.indexes[origin], self._options.period, at_ms)

    async def prepare(self) -> None:
        """See `AsyncSink.prepare`."""
        await self._preparation.met()
        for origin in sorted(self._options.origins):
            try:
                self._single[origin] = await self._preparation.single_of(origin)
            except Refused as refused:
                raise self._error(refused, origin) from refused

    def _error(self, refused: Refused, origin: Origin) -> ConfigurationError | SinkUnavailable:
        if found := halted(refused, self._door.url):
            return found
        name, variable = self._options.indexes[origin], VARIABLES[origin]
        told = f"OpenSearch at {self._door.url} did not do what {name} needs: {refused.reason or refused.status}"
        if refused.is_busy:
            return SinkUnavailable(told, retry_after_s=RETRY_AFTER_S)
        return ConfigurationError(f"{told}; free that name, or set another in {variable}")

    async def ensure(self, names: Iterable[str], *, missing: bool = False) -> None:
        """Make the indexes that are not there, out of the template. `missing`: a request has just said so of them.

        Raises: SinkUnavailable when OpenSearch makes none, for instance because it holds as many as it may, or when an
        undivided index was deleted: the next call prepares anew.
        """
        wanted = set(names)
        if missing:
            self._preparation.there -= wanted
            if gone := sorted(wanted.intersection(name for name in self._single.values() if name)):
                self._single.clear()
                raise SinkUnavailable(
                    f"the index {gone[0]} is gone from OpenSearch at {self._door.url}; it is made anew",
                    retry_after_s=REMADE_AFTER_S,
                )
        for name in sorted(wanted - self._preparation.there):
            try:
                for origin, single in self._single.items():
                    if single is None:
                        await self._preparation.put_template(origin)
                await self._preparation.make(name)
            except Refused as refused:
                raise halted(refused, self._door.url) or SinkUnavailable(
                    f"OpenSearch at {self._door.url} does not make the index {name}: {refused.reason}",
                    retry_after_s=RETRY_AFTER_S,
                ) from refused

    async def since(self, origin: Origin, since_ms: int) -> list[str]:
        """The indexes that may hold failures of this time or later.

        Raises: SinkUnavailable when one of them takes no writes.
        """
        single, base = self._single[origin], self._options.indexes[origin]
        wanted = single or period_pattern(base)
        found = await self._door.ask("GET", f"/{wanted}/_settings/index.blocks.*,index.uuid", params=ALL)
        names = []
        for index, about in sorted(found.items()):
            told = period_of(base, index)
            if index != single and (single or told is None or told[1] <= since_ms):
                continue
            names.append(index)
            blocks = [name for name, value in about["settings"].items() if name != "index.uuid" and value == "true"]
            if blocks:  # asked for first: a change of many documents tries such an index for minutes
                raise halted(Refused(403, BLOCKED, f"index [{index}] has {', '.join(blocks)}."), self._door.url)  # type: ignore[misc]  # a block always halts
        return names

    async def drop_before(self, before_ms: int) -> Dropped:
        """Retention: drop the indexes whose period ended by this time; of an undivided index, its older documents.

        Raises: SinkUnavailable, ConfigurationError.
        """
        dropped, documents = [], 0
        for origin in sorted(self._options.origins):
            try:
                if single := self._single[origin]:
                    documents += await self._delete(origin, single, before_ms)
                    continue
                base = self._options.indexes[origin]
                found = await self._door.ask("GET", f"/{period_pattern(base)}/_settings/index.uuid", params=ALL)
                for index in sorted(found):
                    told = period_of(base, index)
                    if told is not None and told[1] <= before_ms:
                        await self._door.ask("DELETE", f"/{index}", params={"ignore_unavailable": True})
                        self._preparation.there.discard(index)
                        dropped.append(index)
            except Refused as refused:
                raise self._error(refused, origin) from refused
        return Dropped(tuple(dropped), documents)

    async def _delete(self, origin: Origin, index: str, before_ms: int) -> int:
        field = TIME_FIELDS[origin] if origin is Origin.CI else SEARCH_NAMES[TIME_FIELDS[origin]]
        deleted = 0
        while True:
            answer = await self._door.ask(
                "POST",
                f"/{index}/_delete_by_query",
                {"query": {"range": {field: {"lt": iso(before_ms)}}}, "max_docs": DELETED_A_REQUEST_MAX},
                params={"conflicts": "proceed", "refresh": True},
            )
            gone = int(answer["deleted"])
            deleted += gone
            if gone < DELETED_A_REQUEST_MAX:  # what changed meanwhile goes the next time
                return deleted
