"""The whole path in one process, as a user has it: `faultline run`, HTTP in, the page's data out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from suites.records import edge, verdict
from suites.server import Server, raw

from agents.local.engine import Engine
from agents.local.stages import EngineSettings
from streams.contract import topics
from streams.contract.errors import ConfigurationError, LogFull, MalformedRecord
from streams.contract.failure import Ci, Failure, Origin, identified
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import VerdictSource
from streams.core.known_failures.book import default_rules
from streams.local import Log

BENCHMARK = {"provider": "acme", "model": "large-2", "stage": "generate", "run_id": "r"}


def event(message: str, **more: Any) -> dict[str, Any]:
    return {"origin": "ci", "message": message, "ci": {"repo": "acme/shop", "run_id": "1", "job_name": "build"}} | more


def sent(server: Server, *events: dict[str, Any]) -> list[str]:
    status, answer = server.post("/v1/events", json.dumps(events).encode())
    assert status == 200, answer
    return [item["id"] for item in answer["items"]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data")
    made.start()
    made.wait_until_up()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def test_a_failure_becomes_a_group_a_document_and_a_metric(server: Server) -> None:
    (name,) = sent(server, event("disk quota exceeded on /scratch"))
    server.wait_for("SELECT count(*) FROM groups", 1)
    (group,) = server.get("/api/groups")["groups"]
    assert (group["kind"], group["source"], group["count"]) == ("resource_exhaustion", "rule", 1)
    detail = server.get(f"/api/groups/{group['fingerprint'][:14]}")
    assert detail["documents"][0]["s_error_id"] == name
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    assert "faultline_documents_written_total 1.0" in metrics


def test_what_was_accepted_is_a_document_or_rejected_or_a_repeat(server: Server) -> None:
    bodies = [event(f"problem {word}") for word in ("one", "two", "three", "one")]
    sent(server, *bodies)
    sent(server, *bodies)
    status, answer = server.post("/v1/events", json.dumps([event("four"), {"origin": "moon"}]).encode())
    assert (status, answer["accepted"], answer["refused"]) == (207, 1, 1)
    server.wait_for("SELECT count(*) FROM documents", 4)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answered:
        found = dict(
            re.findall(r'faultline_failures_(\w+)_total\{topic="failures.ci.v1"\} ([\d.]+)', answered.read().decode())
        )
    assert float(found["accepted"]) == float(found["folded"]) + float(found.get("repeated", 0))
    assert raw(server.data, "SELECT count(*) FROM log WHERE topic = 'failures.rejected.v1'") == [(1,)]


def test_a_persons_word_reaches_every_document_and_stands(server: Server) -> None:
    sent(server, event("it broke", ordinal=0), event("it broke", ordinal=1))
    server.wait_for("SELECT count(*) FROM groups", 1)
    (group,) = server.get("/api/groups")["groups"]
    body = {"fingerprint": group["fingerprint"], "origin": "ci", "kind": "flaky_test", "reason": "waits for a clock"}
    status, answer = server.post("/v1/verdicts", json.dumps(body).encode())
    assert status == 200, answer
    server.wait_for("SELECT kind FROM groups", "flaky_test")
    sent(server, event("it broke", ordinal=2))
    server.wait_for("SELECT count(*) FROM documents", 3)
    documents = [json.loads(body) for (body,) in raw(server.data, "SELECT body FROM documents")]
    assert {document["s_subcategory"] for document in documents} == {"flaky_test"}
    assert {document["s_root_cause_summary"] for document in documents} == {"waits for a clock"}
    detail = server.get(f"/api/groups/{group['fingerprint']}")
    assert detail["history"][0]["source"] == "human"


NAMES = ("registry", "ledger", "basket", "courier", "billing", "search", "gateway", "planner")
GROUPS_OF_DOCUMENTS = "SELECT count(DISTINCT json_extract(CAST(body AS TEXT), '$.s_group')) FROM documents"


def test_fingerprints_that_differ_in_one_word_become_one_group_until_a_person_takes_them_apart(server: Server) -> None:
    sent(server, *(event(f"no answer of {name} in time") for name in NAMES[:3]), event("disk full"))
    server.wait_for("SELECT count(*) FROM documents", 4)
    server.kill()
    server.start()
    server.wait_until_up()
    sent(server, *(event(f"no answer of {name} in time") for name in NAMES[3:]))
    server.wait_for("SELECT count(*) FROM documents", 9)
    server.wait_for(GROUPS_OF_DOCUMENTS, 2)
    (whole,) = server.get("/api/groups?text=answer")["groups"]
    assert (whole["fingerprints"], whole["count"]) == (8, 8)
    rows = server.get("/api/groups?text=answer&fingerprints=1")["groups"]
    first = min(row["fingerprint"] for row in rows)
    for row in rows:
        detail = server.get(f"/api/groups/{row['fingerprint']}")
        assert (detail["group"], detail["members_total"], detail["members_failures"]) == (first, 8, 8)
        assert detail["documents"][0]["s_group"] == first
        assert detail["alike"] == []
    page = server.page(f"/groups/{first}")
    assert "8 fingerprints, 8 failures together" in page
    assert page.count("8 fingerprints of one form: no answer of &lt;*&gt; in time") == 7
    other = max(row["fingerprint"] for row in rows)
    body = {"fingerprint": other, "origin": "ci", "kind": "flaky_test", "reason": "waits for a clock"}
    assert server.post("/v1/verdicts", json.dumps(body).encode())[0] == 200
    server.wait_for("SELECT count(*) FROM groups WHERE kind = 'flaky_test'", 8)
    assert server.get(f"/api/groups/{first}")["verdict"]["inherited_from"] == other
    sent(server, event("no answer of lighthouse in time"))
    server.wait_for("SELECT count(*) FROM groups WHERE kind = 'flaky_test'", 9)
    body = {"one": first, "other": other, "origin": "ci", "same": False, "reason": "another team"}
    status, answer = server.post("/v1/aliases", json.dumps(body).encode())
    assert status == 200, answer
    server.wait_for(GROUPS_OF_DOCUMENTS, 3)
    assert "a person" in server.page(f"/groups/{other}")
    server.kill()
    server.start()
    server.wait_until_up()
    sent(server, event("no answer of harbour in time"), event(f"no answer of {NAMES[0]} in time"))
    server.wait_for("SELECT count(*) FROM documents", 11)
    server.wait_for(GROUPS_OF_DOCUMENTS, 3)
    assert server.get(f"/api/groups/{first}")["members_total"] == 9
    assert server.get(f"/api/groups/{other}")["members_total"] == 0


def test_it_goes_on_after_a_restart_and_counts_nothing_twice(server: Server) -> None:
    sent(server, event("before"))
    server.kill()
    server.start()
    server.wait_until_up()
    sent(server, event("before"), event("after"))
    server.wait_for("SELECT sum(count) FROM groups", 2)
    assert raw(server.data, "SELECT count(*) FROM documents") == [(2,)]


def test_a_second_process_on_the_directory_is_refused_with_the_way_out(server: Server) -> None:
    command = [sys.executable, "-m", "agents.cli", "run", "--data", str(server.data), "--port", "0"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert answer.returncode == 2
    assert "in use by process" in answer.stderr
    assert "--data" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_a_second_process_that_opens_the_log_is_told_which_process_has_it(tmp_path: Path) -> None:
    log = Log(tmp_path)
    code = (
        "import sys; from pathlib import Path; from streams.local import Log; from streams.contract.errors import *\n"
        "try: Log(Path(sys.argv[1]))\nexcept DirectoryInUse as error: print(error); sys.exit(3)"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    log.close()
    assert answer.returncode == 3, answer.stderr
    assert f"in use by process {os.getpid()}" in answer.stdout
    assert "--data" in answer.stdout


def test_a_port_that_is_taken_is_named_with_the_way_out(server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agents.cli", "run", "--data", str(tmp_path / "b"), "--port", str(server.port)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert answer.returncode == 2
    assert f"cannot listen on 127.0.0.1:{server.port}" in answer.stderr
    assert "--port" in answer.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_while_a_page_listens(server: Server, number: signal.Signals) -> None:
    sent(server, event("x"))
    stream = urllib.request.urlopen(f"http://127.0.0.1:{server.port}/events", timeout=10)
    assert stream.readline()
    assert server.process is not None
    server.process.send_signal(number)
    assert server.process.wait(5) == 0
    stream.close()
    assert "Traceback" not in server.said()


def test_the_log_behind_its_bound_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    engine = engine_in(tmp_path, backlog_bytes_max=1000)
    engine.start()
    taken = 0

    async def publish_until_full() -> float:
        nonlocal taken
        for number in range(500):
            failure = Failure(origin=Origin.CI, message="x" * 400, occurred_at_ms=1, ordinal=number, ci=Ci(run_id="1"))
            try:
                await engine.publish([identified(failure)])
            except LogFull as error:
                return error.retry_after_s
            taken += 1
        return 0.0

    assert asyncio.run(publish_until_full()) > 0
    for _ in range(100):
        if raw(tmp_path, "SELECT count(*) FROM documents") == [(taken,)]:
            break
        time.sleep(0.1)
    engine.stop()
    assert raw(tmp_path, "SELECT count(*) FROM documents") == [(taken,)]


def engine_in(directory: Path, **settings: Any) -> Engine:
    return Engine(
        EngineSettings(directory=directory, **settings),
        rules=default_rules(),
        taxonomy=default_taxonomy(),
        now_ms=lambda: time.time_ns() // 1_000_000,
        monotonic_s=time.monotonic,
    )


def failure(number: int, message: str = "x") -> Failure:
    return identified(Failure(origin=Origin.CI, message=message, occurred_at_ms=1, ordinal=number, ci=Ci(run_id="1")))


def test_what_the_stages_write_for_each_other_leaves_nothing_owed_and_nothing_saved(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    path = engine.start()

    async def said() -> None:
        await engine.decide(verdict("a", "timeout", source=VerdictSource.HUMAN))
        await engine.alias(edge("a", "b"))

    asyncio.run(said())
    folded = "SELECT offset FROM offsets WHERE role = 'fold' AND topic = ?"
    until_s = time.monotonic() + 20
    with contextlib.closing(sqlite3.connect(path)) as db:
        while db.execute(folded, (topics.VERDICTS.name,)).fetchone() != (2,):
            assert time.monotonic() < until_s, "the verdict that b has from a was never folded"
            time.sleep(0.05)
    engine.stop()
    assert engine.backlog_bytes == 0


def test_what_is_refused_at_the_door_does_not_fill_the_log(tmp_path: Path) -> None:
    engine = engine_in(tmp_path, backlog_bytes_max=1000)
    engine.start()

    async def go() -> None:
        for _ in range(5):
            await engine.reject(b"x" * 900, MalformedRecord("no"), place="POST /v1/events")
        await engine.publish([failure(1)])

    asyncio.run(go())
    engine.stop()
    assert raw(tmp_path, "SELECT count(*) FROM log WHERE topic = 'failures.rejected.v1'") == [(5,)]


def test_a_caller_that_goes_away_stops_nobody_else(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    engine.start()

    async def go() -> None:
        for number in range(200):
            task = asyncio.create_task(engine.publish([failure(number)]))
            await asyncio.sleep(0)
            task.cancel()
        await engine.publish([failure(1000)])

    asyncio.run(go())
    engine.stop()
    assert engine.failed is None


@pytest.mark.parametrize("trouble", ["the file is a directory", "other partitions"])
def test_a_start_that_cannot_be_is_told_and_does_not_hang(tmp_path: Path, trouble: str) -> None:
    if trouble == "the file is a directory":
        (tmp_path / "faultline.sqlite3").mkdir()
    else:
        first = engine_in(tmp_path)
        first.start()
        first.stop()
    with pytest.raises(ConfigurationError):
        engine_in(tmp_path, partitions=3).start()


def test_an_envelope_is_within_its_bytes_whatever_is_in_it(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    engine.start()
    labels = {f"label{i}": "\x01" * 1000 for i in range(60)}
    asyncio.run(engine.publish([replace(failure(i), labels=labels) for i in range(20)]))
    engine.stop()
    assert raw(tmp_path, "SELECT max(length(value)) < 1048576 FROM log WHERE topic = 'failures.ci.v1'") == [(1,)]
    second = engine_in(tmp_path)
    second.start()
    for _ in range(100):
        if raw(tmp_path, "SELECT count(*) FROM documents") == [(20,)]:
            break
        time.sleep(0.1)
    second.stop()
    assert raw(tmp_path, "SELECT count(*) FROM documents") == [(20,)]
