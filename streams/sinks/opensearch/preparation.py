"""What has to be there before a document is written: a fitting server, template, alias, mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import structlog

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
from streams.sinks.opensearch.door import RETRY_AFTER_S, Door, Refused, halted
from streams.sinks.opensearch.names import period_of
from streams.sinks.opensearch.options import OpenSearchOptions

ALL: Final = {"ignore_unavailable": True, "allow_no_indices": True, "expand_wildcards": "all", "flat_settings": True}
FAULTS_SHOWN: Final = 5
VARIABLES: Final = {Origin.CI: "ERROR_CLASSIFICATION_INDEX", Origin.BENCHMARK: "FAULTLINE_BENCHMARK_INDEX"}
SAME: Final[Mapping[str, frozenset[str]]] = {
    "float": frozenset({"float", "double"}),
    "date": frozenset({"date", "date_nanos"}),
    "text": frozenset({"text", "match_only_text"}),
}
"""Types that do as well."""

log_event = structlog.get_logger("faultline.sink.opensearch")


class Preparation:
    """Makes what is missing for one origin after the other; what is there stays as it is."""

    def __init__(self, door: Door, options: OpenSearchOptions) -> None:
        self._door = door
        self._options = options
        self.there: set[str] = set()
        """Indexes that were seen to fit, or were made."""

    async def met(self) -> None:
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

    async def single_of(self, origin: Origin) -> str | None:
        """The one index of the origin, or None when there is one a period, after making what it needs.

        Raises: ConfigurationError, SinkUnavailable, Refused.
        """
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
        await self.put_template(origin)
        if period == "none":
            if len(read) > 1:
                raise ConfigurationError(
                    f"{base} at {self._door.url} stands for {len(read)} indexes ({', '.join(read[:FAULTS_SHOWN])}),"
                    " and FAULTLINE_INDEX_PERIOD=none writes into one; set another period or another name"
                )
            if read:
                await self._fitted(origin, read[0], found[read[0]])
            else:
                await self.make(base)
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
        self.there.add(index)

    async def _misfit(self, origin: Origin, index: str, wrong: list[str]) -> ConfigurationError:
        """Make the index to copy into, and say how."""
        base, url = self._options.indexes[origin], self._door.url
        target = f"{base}-earlier"
        body = {"settings": {"index": index_settings(replicas=self._options.replicas)}, "mappings": mapping(origin)}
        await self.make(target, body)
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

    async def put_template(self, origin: Origin) -> None:
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

    async def make(self, index: str, body: Mapping[str, Any] | None = None) -> None:
        """Make an index; one that somebody else has made in the meantime is as good."""
        try:
            await self._door.ask("PUT", f"/{index}", dict(body) if body else None)
        except Refused as refused:
            if refused.kind != "resource_already_exists_exception":
                raise
        self.there.add(index)
