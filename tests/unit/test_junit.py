"""JUnit reports of many writers, whole, damaged and hostile."""

from __future__ import annotations

import io
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples, load
from suites.table import each

from streams.contract.errors import UnreadableInput
from streams.contract.failure import MESSAGE_BYTES_MAX, Ci, Source
from streams.producers import xml_events
from streams.producers.junit import read_junit
from streams.producers.report import Limits, Reading, Reported, failures, framework_of
from streams.producers.xml_events import CHUNK_BYTES, End, Scanner, Start, Text, encoding_of


def read(report: str | bytes, limits: Limits | None = None) -> tuple[list[Reported], Reading]:
    reading = read_junit(io.BytesIO(report.encode() if isinstance(report, str) else report), limits=limits)
    return list(reading), reading


CONTEXT = Ci(provider="github", repo="o/r", run_id="7", job_id="8", job_name="unit")
CASE = '<testcase classname="shop.Cart" name="adds">{}</testcase>'
SUITE = '<testsuite name="s">{}</testsuite>'

COUNTS = {
    "a failure with text": (SUITE.format(CASE.format('<failure message="m">t</failure>')), 1),
    "an empty failure": (SUITE.format(CASE.format("<failure/>")), 1),
    "an error": (SUITE.format(CASE.format('<error type="E"/>')), 1),
    "failure and error of one case": (SUITE.format(CASE.format("<failure/><error/><failure/>")), 3),
    "skipped": (SUITE.format(CASE.format("<skipped/>")), 0),
    "a flake that passed": (SUITE.format(CASE.format('<flakyFailure message="m"/>')), 0),
    "a failure and its reruns": (SUITE.format(CASE.format("<failure/><rerunFailure/><rerunError/>")), 1),
    "a case as root": (CASE.format("<failure/>"), 1),
    "suites in suites": ("<testsuites>" + SUITE.format(SUITE.format(CASE.format("<failure/>"))) + "</testsuites>", 1),
    "a default namespace": ('<testsuite xmlns="urn:x">' + CASE.format("<failure/>") + "</testsuite>", 1),
    "a prefix": (
        '<j:testsuite xmlns:j="urn:x"><j:testcase name="a"><j:failure/></j:testcase></j:testsuite>',
        1,
    ),
    "an error outside of a case": (SUITE.format("<error/>"), 1),
    "the word in a text": (SUITE.format(CASE.format("<system-out>&lt;failure/&gt;</system-out>")), 0),
    "the word in CDATA": (SUITE.format(CASE.format("<system-out><![CDATA[<failure/>]]></system-out>")), 0),
    "the word in a comment": (SUITE.format(CASE.format("<!-- <failure/> -->")), 0),
    "no cases": ("<testsuites/>", 0),
    "another format": ('<project xmlns="urn:p"><name>x</name></project>', 0),
}
SURROUNDINGS = {
    "bare": ("", ""),
    "declared": ('<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by hand -->\n', "\n"),
    "with a mark": ("\ufeff<?xml version='1.0'?>", "<!-- end -->"),
}


@each("around", SURROUNDINGS)
@each("name", COUNTS)
def test_each_failure_and_error_of_a_case_counts_once(name: str, around: str) -> None:
    report, expected = COUNTS[name]
    before, after = SURROUNDINGS[around]
    assert len(read(before + report + after)[0]) == expected


DAMAGED = {
    "cut in a text": SUITE[:-12].format(CASE.format("<failure>a</failure>")) + "<testcase name='b'><failure>half a",
    "cut in a tag": SUITE[:-12].format(CASE.format("<failure>a</failure><error>b</error>")) + '<testcase name="unfini',
    "cut in CDATA": SUITE[:-12].format(CASE.format("<failure/>")) + "<testcase><failure><![CDATA[at x",
    "a raw <": SUITE.format(CASE.format("<failure>1 < 2 and <3</failure>") + CASE.format("<failure/>")),
    "a raw &": SUITE.format(CASE.format("<failure>a && b &c</failure>") + CASE.format("<failure/>")),
    "a raw < in an attribute": SUITE.format(CASE.format('<failure message="<x> < y"/><failure/>')),
    "an unknown entity": SUITE.format(CASE.format("<failure>&nope;</failure><failure/>")),
    "control characters": SUITE.format(CASE.format("<failure>\x1b[31mred\x1b[0m\x00\x08</failure><failure/>")),
    "an end tag missing": SUITE.format('<testcase name="a"><failure>x</testcase>' + CASE.format("<failure/>")),
    "a case not closed": SUITE.format('<testcase name="a"><failure/>' + CASE.format("<failure/>")),
    "an end tag too many": SUITE.format(CASE.format("<failure/></b><failure/>")),
    "two roots": SUITE.format(CASE.format("<failure/>")) * 2,
    "text behind the root": SUITE.format(CASE.format("<failure/><error/>")) + "Done <in> 3 s",
    "a type definition inside": SUITE.format(CASE.format("<failure><!DOCTYPE html></failure><failure/>")),
}


@each("name", DAMAGED)
def test_a_damaged_report_gives_what_it_held(name: str) -> None:
    assert len(read(DAMAGED[name])[0]) == 2


@pytest.mark.parametrize("name", ["cut in a text", "cut in a tag", "cut in CDATA", "a raw <", "an end tag missing"])
def test_what_was_lost_is_said(name: str) -> None:
    assert read(DAMAGED[name])[1].notes


def test_a_clean_report_has_no_notes() -> None:
    found, reading = read(SUITE.format(CASE.format("<failure>x</failure>")))
    assert (len(found), reading.cases, reading.notes) == (1, 1, ())


UNREADABLE = {
    "nothing": b"",
    "blanks": b" \n\t ",
    "prose": b"no tests were run",
    "zeroes": bytes(4000),
    "a type definition": b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>',
    "a type definition behind a comment": b"<?xml version='1.0'?>\n<!--"
    + b"-" * 9000
    + b"-->\n<!doctype x><testsuite/>",
    "a type definition in UTF-16": "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x><a/>".encode("utf-16"),
    "a type definition in UTF-16 without a mark": "<!DOCTYPE x><a/>".encode("utf-16-le"),
    "a prolog without an end": b"<!--" + b"x" * 200_000 + b"--><a/>",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_holds_nothing_or_defines_types_is_refused(name: str) -> None:
    with pytest.raises(UnreadableInput):
        read(UNREADABLE[name])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_the_encoding_is_the_one_that_the_first_bytes_speak_for(encoding: str) -> None:
    report = f'<?xml version="1.0" encoding="{encoding}"?>' + SUITE.format(CASE.format("<failure>façade</failure>"))
    found, reading = read(report.encode(encoding))
    assert (found[0].text, reading.notes) == ("façade", ())


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'<?xml version="1.0" encoding="utf-16"?>', "utf-8"),
        (b'<?xml version="1.0" encoding="unicode_escape"?>', "utf-8"),
        (b'<?xml version="1.0" encoding="zlib"?>', "utf-8"),
        (b"<?xml version='1.0' encoding='Windows-1252'?>", "cp1252"),
    ],
)
def test_an_encoding_that_cannot_be_is_not_believed(head: bytes, expected: str) -> None:
    found = encoding_of(head)
    assert found == expected


def test_a_result_carries_what_the_report_knows() -> None:
    report = """<testsuites><testsuite name="outer" file="a.py"><testsuite name="inner">
      <testcase classname="pkg.TestA" name="test_x[1]" line="12" time="1,234.5">
        <failure message="assert 1 == 2" type="AssertionError">assert 1 == 2&#10;a.py:12</failure>
        <rerunFailure message="again"><system-out>not this</system-out></rerunFailure>
        <system-out>printed</system-out>
      </testcase></testsuite></testsuite></testsuites>"""
    (found,), _ = read(report)
    assert found == Reported(
        classname="pkg.TestA",
        name="test_x[1]",
        message="assert 1 == 2",
        type="AssertionError",
        text="assert 1 == 2\na.py:12",
        suite="outer > inner",
        file="a.py",
        line=12,
        time_s=1234.5,
        framework="",
        outcome="failure",
        ordinal=0,
        reruns=1,
        output="printed",
    )
    assert (found.title, found.detail) == ("pkg.TestA::test_x[1]", "assert 1 == 2\na.py:12")


PYTEST_TEXT = "fix = 3\n&gt; raise RuntimeError('no db')\nE   RuntimeError: no db\n\nconftest.py:3: RuntimeError"
SHOWN = PYTEST_TEXT.replace("&gt;", ">")
DETAILS = {
    "pytest, setup": (
        'message="failed on setup with &quot;RuntimeError: no db&quot;"',
        PYTEST_TEXT,
        f'RuntimeError: no db\nfailed on setup with "RuntimeError: no db"\n{SHOWN}',
    ),
    "pytest, collection": (
        'message="collection failure"',
        PYTEST_TEXT,
        f"RuntimeError: no db\ncollection failure\n{SHOWN}",
    ),
    "pytest, call": ('message="assert 1 == 2"', PYTEST_TEXT, f"assert 1 == 2\n{SHOWN}"),
    "no word of its own": (
        'message="Failed"',
        "Traceback (most recent call last):\n  f()\nKeyError: 'x'",
        "KeyError: 'x'\nFailed\nTraceback (most recent call last):\n  f()\nKeyError: 'x'",
    ),
    "no message": (
        "",
        "thread 't' panicked at src/a.rs:1:2:\ncart is empty\nnote: more",
        "thread 't' panicked at src/a.rs:1:2:\ncart is empty\nnote: more",
    ),
    "nothing better in it": ('message="Failed"', "see the log", "Failed\nsee the log"),
}


@pytest.mark.parametrize("name", DETAILS)
def test_the_error_comes_before_a_message_that_says_nothing(name: str) -> None:
    attributes, text, expected = DETAILS[name]
    ((found,), _) = read(SUITE.format(CASE.format(f"<failure {attributes}>{text}</failure>")))
    assert found.detail == expected


BAZEL = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="//shop:cart_test" tests="1" failures="0" errors="1">
<testcase name="//shop:cart_test" status="run" duration="0" time="0"><error message="exited with error code 1"></error>
</testcase><system-out>Generated test.log (if the file is not UTF-8, then this may be unreadable):
<![CDATA[exec ${PAGER:-/usr/bin/less} "$0" || exit 1
Traceback (most recent call last):
  File "cart_test.py", line 3, in main
    raise ValueError("no stock")
ValueError: no stock]]></system-out></testsuite></testsuites>"""
DIALECTS = {
    "pytest, xunit1": (
        (
            '<testsuites><testsuite name="pytest">'
            '<testcase classname="t.test_a" name="test_x" file="t/test_a.py" line="3"'
            ' time="0.1"><failure message="assert 3 == 4">def test_x():\n&gt;   assert 3 == 4\nE   assert 3 == 4'
            "</failure></testcase></testsuite></testsuites>"
        ),
        [("t.test_a::test_x", "assert 3 == 4", "failure")],
    ),
    "pytest, xunit2, failed and then broken in teardown": (
        (
            '<testsuites><testsuite name="pytest"><properties><property name="a" value="b"/></properties>'
            '<testcase classname="t" name="x"><failure message="assert 0">E   assert 0</failure>'
            '<error message="failed on teardown with &quot;OSError: gone&quot;">def f():\nE   OSError: gone</error>'
            "</testcase>"
            "</testsuite></testsuites>"
        ),
        [("t::x", "assert 0", "failure"), ("t::x", "OSError: gone", "error")],
    ),
    "Surefire with reruns and flakes": (
        (
            '<testsuite name="shop.CartTest"><testcase name="adds" classname="shop.CartTest" time="0.1">'
            '<failure message="expected: 4" type="org.x.Failed"><![CDATA[org.x: expected: 4]]></failure>'
            '<rerunFailure message="m" type="E"><stackTrace>at x</stackTrace><system-out>o</system-out></rerunFailure>'
            '</testcase><testcase name="pays" classname="shop.CartTest"><flakyError message="m" type="E"><stackTrace>y'
            "</stackTrace></flakyError></testcase></testsuite>"
        ),
        [("shop.CartTest::adds", "expected: 4", "failure")],
    ),
    "Gradle, output of the suite": (
        (
            '<testsuite name="shop.CartTest"><properties/><testcase name="adds()" classname="shop.CartTest" time="0.0">'
            '<failure message="java.lang.IllegalStateException: no stock" type="java.lang.IllegalStateException">'
            "java.lang.IllegalStateException: no stock\n\tat shop.Cart.add(Cart.java:7)</failure></testcase>"
            "<system-out><![CDATA[starting]]></system-out><system-err/></testsuite>"
        ),
        [("shop.CartTest::adds()", "java.lang.IllegalStateException: no stock", "failure")],
    ),
    "jest": (
        (
            '<testsuites name="jest tests"><testsuite name="cart"><testcase classname="cart adds" name="cart adds">'
            "<failure>Error: expect(received).toBe(expected)\n    at Object.toBe (a.test.js:3:1)</failure></testcase>"
            "</testsuite></testsuites>"
        ),
        [("cart adds::cart adds", "Error: expect(received).toBe(expected)", "failure")],
    ),
    "vitest": (
        (
            '<testsuites name="vitest"><testsuite name="a.test.ts">'
            '<testcase classname="a.test.ts" name="cart &gt; adds">'
            '<failure message="expected 3 to be 4" type="AssertionError">AssertionError: expected 3 to be 4</failure>'
            "</testcase></testsuite></testsuites>"
        ),
        [("a.test.ts::cart > adds", "expected 3 to be 4", "failure")],
    ),
    "go-junit-report and gotestsum": (
        (
            '<testsuites><testsuite name="example.test/shop"><properties><property name="go" value="1"/></properties>'
            '<testcase classname="example.test/shop" name="TestAdds" time="0.000">'
            '<failure message="Failed" type="">    a_test.go:3: got 3, want 4</failure>'
            "</testcase></testsuite></testsuites>"
        ),
        [("example.test/shop::TestAdds", "Failed\na_test.go:3: got 3, want 4", "failure")],
    ),
    "nextest": (
        (
            '<testsuites name="run" uuid="1"><testsuite name="shop"><testcase name="tests::adds" classname="shop">'
            '<failure message="thread \'t\' panicked at src/lib.rs:2:5" type="test failure with exit code 101">'
            "thread 't' panicked at src/lib.rs:2:5:\nno stock\nnote: run</failure>"
            '<rerunFailure type="test failure"/><system-out>o</system-out></testcase></testsuite></testsuites>'
        ),
        [("shop::tests::adds", "thread 't' panicked at src/lib.rs:2:5", "failure")],
    ),
    "CTest": (
        (
            '<testsuite name="x"><testcase name="adds" classname="adds" status="fail"><failure message=""/>'
            "<system-out>cart.c:3: total is 3, not 4\n</system-out></testcase></testsuite>"
        ),
        [("adds::adds", "cart.c:3: total is 3, not 4", "failure")],
    ),
    "gtest": (
        (
            '<testsuites name="AllTests"><testsuite name="Cart"><testcase name="Adds" status="run" result="completed"'
            ' classname="Cart"><failure message="a.cc:3&#x0A;Expected: 3" type="">'
            "<![CDATA[a.cc:3\nExpected: 3]]></failure>"
            '<failure message="a.cc:4&#x0A;Expected: 5" type=""><![CDATA[a.cc:4\nExpected: 5]]></failure></testcase>'
            "</testsuite></testsuites>"
        ),
        [("Cart::Adds", "a.cc:3\nExpected: 3", "failure"), ("Cart::Adds", "a.cc:4\nExpected: 5", "failure")],
    ),
    "Catch2": (
        (
            '<testsuites><testsuite name="tests"><testcase classname="tests.global" name="adds" time="0" status="run">'
            '<failure message="3 == 4" type="REQUIRE">\nFAILED:\n  REQUIRE( total == 4 )\nat a.cpp:3\n</failure>'
            "</testcase>"
            "</testsuite></testsuites>"
        ),
        [("tests.global::adds", "3 == 4", "failure")],
    ),
    "Bazel, which says it in the output of the suite": (
        BAZEL,
        [("//shop:cart_test", "ValueError: no stock", "error")],
    ),
    "NUnit, exported": (
        (
            '<testsuites><testsuite name="shop.dll"><testcase name="Adds" classname="Shop.Cart" assertions="1">'
            '<failure message="  Expected: 4&#xA;  But was:  3" type="Error">'
            "<![CDATA[at Shop.Cart.Adds() in a.cs:line 7]]>"
            "</failure></testcase></testsuite></testsuites>"
        ),
        [("Shop.Cart::Adds", "Expected: 4\n  But was:  3", "failure")],
    ),
    "xUnit and MSTest, exported": (
        (
            '<testsuites><testsuite name="shop.dll"><testcase classname="Shop.Cart" name="Adds">'
            '<failure type="Xunit.Sdk.EqualException" message="Assert.Equal() Failure">at Shop.Cart.Adds()</failure>'
            "</testcase></testsuite></testsuites>"
        ),
        [("Shop.Cart::Adds", "Assert.Equal() Failure", "failure")],
    ),
    "PHPUnit": (
        (
            '<testsuites><testsuite name="u"><testsuite name="CartTest" file="a.php"><testsuite name="CartTest::adds">'
            '<testcase name="adds with data set #0" class="CartTest" classname="CartTest" file="CartTest.php" line="7">'
            '<error type="TypeError">CartTest::adds with data set #0\nTypeError: no stock\n\nCartTest.php:9</error>'
            "</testcase></testsuite></testsuite></testsuite></testsuites>"
        ),
        [
            (
                "CartTest::adds with data set #0",
                "CartTest::adds with data set #0\nTypeError: no stock\n\nCartTest.php:9",
                "error",
            )
        ],
    ),
    "RSpec": (
        (
            '<testsuite name="rspec"><testcase classname="spec.cart_spec" name="Cart adds" file="./spec/cart_spec.rb">'
            '<failure message="&#10;expected: 4&#10;     got: 3&#10;" type="RSpec::ExpectationNotMetError">'
            "Failure/Error: expect(total).to eq(4)</failure></testcase></testsuite>"
        ),
        [("spec.cart_spec::Cart adds", "expected: 4\n     got: 3", "failure")],
    ),
    "an export of xcresult": (
        (
            '<testsuites><testsuite name="ShopTests"><testcase classname="ShopTests.Cart" name="testAdds()">'
            '<failure message="XCTAssertEqual failed: (&quot;3&quot;) is not equal to (&quot;4&quot;)"/></testcase>'
            "</testsuite></testsuites>"
        ),
        [("ShopTests.Cart::testAdds()", 'XCTAssertEqual failed: ("3") is not equal to ("4")', "failure")],
    ),
    "an error of the suite itself": (
        '<testsuite name="cart"><error message="no such fixture">E   fixture</error><testcase name="a"/></testsuite>',
        [("", "no such fixture", "error")],
    ),
}


@each("name", DIALECTS)
def test_what_each_writer_says_becomes_test_error_and_outcome(name: str) -> None:
    report, expected = DIALECTS[name]
    found, reading = read(report)
    records = list(failures(found, CONTEXT, occurred_at_ms=1))
    told = [(one.title, record.message, one.outcome) for one, record in zip(found, records, strict=True)]
    assert [
        (title, message.splitlines()[0] if name == "jest" else message, outcome) for title, message, outcome in told
    ] == (expected)
    assert reading.notes == ()


def test_the_output_of_a_suite_stands_beside_its_failures_and_no_other_suites() -> None:
    failed = '<testcase name="{}"><failure message="m">t</failure></testcase>'
    report = (
        "<testsuites><testsuite name='a'>" + failed.format("x") + "<system-out>of a</system-out></testsuite>"
        "<testsuite name='b'>" + failed.format("y") + "<system-err>of b</system-err></testsuite>"
        "<testsuite name='c'>" + failed.format("z") + "</testsuite></testsuites>"
    )
    assert [one.output for one in read(report)[0]] == ["of a", "of b", ""]


def test_what_is_no_exceptions_name_is_not_taken_for_one() -> None:
    found, _ = read(SUITE.format(CASE.format('<failure type="test failure with exit code 101" message="m"/>')))
    assert next(failures(found, CONTEXT, occurred_at_ms=1)).exception_type == ""


def test_flakes_are_counted_apart() -> None:
    _, reading = read(SUITE.format(CASE.format("<flakyFailure/><flakyError/>") + CASE.format("<failure/>")))
    assert (reading.failures, reading.flakes) == (1, 1)


@pytest.mark.parametrize("shown", ["\x1b[31mred\x1b[0m", "#x1B[31mred#x1B[0m", "&#27;[31mred&#x1b;[0m"])
def test_colours_are_not_part_of_a_message(shown: str) -> None:
    assert read(SUITE.format(CASE.format(f"<failure>{shown}</failure>")))[0][0].text == "red"


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = "begin " + "x" * 3_000_000 + " end"
    (found,), reading = read(SUITE.format(CASE.format(f"<failure>{text}</failure>")), Limits(text_chars_max=1000))
    assert found.text.startswith("begin ")
    assert found.text.endswith(" end")
    assert len(found.text) < 1100
    assert any("cut in the middle" in note for note in reading.notes)


def test_more_failures_than_the_limit_are_counted() -> None:
    found, reading = read(SUITE.format(CASE.format("<failure/>") * 5), Limits(failures_max=3))
    assert (len(found), reading.notes) == (3, ("more than 3 failures (2 times)",))


def test_what_is_deeper_than_the_limit_is_counted_and_the_rest_is_read() -> None:
    deep = "<testsuite>" * load(30_000) + CASE.format("<failure/>") + "</testsuite>" * load(30_000)
    found, reading = read("<testsuites>" + deep + SUITE.format(CASE.format("<failure/>")) + "</testsuites>")
    assert len(found) == 1
    assert any(note.startswith("deeper than 64") for note in reading.notes)


def test_bytes_beyond_the_limit_are_not_read() -> None:
    found, reading = read(SUITE.format(CASE.format("<failure/>")) + " " * CHUNK_BYTES, Limits(bytes_max=CHUNK_BYTES))
    assert len(found) == 1
    assert any("read only the first" in note for note in reading.notes)


def test_a_case_with_very_many_results_gives_them_all() -> None:
    found, _ = read(SUITE.format(CASE.format("<failure/>" * 300)))
    assert [one.ordinal for one in found] == list(range(300))


@pytest.mark.parametrize(
    ("classname", "name", "expected"),
    [
        ("tests.vllm.TestServe", "test_a", "vllm"),
        ("tests.x", "test_SGLang_decode", "sglang"),
        ("tests.tensorrt_llm", "test_a", "trtllm"),
        ("src/lib.rs", "parses", "rust"),
        ("tests.thrust", "test_a", ""),
    ],
)
def test_the_framework_is_told_by_class_and_name(classname: str, name: str, expected: str) -> None:
    assert framework_of(classname, name) == expected


def test_repeated_cases_get_ordinals_and_so_different_ids() -> None:
    found, _ = read(SUITE.format(CASE.format("<failure>x</failure>") * 3))
    records = list(failures(found, CONTEXT, occurred_at_ms=1))
    assert [r.ordinal for r in records] == [0, 1, 2]
    assert len({r.id for r in records}) == 3


def test_the_same_report_twice_gives_the_same_ids() -> None:
    report = SUITE.format(CASE.format("<failure>x</failure><error/>"))
    first, second = (list(failures(read(report)[0], CONTEXT, occurred_at_ms=at)) for at in (1, 2))
    assert [r.id for r in first] == [r.id for r in second]


def test_a_record_names_test_source_and_exception() -> None:
    found, _ = read(SUITE.format(CASE.format('<failure message="m" type="ValueError">t</failure>')))
    (record,) = failures(found, CONTEXT, occurred_at_ms=5)
    assert record.ci is not None
    assert (record.ci.test_class, record.ci.test_name, record.ci.source) == ("shop.Cart", "adds", Source.JUNIT)
    assert (record.message, record.traceback, record.exception_type, record.ci.repo) == ("m", "t", "ValueError", "o/r")


@pytest.mark.parametrize(
    ("message", "text", "said"),
    [
        (
            "ValueError: boom",
            "def test():\n>   f()\nE   ValueError: boom",
            ("ValueError: boom", "def test():\n>   f()\nE   ValueError: boom"),
        ),
        (
            "Failed",
            "=== RUN TestA\n    a_test.go:7: got 1, want 2",
            ("Failed\n=== RUN TestA\n    a_test.go:7: got 1, want 2", ""),
        ),
        ("", "only text", ("only text", "")),
        ("only a message", "", ("only a message", "")),
        ("the same", "the same", ("the same", "")),
        ("", "", ("", "")),
    ],
)
def test_the_error_is_the_message_and_the_quoted_source_is_not(message: str, text: str, said: tuple[str, str]) -> None:
    xml = f"<failure message={quoteattr(message)}>{escape(text)}</failure>"
    found, _ = read(SUITE.format(CASE.format(xml)))
    assert found[0].said == said


def test_a_failure_without_a_word_still_has_a_message() -> None:
    (record,) = failures(read(SUITE.format(CASE.format("<failure type='failure'/>")))[0], CONTEXT, occurred_at_ms=5)
    assert (record.message, record.exception_type) == ("shop.Cart::adds: failure without a message", "")


def test_a_record_stays_within_its_bounds() -> None:
    found, _ = read(SUITE.format(CASE.format(f"<failure>{'y' * 100_000}</failure>")))
    (record,) = failures(found, CONTEXT, occurred_at_ms=5)
    assert len(record.message.encode()) <= MESSAGE_BYTES_MAX
    assert record.truncated


@examples(60)
@given(st.binary(max_size=400), st.integers(0, 120))
def test_no_damage_makes_the_reader_raise_anything_else(noise: bytes, at: int) -> None:
    whole = SUITE.format(CASE.format('<failure message="m">t</failure>')).encode()
    try:
        found, _ = read(whole[:at] + noise + whole[at:])
    except UnreadableInput:
        return
    assert all(isinstance(one, Reported) for one in found)


@examples(60)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
def test_any_text_comes_back_as_it_was_written(text: str) -> None:
    written = f"<failure message={quoteattr(text)}>.{escape(text)}.</failure>"
    (found,), _ = read(f"<testcase name={quoteattr(text)}>{written}</testcase>")
    assert (found.name, found.text) == (text, f".{text}.")


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 64])
def test_where_the_chunks_end_makes_no_difference(chunk_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    report = SUITE.format(
        CASE.format("<failure message='a&amp;b'>x &lt; y<![CDATA[ ]] ]]>é</failure><!-- c --><?p q?>")
    )
    whole = list(Scanner(io.BytesIO(report.encode()), bytes_max=10**6))
    monkeypatch.setattr(xml_events, "CHUNK_BYTES", chunk_bytes)
    pieces = list(Scanner(io.BytesIO(report.encode()), bytes_max=10**6))

    def tags(events: list[Start | End | Text]) -> list[Start | End | Text]:
        return [e for e in events if not isinstance(e, Text)]

    def text(events: list[Start | End | Text]) -> str:
        return "".join(e.unescaped() for e in events if isinstance(e, Text))

    assert (tags(whole), text(whole)) == (tags(pieces), text(pieces))


TRIED = '<testcase classname="shop" name="TestAdds">{}</testcase>'
FAILS = TRIED.format('<failure message="Failed" type="">=== RUN TestAdds\n    a_test.go:9: {}</failure>')
OF_GO = '<testsuite name="shop"><properties><property name="go.version" value="go1.23"/></properties>{}</testsuite>'
OF_GRADLE = '<testsuite name="shop.Cart" hostname="h" timestamp="2026-11-20T10:00:00"><properties/>{}</testsuite>'
OF_OTHERS = '<testsuite name="shop" hostname="h">{}</testsuite>'


@pytest.mark.parametrize("suite", [OF_GO, OF_GRADLE])
def test_a_further_try_that_is_a_case_of_its_own_is_told_apart(suite: str) -> None:
    """gotestsum's and Gradle's: the name is the test's, and a later case of it a further try."""
    other = CASE.format('<failure message="m">t</failure>')
    found, reading = read(suite.format(FAILS.format("one") + other + FAILS.format("two") + TRIED.format("")))
    assert ([one.name for one in found], reading.failures, reading.flakes) == (["adds"], 1, 1)
    found, reading = read(suite.format(FAILS.format("one") + FAILS.format("two")))
    assert ([(one.name, one.reruns) for one in found], reading.failures, reading.flakes) == ([("TestAdds", 1)], 1, 0)
    found, reading = read(suite.format(FAILS.format("one") + TRIED.format("<skipped/>")))
    assert (len(found), reading.flakes) == (1, 0)
    found, reading = read(suite.format(TRIED.format("") + FAILS.format("one")))
    assert (len(found), reading.flakes) == (1, 0)


def test_where_one_name_may_be_several_tests_a_pass_hides_no_failure() -> None:
    found, reading = read(OF_OTHERS.format(FAILS.format("row 1") + TRIED.format("") + FAILS.format("row 3")))
    assert (len(found), reading.flakes) == (2, 0)
