"""The embedded path, publish to document, on one core: failures a second, and memory with many fingerprints.

Yardstick: the same failures, as JSON, written to a SQLite table one row each in transactions of 100, in the same run.
Run: make bench, or python tests/bench/embedded.py [--failures 20000] [--distinct 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec
from suites.load import BATCH_FAILURES
from suites.texts import distinct, texts

from agents.local.engine import Engine
from agents.local.stages import EngineSettings
from streams.contract.failure import Failure
from streams.contract.taxonomy import default_taxonomy
from streams.core.known_failures.book import default_rules
from streams.serving.role import GC_THRESHOLD

SENDERS = 8
"""Callers that publish at once, each waiting for its own acknowledgement before it goes on."""
START_MS = int(time.time()) * 1000 - 7_200_000


def rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def documents(path: Path) -> int:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
    finally:
        connection.close()


def sent(directory: Path, failures: list[Failure]) -> tuple[float, float]:
    """Seconds from the first publish to the last document, and the memory the engine took, in MB."""
    before = rss_mb()
    engine = Engine(
        EngineSettings(directory=directory),
        rules=default_rules(),
        taxonomy=default_taxonomy(),
        now_ms=lambda: time.time_ns() // 1_000_000,
        monotonic_s=time.monotonic,
    )
    path = engine.start()
    start = time.perf_counter()

    async def publish() -> None:
        batches = iter([failures[i : i + BATCH_FAILURES] for i in range(0, len(failures), BATCH_FAILURES)])

        async def sender() -> None:
            for batch in batches:
                await engine.publish(batch)

        await asyncio.gather(*(sender() for _ in range(SENDERS)))

    asyncio.run(publish())
    while documents(path) < len(failures):
        time.sleep(0.1)
    took = time.perf_counter() - start
    grown = rss_mb() - before
    engine.stop()
    return took, grown


def yardstick(directory: Path, failures: list[Failure]) -> float:
    connection = sqlite3.connect(directory / "yardstick.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, body BLOB)")
    start = time.perf_counter()
    for i in range(0, len(failures), BATCH_FAILURES):
        connection.execute("BEGIN")
        rows = [(failure.id, msgspec.json.encode(failure)) for failure in failures[i : i + BATCH_FAILURES]]
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        connection.execute("COMMIT")
    took = time.perf_counter() - start
    connection.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", type=int, default=20_000)
    parser.add_argument("--distinct", type=int, default=100_000)
    options = parser.parse_args()
    gc.set_threshold(GC_THRESHOLD)  # as the server has it
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if options.failures:
            failures = texts(options.failures, start_ms=START_MS)
            size = sum(len(failure.message) for failure in failures) / len(failures)
            took, _ = sent(directory / "speed", failures)
            bare = yardstick(directory, failures)
            result = {
                "failures": len(failures),
                "message_chars_mean": round(size),
                "failures_per_s": round(len(failures) / took),
                "yardstick_rows_per_s": round(len(failures) / bare),
                "cost_in_yardsticks": round(took / bare, 1),
            }
            print(json.dumps(result))
        if options.distinct:
            took, grown = sent(directory / "memory", distinct(options.distinct, start_ms=START_MS))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            result = {
                "distinct_fingerprints": options.distinct,
                "failures_per_s": round(options.distinct / took),
                "engine_grew_mb": round(grown),
                "process_peak_mb": round(peak),
            }
            print(json.dumps(result))


if __name__ == "__main__":
    main()
