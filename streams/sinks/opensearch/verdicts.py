"""A new verdict or group for the documents that are there: one update by query for many fingerprints.

Guarded by the version of the verdict or group that each document carries, so that an older change that comes again does
nothing. The script is one constant text, and every value a parameter: nothing is put together from what came in.
An update adds one to a document's version, and versions of verdicts grow by at least one, so by verdicts alone a
document's version is never above that of its verdict: a `Classified` that comes again is stale, one with a later
verdict is not. Changes of groups raise it too: a failure that comes again under a verdict that did not reach its
document because that is older than `backfill_days` may then be stale; the document keeps what it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from streams.contract.classified import GroupChanged, VerdictChanged
from streams.contract.documents import (
    FINGERPRINT_FIELDS,
    GROUP_VERSION_FIELDS,
    TIME_FIELDS,
    VERSION_FIELDS,
    iso,
    search_field,
    search_group_fields,
    search_verdict_fields,
)
from streams.contract.errors import SinkUnavailable
from streams.contract.failure import Origin
from streams.sinks.opensearch.bulk import RETRIES_MAX, RefusedItem, pause
from streams.sinks.opensearch.door import NO_INDEX, RETRY_AFTER_S, Door, Refused, halted
from streams.sinks.opensearch.indexes import NAMES_A_REQUEST_MAX, Indexes
from streams.sinks.opensearch.options import OpenSearchOptions

DAY_MS: Final = 86_400_000
FINGERPRINTS_A_REQUEST_MAX: Final = 200
DOCUMENTS_A_REQUEST_MAX: Final = 5_000
"""So that a request ends well within its time; the next one finds the rest by the guard."""
DOCUMENTS_A_STEP: Final = 500
SCRIPT: Final = (
    "def change = params.changes[ctx._source[params.by]];"
    " ctx._source.putAll(change.said);"
    " for (e in change.copied.entrySet()) { ctx._source[e.getKey()] = ctx._source[e.getValue()]; }"
)


@dataclass(frozen=True, slots=True)
class Change:
    """What changed of the documents of a fingerprint, and which record said so."""

    record: int
    changed: VerdictChanged | GroupChanged

    @property
    def version(self) -> int:
        """Of what documents are to carry: they are guarded by it."""
        new = self.changed
        return new.verdict_version if isinstance(new, VerdictChanged) else new.group_version

    @property
    def at_ms(self) -> int:
        """When it was decided."""
        new = self.changed
        return new.verdict.decided_at_ms if isinstance(new, VerdictChanged) else new.changed_at_ms


class Verdicts:
    """Brings documents up to date through a door."""

    def __init__(self, door: Door, indexes: Indexes, options: OpenSearchOptions) -> None:
        self._door = door
        self._indexes = indexes
        self._options = options

    async def apply(self, origin: Origin, changes: list[Change]) -> list[RefusedItem]:
        """Bring the documents of these fingerprints up to date; each occurs once, and all changes are of one sort.

        Returns which changes were refused for good. Raises: SinkUnavailable, ConfigurationError.
        """
        since_ms = min(self._since_ms(change) for change in changes)
        names = await self._indexes.since(origin, since_ms)
        refused: list[RefusedItem] = []
        for i in range(0, len(names), NAMES_A_REQUEST_MAX):
            path = "/" + ",".join(names[i : i + NAMES_A_REQUEST_MAX])
            for j in range(0, len(changes), FINGERPRINTS_A_REQUEST_MAX):
                refused += await self._changed(path, origin, changes[j : j + FINGERPRINTS_A_REQUEST_MAX])
        return refused

    async def _changed(self, path: str, origin: Origin, changes: list[Change]) -> list[RefusedItem]:
        """Ask until no document is left that the guard lets through."""
        body = self.body(origin, changes)
        idle = 0
        while True:
            await self._asked("POST", f"{path}/_refresh")  # what is not searchable yet would not be found
            try:
                answer = await self._asked(
                    "POST",
                    f"{path}/_update_by_query",
                    body,
                    params={
                        "conflicts": "proceed",
                        "scroll_size": DOCUMENTS_A_STEP,
                        "requests_per_second": self._options.changes_per_s,
                    },
                )
            except Refused as refused:
                if len(changes) == 1:
                    told = f"change of {changes[0].changed.fingerprint}: {refused.reason}"
                    return [RefusedItem(changes[0].record, told)]
                return [item for one in changes for item in await self._changed(path, origin, [one])]
            if not answer["version_conflicts"] and answer["updated"] < DOCUMENTS_A_REQUEST_MAX:
                return []
            idle = 0 if answer["updated"] else idle + 1
            if idle > RETRIES_MAX:
                raise SinkUnavailable(
                    f"OpenSearch at {self._door.url}: others change the documents of {len(changes)} fingerprints all"
                    " the time; is a second sink running?",
                    retry_after_s=RETRY_AFTER_S,
                )
            if idle:
                await pause(idle - 1)

    async def _asked(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """Ask, and again after a pause while the store is busy. Raises `Refused` for what is refused for good."""
        for attempt in range(RETRIES_MAX + 1):
            try:
                return await self._door.ask(method, path, body, **more)
            except Refused as refused:
                if error := halted(refused, self._door.url):
                    raise error from refused
                if not refused.is_busy and refused.kind != NO_INDEX:
                    raise
                if refused.kind == NO_INDEX or attempt == RETRIES_MAX:
                    message = f"OpenSearch at {self._door.url} is too busy for a change of verdicts: {refused.reason}"
                    raise SinkUnavailable(message, retry_after_s=RETRY_AFTER_S) from refused
            await pause(attempt)
        raise AssertionError("the last attempt returns or raises")

    def _since_ms(self, change: Change) -> int:
        """The oldest failure that a change still reaches; a function of the change, so a replay does the same."""
        return max(0, change.at_ms - self._options.backfill_days * DAY_MS)

    def body(self, origin: Origin, changes: list[Change]) -> dict[str, Any]:
        """The request: which documents, and what to write into each."""
        guards = VERSION_FIELDS if isinstance(changes[0].changed, VerdictChanged) else GROUP_VERSION_FIELDS
        by, time, version = (search_field(fields, origin) for fields in (FINGERPRINT_FIELDS, TIME_FIELDS, guards))
        wanted: list[list[dict[str, Any]]] = []
        values: dict[str, Any] = {}
        for change in changes:
            new = change.changed
            wanted.append(
                [
                    {"term": {by: new.fingerprint}},
                    # not in documents of a release that knew no groups: they keep their fingerprint alone, because an
                    # index that was made then may not know the field, and would never say that it was written
                    {"range": {version: {"lt": change.version}}},
                    {"range": {time: {"gte": iso(self._since_ms(change))}}},
                ]
            )
            if isinstance(new, VerdictChanged):
                said, copied = search_verdict_fields(
                    origin, new.verdict, new.verdict_version, primary_is_kind=self._options.primary_is_kind
                )
            else:
                said, copied = search_group_fields(origin, new.fingerprint, new.group, new.group_version), {}
            values[new.fingerprint] = {"said": said, "copied": copied}
        return {
            "query": {"bool": {"filter": [{"bool": {"should": [{"bool": {"filter": one}} for one in wanted]}}]}},
            "script": {"lang": "painless", "source": SCRIPT, "params": {"by": by, "changes": values}},
            "max_docs": DOCUMENTS_A_REQUEST_MAX,
        }
