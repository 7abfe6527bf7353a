"""Which index a document belongs to, and what has to be there for it: template, alias, mapping.

The name of an index is a function of the failure's time alone, so a record that comes again meets its document: an
index that is rolled over by size, and a data stream, would take the same `_id` twice.

    period month, day   `<name>-2026.09`, `<name>-2026.09.21`; `<name>` is the alias that is read
    period none         `<name>` itself

An index that bears the name itself, as the earlier system made it, is used as it is, whatever the period, when no
field of it has another type than our documents need; fields that it lacks are added to its mapping.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from streams.contract.documents import SEARCH_NAMES, TIME_FIELDS, iso
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.mappings import (
    DISTRIBUTION,
    TEMPLATE_VERSION,
    VERSION_MIN,
    field_types,
    index_settings,
    mapping,
    period_pattern,
    property_of,
    template,
)
from streams.contract.telemetry import LogEvent
from streams.sinks.opensearch.door import BLOCKED, RETRY_AFTER_S, Door, Refused, halted
from streams.sinks.opensearch.options import OpenSearchOptions

ALL: Final = {"ignore_unavailable": True, "allow_no_indices": True, "expand_wildcards": "all", "flat_settings": True}
NAMES_A_REQUEST_MAX: Final = 60
"""Names in one address: OpenSearch reads 4,096 bytes of it."""
DELETED_A_REQUEST_MAX: Final = 50_000
FAULTS_SHOWN: Final = 5
REMADE_AFTER_S: Final = 0.5
VARIABLES: Final = {Origin.CI: "ERROR_CLASSIFICATION_INDEX", Origin.BENCHMARK: "FAULTLINE_BENCHMARK_INDEX"}
SAME: Final[Mapping[str, frozenset[str]]] = {
    "float": frozenset({"float", "double"}),
    "date": frozenset({"date", "date_nanos"}),
    "text": frozenset({"text", "match_only_text"}),
}
"""Types that do as well."""

_FORMATS: Final = {"month": "%Y.%m", "day": "%Y.%m.%d"}
_PERIOD: Final = re.compile(r"-(\d{4})\.(\d{2})(?:\.(\d{2}))?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

log_event = structlog.get_logger("faultline.sink.opensearch")


@dataclass(frozen=True, slots=True)
class Dropped:
    """What retention took away."""

    indexes: tuple[str, ...] = ()
    documents: int = 0
    """Single ones, out of an index that is not divided by time."""


def index_name(base: str, period: str, at_ms: int) -> str:
    """The index of a failure of this time."""
    if period == "none":
        return base
    return f"{base}-{(_EPOCH + timedelta(milliseconds=at_ms)).strftime(_FORMATS[period])}"


def period_of(base: str, index: str) -> tuple[str, int] | None:
    """`month` or `day`, and the end of the index's period, in ms (exclusive); None when it is none of ours."""
    found = _PERIOD.fullmatch(index.removeprefix(base)) if index.startswith(base) else None
    if found is None:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        start = datetime(year or 0, month or 0, day or 1, tzinfo=UTC)
        after = start + timedelta(days=1 if day else 32)
    except (ValueError, OverflowError):
        return None
    end = after if day else after.replace(day=1)
    return "day" if day else "month", (end - _EPOCH) // timedelta(milliseconds=1)


class Indexes:
    """The indexes of the origins that are written. `prepare` comes before all else."""

    def __init__(self, door: Door, options: OpenSearchOptions) -> None:
        self._door = door
        self._options = options
        self._single: dict[Origin, str | None] = {}
        """The one index of an origin; None where there is one a period."""
        self._there: set[str] = set()

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
        await self._met()
        for origin in sorted(self._options.origins):
            try:
                self._single[origin] = await self._prepared(origin)
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

    async def _met(self) -> None:
        """Whether an OpenSearch of a fitting version answers."""
        url = self._door.url
        try:
            about = await self._door.ask("GET", "/")
        except SinkUnavailable as error:
            if await self._door.speaks_tls():
                raise ConfigurationError(f"{url} speaks TLS only; set OPENSEARCH_URL=https://...") from error
            raise
        except Refused as refused:
            if refused.is_busy:
                raise SinkUnavailable(f"OpenSearch at {url}: {refused}", retry_after_s=RETRY_AFTER_S) from refused
            raise ConfigurationError(f"OPENSEARCH_URL={url}: no OpenSearch answers there ({refused})") from refused
        told = about.get("version", {}) if isinstance(about, dict) else {}
        number = re.match(r"(\d+)\.(\d+)", str(told.get("number", "")))
        if told.get("distribution") != DISTRIBUTION or number is None:
            raise ConfigurationError(f"OPENSEARCH_URL={url}: what answers there is not OpenSearch")
        if (int(number[1]), int(number[2])) < VERSION_MIN:
            least = ".".join(map(str, VERSION_MIN))
            raise ConfigurationError(f"OpenSearch at {url} is {number[0]}; at least {least} is needed (flat_object)")

    async def _prepared(self, origin: Origin) -> str | None:
        """The one index of the origin, or None when there is one a period."""
        base, period = self._options.indexes[origin], self._options.period
        found = await self._door.ask("GET", f"/{base},{base}-*", params=ALL)
        read = sorted(index for index, about in found.items() if index == base or base in about["aliases"])
        divided = {index: told for index in found if (told := period_of(base, index))}
        if base in found:
            await self._fitted(origin, base, found[base])
            if period != "none":
                log_event.info(LogEvent.INDEX_KEPT, index=base, period=period)
            return base
        other = sorted(index for index, (kind, _) in divided.items() if kind != period)
        if other:
            was = divided[other[0]][0]
            raise ConfigurationError(
                f"FAULTLINE_INDEX_PERIOD={period}, and OpenSearch at {self._door.url} holds {other[0]}: a failure that"
                f" comes again would be written twice; set FAULTLINE_INDEX_PERIOD={was}, or another name of the index"
            )
        await self._template(origin)
        if period == "none":
            if len(read) > 1:
                raise ConfigurationError(
                    f"{base} at {self._door.url} stands for {len(read)} indexes ({', '.join(read[:FAULTS_SHOWN])}),"
                    " and FAULTLINE_INDEX_PERIOD=none writes into one; set another period or another name"
                )
            if read:
                await self._fitted(origin, read[0], found[read[0]])
            else:
                await self._make(base)
            return read[0] if read else base
        for index in divided:
            await self._joined(origin, index, found[index])
        return None

    async def _fitted(self, origin: Origin, index: str, about: Mapping[str, Any]) -> None:
        """Add the fields that an index lacks.

        Raises: ConfigurationError when a field has another type, after making the index to copy its documents into.
        """
        there = about["mappings"].get("properties", {})
        types = field_types(origin)
        wrong = [
            f"{field} is {kind}, {types[field]} is needed"
            for field in sorted(types)
            if field in there
            and (kind := there[field].get("type", "object")) not in SAME.get(types[field], {types[field]})
        ]
        if wrong:
            raise await self._misfit(origin, index, wrong)
        lacking = {field: property_of(types[field]) for field in sorted(types) if field not in there}
        if lacking:
            await self._door.ask("PUT", f"/{index}/_mapping", {"properties": lacking})
        self._there.add(index)

    async def _misfit(self, origin: Origin, index: str, wrong: list[str]) -> ConfigurationError:
        """Make the index to copy into, and say how."""
        base, url = self._options.indexes[origin], self._door.url
        target = f"{base}-earlier"
        body = {"settings": {"index": index_settings(replicas=self._options.replicas)}, "mappings": mapping(origin)}
        await self._make(target, body)
        faults = "; ".join(wrong[:FAULTS_SHOWN]) + (
            f"; and {len(wrong) - FAULTS_SHOWN} more" if wrong[FAULTS_SHOWN:] else ""
        )
        copied = f'{{"source": {{"index": "{index}"}}, "dest": {{"index": "{target}"}}}}'
        swapped = (
            f'{{"actions": [{{"remove_index": {{"index": "{index}"}}}},'
            f' {{"add": {{"index": "{target}", "alias": "{base}"}}}}]}}'
        )
        head = "-H 'Content-Type: application/json'"
        return ConfigurationError(
            f"the index {index} at {url} does not fit: {faults}."
            f" Set another name in {VARIABLES[origin]}, or copy its documents into {target}, which was made for it,"
            f" and let that take its place:\n  curl -X POST {head} '{url}/_reindex?refresh=true' -d '{copied}'"
            f"\n  curl -X POST {head} '{url}/_aliases' -d '{swapped}'"
        )

    async def _joined(self, origin: Origin, index: str, about: Mapping[str, Any]) -> None:
        """Bring an index of an earlier release up to date. One that is closed or takes no changes stays as it is."""
        base = self._options.indexes[origin]
        try:
            await self._fitted(origin, index, about)
            if base not in about["aliases"]:
                await self._door.ask("POST", "/_aliases", {"actions": [{"add": {"index": index, "alias": base}}]})
        except Refused as refused:
            if halted(refused, self._door.url) is None:
                raise
            log_event.warning(LogEvent.INDEX_LEFT, index=index, reason=refused.reason)

    async def _template(self, origin: Origin) -> None:
        """Put our index template, unless the one of that name is as new and for the same indexes."""
        base = self._options.indexes[origin]
        single = self._options.period == "none"
        patterns = [base] if single else [period_pattern(base)]
        answer = await self._door.ask("GET", f"/_index_template/{base}", may_be_missing=True)
        (there,) = [one["index_template"] for one in answer.get("index_templates", ())] or [None]
        if there and there.get("version", 0) >= TEMPLATE_VERSION and there["index_patterns"] == patterns:
            return
        body = template(origin, patterns, alias=None if single else base, replicas=self._options.replicas)
        await self._door.ask("PUT", f"/_index_template/{base}", body)

    async def _make(self, index: str, body: Mapping[str, Any] | None = None) -> None:
        """Make an index; one that somebody else has made in the meantime is as good."""
        try:
            await self._door.ask("PUT", f"/{index}", dict(body) if body else None)
        except Refused as refused:
            if refused.kind != "resource_already_exists_exception":
                raise
        self._there.add(index)

    async def ensure(self, names: Iterable[str], *, missing: bool = False) -> None:
        """Make the indexes that are not there, out of the template. `missing`: a request has just said so of them.

        Raises: SinkUnavailable when OpenSearch makes none, for instance because it holds as many as it may, or when an
        undivided index was deleted: the next call prepares anew.
        """
        wanted = set(names)
        if missing:
            self._there -= wanted
            if gone := sorted(wanted.intersection(name for name in self._single.values() if name)):
                self._single.clear()
                raise SinkUnavailable(
                    f"the index {gone[0]} is gone from OpenSearch at {self._door.url}; it is made anew",
                    retry_after_s=REMADE_AFTER_S,
                )
        for name in sorted(wanted - self._there):
            try:
                for origin, single in self._single.items():
                    if single is None:
                        await self._template(origin)
                await self._make(name)
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
                        self._there.discard(index)
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
