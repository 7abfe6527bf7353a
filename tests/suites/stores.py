"""Stores that a pipeline feeds, as the sinks' and the queries' suites see them, whichever server is behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from suites.records import AT_MS, told

from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.failure import Failure, Origin
from streams.contract.fold import Cursor, FoldBatch
from streams.contract.verdict import Verdict
from streams.core.fold import folds_of
from streams.core.pipeline import Pipeline
from streams.core.rows import PositionRow
from streams.core.tables import Tables
from streams.sinks.base import Queries, Record


class Feeder:
    """What the tables say of failures and verdicts, batch by batch, as the sinks read it."""

    def __init__(self, *, epoch: int = 0) -> None:
        rows: dict[str, bytes] = {}
        Tables(rows, 0).position.put("", PositionRow(epoch=epoch))
        self.pipeline = Pipeline(rows, partition=0)
        self.at = 0

    def records(
        self, *failures: Failure, verdicts: Sequence[Verdict] = (), aliases: Sequence[Alias] = ()
    ) -> list[Record]:
        """The records of one batch."""
        batch = FoldBatch(
            topic=topics.CI.name,
            partition=0,
            cursor=Cursor(self.at, self.at + 1),
            at_ms=AT_MS,
            folds=tuple(folds_of((told(failure) for failure in failures), fold_id=str(self.at))),
            verdicts=tuple(verdicts),
            aliases=tuple(aliases),
        )
        emitted = self.pipeline.on_batches([(self.at, batch)])
        self.at += 1
        return [e.record for e in emitted if e.topic is not topics.UNSEEN]  # type: ignore[misc]  # Unseen is left out


class FedStore(Protocol):
    """A store under test: a sink, the queries over it, and what lies in it."""

    feeder: Feeder

    @property
    def queries(self) -> Queries:
        """What pages ask."""

    def write(self, records: Sequence[Record]) -> None:
        """Through the sink; fails the test when something is refused."""

    def documents(self, origin: Origin) -> dict[str, dict[str, Any]]:
        """Every failure document by its id, in the form that all stores share: times as text."""

    def dump(self) -> object:
        """All that the store holds, comparable, without what only counts the calls."""


def feed(
    store: FedStore, *failures: Failure, verdicts: Sequence[Verdict] = (), aliases: Sequence[Alias] = ()
) -> list[Record]:
    """Write what the tables say of these. Returns the records."""
    records = store.feeder.records(*failures, verdicts=verdicts, aliases=aliases)
    store.write(records)
    return records
