"""Reading a report as `publish report` and the gateway do."""

from __future__ import annotations

import io

from streams.contract.failure import Ci, Failure
from streams.producers.formats import Records, records_of
from streams.producers.report import Limits

CONTEXT = Ci(provider="github", repo="o/r", run_id="7", job_id="8", job_name="unit")


def told(report: str | bytes, limits: Limits | None = None) -> tuple[list[Failure], Records]:
    """The failures of a report, and what is said of its reading."""
    data = report.encode() if isinstance(report, str) else report
    records = records_of(io.BytesIO(data), CONTEXT, occurred_at_ms=1, limits=limits)
    return list(records), records


def place_of(failure: Failure) -> Ci:
    """Where a failure stands; every one of a report has a place."""
    assert failure.ci is not None
    return failure.ci


def titles(failures: list[Failure]) -> list[str]:
    """Class and name of each test."""
    return ["::".join(filter(None, (place_of(one).test_class, place_of(one).test_name))) for one in failures]


def messages(failures: list[Failure]) -> list[str]:
    return [one.message for one in failures]
