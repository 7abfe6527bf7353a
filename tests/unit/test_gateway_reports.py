"""Reports and logs: what they hold is published with their context, and what they are not is said."""

from __future__ import annotations

from io import BytesIO

import pytest
from suites.gateway import FAILURE, NOW_MS, Caller, caller

from streams.contract.errors import LogFull, UnreadableInput
from streams.contract.failure import Source
from streams.gateway import reports
from streams.gateway.limits import Limits

REPORT = b"""<testsuites><testsuite name="s">
<testcase classname="pkg.test_a" name="test_one">
<failure message="assert 1 == 2" type="AssertionError">E  assert</failure></testcase>
<testcase classname="pkg.test_a" name="test_two"/>
<testcase classname="pkg.test_a" name="test_three"><error message="no"/><failure message="yes"/></testcase>
</testsuite></testsuites>"""
LOG = b"""+ make all
gcc -c -o main.o main.c
main.c:3:5: error: expected ';' before 'return'
make: *** [Makefile:4: main.o] Error 1
##[error]Process completed with exit code 2.
"""
XML = "application/xml"


def many(count: int) -> bytes:
    case = '<testcase classname="c" name="n{}"><failure message="m{}"/></testcase>'
    return ("<testsuite>" + "".join(case.format(n, n) for n in range(count)) + "</testsuite>").encode()


def test_a_report_is_published_with_its_context() -> None:
    gateway = caller()
    query = "repo=here/shop&workflow=ci&run=7&attempt=2&job=unit&branch=main&commit=abc&pr=5&provider=gitlab"
    status, told = gateway.post(f"/v1/junit?{query}", REPORT, XML)
    assert (status, told["accepted"], told["refused"], told["cases"]) == (200, 3, 0, 3)
    assert "run_id" not in told
    assert [item["test"] for item in told["items"]][::2] == ["pkg.test_a::test_one", "pkg.test_a::test_three"]
    failures = gateway.publisher.failures
    assert [item["id"] for item in told["items"]] == [failure.id for failure in failures]
    assert all(failure.received_at_ms == failure.occurred_at_ms == NOW_MS for failure in failures)
    ci = failures[0].ci
    assert ci is not None
    assert (ci.source, ci.provider, ci.repo, ci.workflow, ci.run_id, ci.attempt) == (
        Source.JUNIT, "gitlab", "here/shop", "ci", "7", 2,
    )  # fmt: skip
    assert (ci.job_name, ci.branch, ci.commit_sha, ci.pr_id) == ("unit", "main", "abc", "5")


def test_headers_give_the_context_too_and_the_query_is_stronger() -> None:
    gateway = caller()
    gateway.post("/v1/junit?repo=query", REPORT, XML, X_Faultline_Repo="header", X_Faultline_Run_Id="7")
    ci = gateway.publisher.failures[0].ci
    assert ci is not None
    assert (ci.repo, ci.run_id) == ("query", "7")


def test_the_trace_of_a_request_goes_with_its_failures() -> None:
    gateway = caller()
    gateway.post("/v1/junit?repo=a&run=7", REPORT, XML, traceparent="00-1-2-01")
    gateway.post("/v1/events", FAILURE)
    assert gateway.publisher.traces == ["00-1-2-01", ""]


def test_a_log_is_published_with_the_lines_it_was_found_in() -> None:
    gateway = caller()
    status, told = gateway.post("/v1/logs?repo=here/shop&run_id=7", LOG, "text/plain; charset=utf-8")
    assert status == 200
    assert told["accepted"] == len(gateway.publisher.failures) >= 1
    first = told["items"][0]
    assert first["lines"][0] <= 3 <= first["lines"][1]
    assert "expected ';'" in gateway.publisher.failures[0].message
    assert first["message"] in gateway.publisher.failures[0].message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_log_in_another_encoding_is_the_same_log(encoding: str) -> None:
    gateway = caller()
    _, told = gateway.post("/v1/logs?run_id=7", LOG.decode().encode(encoding), None)
    assert gateway.publisher.failures[0].message == caller_of_log().publisher.failures[0].message
    assert told["accepted"] >= 1


def test_a_log_may_hold_zero_bytes_lines_in_other_encodings_and_lines_of_any_length() -> None:
    gateway = caller()
    odd = b"begin\0ning\nfa\xe7ade\n" + "list".encode("utf-16-le") + b"\n" + b"x" * 3_000_000 + b"\n"
    _, told = gateway.post("/v1/logs?run_id=7", b"starting the suite\n" * 9 + odd + LOG, None)
    assert gateway.publisher.failures[0].message == caller_of_log().publisher.failures[0].message
    assert told["items"][0]["lines"][1] <= 9 + odd.count(b"\n") + LOG.count(b"\n")
    assert told["notes"] == ["1 lines longer than 4096 characters, read up to there"]


def caller_of_log() -> Caller:
    gateway = caller()
    gateway.post("/v1/logs?run_id=7", LOG, None)
    return gateway


def test_a_log_that_tells_of_no_failure_gives_none() -> None:
    _, told = caller().post("/v1/logs", b"all is well\n", "text/plain")
    assert (told["accepted"], told["notes"]) == (0, ["nothing in it says why a job failed"])
    assert "notes" not in caller().post("/v1/logs", LOG, "text/plain")[1]


@pytest.mark.parametrize(("path", "body"), [("/v1/junit", REPORT), ("/v1/logs", LOG)])
def test_without_a_run_id_one_is_made_and_told_and_a_key_makes_a_retry_the_same(path: str, body: bytes) -> None:
    gateway = caller()
    first, second = gateway.post(path, body, None)[1], gateway.post(path, body, None)[1]
    assert (first["run_id"], second["run_id"]) == ("made-0", "made-1")
    assert first["items"] != second["items"]
    one, two = (gateway.post(path, body, None, idempotency_key="k")[1] for _ in range(2))
    assert one == two
    assert "run_id" not in one
    again = gateway.post(f"{path}?run_id=made-0", body, None)[1]
    assert again["items"] == first["items"]


LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'
UNREADABLE = {
    "a report that is empty": ("/v1/junit", b"", "not a test report"),
    "a report of a billion laughs": ("/v1/junit", LAUGHS, "document type definition"),
    "a page": ("/v1/junit", b"<html><body/></html>", "the root element is html"),
    "JSON": ("/v1/junit", b'{"failures": []}', "not a test report"),
    "a binary as a report": ("/v1/junit", b"\x7fELF\x02\x01" + bytes(100), "not a test report"),
    "a log that is empty": ("/v1/logs", b" \n", "the log is empty"),
    "a binary as a log": ("/v1/logs", b"\x7fELF\x02\x01" + bytes(100), "a binary"),
    "half a zip as a log": ("/v1/logs", b"PK\x03\x04" + bytes(100), "damaged or cut off; fetch it again"),
}


@pytest.mark.parametrize(("path", "body", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_report_is_refused_with_its_reason_and_kept(path: str, body: bytes, reason: str) -> None:
    gateway = caller()
    status, told = gateway.post(path, body, None)
    assert (status, told["accepted"], told["refused"]) == (400, 0, 1)
    assert reason in told["items"][0]["error"]
    assert [data for data, _, _ in gateway.publisher.rejected] == ([body] if body.strip() else [])


def test_a_report_that_was_cut_off_gives_what_it_held_with_a_note() -> None:
    status, told = caller().post("/v1/junit", REPORT[: REPORT.index(b"test_two")], XML)
    assert (status, told["accepted"]) == (200, 1)
    assert any("cut off" in note for note in told["notes"])


PARAMETERS = {
    "a misspelt one": ("repos=x", "did you mean 'repo'?"),
    "one of no likeness": ("zzzzzz=x", "known are provider, repo"),
    "an attempt that is no number": ("attempt=two", "Expected `int`"),
    "what the report says itself": ("test_name=x", "not known here"),
}


@pytest.mark.parametrize(("query", "reason"), PARAMETERS.values(), ids=PARAMETERS)
@pytest.mark.parametrize("path", ["/v1/junit", "/v1/logs"])
def test_a_parameter_that_would_lose_the_context_is_refused(path: str, query: str, reason: str) -> None:
    status, told = caller().post(f"{path}?{query}", REPORT, None)
    assert status == 400
    assert reason in told["error"]


@pytest.mark.parametrize("path", ["/v1/junit", "/v1/logs"])
def test_a_form_with_files_is_answered_415_with_the_way_out(path: str) -> None:
    status, told = caller().post(path, REPORT, "multipart/form-data; boundary=x")
    assert status == 415
    assert "--data-binary @" in told["error"]


def test_a_report_over_the_memory_limit_goes_through_a_file() -> None:
    gateway = caller(limits=Limits(spool_bytes_max=1024))
    status, told = gateway.post("/v1/junit?run_id=7", many(2_500), XML)
    assert (status, told["accepted"]) == (200, 2_500)
    assert len({failure.id for failure in gateway.publisher.failures}) == 2_500
    assert gateway.publisher.calls == 3


def test_the_answer_lists_some_failures_of_a_large_report_and_counts_the_rest() -> None:
    gateway = caller(limits=Limits(answer_items_max=10))
    told = gateway.post("/v1/junit", many(15), XML)[1]
    assert (told["accepted"], len(told["items"]), told["items_left_out"]) == (15, 10, 5)


def test_a_log_that_is_full_in_the_middle_of_a_report_is_told_with_the_run_id_to_go_on_with() -> None:
    gateway = caller()
    gateway.publisher.refusing, gateway.publisher.refuse_from = LogFull("the log is behind", retry_after_s=2), 1
    body = many(reports.BATCH_FAILURES_MAX + 5)
    status, told = gateway.post("/v1/junit", body, XML)
    assert (status, told["accepted"], told["run_id"]) == (429, reports.BATCH_FAILURES_MAX, "made-0")
    gateway.publisher.refusing = None
    gateway.post("/v1/junit?run_id=made-0", body, XML)
    assert len({failure.id for failure in gateway.publisher.failures}) == reports.BATCH_FAILURES_MAX + 5


def test_lines_without_an_end_are_cut() -> None:
    found = list(reports.lines_of(BytesIO(b"x" * (reports.LINE_BYTES_MAX + 3) + b"\n\xff\n")))
    assert [len(line) for line in found] == [reports.LINE_BYTES_MAX, 4, 2]
    with pytest.raises(UnreadableInput, match="empty"):
        list(reports.lines_of(BytesIO(b"")))


def test_the_answer_to_a_log_shows_no_credential_since_a_job_prints_it() -> None:
    token = "ghp_" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"[:36]
    gateway = caller()
    status, told = gateway.post(
        "/v1/logs?repo=a/b", f"main.c:3:5: error: {'x' * 150} bad token {token}\n", "text/plain"
    )
    assert status == 200
    assert "main.c:3:5: error:" in str(told)
    assert token[:12] not in str(told)
    assert token in gateway.publisher.failures[0].message
