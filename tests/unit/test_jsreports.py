"""The JSON reports of Jest, Vitest and Mocha, whole and cut off."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import pytest
from suites.drawing import load
from suites.reports import messages, place_of, titles, told

from streams.producers import xml_events
from streams.producers.json_elements import TOP, elements
from streams.producers.report import Limits, Notes

SAID = "Error: \x1b[2mexpect(\x1b[22mreceived)\n\nExpected: 4\nReceived: 3"
STACK = f"{SAID}\n    at Object.toBe (/src/a.test.js:5:13)\n    at run (x.js:1:1)"


def case(title: str, status: str = "failed", **more: object) -> dict[str, object]:
    texts = [STACK] if status == "failed" else []
    return {
        "ancestorTitles": ["cart"],
        "title": title,
        "status": status,
        "failureMessages": texts,
        "duration": 8,
    } | more


def jest(*files: Mapping[str, object]) -> str:
    return json.dumps(
        {"numFailedTestSuites": 1, "numFailedTests": 1, "testResults": list(files), "wasInterrupted": False}
    )


FILE: Mapping[str, object] = {
    "name": "/src/a.test.js",
    "status": "failed",
    "message": "● cart › adds",
    "assertionResults": [case("adds")],
}


def test_a_failed_test_has_suites_place_and_error() -> None:
    found, records = told(jest({**FILE, "assertionResults": [case("adds"), case("fine", "passed")]}))
    (one,) = found
    ci = place_of(one)
    assert (records.form, records.cases, records.notes) == ("Jest or Vitest JSON", 2, ())
    assert one.message == "Error: expect(received)\n\nExpected: 4\nReceived: 3"
    assert (titles(found), ci.test_file, ci.test_line, ci.test_time_s) == (["cart::adds"], "/src/a.test.js", 5, 0.008)


def test_each_message_of_a_test_is_a_failure() -> None:
    both = case(
        "adds", failureMessages=["AssertionError: expected 1 to be 2\n    at /src/a.test.js:3:1", "TypeError: no"]
    )
    found, _ = told(jest({**FILE, "assertionResults": [both]}))
    assert [(one.exception_type, one.ordinal) for one in found] == [("AssertionError", 0), ("TypeError", 1)]


@pytest.mark.parametrize("more", [{"retryReasons": ["Error: once"]}, {"invocations": 2}])
def test_a_test_that_passed_when_tried_again_is_a_flake(more: dict[str, object]) -> None:
    found, records = told(jest({**FILE, "status": "passed", "assertionResults": [case("adds", "passed", **more)]}))
    assert (found, records.flakes) == ([], 1)


def test_a_file_that_could_not_be_run_is_an_error() -> None:
    message = "  ● Test suite failed to run\n\n    SyntaxError: /src/a.test.js: Unexpected token (1:10)\n"
    (one,), _ = told(jest({**FILE, "message": message, "assertionResults": []}))
    assert (one.message, one.exception_type, one.labels["outcome"]) == (
        "SyntaxError: /src/a.test.js: Unexpected token (1:10)", "SyntaxError", "error",
    )  # fmt: skip


def test_a_report_that_is_cut_off_gives_its_whole_files_and_says_so() -> None:
    report = jest(*[FILE] * 3)
    found, records = told(report[: report.rindex("failureMessages")])
    assert (len(found), records.notes) == (2, ("cut off before the end of the document",))


def mocha(**more: object) -> str:
    error = {
        "message": "no stock\nsecond",
        "stack": "TypeError: no stock\nsecond\n    at Context.<anonymous> (a.js:2:11)",
    }
    test = {
        "title": "adds",
        "fullTitle": "cart adds",
        "file": "/src/a.js",
        "duration": 3,
        "currentRetry": 0,
        "err": error,
    }
    fine = test | {"title": "fine", "err": {}}
    hook = test | {"title": '"before all" hook', "fullTitle": 'cart "before all" hook'}
    report = {
        "stats": {"suites": 1, "tests": 2},
        "tests": [test, fine | more],
        "failures": [test, hook],
        "passes": [fine],
    }
    return json.dumps(report, indent=2)


def test_mocha_tells_failed_tests_and_hooks() -> None:
    found, records = told(mocha())
    assert (records.form, records.cases, records.notes) == ("Mocha JSON", 2, ())
    assert titles(found) == ["cart::adds", 'cart::"before all" hook']
    assert [one.labels["outcome"] for one in found] == ["failure", "error"]
    assert (messages(found)[0], found[0].exception_type) == ("TypeError: no stock\nsecond", "TypeError")
    assert (place_of(found[0]).test_file, place_of(found[0]).test_line) == ("/src/a.js", 2)


def test_mocha_says_which_test_was_tried_again() -> None:
    assert told(mocha(currentRetry=2))[1].flakes == 1


def test_a_report_of_mocha_that_ends_before_its_failures_gives_those_of_its_tests() -> None:
    report = mocha()
    found, records = told(report[: report.index('"failures"')])
    assert (titles(found), records.notes) == (["cart::adds"], ("cut off before the end of the document",))


def scanned(text: str, limits: Limits | None = None) -> tuple[list[object], list[str]]:
    notes = Notes()
    wanted = {TOP: 0, "found": 1}
    return [one for _, one in elements(io.BytesIO(text.encode()), wanted, limits or Limits(), notes)], notes.told()


@pytest.mark.parametrize("chunk_bytes", [1, 2, 7, 1000])
def test_where_the_pieces_end_makes_no_difference(chunk_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_events, "CHUNK_BYTES", chunk_bytes)
    one = {"a": 'x"]}{[\\', "b": [{"c": "\\\\"}], "found": [{"deep": 1}]}
    text = json.dumps({"x": ["[", {"found": [{"no": 1}]}], "found": [one, {}, 3, [{"no": 2}], one], "y": {}})
    assert scanned(text) == ([one, {}, one], [])
    assert scanned(json.dumps([one, one])) == ([one, one], [])


def test_an_element_that_is_too_long_or_damaged_is_left_out_and_said() -> None:
    text = '{"found": [{"a": 1}, {"a": "' + 'x\\"' * 500_000 + '"}, {"a": nope}, {"a": 2}]}'
    found, notes = scanned(text, Limits(element_bytes_max=300_000))
    assert found == [{"a": 1}, {"a": 2}]
    assert len(notes) == 2


def test_a_string_without_an_end_takes_linear_time() -> None:
    found, notes = scanned('{"found": ["' + '\\"[{' * load(1_000_000), Limits(element_bytes_max=load(1_000_000)))
    assert (found, bool(notes)) == ([], True)
