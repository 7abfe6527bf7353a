"""The fold role on a real broker, one process: failures a second, beside redact + fingerprint alone in the same run.

Input: the seeded load (300 problems by Zipf, half of the messages of a shape of their own, about 300 B each), in
envelopes of up to 100, both sides starting with empty caches. The role decodes, drops repeats, redacts, fingerprints,
applies the rules, folds, encodes and commits a transaction a stretch; the broker works on the same cores.
The clock runs from the role's first commit to its last; CPU is that of its process alone.
Run: make bench, or python tests/bench/fold_stage.py [--failures 40000] [--kafka HOST:PORT]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))

from suites.folding import Seen, begin, made, now_ms
from suites.texts import texts
from testservers.kinds import Kafka
from testservers.process import Identity
from testservers.shared import PLACE, Shared

from streams.broker import admin
from streams.broker.clients import Cluster
from streams.broker.publish import KafkaPublisher
from streams.contract import telemetry
from streams.contract.failure import Failure
from streams.contract.telemetry import Metric
from streams.core.fingerprint import Fingerprinter
from streams.core.redact import redact
from streams.core.safe import safe
from streams.serving.role import GC_THRESHOLD

PARTITIONS = 4
RUNS = 3
GOAL = 0.6
WITHIN_S = 600.0


class Clock(Seen):
    """Notes when what was folded, and what CPU had been used by then."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[tuple[float, float, int]] = []
        self.total = 0

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        super().add(metric, amount, *labels)
        if metric is telemetry.FOLDED and amount:
            self.total += int(amount)
            self.at.append((time.perf_counter(), time.process_time(), self.total))

    def is_done(self, number: int) -> bool:
        """Everything is folded, or at least nothing waits: a commit that a rebalance cut off is not told of."""
        return self.total >= number or (self.total > 0.9 * number and not any(self.values.values()))

    @property
    def rates(self) -> tuple[float, float]:
        """Failures a second, and a second of CPU, from the first commit to the last."""
        (wall, cpu, some), (wall_end, cpu_end, all_of_them) = self.at[0], self.at[-1]
        return (all_of_them - some) / (wall_end - wall), (all_of_them - some) / (cpu_end - cpu)


def alone(failures: list[Failure], read: Callable[[Failure], Failure]) -> float:
    """Failures a second of CPU."""
    fingerprint = Fingerprinter()
    began = time.process_time()
    for one in failures:
        clean = read(one)
        fingerprint(origin=clean.origin, message=clean.message, exception_type="", traceback=clean.traceback)
    return len(failures) / (time.process_time() - began)


def redacted(failure: Failure) -> Failure:
    """As `safe` does it, but the message alone."""
    redact(failure.message)
    return failure


async def role(address: str, failures: list[Failure]) -> tuple[float, float]:
    cluster = await made(Cluster(address, prefix=f"bench{secrets.token_hex(4)}.", partitions=PARTITIONS))
    try:
        publisher = KafkaPublisher(cluster, source="bench", now_ms=now_ms)
        await publisher.start(deadline_s=30)
        for start in range(0, len(failures), 2_000):
            await publisher.publish(failures[start : start + 2_000])
        await publisher.close()
        clock = Clock()
        running = begin(cluster, seen=clock)
        async with asyncio.timeout(WITHIN_S):
            while not clock.is_done(len(failures)) and not running.task.done():
                await asyncio.wait((running.task,), timeout=0.05)
        await running.ended()
        return clock.rates
    finally:
        async with admin.administering(cluster, deadline_s=30) as client:
            await client.delete_topics([cluster.topic(topic) for topic in admin.ALL])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failures", type=int, default=40_000)
    parser.add_argument("--kafka", default="", help="a broker that runs already")
    given = parser.parse_args()
    failures = texts(given.failures, start_ms=now_ms() - 3_600_000)
    print(f"{len(failures)} failures of {sum(len(one.message) for one in failures) // len(failures)} characters")
    gc.set_threshold(GC_THRESHOLD)
    gc.freeze()  # the load itself is no part of what a role has in memory
    shared = Shared(os.environ)
    own = None if given.kafka else Kafka(shared.private_home("kafka", _myself()), PLACE)
    try:
        address = given.kafka or own.start()  # type: ignore[union-attr]  # one of the two is there
        results = []
        for _ in range(RUNS):
            bare, cleaned = alone(failures, redacted), alone(failures, safe)
            results.append((*asyncio.run(role(address, failures)), bare, cleaned))
    finally:
        if own is not None:
            own.remove()
    wall, cpu, bare, cleaned = sorted(results)[len(results) // 2]
    print(f"redact + fingerprint of the message alone: {bare:9,.0f} failures a CPU second")
    print(f"every text of a failure cleaned + fingerprint: {cleaned:5,.0f}")
    print(f"fold role, broker on the same cores:       {wall:9,.0f} failures/s, {cpu:,.0f} a CPU second")
    print(f"ratio to the first: {wall / bare:.2f} by the clock, {cpu / bare:.2f} of CPU (goal {GOAL})")
    print(f"ratio to the second: {wall / cleaned:.2f} by the clock, {cpu / cleaned:.2f} of CPU")


def _myself() -> Identity:
    identity = Identity.of(os.getpid())
    assert identity is not None, "this process lives"
    return identity


if __name__ == "__main__":
    main()
