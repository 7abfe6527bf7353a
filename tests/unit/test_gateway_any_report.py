"""`POST /v1/reports`: any report, told by its content, whatever its content type says."""

from __future__ import annotations

import pytest
from suites.gateway import caller
from suites.table import each

TAP = b"1..2\nnot ok 1 - adds\n#   got: 3\nok 2 - fine\n"
REPORTS = {
    "TAP": (TAP, 2),
    "junit": (b'<testsuite><testcase classname="c" name="adds"><failure message="m"/></testcase></testsuite>', 1),
    "go test -json": (b'{"Time":"2026","Action":"fail","Package":"p","Test":"adds"}\n', 1),
    "BuildKit rawjson": (b'{"vertexes":[{"digest":"a","name":"[1/1] RUN x","error":"no"}]}\n', 1),
}


@each("form", REPORTS)
@each("kind", ["text/plain", "application/json", "application/octet-stream", "image/png"])
def test_a_report_is_told_by_its_content_and_published_with_its_context(form: str, kind: str) -> None:
    gateway = caller()
    body, cases = REPORTS[form]
    status, told = gateway.post("/v1/reports?repo=here/shop&run=7&job=unit", body, kind)
    assert (status, told["accepted"], told["format"], told["cases"]) == (200, 1, form, cases)
    (failure,) = gateway.publisher.failures
    assert failure.ci is not None
    assert (failure.ci.repo, failure.ci.run_id, failure.ci.job_name) == ("here/shop", "7", "unit")


def test_the_same_report_twice_is_the_same_failures() -> None:
    gateway = caller()
    answers = [gateway.post("/v1/reports?run=7", TAP, "text/plain")[1]["items"][0]["id"] for _ in range(2)]
    assert answers[0] == answers[1]


def test_what_is_lost_is_said() -> None:
    status, told = caller().post("/v1/reports?run=7", TAP.replace(b"1..2\n", b"TAP version 13\n"), "text/plain")
    assert (status, told["notes"]) == (200, ["no plan: whether all tests ran is not known"])


@pytest.mark.parametrize(
    ("body", "said"), [(b'{"a": 1}', "not known"), (b"", "nothing in it"), (b"\x00\x01", "not text")]
)
def test_what_is_no_report_is_refused_with_the_reason(body: bytes, said: str) -> None:
    status, told = caller().post("/v1/reports?run=7", body, "application/json")
    assert (status, told["accepted"]) == (400, 0)
    assert said in told["items"][0]["error"]
