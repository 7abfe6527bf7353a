"""The stream agent over a real broker: what the door to Faust costs beside the pipeline; its start; memory of a key.

The same records (tests/bench/pipeline.py) three ways, each in a process of its own, CPU seconds of all its threads:
the pipeline in memory alone; the pipeline in a bare aiokafka loop with the same transactions; the product.
Then a start over a changelog of --keys rows: until they are loaded, until records may come, and memory a key.
Run: make bench, or python tests/bench/stream_agent.py [--failures 40000] [--keys 500000] [--bootstrap host:port]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from bench.pipeline import GC_THRESHOLD, START_MS, calls, folded
from suites.folds import create_topics
from suites.texts import distinct, texts
from testservers.kinds import Kafka
from testservers.shared import PLACE

from streams.app.partition import Partition
from streams.app.sending import Item, send_records
from streams.app.store import Store
from streams.app.table import DoorTable
from streams.app.work import READ_RECORDS_MAX, create_work_app
from streams.app.worker import run_worker
from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.fold import FoldBatch
from streams.contract.telemetry import Metric
from streams.contract.wire import from_bytes
from streams.core.pipeline import Pipeline

PARTITIONS = 12
RUNS = 2
BATCH_RECORDS = 16
POLL_RECORDS = 500
SEED_FINGERPRINTS = 3_000
WAIT_S = 300
Records = list[list[tuple[int, bytes]]]


class Nobody:
    """An observer that counts nothing."""

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        pass

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        pass

    def waiting_for(self, what: str) -> None:
        pass


def memory_mb() -> float:
    """Resident, of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_memory(records: Records) -> float:
    """CPU seconds of the pipeline alone: decode, apply, encode, over a partition's rows as the product has them."""
    partitions = [Partition(number, now_s=0.0) for number in range(PARTITIONS)]
    pipelines = [Pipeline(partition, partition=partition.number) for partition in partitions]
    began = time.process_time()
    for number, some in calls(records):
        batches = [(offset, from_bytes(FoldBatch, data)) for offset, data in some]
        for emission in pipelines[number].on_batches(batches):
            _ = emission.value
        partitions[number].apply(partitions[number].take_pending())
    return time.process_time() - began


# The parts that run in a process of their own. Each prints one line of JSON.


async def loop(cluster: Cluster, last: dict[int, int]) -> dict[str, float]:
    """The pipeline in a plain aiokafka loop: one transaction for rows and outputs of a partition, no group."""
    names = {topic: cluster.topic(topic) for topic in (topics.CLASSIFIED, topics.UNSEEN, topics.ROLLUPS)}
    partitions = [Partition(number, now_s=0.0) for number in range(PARTITIONS)]
    pipelines = [Pipeline(partition, partition=partition.number) for partition in partitions]
    producers = [cluster.transactional_producer(f"{cluster.prefix}loop-{number}") for number in range(PARTITIONS)]
    for producer in producers:
        await producer.start()
    reader = cluster.consumer(poll_records_max=POLL_RECORDS)
    await reader.start()
    tps = [TopicPartition(cluster.topic(topics.FOLDED), number) for number in range(PARTITIONS)]
    reader.assign(tps)
    for tp in tps:
        reader.seek(tp, 0)

    async def write(number: int, messages: list[Any]) -> None:
        emissions = pipelines[number].on_batches([(m.offset, from_bytes(FoldBatch, m.value)) for m in messages])
        changes = partitions[number].take_pending()
        by_topic: dict[str, list[Item]] = {
            cluster.topic(topics.STATE): [(key.encode(), row, []) for key, row in changes.items()]
        }
        for emission in emissions:
            by_topic.setdefault(names[emission.topic], []).append((emission.key.encode(), emission.value, []))
        async with producers[number].transaction():
            await asyncio.gather(*(send_records(producers[number], t, number, items) for t, items in by_topic.items()))
        partitions[number].apply(changes)

    began, began_s = time.process_time(), time.monotonic()
    while any(pipelines[number].position.offset < offset for number, offset in last.items()):
        found = await reader.getmany(timeout_ms=200, max_records=POLL_RECORDS)
        queues = {tp.partition: list(messages) for tp, messages in found.items()}
        while queues:
            turn = {number: messages[:BATCH_RECORDS] for number, messages in queues.items()}
            queues = {number: rest for number, m in queues.items() if (rest := m[BATCH_RECORDS:])}
            await asyncio.gather(*(write(number, messages) for number, messages in turn.items()))
    took = {"cpu_s": time.process_time() - began, "wall_s": time.monotonic() - began_s}
    for producer in producers:
        await producer.stop()
    await reader.stop()
    return took


async def door(cluster: Cluster, last: dict[int, int]) -> dict[str, float]:
    """The product. An empty `last`: only its start."""
    started_s, before_mb = time.monotonic(), memory_mb()
    stop = asyncio.Event()
    reader: AIOKafkaConsumer = cluster.consumer(poll_records_max=READ_RECORDS_MAX)
    await reader.start()
    app = create_work_app(cluster, reader, Nobody())
    table = app.tables[topics.STATE_TABLE]
    assert isinstance(table, DoorTable)
    store: Store = table.data
    working = asyncio.create_task(run_worker(app, Nobody(), stop))
    async with asyncio.timeout(WAIT_S):
        while not (store.is_serving and len(store.partitions) == PARTITIONS):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
        ready_s, began, began_s = time.monotonic() - started_s, time.process_time(), time.monotonic()
        keys = sum(len(partition.rows) for partition in store.partitions.values())

        def is_behind() -> bool:
            at = {n: p.pipeline.position.offset for n, p in store.partitions.items() if p.pipeline is not None}
            return any(at[number] < offset or store.partitions[number].is_writing for number, offset in last.items())

        while is_behind():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    took = {
        "cpu_s": time.process_time() - began,
        "wall_s": time.monotonic() - began_s,
        "loaded_s": store.loaded_s,
        "ready_s": ready_s,
        "keys": keys,
        "memory_mb": memory_mb(),
        "memory_before_mb": before_mb,
    }
    stop.set()
    await working
    await store.leave()
    await reader.stop()
    return took


def apart(part: str, cluster: Cluster, last: dict[int, int]) -> dict[str, float]:
    """A part in a process of its own."""
    told = json.dumps({"part": part, "bootstrap": cluster.bootstrap, "prefix": cluster.prefix, "last": last})
    command = [sys.executable, str(Path(__file__)), "--part", told]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S + 60, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    out: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return out


def part(told: dict[str, Any]) -> None:
    gc.set_threshold(GC_THRESHOLD)  # as the roles have it
    cluster = Cluster(told["bootstrap"], told["prefix"], PARTITIONS)
    last = {int(number): offset for number, offset in told["last"].items()}
    print(json.dumps(asyncio.run({"loop": loop, "door": door}[told["part"]](cluster, last))))


# What they read.


async def produce(cluster: Cluster, records: Records) -> dict[int, int]:
    """Write records in transactions of a few, as the fold stage does. Returns the last offset of each partition."""
    await create_topics(cluster)
    producer = cluster.transactional_producer(f"{cluster.prefix}fold")
    await producer.start()
    name, last = cluster.topic(topics.FOLDED), {}
    for begin in range(0, max(map(len, records)), 4):
        async with producer.transaction():
            for number, some in enumerate(records):
                if piece := some[begin : begin + 4]:
                    behind = await send_records(producer, name, number, [(b"k", data, []) for _, data in piece])
                    last[number] = behind - 1
    await producer.stop()
    return last


async def fill(cluster: Cluster, keys: int) -> int:
    """A changelog of about so many rows, as large as real ones: the rows of some fingerprints under many names."""
    await create_topics(cluster)
    rows: dict[str, bytes] = {}
    pipeline = Pipeline(rows, partition=0)
    for _, some in calls(folded(distinct(SEED_FINGERPRINTS, start_ms=START_MS), stretch=1000, partitions=1)):
        pipeline.on_batches([(offset, from_bytes(FoldBatch, data)) for offset, data in some])
    rows = {key: row for key, row in rows.items() if not key.startswith("m|")}
    producer = cluster.transactional_producer(f"{cluster.prefix}fill")
    await producer.start()
    copies, number_of_rows = max(1, round(keys / len(rows) / PARTITIONS)), 0
    for number in range(PARTITIONS):
        for copy in range(copies):
            async with producer.transaction():
                items: list[Item] = []
                for key, row in rows.items():
                    prefix, _, rest = key.split("|", 2)
                    items.append((f"{prefix}|{number}|{rest[:-2]}{copy:02}".encode(), row, []))
                await send_records(producer, cluster.topic(topics.STATE), number, items)
                number_of_rows += len(items)
    await producer.stop()
    return number_of_rows


@contextmanager
def broker(bootstrap: str) -> Iterator[str]:
    """The one that is named, or one of our own."""
    if bootstrap:
        yield bootstrap
        return
    home = Path(tempfile.mkdtemp(prefix="faultline-bench-"))
    try:
        with Kafka(home / "kafka", PLACE) as own:
            yield own.address
    finally:
        shutil.rmtree(home, ignore_errors=True)


def named(bootstrap: str) -> Cluster:
    return Cluster(bootstrap, f"b{secrets.token_hex(4)}.", PARTITIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", type=int, default=40_000)
    parser.add_argument("--stretch", type=int, action="append", help="failures in one transaction of the fold stage")
    parser.add_argument("--keys", type=int, default=500_000)
    parser.add_argument("--bootstrap", default="", help="brokers that run already")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part(json.loads(options.part))
        return
    gc.set_threshold(GC_THRESHOLD)
    with broker(options.bootstrap) as bootstrap:
        failures = texts(options.failures, start_ms=START_MS)
        for stretch in options.stretch or (1000, 4000):
            records = folded(failures, stretch=stretch, partitions=PARTITIONS)
            folds = sum(len(from_bytes(FoldBatch, data).sealed) for some in records for _, data in some)
            took: dict[str, list[float]] = {"memory": [], "loop": [], "door": []}
            for _ in range(RUNS):  # in turn, because the machine may be busy with other things for a while
                took["memory"].append(in_memory(records))
                for one in ("loop", "door"):
                    cluster = named(bootstrap)
                    took[one].append(apart(one, cluster, asyncio.run(produce(cluster, records)))["cpu_s"])
            speeds = {f"{one}_folds_per_cpu_s": round(folds / min(some)) for one, some in took.items()}
            us = {one: min(some) / folds * 1e6 for one, some in took.items()}
            print(
                json.dumps(
                    {"stretch": stretch, "folds": folds, "records": sum(map(len, records))}
                    | speeds
                    | {"door_beside_pipeline_us_a_fold": round(us["door"] - us["memory"], 1)}
                    | {"door_to_loop": round(us["loop"] / us["door"], 2)}
                ),
                flush=True,
            )
        if options.keys:
            empty, full = named(bootstrap), named(bootstrap)
            asyncio.run(create_topics(empty))
            rows = asyncio.run(fill(full, options.keys))
            nothing = apart("door", empty, {})
            found = apart("door", full, {})
            assert found["keys"] == rows
            print(
                json.dumps(
                    {
                        "keys": rows,
                        "load_s": round(found["loaded_s"], 2),
                        "start_to_ready_s": round(found["ready_s"], 2),
                        "start_to_ready_empty_s": round(nothing["ready_s"], 2),
                        "bytes_a_key": round((found["memory_mb"] - nothing["memory_mb"]) * 1024 * 1024 / rows),
                        "memory_mb": round(found["memory_mb"]),
                    }
                )
            )


if __name__ == "__main__":
    main()
