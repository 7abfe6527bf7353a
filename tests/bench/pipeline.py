"""The stream agent's work without a broker, on one core: decode, apply to the tables, encode; and memory of a key.

Input: what the fold stage makes of the seeded load (300 problems by Zipf, half of the messages of a shape of their
own, about 300 B each), spread over the partitions, RECORDS of them a call, as the stream agent takes them.
Yardsticks of the same run: decode the same records and add their counts up in a dict; SHA-256 of 290 B.
Failures of one minute are what the agent sees live under a high load; those of an hour are a backlog, in which
hardly two folds meet in one window's row.
Run: make bench, or python tests/bench/pipeline.py [--failures 40000] [--span-s 60] [--stretch 1000]
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec
from suites.texts import distinct, texts

from streams.contract import topics
from streams.contract.failure import ENVELOPE_FAILURES_MAX, Failure
from streams.contract.fold import FoldBatch
from streams.contract.taxonomy import default_taxonomy
from streams.contract.wire import envelope_of, from_bytes, to_bytes
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, RawRecord, Stretch
from streams.core.known_failures.book import default_rules
from streams.core.pipeline import Pipeline

RECORDS = 16
"""Input records of one partition that are applied together."""
RUNS = 3
DIGESTS = 300_000
GC_THRESHOLD = 50_000
START_MS = int(time.time()) * 1000 - 7_200_000


def folded(failures: list[Failure], *, stretch: int, partitions: int) -> list[list[tuple[int, bytes]]]:
    """Records of `failures.folded.v1` by target partition, with their offsets: one or more for every stretch."""
    stage = FoldStage(
        fingerprinter=Fingerprinter(), rules=default_rules(), taxonomy=default_taxonomy(), partitions=partitions
    )
    out: list[list[tuple[int, bytes]]] = [[] for _ in range(partitions)]
    offset = 0
    for begin in range(0, len(failures), stretch):
        some = failures[begin : begin + stretch]
        pieces = [some[i : i + ENVELOPE_FAILURES_MAX] for i in range(0, len(some), ENVELOPE_FAILURES_MAX)]
        values = [envelope_of(to_bytes(failure) for failure in piece) for piece in pieces]
        records = [RawRecord(offset + i, value, some[-1].occurred_at_ms) for i, value in enumerate(values)]
        place = Stretch(topics.CI.name, 0, offset, offset + len(records))
        intake = stage.on_failures(records, place, at_ms=some[-1].occurred_at_ms, is_new=lambda _: True)
        for target, batch in intake.batches:
            out[target].append((len(out[target]), to_bytes(batch)))
        offset = place.end
    return out


def calls(records: list[list[tuple[int, Any]]]) -> list[tuple[int, list[tuple[int, Any]]]]:
    """The records as the agent takes them: partition, and some of its records."""
    most = max(map(len, records))
    return [
        (partition, some[begin : begin + RECORDS])
        for begin in range(0, most, RECORDS)
        for partition, some in enumerate(records)
        if some[begin : begin + RECORDS]
    ]


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def bare(records: list[list[tuple[int, bytes]]]) -> int:
    """The yardstick: the same bytes decoded, one count a fingerprint."""
    decode = msgspec.msgpack.Decoder(FoldBatch).decode
    counts: dict[str, int] = {}
    for some in records:
        for _, data in some:
            for fold in decode(data).sealed:
                counts[fold.fingerprint] = counts.get(fold.fingerprint, 0) + fold.count
    return sum(counts.values())


def digests() -> None:
    text = b"x" * 290
    for _ in range(DIGESTS):
        hashlib.sha256(text).digest()


def run(records: list[list[tuple[int, bytes]]]) -> dict[str, Any]:
    """Everything once, in the order of the agent: seconds of each part, and what went out."""
    pipelines = [Pipeline({}, partition=partition) for partition in range(len(records))]
    took = {"decode": 0.0, "on_batches": 0.0, "encode_emissions": 0.0}
    number = size = 0
    for partition, some in calls(records):
        a = time.process_time()
        batches = [(offset, from_bytes(FoldBatch, data)) for offset, data in some]
        b = time.process_time()
        emissions = pipelines[partition].on_batches(batches)
        c = time.process_time()
        values = [emission.value for emission in emissions]
        d = time.process_time()
        for part, seconds in zip(took, (b - a, c - b, d - c), strict=True):
            took[part] += seconds
        number += len(emissions)
        size += sum(map(len, values))
    return took | {"emissions": number, "bytes": size}


def speed(failures: list[Failure], *, stretch: int, partitions: int) -> dict[str, Any]:
    """Folds a second of each part, and of all together: the best of RUNS."""
    records = folded(failures, stretch=stretch, partitions=partitions)
    folds = sum(len(from_bytes(FoldBatch, data).sealed) for some in records for _, data in some)
    runs = [run(records) for _ in range(RUNS)]
    number, size = runs[0]["emissions"], runs[0]["bytes"]
    parts = {part: min(one[part] for one in runs) for part in ("decode", "on_batches", "encode_emissions")}
    whole = min(sum(one[part] for part in parts) for one in runs)
    bare_s = min(seconds(lambda: bare(records)) for _ in range(RUNS))
    return {
        "stretch": stretch,
        "partitions": partitions,
        "failures": len(failures),
        "folds": folds,
        "input_bytes_a_fold": sum(len(data) for some in records for _, data in some) // folds,
        "emissions_a_fold": round(number / folds, 2),
        "emitted_bytes_a_fold": size // folds,
        "us_a_fold": {part: round(took / folds * 1e6, 1) for part, took in parts.items()},
        "on_batches_folds_per_s": round(folds / parts["on_batches"]),
        "folds_per_s": round(folds / whole),
        "failures_per_s": round(len(failures) / whole),
        "bare_loop_folds_per_s": round(folds / bare_s),
        "sha256_of_290_bytes_per_s": round(DIGESTS / min(seconds(digests) for _ in range(RUNS))),
    }


def memory(number: int) -> dict[str, Any]:
    """Bytes of a table key: what the rows weigh without and with their samples, keys and overhead of a dict apart."""
    table: dict[str, bytes] = {}
    pipeline = Pipeline(table, partition=0)
    for partition, some in calls(folded(distinct(number, start_ms=START_MS), stretch=1000, partitions=1)):
        assert partition == 0
        pipeline.on_batches([(offset, from_bytes(FoldBatch, data)) for offset, data in some])
    weights: dict[str, list[int]] = {}
    for key, row in table.items():
        weights.setdefault(key[0], []).append(sys.getsizeof(row) + sys.getsizeof(key))
    return {
        "fingerprints": number,
        "keys": len(table),
        "bytes_a_key": {kind: round(sum(some) / len(some)) for kind, some in sorted(weights.items())},
        "bytes_a_key_mean": sum(map(sum, weights.values())) // len(table),
        "dict_bytes_a_key": sys.getsizeof(table) // len(table),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", type=int, default=40_000)
    parser.add_argument("--stretch", type=int, action="append", help="failures in one transaction of the fold stage")
    parser.add_argument("--span-s", type=int, action="append", help="seconds in which the failures happened")
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--distinct", type=int, default=20_000)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    gc.set_threshold(GC_THRESHOLD)  # as the roles have it
    for span_s in options.span_s or (60, 3600):
        failures = texts(options.failures, start_ms=START_MS, span_s=span_s)
        for stretch in options.stretch or (100, 1000):
            result = speed(failures, stretch=stretch, partitions=options.partitions)
            print(json.dumps({"span_s": span_s} | result))
    if options.distinct:
        print(json.dumps(memory(options.distinct)))


if __name__ == "__main__":
    main()
