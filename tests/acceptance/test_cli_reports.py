"""`faultline publish report`: whatever the report, from a file or a pipe, and what is lost is said."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.cli.app import create_app, run

TAP = "1..2\nnot ok 1 - adds\n#   got: 3\nok 2 - fine\n"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def faultline(capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*words: object) -> tuple[int, str, str]:
        status = run(create_app(), ["publish", "report", *map(str, words), "--dry-run"])
        out, err = capsys.readouterr()
        return status, out, err

    return command


def test_reports_of_several_formats_in_one_call_are_each_read_as_what_they_are(
    faultline: Command, tmp_path: Path
) -> None:
    junit = '<testsuite><testcase classname="c" name="pays"><failure message="m"/></testcase></testsuite>'
    texts = {"a.xml": TAP, "b.tap": junit, "c.txt": '{"Time":"2026","Action":"fail","Package":"p","Test":"ships"}\n'}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    status, out, err = faultline(f"{tmp_path}/*", "--json", "--run-id", "7", "--strict")
    told = json.loads(out)
    assert (status, told["losses"]) == (0, [])
    assert [one["ci"]["test_name"] for one in told["failures"]] == ["adds", "pays", "ships"]
    assert [line.rpartition("read as ")[2] for line in err.splitlines()] == ["TAP", "junit", "go test -json"]


def test_a_pipe_is_read(faultline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(TAP.encode()))))
    status, out, _ = faultline("-", "--json")
    assert (status, [one["message"] for one in json.loads(out)["failures"]]) == (0, ["got: 3"])


def test_what_a_report_lost_fails_the_call_only_if_asked(faultline: Command, tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_text('{"Time":"2026","Action":"fail","Package":"p","Test":"a"}\n{"Time":"20')
    assert faultline(path)[0] == 0
    status, out, err = faultline(path, "--strict")
    assert status != 0
    assert "1 not sent (dry run), 0 refused, 1 unreadable" in out
    assert "in part: lines of JSON that are damaged or cut off" in out + err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}', "JSON of a format that is not known"),
        ("<test-run/>", "let it write TRX or JUnit"),
        (" \n", "nothing"),
    ],
)
def test_what_is_not_read_is_said_with_the_way_out(faultline: Command, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "report"
    path.write_text(text)
    status, out, err = faultline(path, "--strict")
    assert status != 0
    assert said in out + err


def test_a_log_that_passed_is_no_loss(faultline: Command, tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_text("all fine\n")
    status, out, err = faultline(path, "--strict")
    assert (status, "0 unreadable" in out, "nothing in it says why a job failed; if it did fail" in err) == (
        0,
        True,
        True,
    )
