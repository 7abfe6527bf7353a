"""`faultline publish`: everything is sent or named, and the job it runs in is never broken."""

from __future__ import annotations

import io
import json
import os
import socket
import sys

import pytest
from suites.http_answers import accept, answers

from streams.cli.app import create_app, run

REPORT = """<testsuites><testsuite name="s">
<testcase classname="shop.cart" name="adds"><failure type="AssertionError" message="assert 3 == 4"/></testcase>
<testcase classname="shop.cart" name="pays"><error message="RuntimeError: no \u202eroute"/></testcase>
<testcase classname="shop.cart" name="fine"/></testsuite></testsuites>"""
SECRET = "ghp_" + "a1B2c3D4e5F6" * 3


@pytest.fixture
def server(monkeypatch):
    with answers() as told:
        monkeypatch.setenv("FAULTLINE_URL", told.url)
        yield told


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "results" / "deep" / "r.xml"
    path.parent.mkdir(parents=True)
    path.write_text(REPORT, encoding="utf-8")
    return path


@pytest.fixture
def faultline(capsys):
    """Runs a command line; gives exit status, standard output and standard error."""

    def command(*words):
        status = run(create_app(), [str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out, err

    return command


def typed(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))


def test_failed_tests_are_sent_as_records_with_the_context_of_the_run(faultline, server, report, monkeypatch):
    for name, value in {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "7"}.items():
        monkeypatch.setenv(name, value)
    status, out, _ = faultline("publish", "junit", report.parents[1] / "**/*.xml", "--job", "unit (3.11)")
    assert status == 0
    assert out.startswith(f"2 sent to {server.url}, 0 refused, 0 unreadable, 0 unsent")
    assert [record["ci"]["test_name"] for record in server.records] == ["adds", "pays"]
    assert {(r["ci"]["repo"], r["ci"]["run_id"], r["ci"]["job_name"]) for r in server.records} == {
        ("acme/shop", "7", "unit (3.11)")
    }
    assert server.asked[0].headers["content-type"] == "application/x-ndjson"


def test_the_same_report_of_the_same_run_has_the_same_ids(faultline, server, report):
    for _ in range(2):
        faultline("publish", "junit", report, "--run-id", "7")
    first, second = ([record["id"] for record in asked.records] for asked in server.asked)
    assert first == second


def test_without_a_run_each_call_is_a_run_of_its_own(faultline, server, report):
    for _ in range(2):
        faultline("publish", "junit", report)
    assert len({record["ci"]["run_id"] for record in server.records}) == 2


def test_what_cannot_be_read_is_named_in_a_line_each_and_the_rest_is_sent(faultline, server, report, tmp_path):
    (tmp_path / "binary.xml").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "empty.xml").write_bytes(b"")
    (tmp_path / "cut.xml").write_text('<testsuite><testcase name="half"><failure>boom')
    (tmp_path / "bomb.xml").write_text('<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>')
    words = ("publish", "junit", tmp_path, tmp_path / "none.xml", tmp_path / "*.xml", report)
    status, out, err = faultline(*words)
    assert status == 0
    assert "3 sent" in out
    assert "6 unreadable" in out
    for reason in ("a directory", "no such file", "not text", "empty", "cut off", "document type"):
        assert sum(reason in line for line in err.splitlines()) == 1, reason
    assert faultline(*words, "--strict")[0] == 1


def test_a_file_with_several_complaints_is_one_unreadable_file(faultline, server, tmp_path):
    (tmp_path / "cut.xml").write_text('<testsuite><testcase name="half"><testcase name="within"><failure>boom')
    _, out, err = faultline("publish", "junit", tmp_path / "cut.xml")
    assert err.count("unreadable: ") == 2
    assert "1 unreadable" in out


def test_a_report_of_another_format_is_not_read_in_part_but_sent_to_the_command_that_reads_it(
    faultline, server, tmp_path
):
    (tmp_path / "a.trx").write_text("<TestRun><Results/></TestRun>")
    _, out, err = faultline("publish", "junit", tmp_path / "a.trx")
    assert "no test case found: the root element is TestRun; `faultline publish report` reads TRX" in err
    assert "in part" not in err
    assert "1 unreadable" in out


def test_a_dry_run_shows_fingerprints_and_sends_nothing(faultline, server, report):
    status, out, _ = faultline("publish", "junit", report, "--dry-run")
    assert status == 0
    assert server.asked == []
    assert out.count("fp1.") == 2
    assert "\u202e" not in out
    told = json.loads(faultline("publish", "junit", report, "--dry-run", "--json")[1])
    assert all(one["verdict"]["fingerprint"] == one["fingerprint"]["value"] for one in told["failures"])
    assert told["failures"][0]["verdict"]["kind"] == "assertion_failure"


def test_credentials_do_not_leave_the_machine(faultline, server, monkeypatch):
    typed(monkeypatch, f"step\nerror: push of https://u:{SECRET}@git.example/x failed\nexit code 1\n".encode())
    faultline("publish", "log", "-")
    faultline("publish", "benchmark", "--message", f"bad key {SECRET}", "--model", "m")
    assert server.asked
    assert SECRET not in b"".join(asked.body for asked in server.asked).decode()


def test_a_log_on_standard_input_gives_its_failing_lines(faultline, server, monkeypatch):
    log = b"compiling\nmain.c:3:5: error: expected ';' before 'return'\nmake: *** [Makefile:2: all] Error 1\n"
    typed(monkeypatch, log)
    assert faultline("publish", "log", "-", "--repo", "acme/shop")[0] == 0
    assert any("expected ';'" in record["message"] for record in server.records)


def test_one_benchmark_error_is_told_by_flags(faultline, server):
    words = ("--provider", "acme", "--model", "m-1", "--stage", "generate", "--status", "429", "--request-id", "q")
    assert faultline("publish", "benchmark", *words)[0] == 0
    (record,) = server.records
    assert (record["message"], record["http_status"], record["benchmark"]["model"]) == ("Error code: 429", 429, "m-1")


def test_rows_of_benchmark_errors_are_read_under_either_systems_names_and_bad_ones_named(faultline, server, tmp_path):
    rows = tmp_path / "rows.ndjson"
    rows.write_text('{"message": "a", "model_name": "m-2"}\n\n{"message": 5}\nnonsense\n{"message": "b"}\n')
    status, out, err = faultline("publish", "benchmark", rows, "--provider", "acme", "--model", "m-1")
    assert status == 0
    assert [record["benchmark"]["model"] for record in server.records] == ["m-2", "m-1"]
    assert "2 refused" in out
    assert "line 3" in err
    assert "line 4" in err


@pytest.mark.parametrize(
    ("data", "sent", "refused"),
    [
        (b'{"origin": "ci", "message": "m", "ci": {}}', 1, 0),
        (b'[{"origin": "ci", "message": "m", "ci": {}}, {"origin": "moon"}]', 1, 1),
        (b'{"origin": "ci", "message": "a", "ci": {}}\n{"origin"\n{"origin": "ci", "message": "b", "ci": {}}\n', 2, 1),
        (b"", 0, 1),
    ],
)
def test_records_are_sent_one_a_list_or_lines_and_bad_ones_named(faultline, server, monkeypatch, data, sent, refused):
    typed(monkeypatch, data)
    status, out, _ = faultline("publish", "event", "-")
    assert status == 0
    assert out.startswith(f"{sent} sent")
    assert f"{refused} refused" in out


def test_a_server_that_refuses_one_of_two_is_repeated_in_the_ledger(faultline, server, report):
    refusal = {"index": 1, "error": "no such thing", "place": "$.message"}
    server.answer = lambda asked: (207, {}, {"accepted": 1, "refused": 1, "items": [{"index": 0}, refusal]})
    status, out, err = faultline("publish", "junit", report, "--strict")
    assert status == 1
    assert out.startswith("1 sent")
    assert "1 refused, " in out
    assert "refused: no such thing (at $.message)" in err


def test_a_reason_is_said_once_and_again_only_where_not_all_could_be_said(faultline, server, tmp_path):
    _, out, err = faultline("publish", "junit", tmp_path / "none.xml")
    assert (out + err).count("no such file") == 1
    _, out, err = faultline("publish", "junit", *(tmp_path / f"none{number}.xml" for number in range(30)))
    assert err.count("no such file") == 20
    assert "30 unreadable (30 x no such file)" in out


def test_a_server_that_refuses_all_is_no_reason_to_break_the_job(faultline, server, report):
    items = [{"index": index, "error": "no"} for index in range(2)]
    server.answer = lambda asked: (400, {}, {"accepted": 0, "refused": 2, "items": items})
    assert faultline("publish", "junit", report)[0] == 0
    told = json.loads(faultline("publish", "junit", report, "--json")[1])
    assert (told["sent"], told["refused"]) == (0, 2)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_a_moment_gets_it_and_the_same_bytes_again(faultline, server, report, status):
    def once(asked):
        if len(server.asked) == 1:
            return status, {"Retry-After": "0"}, {"error": "the log is full"}
        return accept(asked)

    server.answer = once
    assert faultline("publish", "junit", report)[1].startswith("2 sent")
    first, second = server.asked
    assert first.body == second.body


def test_a_server_that_stays_full_costs_the_deadline_and_no_more(faultline, server, report):
    server.answer = lambda asked: (429, {"Retry-After": "3600"}, {"error": "the log is full"})
    status, out, err = faultline("publish", "junit", report, "--deadline", "0.5")
    assert status == 0
    assert "2 unsent" in out
    assert "the log is full" in err


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((302, {"Location": "http://elsewhere.example/"}, {}), "sends on to http://elsewhere.example/"),
        ((200, {}, b"<html>a proxy</html>"), "not that of a faultline server"),
        ((413, {}, {"error": "over the limit items_max = 1"}), "over the limit"),
    ],
)
def test_an_answer_of_another_kind_is_said(faultline, server, report, answer, expected):
    server.answer = lambda asked: answer
    status, _, err = faultline("publish", "junit", report)
    assert status == 0
    assert expected in err


def test_no_server_is_said_in_a_line_with_the_way_out(faultline, report):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        status, out, err = faultline("publish", "junit", report, "--url", url, "--deadline", "0.3")
    assert status == 0
    assert "2 unsent" in out
    assert err.count("\n") == 1
    assert err.startswith("faultline: 2 unsent: ")
    assert "nothing listens there; start one with `make run`, on Kafka with `faultline gateway`, or" in err


def test_an_outage_is_said_once_with_how_many_failures_it_cost(faultline, server, tmp_path):
    def gone(asked):
        return accept(asked) if len(server.asked) == 1 else (503, {"Retry-After": "3600"}, {"error": "going down"})

    server.answer = gone
    rows = tmp_path / "rows.ndjson"
    rows.write_text("".join(f'{{"message": "boom {number}"}}\n' for number in range(5000)))
    status, out, err = faultline("publish", "benchmark", rows, "--deadline", "5")
    assert status == 0
    sent = int(out.split()[0])
    assert 0 < sent < 5000
    assert err.count("\n") == 1
    assert err.startswith(f"faultline: {5000 - sent} unsent: ")
    assert "going down" in err
    assert f"{5000 - sent} unsent" in out
    assert " x " not in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("explain", "x", "--origin", "moon"), "ci or benchmark"),
        (("explain", "-----BEGIN x"), "put -- before a text that begins with -"),
        (("show", ""), "the fingerprint is empty"),
        (("groups", "--url", "ftp://x"), "--url 'ftp://x' is no address"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(faultline, words, expected):
    status, out, err = faultline(*words)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("faultline: ")
    assert expected in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("junit",), "Missing argument"),
        (("junit", "x.xml", "--no-such"), "--no-such"),
        (("junit", "x.xml", "--url", "ftp://x"), "--url 'ftp://x' is no address"),
        (("junit", "x.xml", "--url", "http://user:pw@x"), "without credentials"),
        (("benchmark",), "--message or --status"),
        (("benchmark", "--message", "x", "--deadline", "0"), "--deadline"),
        (("benchmark", "--status", "99"), "--status"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_usage_of_publish_is_one_line_and_breaks_the_job_only_when_strict(faultline, words, expected):
    status, out, err = faultline("publish", *words)
    assert (status, out) == (0, "")
    assert err.count("\n") == 1
    assert err.startswith("faultline: ")
    assert expected in err
    assert "; nothing was sent" in err
    assert faultline("--debug", "publish", *words)[0] == 0
    assert faultline("publish", *words, "--strict")[0] == 2


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "x",
        "http://",
        "http://[::1",
        "http://h:99999",
        "http://a b",
        "http://a..b",
        "http://h/?q",
        "http://h/ä",
    ],
)
def test_an_address_that_is_none_is_said_with_the_variable_that_gave_it(faultline, monkeypatch, url):
    monkeypatch.setenv("FAULTLINE_URL", url)
    status, _, err = faultline("publish", "benchmark", "--message", "boom")
    assert (status, err.count("\n")) == (0, 1)
    assert err.startswith(f"faultline: FAULTLINE_URL {url!r} is no address")
    assert faultline("publish", "benchmark", "--message", "boom", "--strict")[0] == 2


def test_nobody_at_the_address_of_the_variable_names_the_variable(faultline, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FAULTLINE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        _, _, err = faultline("publish", "benchmark", "--message", "boom", "--deadline", "0.3")
    assert "name another with FAULTLINE_URL" in err


@pytest.mark.parametrize(("command", "pattern"), [("junit", "*.xml"), ("log", "*.log"), ("event", "*.ndjson")])
def test_a_directory_is_answered_with_the_names_that_such_files_have(faultline, server, tmp_path, command, pattern):
    assert f"'{tmp_path}/**/{pattern}'" in faultline("publish", command, tmp_path)[2]


def test_a_pipe_that_does_not_end_is_left_at_the_deadline_and_what_came_is_sent(faultline, server, monkeypatch):
    reader, writer = os.pipe()
    os.write(writer, b"main.c:3:5: error: expected ';' before 'return'\n")
    with os.fdopen(reader) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        status, out, err = faultline("publish", "log", "-", "--deadline", "0.3", "--strict")
    os.close(writer)
    assert (status, err.count("\n")) == (1, 1)
    assert "standard input: reading stopped (it did not end within 0.3 s); what came so far counts" in err
    assert out.startswith("1 sent")
    assert "1 unreadable" in out


def test_standard_input_that_is_closed_is_said(faultline, server, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input: closed" in faultline("publish", "log", "-")[2]


def test_a_fault_of_our_own_does_not_break_the_job_but_is_said(faultline, server, report, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("streams.cli.delivery.chunks", broken)
    status, _, err = faultline("publish", "junit", report)
    assert status == 0
    assert "our own fault: ZeroDivisionError: ours" in err
    assert "Traceback" not in err
    status, _, err = faultline("publish", "junit", report, "--strict", "--debug")
    assert status == 1
    assert "Traceback" in err


def test_what_a_passing_run_says_as_well_is_no_reason(faultline, tmp_path):
    noise = "ERROR: cannot write cache/old.tar: disk quota exceeded\n"
    passed, failed = tmp_path / "passed.log", tmp_path / "failed.log"
    passed.write_text(f"step one\n{noise}done\n")
    failed.write_text(
        f"step one\n{noise}ERROR: cannot write dist/app.tar: disk quota exceeded\nmake: *** [all] Error 1\n"
    )
    alone = faultline("publish", "log", str(failed), "--dry-run")[1]
    helped = faultline("publish", "log", str(failed), "--dry-run", "--baseline", str(passed))[1]
    assert "cache/old.tar" in alone
    assert "cache/old.tar" not in helped
    assert "dist/app.tar" in helped


def test_a_baseline_that_is_not_there_is_named_with_the_way_out(faultline, tmp_path):
    (tmp_path / "failed.log").write_text("make: *** [all] Error 1\n")
    status, _, err = faultline("publish", "log", str(tmp_path / "failed.log"), "--baseline", str(tmp_path / "none"))
    assert status == 0
    assert "none: no such file; name the log of a run that passed" in err
