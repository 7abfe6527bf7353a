"""What a role tells of itself, kept for /metrics and /readyz. A metric that the contract does not name is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from streams.contract import telemetry
from streams.contract.telemetry import LogEvent, Metric

SERIES_MAX: Final = 2_000
"""Combinations of labels a metric; labels come from our own lists, so more of them is a fault of ours."""
STARTING: Final = "the start"
ENDING: Final = "the end"

Family = CounterMetricFamily | GaugeMetricFamily

log_event = structlog.get_logger("faultline.role")


def family_of(metric: Metric) -> Family:
    """The metric without values, as the client library writes it."""
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


def exposition(collector: Collector) -> bytes:
    """What it collects, in the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


class RoleObserver(Collector):
    """The `Observer` of one process. Safe to call from any thread; nothing in it waits.

    The calls raise `ValueError` for a metric that the contract does not name, or whose labels do not fit it.
    """

    def __init__(self, *, version: str) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[tuple[str, ...], float]] = {}
        self._waiting = STARTING
        self._away = ""
        self.set(telemetry.BUILD_INFO, 1, version)

    @property
    def waiting(self) -> str:
        """What the role waits for; empty when it works, and what it needs is there."""
        return self._waiting or self._away

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Count up a counter; `amount` is not negative."""
        if amount < 0:
            raise ValueError(f"{metric.name}: a counter does not count down")
        self._change(metric, "counter", labels, amount)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._change(metric, "gauge", labels, value)

    def waiting_for(self, what: str) -> None:
        """Say what is missing, in words for people; empty once the role works. Each change is a log line."""
        if self._waiting in (what, ENDING):
            return
        self._waiting = what
        if what:
            log_event.warning(LogEvent.ROLE_WAITING, what=what)
        else:
            log_event.info(LogEvent.ROLE_READY)

    def away(self, what: str) -> None:
        """Say what a look from outside the role found missing; empty once it is back."""
        if what and not self._away:
            log_event.warning(LogEvent.ROLE_WAITING, what=what)
        elif self._away and not what and not self._waiting:
            log_event.info(LogEvent.ROLE_READY)
        self._away = what

    def ending(self) -> None:
        """The role was told to stop: it is not ready any more."""
        self._waiting = ENDING

    def collect(self) -> Iterator[Family]:
        """Every metric that has a value, in the contract's order."""
        with self._lock:
            values = {name: dict(series) for name, series in self._values.items()}
        for metric in telemetry.METRICS:
            if metric.name in values:
                family = family_of(metric)
                for labels, value in values[metric.name].items():
                    family.add_metric(labels, value)
                yield family

    def _change(self, metric: Metric, kind: str, labels: tuple[str, ...], value: float) -> None:
        if metric not in telemetry.METRICS or metric.kind != kind or len(labels) != len(metric.labels):
            raise ValueError(f"{metric.name}: not a {kind} of the contract with labels {labels}")
        with self._lock:
            series = self._values.setdefault(metric.name, {})
            if labels not in series and len(series) >= SERIES_MAX:
                raise ValueError(f"{metric.name}: more than {SERIES_MAX} combinations of labels")
            series[labels] = value + (series.get(labels, 0.0) if kind == "counter" else 0.0)
