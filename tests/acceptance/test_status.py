"""`faultline status` where servers are away: every one of them is told in a line, and the exit status says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from suites.cluster import free_port
from suites.records import benchmark_failure, ci_failure
from suites.stores import Feeder

from streams.broker.counts import Counts
from streams.broker.standing import INPUTS, Standing
from streams.cli.status import Held, ours_in_search, sums_of
from streams.cli.wiring import ROLES
from streams.contract.classified import Classified
from streams.contract.documents import search_documents
from streams.contract.failure import Origin


def standing(**waiting: int) -> Standing:
    counts = {Origin.CI: Counts(folded=90, repeats=7, rejected=3), Origin.BENCHMARK: Counts()}
    waits = {(role.replace("_", "-"), Origin.CI): number for role, number in waiting.items()}
    return Standing(places=(), counts=counts, waiting=waits, is_whole=True, rejected={}, newest_verdict=None)


def held(documents: int, role: str = "sink-mongo") -> Held:
    return Held(role, role, {Origin.CI: documents, Origin.BENCHMARK: 0})


SUMS = {
    "all is done": (standing(), 90, 100, 0, 0),
    "some wait for the fold stage": (standing(fold=5), 90, 105, 5, 0),
    "some wait for the tables": (standing(work=40), 50, 100, 40, 0),
    "some wait for this sink": (standing(sink_mongo=30, sink_opensearch=80), 60, 100, 30, 0),
    "some are nowhere": (standing(), 88, 100, 0, 2),
    "some were there before": (standing(), 95, 100, 0, -5),
}


@pytest.mark.parametrize(("told", "documents", "accepted", "in_flight", "rest"), SUMS.values(), ids=SUMS)
def test_what_was_accepted_is_somewhere_or_is_told_as_the_rest(told, documents, accepted, in_flight, rest):
    (one,) = sums_of(told, [held(documents)], frozenset({"ci"}))
    assert (one.accepted, one.in_flight, one.rest) == (accepted, in_flight, rest)
    assert (one.rejected, one.repeats) == (3, 7)


def test_an_origin_that_is_not_written_has_no_sum():
    sums = sums_of(standing(), [held(1), held(2, "sink-opensearch")], frozenset({"benchmark"}))
    assert [(one.origin, one.store) for one in sums] == [("benchmark", "sink-mongo"), ("benchmark", "sink-opensearch")]


@pytest.mark.parametrize("failure", [ci_failure("x"), benchmark_failure("x")], ids=["ci", "benchmark"])
def test_documents_are_counted_by_a_field_that_they_have(failure):
    (record,) = [one for one in Feeder().records(failure) if isinstance(one, Classified)]
    ((_, document),) = search_documents(record)
    assert ours_in_search(failure.origin)["query"]["exists"]["field"] in document


def test_every_role_that_reads_topics_is_looked_at():
    assert {role.replace(" ", "-") for role in ROLES} - {"gateway", "dashboard"} | {"classify"} == set(INPUTS)


@pytest.mark.parametrize("as_json", [False, True])
def test_servers_that_are_away_are_each_named_and_the_status_is_1(as_json):
    kafka, mongodb, opensearch = free_port(), free_port(), free_port()
    environ = os.environ | {
        "FAULTLINE_KAFKA": f"127.0.0.1:{kafka}",
        "MONGODB_URI": f"mongodb://127.0.0.1:{mongodb}/?serverSelectionTimeoutMS=500",
        "OPENSEARCH_URL": f"http://127.0.0.1:{opensearch}",
    }
    command = [sys.executable, "-m", "agents.cli", "status", *(["--json"] if as_json else [])]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    waits, *told = [line for line in done.stderr.splitlines() if line.startswith("faultline: ")]
    assert waits.startswith(f"faultline: waiting for Kafka at 127.0.0.1:{kafka}"), done.stderr
    assert len(told) == 3, done.stderr
    for port in (kafka, mongodb, opensearch):
        assert sum(f":{port}" in line for line in told) == 1, told
    assert "Traceback" not in done.stderr
    if as_json:
        answer = json.loads(done.stdout)
        assert len(answer["away"]) == 3
        assert answer["sums"] == []
    else:
        assert done.stdout == ""
