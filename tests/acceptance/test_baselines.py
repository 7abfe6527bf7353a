"""Passing runs in, a failing log out, over the embedded form, with a kill in between; and what goes wrong."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from suites.cluster import free_port
from suites.http_answers import Answer, Asked, accept, answers
from suites.server import Server, raw

from streams.cli.app import create_app, run
from streams.core.extract.baseline import MASKING, Baseline

STEPS = [f"step {word} took 3 s" for word in "abcdefghijklmnopqrstuvwxyz"]
NOISE = "E: Unable to locate package extra-fonts"
CAUSE = "src/cart.c:3:5: error: 'total' undeclared"
PASSING = "\n".join([*STEPS, NOISE, "all is well"]) + "\n"
FAILING = "\n".join([*STEPS, NOISE, CAUSE, "make: *** [Makefile:2: all] Error 1"]) + "\n"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_WORKFLOW": "ci",
    "GITHUB_JOB": "build",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data")
    made.start()
    made.wait_until_up()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def in_ci(server: Server, run: int, *words: str, log: str) -> subprocess.CompletedProcess[str]:
    """`faultline publish log -` within a job of GitHub Actions."""
    return subprocess.run(
        [sys.executable, "-m", "agents.cli", "publish", "log", "-", *words],
        env=os.environ | GITHUB | {"GITHUB_RUN_ID": str(run), "FAULTLINE_URL": f"http://127.0.0.1:{server.port}"},
        input=log,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_passing_runs_printed_is_known_after_a_kill_and_no_reason_in_the_next_failing_log(server: Server) -> None:
    first = in_ci(server, 1, "--passed", log=PASSING)
    assert first.stdout == "28 lines of run 1 kept for acme/shop/ci/build, with 0 earlier runs\n", first.stderr
    for number in range(2, 5):
        assert in_ci(server, number, "--passed", log=f"{PASSING}extra {'x' * number}\n").returncode == 0
    query = "repo=acme/shop&workflow=ci&job=build"
    status, told = server.post(f"/v1/logs?{query}&run_id=5&passed=true", PASSING.encode(), "text/plain")
    assert (status, told["kept"][0]["lines"], told["kept"][0]["runs"]) == (200, 28, 3)
    server.kill()
    server.start()
    server.wait_until_up()
    assert [name for name, _ in server.get(f"/v1/baselines?{query}")["runs"]] == ["5", "4", "3"]

    done = in_ci(server, 6, log=FAILING)
    assert "1 sent to" in done.stdout
    assert "faultline: held against 3 passing runs of acme/shop/ci/build" in done.stderr
    without = in_ci(server, 7, "--no-baseline", "--dry-run", log=FAILING)
    assert NOISE in without.stdout
    assert "held against" not in without.stderr
    server.wait_for("SELECT count(*) FROM documents", 1)
    (group,) = server.get("/api/groups")["groups"]
    assert "'total' undeclared" in json.dumps(group)
    assert "nothing in it says why" in in_ci(server, 8, log=PASSING).stderr
    assert raw(server.data, "SELECT count(*) FROM log WHERE topic = 'baselines.v1' AND value LIKE '%fonts%'") == [(0,)]


@pytest.fixture
def faultline(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs `publish log` on a text within a job of GitHub Actions; gives exit status, output and error output."""
    for name, value in (GITHUB | {"GITHUB_RUN_ID": "8"}).items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "job.log"

    def command(text: str, *words: object) -> tuple[int, str, str]:
        path.write_text(text)
        status = run(create_app(), ["publish", "log", *map(str, words), *([str(path)] if text else [])])
        out, err = capsys.readouterr()
        return status, out, err

    return command


def known(**more: object) -> dict[str, object]:
    hashes = base64.b64encode(Baseline.of(PASSING.split("\n")).to_bytes()).decode()
    return {"runs": [["7", 1_000]], "masking": MASKING, "hashes": hashes} | more


ANSWERS: dict[str, tuple[Answer, str, int]] = {
    "one old run": ((200, {}, known()), "held against 1 passing run of acme/shop/ci/build, the newest of 1970-", 1),
    "nothing known": ((200, {}, {}), "no passing run of acme/shop/ci/build is known; `publish log --passed`", 2),
    "another release": ((200, {}, known(masking=99)), "masked by another release", 2),
    "an older server": ((404, {}, {"error": "/v1/baselines leads nowhere"}), "keeps no baselines; name a gateway", 2),
    "still reading": ((503, {"Retry-After": "60"}, {"error": "still being read"}), "HTTP 503, still being read", 2),
    "no server of ours": ((200, {}, [1]), "not that of a faultline server", 2),
    "half an answer": ((200, {}, known(hashes="AAAA")), "not that of a faultline server", 2),
}


@pytest.mark.parametrize(("answer", "told", "sent"), ANSWERS.values(), ids=ANSWERS)
def test_what_the_server_knows_of_the_job_is_used_or_missed_with_one_line(
    faultline: Any, answer: Answer, told: str, sent: int
) -> None:
    with answers() as server:
        server.answer = lambda asked: answer if asked.method == "GET" else accept(asked)
        status, out, err = faultline(FAILING, "--url", server.url, "--strict")
        assert (status, out.partition(" sent")[0]) == (0, str(sent)), err
        assert [line for line in err.splitlines() if "acme/shop" in line or "baseline" in line] == err.splitlines()
        assert told in err
        assert server.asked[0].path == "/v1/baselines?repo=acme%2Fshop&workflow=ci&job=build"


def test_nobody_is_asked_where_it_would_be_of_no_use(faultline: Any, tmp_path: Path) -> None:
    passing = tmp_path / "passing.log"
    passing.write_text(PASSING)
    with answers() as server:
        for words in (("--no-baseline",), ("--dry-run",), ("--baseline", str(passing))):
            faultline(FAILING, "--url", server.url, *words)
        assert {asked.method for asked in server.asked} == {"POST"}
        _, _, err = faultline(FAILING, "--no-baseline", "--passed", "--url", server.url)
    assert "exclude each other" in err


def test_a_damaged_baseline_of_a_file_is_used_as_far_as_it_goes_and_that_is_said(
    faultline: Any, tmp_path: Path
) -> None:
    passing = tmp_path / "passing.gz"
    passing.write_bytes(gzip.compress(PASSING.encode())[:-9])
    _, _, err = faultline(FAILING, "--dry-run", "--baseline", str(passing))
    assert f"baseline {passing}: the gzip is cut off before its end; what came before counts" in err


def test_a_passing_run_goes_out_as_hashes_and_each_job_of_an_archive_on_its_own(faultline: Any, tmp_path: Path) -> None:
    def kept(asked: Asked) -> Answer:
        return (200 if asked.path == "/v1/baselines" else 404), {}, {"kept": [{"runs": 2}]}

    archive = tmp_path / "logs.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for number, name in enumerate(("build", "lint")):
            made.writestr(f"{number}_{name}.txt", PASSING)
            made.writestr(f"{name}/1_Set up job.txt", PASSING)
    with answers() as server:
        server.answer = kept
        assert faultline(PASSING, "--passed", "--url", server.url)[1].endswith("with 1 earlier run\n")
        more = tmp_path / "more.log"
        more.write_text("another line\n")
        out = json.loads(faultline(PASSING, "--passed", "--json", "--url", server.url, str(more))[1])
        assert out["kept"] == [{"job": "acme/shop/ci/build", "run_id": "8", "lines": 29, "runs": 2}]
        faultline("", archive, "--passed", "--url", server.url)
        bodies = [json.loads(asked.body) for asked in server.asked]
    assert [(body["job"]["name"], len(base64.b64decode(body["hashes"]))) for body in bodies] == [
        ("build", 28 * 8),
        ("build", 29 * 8),
        ("build", 28 * 8),
        ("lint", 28 * 8),
    ]
    assert all("fonts" not in json.dumps(body) for body in bodies)


def test_a_passing_run_that_cannot_be_kept_is_a_line_and_breaks_no_job(
    faultline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    for strict, status in ((), 0), (("--strict",), 1):
        found = faultline(PASSING, "--passed", "--url", away, "--deadline", "0.5", *strict)
        assert (found[0], found[1]) == (status, "")
        assert found[2].startswith(f"faultline: what acme/shop/ci/build printed was not kept: {away}: nothing listens")
    assert faultline(PASSING, "--passed", "--dry-run", "--url", away)[1].startswith("28 lines of run 8 would be kept")
    monkeypatch.delenv("GITHUB_ACTIONS")
    status, out, err = faultline(PASSING, "--passed", "--repo", "acme/shop", "--url", away, "--strict")
    assert (status, out) == (2, "")
    assert "a baseline is that of a job: name its job too (--repo, --job)" in err
