"""`faultline extract`: what people and programs see of a log, whole or still being written, and the exit status."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from suites.archives import POST, SETUP, UNIT, run_archive, zipped

from streams.cli import extract as commands
from streams.cli import shown_excerpts
from streams.cli.app import create_app, run

ROOT = Path(__file__).parents[2]
LOG = SETUP + UNIT + POST
COMPILE = b"main.c:3:5: error: expected ';' before 'return'\n"
FAILED = b"ERROR: Job failed: exit code 1\n"
PATIENCE_S = 20.0
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def faultline(capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*words: object) -> tuple[int, str, str]:
        status = run(create_app(), ["extract", *map(str, words)])
        out, err = capsys.readouterr()
        return status, out, err

    return command


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))


@pytest.mark.parametrize("end", ["", "Cleaning up orphan processes\n"])
def test_who_knows_that_the_job_failed_is_told_its_reason_though_the_log_does_not_say_so(
    faultline: Command, tmp_path: Path, end: str
) -> None:
    log = tmp_path / "job.log"
    log.write_text(f"packing\nwould not pack: could not find crate\n{end}")
    assert faultline(log)[0] == 1
    status, out, err = faultline(log, "--failed")
    assert (status, err) == (0, "")
    assert "would not pack" in out.splitlines()[1]
    log.write_text("all is well\n")
    assert "all is well" in faultline(log, "--failed")[1]
    (tmp_path / "run.zip").write_bytes(run_archive())
    assert "the log of one job" in faultline(tmp_path / "run.zip", "--failed")[2]


def test_a_baseline_that_was_cut_says_so(faultline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cli.baselines.LINES_MAX", 2)
    (tmp_path / "passed.log").write_text("packing\nsent\ndone\n")
    (tmp_path / "job.log").write_bytes(LOG)
    assert (
        "only the first 2 different lines" in faultline(tmp_path / "job.log", "--baseline", tmp_path / "passed.log")[2]
    )


def test_the_block_is_shown_with_its_numbers_the_line_that_says_why_and_the_reason(
    faultline: Command, tmp_path: Path
) -> None:
    (tmp_path / "job.log").write_bytes(LOG)
    status, out, err = faultline(tmp_path / "job.log")
    assert (status, err) == (0, "")
    assert re.sub(r"score 0\.\d\d", "score 0.xx", out).splitlines() == [
        "1. lines 8-12, step 2 make test (python.traceback, score 0.xx, exit code 2)",
        "   8 | Traceback (most recent call last):",
        '   9 |   File "a.py", line 3, in f',
        "  10 |     g()",
        "> 11 | ValueError: no such port",
        "  12 | ##[error]Process completed with exit code 2.",
    ]


def test_colours_are_for_a_terminal(faultline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "job.log").write_bytes(LOG)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert shown_excerpts.is_coloured()
    assert "\x1b[1;31m> 11 | ValueError: no such port\x1b[0m" in faultline(tmp_path / "job.log")[1]
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as other:
            other.setenv(name, value)
            assert not shown_excerpts.is_coloured()


def test_json_is_one_object_with_these_fields(faultline: Command, tmp_path: Path) -> None:
    (tmp_path / "logs.zip").write_bytes(run_archive())
    status, out, _ = faultline(tmp_path / "logs.zip", "--json")
    told = json.loads(out)
    (block,) = told.pop("blocks")
    assert (status, told) == (0, {"input": f"{tmp_path}/logs.zip", "format": "log", "lines": 19, "notes": []})
    assert [line["line"] for line in block.pop("lines")] == [8, 9, 10, 11, 12]
    assert 0.5 < block.pop("score") <= 1
    assert block == {
        "rank": 1,
        "first": 8,
        "last": 12,
        "evidence_line": 11,
        "evidence": "ValueError: no such port",
        "rule": "python.traceback",
        "tool": "python",
        "exit_code": 2,
        "test": "",
        "step": "Unit tests",
        "step_number": 2,
        "job": "unit",
        "member": "1_unit.txt",
        "lines_left_out": 0,
    }


def test_a_log_that_passed_is_nothing_found(faultline: Command, tmp_path: Path) -> None:
    (tmp_path / "job.log").write_bytes(COMPILE + b"Finished: SUCCESS\n")
    status, out, err = faultline(tmp_path / "job.log")
    assert (status, out) == (1, "")
    assert err.endswith("job.log: read as log; nothing in it says that it failed; if it did, say so with --failed\n")


def test_what_passing_runs_say_is_no_reason(faultline: Command, tmp_path: Path) -> None:
    noise = [f"service.c:{n}:1: error: expected in every run {word}\n".encode() for n, word in enumerate("ab")]
    (tmp_path / "job.log").write_bytes(b"".join(noise) + b"starting\n" * 9 + COMPILE)
    options: list[object] = []
    for n, line in enumerate(noise):
        (tmp_path / f"{n}.gz").write_bytes(gzip.compress(line))
        options += ["--baseline", tmp_path / f"{n}.gz"]
    told = json.loads(faultline(tmp_path / "job.log", *options, "--json")[1])
    assert [block["evidence_line"] for block in told["blocks"]] == [12]
    status, _, err = faultline(tmp_path / "job.log", "--baseline", tmp_path / "none")
    assert (status, "none: no such file; name the log of a run that passed" in err) == (2, True)


def test_a_damaged_baseline_counts_as_far_as_it_goes_and_that_is_said(faultline: Command, tmp_path: Path) -> None:
    (tmp_path / "job.log").write_bytes(b"service.c:1:1: error: in every run\n" + COMPILE)
    passed = b"service.c:7:1: error: in every run\n" + bytes(range(32, 127)) * 9
    (tmp_path / "passed.gz").write_bytes(gzip.compress(passed)[:-9])
    status, out, err = faultline(tmp_path / "job.log", "--baseline", tmp_path / "passed.gz", "--json")
    assert (status, [block["evidence_line"] for block in json.loads(out)["blocks"]]) == (0, [2])
    told = f"baseline {tmp_path / 'passed.gz'}: the gzip is cut off before its end; what came before counts"
    assert err == f"faultline: {told}\n"


def test_reports_are_read_by_the_reader_of_reports(faultline: Command, stdin: Callable[[bytes], None]) -> None:
    stdin(b'<testsuite><testcase classname="c" name="pays"><failure message="m">trace</failure></testcase></testsuite>')
    assert faultline("-") == (0, "1. test c::pays (junit)\n   | m\n   | trace\n", "")
    stdin(b'<testsuite><testcase classname="c" name="pays"/></testsuite>')
    assert faultline("-") == (1, "", "faultline: standard input: read as junit; nothing in it says that it failed\n")


def test_lines_of_json_of_a_service_are_a_log(faultline: Command, stdin: Callable[[bytes], None]) -> None:
    stdin(b'{"level":"info","msg":"begins"}\n' + COMPILE + FAILED)
    assert faultline("-")[1].startswith("1. lines 2-3 (gcc.error")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF\0\0\0", "not text"),
        (b"<html>", "this is a page"),
        (b"BZh91AY", "packed with bzip2; unpack it first"),
        (b"PK\x03\x04", "damaged or cut off"),
        (b"", "nothing in it"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_name(
    faultline: Command, stdin: Callable[[bytes], None], data: bytes, said: str
) -> None:
    stdin(data)
    status, out, err = faultline("-")
    assert (status, out) == (2, "")
    assert re.match(f"faultline: standard input: .*{said}", err)


def test_more_blocks_than_asked_for_are_counted(faultline: Command, tmp_path: Path) -> None:
    one = "--- FAIL: Test{0} (0.00s)\n    a_test.go:{0}: got {0}\n"
    (tmp_path / "job.log").write_text("".join(one.format(n) for n in range(5)) + "FAIL\n")
    status, out, err = faultline(tmp_path / "job.log", "--limit", 2)
    assert (status, len(re.findall(r"^\d\. ", out, re.MULTILINE))) == (0, 2)
    assert "3 more blocks; --limit 5 tells of them" in err


def test_an_archive_of_very_many_failed_logs_is_read_as_far_as_its_blocks_are_told(
    faultline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "BLOCKS_MAX", commands.LIMIT)
    (tmp_path / "logs.zip").write_bytes(zipped({f"{n}.txt": LOG for n in range(commands.LIMIT + 3)}))
    told = json.loads(faultline(tmp_path / "logs.zip", "--json")[1])
    assert (len(told["blocks"]), told["lines"]) == (20, 20 * LOG.count(b"\n"))
    assert told["notes"] == ["20 blocks are told; from 20.txt on nothing was read: name one log"]


def test_nothing_of_a_log_is_obeyed_by_the_terminal(faultline: Command, stdin: Callable[[bytes], None]) -> None:
    stdin(b"main.c:3:5: error: \x1b]0;owned\x07\x1b[2J\xe2\x80\xae expected\n" + FAILED)
    out = faultline("-")[1]
    assert "expected" in out
    assert not set(out) & {"\x1b", "\x07", "\u202e"}


@contextmanager
def following(*words: str, stdin: Any = subprocess.DEVNULL, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    code = "import sys; from agents.cli import main; sys.argv[1:1] = ['extract', '--follow']; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


def read_until(process: subprocess.Popen[bytes], word: str) -> str:
    """What the process says up to a word; what it says afterwards stays to be read."""
    assert process.stdout is not None
    said, ends_s = b"", time.monotonic() + PATIENCE_S
    while word.encode() not in said:
        assert select.select([process.stdout], [], [], max(0.0, ends_s - time.monotonic()))[0], said
        piece = os.read(process.stdout.fileno(), 4096)
        assert piece, said
        said += piece
    return said.decode()


def test_a_cause_in_a_pipe_is_told_while_the_pipe_is_open_and_the_order_at_its_end(tmp_path: Path) -> None:
    with following("-", stdin=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdin is not None
        process.stdin.write(b"begins\n" + COMPILE + FAILED + b"one\ntwo\n")
        process.stdin.flush()
        told = read_until(process, "> 2 | main.c:3:5: error: expected")
        assert told.startswith("certain by now:\n1. lines 2-3 (gcc.error")
        rest = process.communicate(b"last\n", timeout=PATIENCE_S)[0].decode()
        assert (process.returncode, rest.splitlines()[-1]) == (0, "6 lines: in all 1, as above")


def test_a_file_is_followed_through_rotation_and_truncation_until_ctrl_c(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_bytes(b"begins\n")
    with following("job.log", cwd=tmp_path) as process:
        with path.open("ab") as file:
            file.write(COMPILE[:10])
            file.flush()
            file.write(COMPILE[10:] + FAILED + b"one\ntwo\n")
        assert "> 2 | main.c" in read_until(process, "main.c:3:5")
        path.rename(tmp_path / "job.log.1")
        path.write_bytes(b"another\n" * 3)
        assert "job.log: the log was rotated; what follows is another one" in read_until(process, "from its line 1")
        time.sleep(0.5)
        path.write_bytes(b"short\n")
        assert "the log was truncated" in read_until(process, "from its line 1")
        with path.open("ab") as file:
            file.write(COMPILE)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=PATIENCE_S)[0].decode()
        assert (process.returncode, "> 2 | main.c:3:5" in rest) == (0, True)


def test_programs_follow_by_lines_of_json(tmp_path: Path) -> None:
    with following("-", "--json", stdin=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdin is not None
        process.stdin.write(COMPILE + FAILED + b"one\ntwo\n")
        process.stdin.flush()
        certain = json.loads(read_until(process, "\n"))
        last = json.loads(process.communicate(b"Finished: SUCCESS\n", timeout=PATIENCE_S)[0])
        assert (process.returncode, certain["certain"]["evidence_line"], last["blocks"]) == (1, 1, [])
        assert last["notes"] == ["the log ends as one of a job that passed: what was told before made nothing fail"]


@pytest.mark.parametrize("data", [gzip.compress(LOG), b"<testsuite/>\n", run_archive()])
def test_only_logs_are_followed(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(data)
    with following("f", cwd=tmp_path) as process:
        said = process.communicate(timeout=PATIENCE_S)[0].decode()
        assert process.returncode == 2
        assert re.match("faultline: f: (packed with|a report; it is read when it is complete)", said)


def test_a_reader_that_goes_away_is_no_fault_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_bytes(b"".join(COMPILE.replace(b"main", b"part%d" % number) + b"\n" * 9 for number in range(400)))
    command = [sys.executable, "-m", "agents.cli", "extract", str(log), "--limit", "400"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (1, b"")
