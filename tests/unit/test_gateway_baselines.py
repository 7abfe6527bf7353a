"""Logs of passing runs over HTTP: kept as hashes by job, used for the next failing log of that job."""

from __future__ import annotations

import base64
import json

import pytest
from suites.gateway import NOW_MS, Caller, caller

from streams.contract.baseline import RUN_LINES_MAX
from streams.contract.errors import LogFull, SinkUnavailable
from streams.core.extract.baseline import MASKING, Baseline

JOB = "repo=acme/shop&workflow=ci&job=build"
STEPS = [f"step {word} took 3 s" for word in "abcdefghijklmnopqrstuvwxyz"]
NOISE = "warning: error: cache 17 not found"
CAUSE = "src/cart.c:3:5: error: 'total' undeclared"
FAILING = "\n".join([*STEPS, NOISE, CAUSE, "make: *** [Makefile:2: all] Error 1"])
PASSING = "\n".join([*STEPS, NOISE, "all is well"])


def logged(gateway: Caller, body: str, query: str) -> tuple[int, dict[str, object]]:
    return gateway.post(f"/v1/logs?{query}", body, "text/plain")


def known(gateway: Caller, query: str = JOB) -> dict[str, object]:
    answer = gateway.client.get(f"/v1/baselines?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def sent(**more: object) -> dict[str, object]:
    job = {"repo": "acme/shop", "workflow": "ci", "name": "build"}
    hashes = base64.b64encode(Baseline.of(PASSING.split("\n")).to_bytes()).decode()
    return {"job": job, "run_id": "9", "masking": MASKING, "hashes": hashes} | more


def test_what_a_passing_run_printed_is_no_reason_in_the_next_log_of_the_job_and_of_no_other() -> None:
    gateway = caller()
    status, told = logged(gateway, PASSING, f"{JOB}&run_id=7&attempt=2&passed=true")
    assert (status, told) == (
        200,
        {"kept": [{"repo": "acme/shop", "workflow": "ci", "job": "build", "run_id": "7", "lines": 28, "runs": 1}]},
    )
    assert not gateway.publisher.failures
    _, told = logged(gateway, FAILING, f"{JOB}&run_id=8")
    assert (told["accepted"], told["baseline_runs"]) == (1, 1)
    assert "total" in gateway.publisher.failures[0].message
    assert logged(gateway, PASSING, f"{JOB}&run_id=8")[1]["accepted"] == 0
    assert logged(gateway, FAILING, f"{JOB.replace('build', 'lint')}&run_id=8")[1]["baseline_runs"] == 0
    assert "baseline_runs" not in logged(gateway, FAILING, "repo=acme/shop&run_id=8")[1]


def test_hashes_are_taken_as_a_log_would_be_and_given_to_whoever_extracts() -> None:
    gateway = caller()
    assert gateway.post("/v1/baselines", sent(passed_at_ms=5))[0] == 200
    logged(gateway, PASSING + "\nmore", f"{JOB}&run_id=7&passed=true")
    told = known(gateway)
    assert told["runs"] == [["9", NOW_MS], ["7", NOW_MS]]
    assert told["masking"] == MASKING
    hashes = base64.b64decode(str(told["hashes"]))
    assert Baseline.from_bytes(hashes) == Baseline.of([*PASSING.split("\n"), "more"])
    assert known(gateway, "repo=acme/shop&job=other") == {}


WRONG = {
    "no job": ("/v1/logs?repo=acme/shop&passed=true", "x", "name its job too"),
    "no repository": ("/v1/logs?job=build&passed=true", "x", "name its repo too"),
    "neither yes nor no": ("/v1/logs?passed=maybe", "x", "true or false"),
    "empty": (f"/v1/logs?{JOB}&passed=true", "", "the log is empty"),
    "other rules": ("/v1/baselines", sent(masking=MASKING + 1), "use the same release"),
    "in pieces": ("/v1/baselines", sent(chunks=2), "in one piece"),
    "half a hash": ("/v1/baselines", sent(hashes="AAAA"), "8 bytes a line"),
    "too many": (
        "/v1/baselines",
        sent(hashes=base64.b64encode(bytes(8 * RUN_LINES_MAX + 8)).decode()),
        f"at most {RUN_LINES_MAX} lines",
    ),
    "no run": ("/v1/baselines", sent(run_id=""), "length >= 1"),
}


@pytest.mark.parametrize(("path", "body", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_no_passing_run_of_a_job_is_refused_with_the_way_out(path: str, body: object, reason: str) -> None:
    gateway = caller()
    status, told = gateway.post(path, body, "text/plain" if path.startswith("/v1/logs") else "application/json")
    assert status == 400
    assert reason in json.dumps(told)
    assert not len(gateway.baselines.known)


def test_a_question_without_a_job_and_other_methods_are_refused() -> None:
    gateway = caller()
    for query, reason in (("repo=acme/shop", "name its job"), (f"{JOB}&branch=main", "'branch' is not known")):
        answer = gateway.client.get(f"/v1/baselines?{query}")
        assert (answer.status_code, reason in answer.json()["error"]) == (400, True)
    answer = gateway.client.delete("/v1/baselines")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert gateway.client.get("/v1/logs").headers["allow"] == "POST"


def test_a_run_of_as_many_lines_as_are_remembered_says_that_more_may_have_been() -> None:
    status, told = caller().post("/v1/baselines", sent(hashes=base64.b64encode(bytes(8 * RUN_LINES_MAX)).decode()))
    assert (status, told["kept"][0]["lines"]) == (200, RUN_LINES_MAX)
    assert "stay new" in str(told["notes"])


def test_while_baselines_cannot_be_had_logs_are_read_without_and_that_is_said() -> None:
    gateway = caller()
    gateway.baselines.refusing = SinkUnavailable("still being read", retry_after_s=2)
    status, told = logged(gateway, FAILING, f"{JOB}&run_id=8")
    assert status == 200
    assert told["accepted"] >= 1  # type: ignore[operator]  # a number
    assert "read without a baseline: still being read" in str(told["notes"])
    answer = gateway.client.get(f"/v1/baselines?{JOB}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    gateway.baselines.refusing = LogFull("behind", retry_after_s=1)
    assert gateway.post("/v1/baselines", sent())[0] == 429


def test_a_process_that_keeps_none_says_who_does() -> None:
    gateway = caller(keeps_baselines=False)
    assert gateway.client.get(f"/v1/baselines?{JOB}").status_code == 404
    status, told = logged(gateway, PASSING, f"{JOB}&passed=true")
    assert (status, "the gateway does" in str(told["error"])) == (404, True)
    assert logged(gateway, FAILING, f"{JOB}&run_id=8")[0] == 200
