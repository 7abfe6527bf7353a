"""Connects the evaluation runner to the product: nothing here computes anything of its own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Benchmark, Ci, Failure, Origin
from streams.contract.taxonomy import default_taxonomy
from streams.core import redact as credentials
from streams.core.alias import grouped
from streams.core.extract.baseline import Baseline
from streams.core.extract.extract import extract as blocks_of
from streams.core.fingerprint import Fingerprinter
from streams.core.frames.crash import crash_state
from streams.core.judge import Judge
from streams.core.known_failures.book import default_rules
from streams.producers.junit import read_junit

_fingerprint = Fingerprinter()
_judge = Judge(default_rules(), default_taxonomy())

fingerprint = _fingerprint.text
frames = crash_state
redact = credentials.redact


def group(messages: list[str]) -> list[str]:
    return grouped([_fingerprint(origin="ci", message=message) for message in messages])


def classify_benchmark(text: str, status: int | None) -> tuple[str, float]:
    failure = Failure(
        origin=Origin.BENCHMARK, message=text, occurred_at_ms=0, http_status=status, benchmark=Benchmark()
    )
    verdict = _judge(failure)
    return verdict.kind, verdict.confidence


def classify_ci(text: str) -> tuple[str, str, float]:
    verdict = _judge(Failure(origin=Origin.CI, message=text, occurred_at_ms=0, ci=Ci()))
    return verdict.kind, verdict.family, verdict.confidence


def extract(log: str, baseline: str | None) -> list[tuple[int, int]]:
    passing = None if baseline is None else Baseline.of(baseline.split("\n"))
    return [(block.first, block.last) for block in blocks_of(log.split("\n"), baseline=passing)]


def junit(path: str) -> list[tuple[str, str]]:
    with Path(path).open("rb") as file:
        try:
            return [(failure.title, failure.detail) for failure in read_junit(file)]
        except UnreadableInput:  # what the product answers to a file that is no report
            return []
