"""What the MongoDB store says of the past, to whoever brings some of it back: which failures it has, and how many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from streams.contract.documents import FINGERPRINT_FIELDS, TIME_FIELDS
from streams.contract.failure import Origin
from streams.sinks.mongo.documents import at_ms, date
from streams.sinks.mongo.errors import fault_of
from streams.sinks.mongo.schema import Document, MongoNames

IDS_PER_CALL: Final = 500
QUESTION_MS_MAX: Final = 60_000
COUNT_MS_MAX: Final = 3_600_000
"""Counting walks every document."""
_WHERE: Final[Mapping[Origin, tuple[Any, Any, Any]]] = {
    Origin.BENCHMARK: ("$provider", "$model_name", "$stage"),
    Origin.CI: ("$s_repo", "$s_workflow_name", {"$cond": [{"$eq": ["$s_job_name", ""]}, "$s_job_id", "$s_job_name"]}),
}
"""The dimension of a document, as `Failure.where` has it."""
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counted:
    """Documents of one fingerprint in one dimension."""

    fingerprint: str
    where: tuple[str, str, str]
    count: int
    first_at_ms: int
    last_at_ms: int


def _asked(question: Callable[Concatenate[MongoPast, P], T]) -> Callable[Concatenate[MongoPast, P], T]:
    @wraps(question)
    def asked(self: MongoPast, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return question(self, *args, **kwargs)
        except PyMongoError as error:
            raise fault_of(error) from error

    return asked


class MongoPast:
    """Answers from one database; blocks. Raises `SinkUnavailable` and `ConfigurationError`.

    The client is its owner's to close.
    """

    def __init__(self, client: MongoClient[Document], database: str, *, names: MongoNames | None = None) -> None:
        self._names = names or MongoNames()
        self._db = client[database]

    @_asked
    def known(self, ids: Sequence[str]) -> list[str]:
        """Those of these failures that have a document."""
        found: set[str] = set()
        for start in range(0, len(ids), IDS_PER_CALL):
            some = list(ids[start : start + IDS_PER_CALL])
            for origin in Origin:
                cursor = self._db[self._names.failures(origin)].find({"_id": {"$in": some}}, {"_id": 1})
                found |= {document["_id"] for document in cursor.max_time_ms(QUESTION_MS_MAX)}
        return sorted(found)

    @_asked
    def oldest_ms(self) -> int | None:
        """When the first failure happened that any row of counts stands for; None without rows of ours."""
        rows = self._db[self._names.rollups].find({"row_version": {"$exists": True}}, {"first_seen": 1, "_id": 0})
        found = list(rows.sort("first_seen", 1).limit(1).max_time_ms(QUESTION_MS_MAX).allow_disk_use(True))  # noqa: FBT003
        return at_ms(found[0]["first_seen"]) if found else None

    @_asked
    def counts(self, origin: Origin, *, since_ms: int) -> list[Counted]:
        """Documents by fingerprint and dimension, of failures from that moment on; about 300 B each in memory."""
        return list(self._counts(origin, since_ms))

    def _counts(self, origin: Origin, since_ms: int) -> Iterator[Counted]:
        fingerprint, at = FINGERPRINT_FIELDS[origin], TIME_FIELDS[origin]
        one, two, three = _WHERE[origin]
        steps: list[Document] = [
            {"$match": {at: {"$gte": date(since_ms)}, fingerprint: {"$type": "string"}}},
            {
                "$group": {
                    "_id": {"f": f"${fingerprint}", "1": one, "2": two, "3": three},
                    "count": {"$sum": 1},
                    "first": {"$min": f"${at}"},
                    "last": {"$max": f"${at}"},
                }
            },
        ]
        collection = self._db[self._names.failures(origin)]
        for row in collection.aggregate(steps, allowDiskUse=True, maxTimeMS=COUNT_MS_MAX):
            name = row["_id"]
            where = (str(name["1"]), str(name["2"]), str(name["3"]))
            yield Counted(str(name["f"]), where, int(row["count"]), at_ms(row["first"]), at_ms(row["last"]))
