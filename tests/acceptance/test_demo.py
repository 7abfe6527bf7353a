"""The failures that the first page opens with are made now, by real tools, and each start is a run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from suites.http_answers import answers

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "demo" / "make_failures.py"


def made(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, "--url", url],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="module")
def told():
    """One run of the script: what it printed, and the records it sent."""
    before = set((ROOT / "deploy" / "demo").rglob("*"))
    with answers() as server:
        done = made(server.url)
        assert done.returncode == 0, done.stderr
        assert set((ROOT / "deploy" / "demo").rglob("*")) == before, "the script left files behind"
        return done.stdout, server.records


def test_every_source_says_what_it_sent_or_why_it_was_left_out(told):
    out, records = told
    lines = [line for line in out.splitlines() if line.startswith("  ") and ("sent (" in line or "left out" in line)]
    assert len(lines) == 6
    assert sum(int(line.split(": ")[1].split()[0]) for line in lines if "sent (" in line) == len(records)


def test_the_failing_suite_gives_every_sort_of_failure(told):
    tests = [record for record in told[1] if record.get("ci", {}).get("job_name") == "unit"]
    kinds = Counter(record["ci"]["test_name"].partition("[")[0] for record in tests)
    assert kinds["test_many_apples_cost_a_multiple_of_one"] == 6
    assert len(kinds) >= 10
    texts = "\n".join(record["message"] for record in tests)
    for expected in (
        "AssertionError",
        "cannot read the cart",
        "no such table",
        "ConnectionRefusedError",
        "TimeoutError",
    ):
        assert expected in texts


def test_the_providers_errors_are_those_of_its_own_client_for_several_models(told):
    calls = [record for record in told[1] if record["origin"] == "benchmark"]
    statuses = Counter(record.get("http_status") for record in calls)
    assert {401, 402, 404, 429, 500, 529} <= statuses.keys()
    assert min(statuses[status] for status in (401, 402, 404, 429, 500, 529)) >= 3
    assert len({record["benchmark"]["model"] for record in calls}) == 3
    assert {"RateLimitError", "NotFoundError", "AuthenticationError"} <= {r["exception_type"] for r in calls}


def test_one_start_is_one_run(told):
    runs = {(record.get("ci") or record.get("benchmark"))["run_id"] for record in told[1]}
    assert len(runs) == 1
    assert runs.pop().startswith("demo-")


def test_at_the_end_it_says_how_to_send_ones_own(told):
    out, _ = told
    for expected in ("publish junit", "publish log -", "curl -sS http://127.0.0.1"):
        assert expected in out


def test_no_server_is_said_and_is_no_success():
    done = made("http://127.0.0.1:9")
    assert done.returncode == 1
    assert "nothing listens there" in done.stdout + done.stderr
