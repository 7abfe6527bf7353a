"""`faultline publish --to kafka` where no broker answers: told, counted, and never breaking the job."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from suites.cluster import free_port

BENCHMARK = ("publish", "benchmark", "--provider", "acme", "--model", "m", "--message", "boom", "--to", "kafka")


def faultline(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agents.cli", *words]
    return subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False, stdin=None
    )


@pytest.mark.parametrize(("strict", "status"), [((), 0), (("--strict",), 1)])
def test_a_broker_that_is_away_is_waited_for_with_a_word_and_told_in_one_line(strict, status):
    address = f"127.0.0.1:{free_port()}"
    done = faultline(*BENCHMARK, "--deadline", "2", "--json", *strict, FAULTLINE_KAFKA=address)
    assert done.returncode == status
    ledger = json.loads(done.stdout)
    assert (ledger["sent"], ledger["unsent"]) == (0, 1)
    assert address in ledger["losses"][0]["reason"]
    waiting, line = [line for line in done.stderr.splitlines() if not line.startswith("timestamp=")]
    assert waiting.startswith(f"faultline: waiting for Kafka at {address} (")
    assert waiting.endswith("FAULTLINE_KAFKA says where it is")
    assert line.startswith("faultline: unsent: Kafka ")
    assert "library.said" not in done.stderr


@pytest.mark.parametrize(("strict", "status"), [((), 0), (("--strict",), 2)])
def test_a_wrong_setting_is_told_with_its_variable(strict, status):
    done = faultline(*BENCHMARK, *strict, FAULTLINE_KAFKA="broker")
    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.startswith("faultline: FAULTLINE_KAFKA='broker'")
    assert done.stderr.endswith("nothing was sent\n")


def test_a_dry_run_asks_no_broker():
    done = faultline(*BENCHMARK, "--dry-run", FAULTLINE_KAFKA="127.0.0.1:1")
    assert done.returncode == 0
    assert "not sent (dry run)" in done.stdout
    assert done.stderr == ""
