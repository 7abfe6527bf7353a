"""Counts -> the geometry of bars and sparklines. Positions are percentages, so that a chart fits any width undistorted.

The count axis starts at 0 always.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streams.dashboard.asked import Stretch
from streams.dashboard.words import clock, count
from streams.sinks.base import KindSeries, KindsOverTime

SPARK_WIDTH = 96
SPARK_HEIGHT = 24
GAP_SHARE = 0.18
"""How much of a step is left free between two bars."""
X_TICKS = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """One kind within one bar, in percent of the chart's height from the top."""

    kind: str
    colour: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of time, in percent of the chart's width. `step_x` and `step_width` include the gap."""

    x: float
    width: float
    step_x: float
    step_width: float
    start_ms: int
    label: str
    total: int
    segments: tuple[Segment, ...]

    def of(self, kind: str) -> int:
        """How many of this kind."""
        return next((one.count for one in self.segments if one.kind == kind), 0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where, in percent, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Legend:
    """One kind of the chart, with its failures in all."""

    kind: str
    family: str
    colour: str
    total: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Kinds over time for one origin."""

    origin: str
    total: int
    peak: int
    bars: tuple[Bar, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    legend: tuple[Legend, ...]
    """Largest first, which is also from the bottom of a bar to its top."""


def _ceiling(peak: int) -> int:
    """The top of an axis for this peak: twice a round number, so that the middle is a whole number too."""
    half = max(1, -(-peak // 2))
    size: int = 10 ** (len(str(half)) - 1)
    return 2 * next(size * factor for factor in (1, 2, 3, 4, 5, 6, 8, 10) if size * factor >= half)


def stacked(kinds: KindsOverTime, *, origin: str, stretch: Stretch, colour: Callable[[str, str], str]) -> Chart:
    """The chart of one origin's kinds. `colour` names the colour of an origin's kind."""
    series = sorted((one for one in kinds.series if one.origin == origin), key=lambda one: (-one.total, one.kind))
    totals = [sum(one.counts[i] for one in series) for i in range(kinds.buckets)]
    peak = max(totals, default=0)
    top = _ceiling(peak)
    width = 100 / kinds.buckets
    bars = tuple(
        Bar(
            x=round(i * width + width * GAP_SHARE / 2, 3),
            width=round(width * (1 - GAP_SHARE), 3),
            step_x=round(i * width, 3),
            step_width=round(width, 3),
            start_ms=(start_ms := kinds.start_ms + i * kinds.step_ms),
            label=_bar_label(start_ms, series, i),
            total=total,
            segments=_segments(series, i, top, colour),
        )
        for i, total in enumerate(totals)
        if total
    )
    return Chart(
        origin=origin,
        total=sum(totals),
        peak=peak,
        bars=bars,
        y_ticks=tuple(Tick(at, count(top * (100 - at) // 100)) for at in (0, 50, 100)),
        x_ticks=_x_ticks(stretch),
        legend=tuple(Legend(one.kind, one.family, colour(origin, one.kind), one.total) for one in series if one.total),
    )


def _bar_label(start_ms: int, series: Sequence[KindSeries], i: int) -> str:
    parts = ", ".join(f"{one.kind} {count(one.counts[i])}" for one in series if one.counts[i])
    return f"{clock(start_ms)} UTC: {parts}"


def _segments(series: Sequence[KindSeries], i: int, top: int, colour: Callable[[str, str], str]) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    below = 0
    for one in series:
        if one.counts[i]:
            below += one.counts[i]
            segments.append(
                Segment(
                    kind=one.kind,
                    colour=colour(one.origin, one.kind),
                    count=one.counts[i],
                    y=round(100 - 100 * below / top, 3),
                    height=round(100 * one.counts[i] / top, 3),
                )
            )
    return tuple(segments)


def _x_ticks(stretch: Stretch) -> tuple[Tick, ...]:
    amount, unit = {"1h": (60, "min"), "24h": (24, "h"), "7d": (7, "d")}[stretch.name]
    left = [amount * (X_TICKS - i) / X_TICKS for i in range(X_TICKS)]
    named = (Tick(100 * i / X_TICKS, f"−{span:g} {unit}") for i, span in enumerate(left))
    return (*named, Tick(100, "now"))


@dataclass(frozen=True, slots=True)
class Spark:
    """Bars of a sparkline in a box of SPARK_WIDTH x SPARK_HEIGHT units, and what it says to who cannot see it."""

    bars: tuple[tuple[float, float, float, float], ...]
    """x, y, width and height of each bar that is not empty."""
    label: str


def sparkline(counts: Sequence[int]) -> Spark:
    """Failures an hour as small bars; the smallest count is still seen."""
    if not counts:
        return Spark((), "no counts")
    peak = max(counts)
    step = SPARK_WIDTH / len(counts)
    bars = []
    for i, number in enumerate(counts):
        if number:
            height = max(2.0, round((SPARK_HEIGHT - 2) * number / peak, 2))
            bars.append((round(i * step + 0.5, 2), round(SPARK_HEIGHT - 1 - height, 2), round(step - 1, 2), height))
    if not peak:
        return Spark((), f"none in the last {len(counts)} hours")
    return Spark(tuple(bars), f"{count(sum(counts))} in the last {len(counts)} hours, at most {count(peak)} an hour")
