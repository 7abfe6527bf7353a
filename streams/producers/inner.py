"""The errors inside an output: what a failed step or test printed, read by the parsers of the tools that printed it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from streams.contract.failure import Ci, Failure
from streams.producers.joblog import read_log
from streams.producers.report import Reported

INNER_MAX: Final = 20
_SAYS_NOTHING: Final = ("tail", "buildkit.", "docker.command", "kaniko.", "buildah.")
"""Rules for the last lines of a log of which no line says why, and for what an image builder says of itself."""


def failures_in(lines: Iterable[str], *, limit: int = INNER_MAX) -> list[Failure]:
    """The failures of which the output of something that failed tells, most likely cause first; [] when of none.

    `lines` as in a log; at most `limit` beside the failed tests. The records have no context, for they are parts.
    """
    found = read_log(lines, Ci(), occurred_at_ms=0, limit=limit, failed=True)
    return [one for one in found if not one.labels["rule"].startswith(_SAYS_NOTHING)]


def reported(found: Iterable[Failure]) -> Iterable[Reported]:
    """The same as parts of a report. The place in the output is no place in the report, so it is left out."""
    for one in found:
        ci = one.ci or Ci()
        yield Reported(
            message=one.message,
            text=one.traceback,
            type=one.exception_type,
            classname=ci.test_class,
            name=ci.test_name,
            source=ci.source,
            exit_code=one.exit_code,
            labels={name: one.labels[name] for name in ("rule", "evidence", "exit_code") if name in one.labels},
        )
