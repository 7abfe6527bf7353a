"""Collections, indexes, validators and retention of the MongoDB store.

Only what is missing is made. A collection that the earlier system left, its documents and its indexes are used as they
are: our documents stand beside its own, the validators look at ours alone, and retention forgets ours alone.

| collection | `_id` | holds |
|---|---|---|
| `errors_cloud` | failure id | benchmark failures |
| `ci_failures` | failure id | CI failures, under the earlier CI system's field names |
| `error_rollups` | rollup key | counts by provider, model and stage; by repo, workflow and job |
| `faultline_groups` | fingerprint | one fingerprint: its counts, its verdict and the verdicts it had before |
| `faultline_windows` | rollup key | failures a minute and an hour |
| `faultline_rejected` | partition/offset/time | what could not be read; bounded by size |
| `faultline_counters` | name | the revision of all that a page shows |
"""

from __future__ import annotations

from collections.abc import Collection as Bag
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from streams.contract.documents import CI_FAILURES, ERRORS
from streams.contract.errors import ConfigurationError
from streams.contract.failure import Origin
from streams.contract.telemetry import LogEvent
from streams.sinks.mongo.errors import UNAUTHORIZED

OLDEST_SERVER: Final = (5, 0)
"""Two indexes on one key that differ in their filter."""
TTL: Final = "faultline_ttl"
REJECTED_BYTES_MAX: Final = 64 * 1024 * 1024
REJECTED_ROWS_MAX: Final = 100_000
DAY_S: Final = 86_400
_NAMESPACE_EXISTS: Final = 48
_OURS: Final = "faultline "
log_event = structlog.get_logger("faultline.mongo")

Keys = tuple[tuple[str, int], ...]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MongoNames:
    """Names of the collections; the first and the third are settings."""

    errors: str = ERRORS
    ci: str = CI_FAILURES
    rollups: str = "error_rollups"
    groups: str = "faultline_groups"
    windows: str = "faultline_windows"
    rejected: str = "faultline_rejected"
    counters: str = "faultline_counters"

    def failures(self, origin: Origin) -> str:
        """Where the failures of an origin are."""
        return self.errors if origin is Origin.BENCHMARK else self.ci


@dataclass(frozen=True, slots=True)
class Index:
    """One index. `expire_s`: documents go so long after the date in its one field."""

    name: str
    keys: Keys
    expire_s: int | None = None
    only: str = ""
    """Indexes only documents that have this field."""
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection as it should be."""

    name: str
    indexes: tuple[Index, ...] = ()
    validator: Document | None = None
    capped: Document | None = None


def collections(names: MongoNames, *, retention_days: int) -> tuple[Collection, ...]:
    """Everything the sink writes to and the pages read."""
    keep_s = retention_days * DAY_S
    return (
        Collection(
            names.errors,
            (
                _index("fingerprint"),
                _index("provider", "model_name", "stage"),
                _index("ts"),
                _index("error_kind"),
                _newest_of("fault_fingerprint", "ts"),
                Index(TTL, (("ts", 1),), expire_s=keep_s, only="failure_id"),
            ),
            _benchmark_validator(),
        ),
        Collection(
            names.ci,
            (
                _newest_of("s_fingerprint", "@timestamp"),
                _index("s_error_hash"),
                _index("s_workflow_id"),
                _index("s_repo", "s_workflow_name", "s_job_name"),
                Index(TTL, (("@timestamp", 1),), expire_s=keep_s),
            ),
        ),
        Collection(
            names.rollups,
            (
                _index("fingerprint"),
                _index("provider", "model_name", "stage"),
                _index("error_kind"),
                *(Index(name, ((name, 1),), sparse=True) for name in ("model_name", "stage", "workflow", "job")),
                Index("repo_workflow_job", (("repo", 1), ("workflow", 1), ("job", 1)), sparse=True),
                Index(TTL, (("last_seen", 1),), expire_s=keep_s, only="row_version"),
            ),
            _rollup_validator(),
        ),
        Collection(
            names.groups,
            (
                Index(TTL, (("last_seen", 1),), expire_s=keep_s),
                # with `_id`, as the pages sort: a page is read off the index, not sorted out of all groups
                *(Index(f"{name}_id", ((name, -1), ("_id", 1))) for name in ("last_seen", "first_seen", "count")),
                Index("group_last_seen", (("group", 1), ("last_seen", -1))),
                Index("origin_last_seen", (("origin", 1), ("last_seen", -1))),
            ),
        ),
        Collection(
            names.windows,
            (
                _index("span", "start"),
                Index("fingerprint_span_start", (("fingerprint", 1), ("span", 1), ("start", 1))),
                Index(TTL, (("expires_at", 1),), expire_s=0),
            ),
        ),
        Collection(
            names.rejected,
            (Index("at", (("at", -1),)),),
            capped={"capped": True, "size": REJECTED_BYTES_MAX, "max": REJECTED_ROWS_MAX},
        ),
        Collection(names.counters),
    )


async def prepare(database: AsyncDatabase[Document], wanted: Sequence[Collection]) -> None:
    """Make what is missing. Raises `ConfigurationError` for what is there and does not fit; driver errors pass."""
    server = (await database.client.admin.command("buildInfo"))["versionArray"]
    if tuple(server[:2]) < OLDEST_SERVER:
        raise ConfigurationError(f"MongoDB {'.'.join(map(str, server[:3]))} is too old; 5.0 or newer is needed")
    there = {one["name"]: one async for one in await database.list_collections()}
    for collection in wanted:
        if collection.name not in there:
            await _create(database, collection)
        else:
            await _adopt(database, collection, there[collection.name])
        await _index_all(database, collection)


def _index(*fields: str) -> Index:
    return Index("_".join(fields), tuple((field, 1) for field in fields))


def _newest_of(fingerprint: str, at: str) -> Index:
    """For a verdict that changes, and for the newest documents of a group, read off in the pages' order."""
    return Index(f"{fingerprint}_{at}", ((fingerprint, 1), (at, -1), ("_id", 1)), only=fingerprint)


async def _create(database: AsyncDatabase[Document], collection: Collection) -> None:
    command: Document = {"create": collection.name, **(collection.capped or {})}
    if collection.validator is not None:
        command |= {"validator": collection.validator, "validationLevel": "moderate", "validationAction": "error"}
    try:
        await database.command(command)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:  # another process was quicker, with the same options
            raise


async def _adopt(database: AsyncDatabase[Document], collection: Collection, there: Mapping[str, Any]) -> None:
    """Use a collection that is there: only a validator that is missing, or an older one of ours, is set."""
    if there["type"] != "collection":
        raise ConfigurationError(f"MongoDB: {collection.name} is a {there['type']}, not a collection; name another")
    rules = there.get("options", {}).get("validator")
    if collection.validator is None or rules == collection.validator or not _is_ours_to_set(rules):
        return
    command = {"collMod": collection.name, "validator": collection.validator}
    try:
        await database.command(command | {"validationLevel": "moderate", "validationAction": "error"})
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        # a user with readWrite alone; what we write is valid without the validator too
        log_event.warning(
            LogEvent.STORE_LEFT, collection=collection.name, reason="no right to set a validator (dbAdmin)"
        )


def _is_ours_to_set(rules: Mapping[str, Any] | None) -> bool:
    if not rules:
        return True
    return str(rules.get("$jsonSchema", {}).get("title", "")).startswith(_OURS)


async def _index_all(database: AsyncDatabase[Document], collection: Collection) -> None:
    handle = database[collection.name]
    there = [dict(one) async for one in await handle.list_indexes()]
    for found in there:
        if found.get("unique") and "failure_id" not in found["key"]:
            fields = ", ".join(found["key"])
            raise ConfigurationError(
                f"MongoDB: the unique index {found['name']} on {collection.name} ({fields}) allows one document where"
                f" we keep several; make it a plain one (db.{collection.name}.dropIndex('{found['name']}')), or name"
                " another collection"
            )
    for index in collection.indexes:
        same = next((found for found in there if _is_same(index, found)), None)
        if same is None:
            await handle.create_index(list(index.keys), name=index.name, **_options(index))
        elif index.expire_s is not None and same["expireAfterSeconds"] != index.expire_s:
            change = {"name": same["name"], "expireAfterSeconds": index.expire_s}
            await database.command({"collMod": collection.name, "index": change})


def _is_same(index: Index, found: Mapping[str, Any]) -> bool:
    """Whether an index that is there, under whatever name, does what ours would do."""
    return (
        tuple(found["key"].items()) == index.keys
        and found.get("partialFilterExpression") == _options(index).get("partialFilterExpression")
        and ("expireAfterSeconds" in found) == (index.expire_s is not None)
        and (index.sparse or not found.get("sparse"))
    )


def _options(index: Index) -> Document:
    options: Document = {}
    if index.expire_s is not None:
        options["expireAfterSeconds"] = index.expire_s
    if index.only:
        options["partialFilterExpression"] = {index.only: {"$exists": True}}
    if index.sparse:
        options["sparse"] = True
    return options


_TEXT: Final = {"bsonType": "string"}
_DATE: Final = {"bsonType": "date"}
_WHOLE: Final = {"bsonType": ["int", "long"], "minimum": 0}
_SHARE: Final = {"bsonType": ["double", "int"], "minimum": 0, "maximum": 1}


def _validator(title: str, mark: str, properties: Document, required: Bag[str]) -> Document:
    """Rules for documents that have the field `mark`; those of others pass."""
    ours = {"required": sorted(required), "properties": properties}
    return {"$jsonSchema": {"title": f"{_OURS}{title}", "anyOf": [{"not": {"required": [mark]}}, ours]}}


def _benchmark_validator() -> Document:
    properties: Document = {
        **dict.fromkeys(
            ("failure_id", "provider", "model_name", "stage", "message", "error_kind", "error_family"), _TEXT
        ),
        **dict.fromkeys(
            ("fingerprint", "fault_fingerprint", "normalized_message", "classified_by", "traceback"), _TEXT
        ),
        **dict.fromkeys(("ts", "received_at", "classified_at", "original_ts"), _DATE),
        "http_status": {"bsonType": ["int", "null"]},
        "classification_confidence": _SHARE,
        "verdict_version": _WHOLE,
    }
    return _validator("errors 1", "failure_id", properties, properties.keys() - {"traceback", "original_ts"})


def _rollup_validator() -> Document:
    properties: Document = {
        **dict.fromkeys(("fingerprint", "origin", "provider", "model_name", "stage", "repo", "workflow", "job"), _TEXT),
        **dict.fromkeys(("first_seen", "last_seen", "classified_at"), _DATE),
        "count": _WHOLE,
        "row_version": _WHOLE,
        "sample_messages": {"bsonType": "array", "items": _TEXT},
        "error_kind": _TEXT,
        "classification_confidence": _SHARE,
    }
    required = ("fingerprint", "origin", "count", "first_seen", "last_seen", "sample_messages", "row_version")
    return _validator("rollups 1", "row_version", properties, required)
