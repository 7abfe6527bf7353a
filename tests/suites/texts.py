"""Failures for the benchmarks, as records: the seeded load with long texts, and one where each is its own problem."""

from __future__ import annotations

import msgspec
from suites.load import WORDS, batches, load

from streams.contract.failure import Failure, identified

FINGERPRINTS = 300


def texts(number: int, *, start_ms: int, span_s: int = 3600, seed: int = 7) -> list[Failure]:
    """The seeded load over `span_s` seconds, messages filled up to about 300 bytes; half of a shape of their own."""
    out = []
    for i, told in enumerate(
        t for b in batches(load(failures=number, fingerprints=FINGERPRINTS, seed=seed, start_ms=start_ms)) for t in b
    ):
        more = " ".join(WORDS[(told.problem + k) % len(WORDS)] for k in range(34))
        own = f" by node-{i:x}.example of /srv/jobs/{i}/run.log" if i % 2 else ""
        at_ms = start_ms + i * span_s * 1000 // number
        body = told.body | {"message": f"{told.body['message']}{own} {more}", "occurred_at_ms": at_ms}
        out.append(identified(msgspec.convert(body, Failure)))
    return out


def distinct(number: int, *, start_ms: int) -> list[Failure]:
    """As many fingerprints as failures."""
    words = [f"{a}{b}" for a in WORDS for b in WORDS]
    out = []
    for i in range(number):
        name = f"{words[i % len(words)]} {words[i // len(words) % len(words)]}"
        body = {
            "origin": "ci",
            "message": f"{name} is missing",
            "occurred_at_ms": start_ms + i,
            "ci": {"run_id": "1", "repo": "a/b"},
        }
        out.append(identified(msgspec.convert(body, Failure)))
    return out
