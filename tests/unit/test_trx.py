"""TRX files: results, definitions, rows of data, the run's own errors, damage."""

from __future__ import annotations

import pytest
from suites.reports import messages, place_of, titles, told

from streams.contract.errors import UnreadableInput
from streams.producers.report import Limits
from streams.producers.trx import read_trx

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<TestRun id="1" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>'
)
FAILED = (
    '<UnitTestResult testId="t1" testName="Adds" outcome="Failed" duration="00:01:02.5"><Output>'
    "<StdOut>counting</StdOut><ErrorInfo><Message>Assert.AreEqual failed. Expected:&lt;4&gt;. Actual:&lt;3&gt;."
    "</Message><StackTrace>   at Shop.Cart.Adds() in /src/Cart.cs:line 12</StackTrace></ErrorInfo></Output>"
    "</UnitTestResult>"
)
PASSED = '<UnitTestResult testId="t2" testName="Fine" outcome="Passed" duration="00:00:00"/>'
DEFINITIONS = (
    "</Results><TestDefinitions>"
    '<UnitTest name="Adds" id="t1"><TestMethod codeBase="a.dll" className="Shop.Cart" name="Adds"/></UnitTest>'
    '<UnitTest name="Pays" id="t3"><TestMethod className="Shop.Till, shop, Version=1.0" name="Pays"/></UnitTest>'
    "</TestDefinitions>"
)
TAIL = "</TestRun>"


def test_a_failed_test_has_class_message_place_and_output() -> None:
    found, records = told(HEAD + FAILED + PASSED + DEFINITIONS + TAIL)
    (one,) = found
    ci = place_of(one)
    assert (records.form, records.cases, records.notes) == ("TRX", 2, ())
    assert titles(found) == ["Shop.Cart::Adds"]
    assert one.message == "Assert.AreEqual failed. Expected:<4>. Actual:<3>."
    assert (ci.test_file, ci.test_line, ci.test_time_s) == ("/src/Cart.cs", 12, 62.5)
    assert (one.traceback, one.labels["output"]) == ("at Shop.Cart.Adds() in /src/Cart.cs:line 12", "counting")


@pytest.mark.parametrize(
    ("message", "thrown"),
    [
        ("Test method Shop.Cart.Adds threw exception: \nSystem.IO.IOException: no room", "System.IO.IOException"),
        ("System.InvalidOperationException : no stock", "System.InvalidOperationException"),
        ("Assert.Equal() Failure: Values differ", ""),
    ],
)
def test_the_exception_is_the_one_that_was_thrown(message: str, thrown: str) -> None:
    report = HEAD + FAILED.replace("Assert.AreEqual failed. Expected:&lt;4&gt;. Actual:&lt;3&gt;.", message)
    assert told(report + DEFINITIONS + TAIL)[0][0].exception_type == thrown


def test_the_class_is_not_said_twice() -> None:
    named = '<UnitTestResult testId="t3" testName="Shop.Till.Pays(amount: 1)" outcome="Failed"/>'
    assert titles(told(HEAD + named + DEFINITIONS + TAIL)[0]) == ["Shop.Till::Pays(amount: 1)"]


@pytest.mark.parametrize("outcome", ["Error", "Timeout", "Aborted", "NotRunnable", "Disconnected"])
def test_a_test_that_could_not_say_is_an_error(outcome: str) -> None:
    (one,), _ = told(HEAD + f'<UnitTestResult testName="Adds" outcome="{outcome}"/></Results>' + TAIL)
    assert one.labels["outcome"] == "error"


@pytest.mark.parametrize("outcome", ["Passed", "NotExecuted", "Inconclusive", "Pending", "Warning", "Completed"])
def test_what_did_not_fail_does_not_count(outcome: str) -> None:
    assert told(HEAD + f'<UnitTestResult testName="Adds" outcome="{outcome}"/></Results>' + TAIL)[0] == []


def test_rows_of_data_count_and_their_parent_does_not() -> None:
    row = '<UnitTestResult testId="t1" testName="Adds ({0})" outcome="{1}"><Output/></UnitTestResult>'
    rows = row.format(1, "Failed") + row.format(2, "Passed") + row.format(3, "Failed")
    report = HEAD + FAILED.replace("</UnitTestResult>", f"<InnerResults>{rows}</InnerResults></UnitTestResult>")
    assert titles(told(report + DEFINITIONS + TAIL)[0]) == ["Shop.Cart::Adds (1)", "Shop.Cart::Adds (3)"]


def test_what_the_run_says_of_itself_counts() -> None:
    said = "The active test run was aborted. Reason: Test host process crashed"
    info = f'<RunInfo outcome="Error"><Text>{said}</Text></RunInfo>'
    warning = '<RunInfo outcome="Warning"><Text>slow</Text></RunInfo>'
    summary = f'<ResultSummary outcome="Failed"><RunInfos>{warning}{info}</RunInfos></ResultSummary>'
    assert messages(told(HEAD + "</Results>" + summary + TAIL)[0]) == [said]


DAMAGED = {
    "cut in a text": HEAD + FAILED + FAILED[:200],
    "cut before the definitions": HEAD + FAILED,
    "a raw <": HEAD + FAILED.replace("counting", "1 < 2") + DEFINITIONS + TAIL,
    "an end tag missing": HEAD + FAILED.replace("</StackTrace>", "") + DEFINITIONS + TAIL,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_gives_what_it_held_and_says_what_was_lost(name: str) -> None:
    found, records = told(DAMAGED[name])
    assert found
    assert place_of(found[0]).test_name == "Adds"
    assert records.notes


def test_bounds_hold_and_are_said() -> None:
    found, records = told(
        HEAD + FAILED * 30 + DEFINITIONS + TAIL, Limits(held_max=5, failures_max=20, text_chars_max=40)
    )
    assert len(found) == 20
    assert len(records.notes) == 3


def test_another_root_is_refused() -> None:
    import io

    with pytest.raises(UnreadableInput, match="root element is project"):
        list(read_trx(io.BytesIO(b"<project/>")))
