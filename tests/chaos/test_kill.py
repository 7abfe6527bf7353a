"""kill -9 under load, and nothing is lost, doubled or different.

The checker reads the client's own ledger and the raw documents of the file, never a counter of ours.
Short form by default; `make chaos` sets FAULTLINE_CHAOS_KILLS and FAULTLINE_CHAOS_FAILURES for the long one.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from suites.families import partition, partition_of, with_families
from suites.load import Client, Told, batches, load
from suites.server import Server, raw

KILLS = int(os.environ.get("FAULTLINE_CHAOS_KILLS", "4"))
FAILURES = int(os.environ.get("FAULTLINE_CHAOS_FAILURES", "2000"))
FINGERPRINTS = min(300, FAILURES // 5)
SEED = int(os.environ.get("FAULTLINE_CHAOS_SEED", "20261121"))
DRAIN_S = 90
ARRIVAL = {
    "b_is_duplicate",
    "l_occurrence_count",
    "l_verdict_version",
    "group_version",
    "l_group_version",
    "verdict_version",
    "received_at",
    "ts_received_at",
    "row_version",
}
"""Fields that tell of the arrival itself."""


def drained(server: Server, ledger: Mapping[str, Told]) -> None:
    """Wait until every stage has read its input to the end, by the log itself, and the rules have no more to join."""
    lag = (
        "SELECT count(*) FROM heads h WHERE h.topic <> 'failures.rejected.v1' AND"
        " h.next > coalesce((SELECT min(o.offset) FROM offsets o WHERE o.topic = h.topic AND o.part = h.part), 0)"
    )
    until = time.monotonic() + DRAIN_S
    found: object = None
    while time.monotonic() < until:
        if raw(server.data, lag)[0][0] == 0 and len(stored := documents(server.data)) >= len(ledger):
            found = partition_of(stored, {name: told.problem for name, told in ledger.items()})
            if found == partition(FINGERPRINTS) and raw(server.data, lag)[0][0] == 0:
                return
        time.sleep(0.5)
    raise AssertionError(f"not drained within {DRAIN_S} s, groups {found}: {server.said()}")


def run(data: Path, *, kills: int, start_ms: int) -> tuple[Client, int]:
    """Send the load while the server is killed `kills` times at random moments."""
    server = Server(data)
    server.start()
    server.wait_until_up()
    client = Client(server.port)
    rnd = random.Random(SEED)
    done = threading.Event()
    killed = 0
    errors: list[Exception] = []

    def send() -> None:
        try:
            alone = load(failures=FAILURES, fingerprints=FINGERPRINTS, seed=SEED, start_ms=start_ms)
            found = with_families(alone, failures=FAILURES, fingerprints=FINGERPRINTS, seed=SEED)
            for number, batch in enumerate(batches(found)):
                client.send(batch, with_refused=number % 7 == 3)
                if number % 10 == 5:
                    client.send(batch)  # as a spool or a second reporter does: the same failures again
        except Exception as error:  # noqa: BLE001  # handed to the test, which raises it
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        for mark in sorted(rnd.uniform(0, FAILURES) for _ in range(kills)):
            while len(client.ledger) < mark and not done.is_set():
                time.sleep(0.002)
            time.sleep(rnd.uniform(0, 0.3))  # somewhere in the middle of what follows the acknowledgement
            server.kill()
            killed += 1
            server.start()
        thread.join(300)
        if errors:
            raise AssertionError(server.said()) from errors[0]
        server.wait_until_up()
        drained(server, client.ledger)
        assert server.stop() == 0, server.said()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
        done.wait(5)
    return client, killed


def documents(data: Path) -> dict[str, dict[str, Any]]:
    rows = raw(data, "SELECT id, body FROM documents")
    found = {name: {k: v for k, v in json.loads(body).items() if k not in ARRIVAL} for name, body in rows}
    assert len(found) == len(rows)
    return found


def rollups(data: Path) -> dict[str, dict[str, Any]]:
    return {
        name: {k: v for k, v in json.loads(body).items() if k not in ARRIVAL}
        for name, body in raw(data, "SELECT id, body FROM rollups")
    }


@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    start_ms = (int(time.time()) // 60 - 120) * 60_000  # two hours ago, and the same failures in both runs
    client, killed = run(tmp_path / "killed", kills=KILLS, start_ms=start_ms)
    calm, _ = run(tmp_path / "calm", kills=0, start_ms=start_ms)
    assert killed == KILLS
    assert len(client.ledger) == FAILURES == len(calm.ledger)

    stored = documents(tmp_path / "killed")
    assert set(stored) == set(client.ledger), "every acknowledged failure has its document, and no other has one"
    assert stored == documents(tmp_path / "calm")

    problem_of: dict[str, set[int]] = {}
    for name, told in client.ledger.items():
        document = stored[name]
        problem_of.setdefault(document.get("s_fingerprint") or document["fault_fingerprint"], set()).add(told.problem)
    assert all(len(found) == 1 for found in problem_of.values()), "no two problems share a fingerprint"

    truth = Counter(doc.get("s_fingerprint") or doc["fault_fingerprint"] for doc in stored.values())
    groups = dict(raw(tmp_path / "killed", "SELECT fingerprint, count FROM groups"))
    assert groups == dict(truth)
    assert rollups(tmp_path / "killed") == rollups(tmp_path / "calm")
    for span in ("minute", "hour"):
        counted = dict(
            raw(
                tmp_path / "killed",
                f"SELECT fingerprint, sum(count) FROM windows WHERE span = '{span}' GROUP BY fingerprint",
            )
        )
        assert counted == dict(truth), span
    joined = sum(len(problems) > 1 for problems in partition(FINGERPRINTS))
    there = f"{len(stored)} documents, {len(groups)} fingerprints, {joined} groups of several"
    print(f"{killed} kills, {client.retries} retries, {there}")
