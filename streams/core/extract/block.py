"""A block: the lines of a log that say why it failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `first` to `last` of the original log, counted from 1, both included."""

    first: int
    last: int
    evidence: int
    """The line that says why; within first and last."""
    score: float
    """How likely the block is the cause, 0 to 1; comparable within one log only."""
    reason: str
    """Id of the rule that found it, such as `python.traceback`."""
    tool: str
    exit_code: int | None = None
    step: str = ""
    """The step or section of the job in which the block stands, where the log tells."""
    step_number: int | None = None
    """The step's own number where the log says it, else its place among the steps that the log shows, from 1."""
    job: str = ""
    """The job of a log of several jobs."""
    test: str = ""
    """The failed test that the block is about, as its runner names it, where a runner's section says so."""
    retold: bool = False
    """Whether it says only that a part of the job failed for the reason that another block, or a test, tells."""
    opening: int = 0
    """The line that names the test, where it does not stand in the block; else 0."""
