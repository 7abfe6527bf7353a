"""The embedded form's metrics, read from the file at each scrape: what the stages committed, and nothing else.

So the equation accepted = folded + repeats + rejected + in flight can be checked from outside at every moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.registry import Collector

from agents.local.stages import ALIASES_DROPPED
from streams.contract import telemetry
from streams.serving.observer import Family, family_of
from streams.sinks.sqlite import DOCUMENTS, LAST_RECEIVED

_BY_COUNTER = {
    "accepted": telemetry.ACCEPTED,
    "folded": telemetry.FOLDED,
    "repeats": telemetry.REPEATS,
    "rejected": telemetry.REJECTED,
}
_LAG = "SELECT o.role, o.topic, sum(h.next - o.offset) FROM offsets o JOIN heads h USING (topic, part) GROUP BY 1, 2"


class FileMetrics(Collector):
    """Reads the counters of one data directory's file."""

    def __init__(self, path: Path, *, version: str) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._version = version

    def collect(self) -> Iterator[Family]:
        """All metrics, from one snapshot."""
        connection = sqlite3.connect(self._uri, uri=True, isolation_level=None)
        try:
            connection.execute("BEGIN")
            counters = dict(connection.execute("SELECT name, value FROM counters").fetchall())
            lags = connection.execute(_LAG).fetchall()
            groups = connection.execute("SELECT count(*) FROM groups").fetchone()[0]
        finally:
            connection.close()
        families = {metric.name: family_of(metric) for metric in telemetry.METRICS}
        for name, value in counters.items():
            kind, _, topic = name.partition("|")
            if kind in _BY_COUNTER:
                families[_BY_COUNTER[kind].name].add_metric([topic], value)
        families[telemetry.DOCUMENTS.name].add_metric([], counters.get(DOCUMENTS, 0))
        families[telemetry.ALIASES_DROPPED.name].add_metric([], counters.get(ALIASES_DROPPED, 0))
        families[telemetry.GROUPS.name].add_metric([], groups)
        for role, topic, lag in lags:
            families[telemetry.LAG.name].add_metric([role, topic], lag)
        if LAST_RECEIVED in counters:
            families[telemetry.LAST_FAILURE.name].add_metric([], counters[LAST_RECEIVED] / 1000)
        families[telemetry.BUILD_INFO.name].add_metric([self._version], 1)
        yield from families.values()
