"""Ids, their three levels, and the caches in front of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples, some_of
from suites.table import each

from streams.core.alias import grouped
from streams.core.fingerprint import Fingerprinter, explain, fingerprint
from streams.core.ids import VERSION, id_of
from streams.core.parts import DROPPED, is_of_problem
from streams.core.why import compared

TRACE = """Traceback (most recent call last):
  File "/srv/app/orders.py", line {line}, in {function}
    check(order)
{error}
"""


def trace(error: str, function: str = "submit", line: int = 3) -> str:
    return TRACE.format(error=error, function=function, line=line)


def test_an_id_names_its_version_and_holds_26_letters() -> None:
    found = fingerprint(origin="ci", message="disk full on node-7")
    assert found.version == VERSION
    for value in (found.value, found.class_value, found.site_value):
        assert re.fullmatch(r"fp1\.[a-z2-7]{26}", value)
    assert len({found.value, found.class_value, found.site_value}) == 3


def test_an_id_stays_what_it_was() -> None:
    assert fingerprint(origin="ci", message="disk full on node-7").value == "fp1.o6wc2ktf44yesmhlxwhl56vz6q"


def test_values_that_vary_do_not_change_the_id() -> None:
    one = fingerprint(origin="ci", message="no answer from 203.0.113.7 after 30s (try 3 of 5)")
    other = fingerprint(origin="ci", message="no answer from 203.0.113.99 after 31s (try 4 of 5)")
    assert one == other


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "benchmark"},
        {"exception_type": "IOError"},
        {"http_status": 500},
        {"provider_error_code": "quota"},
        {"exit_code": 137},
        {"tool": "cmake"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_structured_part_tells_problems_apart_at_every_level(change: dict[str, object]) -> None:
    base: dict[str, object] = {"origin": "ci", "message": "it broke"}
    one, other = fingerprint(**base), fingerprint(**(base | change))  # type: ignore[arg-type]  # a table of arguments
    assert one.class_value != other.class_value
    assert one.value != other.value
    assert one.site_value != other.site_value


@each("code", [-1, 0, 1, 2, 3, 66, 101, 255])
@each("message", ["it broke", "panic: index out of range [5] with length 3", trace("AssertionError")])
def test_an_exit_code_that_only_says_failed_makes_no_group_of_its_own(message: str, code: int) -> None:
    plain, coded = (fingerprint(origin="ci", message=message, exit_code=given) for given in (None, code))
    assert (plain.class_value, plain.value, plain.site_value) == (coded.class_value, coded.value, coded.site_value)
    assert [(part.value, part.rule) for part in coded.parts if part.name == "exit_code"] == [(str(code), DROPPED)]
    assert len(set(grouped([plain, coded]))) == 1
    assert compared(plain, coded).difference is None
    assert "exit_code" not in [part.name for part in compared(coded, coded).parts]


@each("code", [-11, -9, 124, 126, 127, 130, 134, 137, 139, 143, 3221225477])
def test_an_exit_code_of_a_signal_or_a_shell_tells_problems_apart(code: int) -> None:
    plain, coded = (fingerprint(origin="ci", message="it broke", exit_code=given) for given in (1, code))
    assert plain.class_value != coded.class_value
    assert plain.value != coded.value


@pytest.mark.parametrize("message", ["", "42", "FAILED"])
def test_an_exit_code_counts_when_there_is_nothing_else(message: str) -> None:
    one, other = (fingerprint(origin="ci", message=message, exit_code=code) for code in (1, 2))
    assert one.value != other.value


def test_a_name_alone_speaks_only_where_no_frames_do() -> None:
    alone = [fingerprint(origin="ci", message=name).value for name in ("oom1", "disk2", "oom3")]
    framed = [
        fingerprint(origin="ci", message=name, traceback=trace("ValueError: nope")).value for name in ("oom1", "disk2")
    ]
    assert len(set(alone)) == 2
    assert len(set(framed)) == 1


def test_parts_cannot_run_into_each_other() -> None:
    one = fingerprint(origin="ci", message="m", exception_type="ab", tool="c")
    other = fingerprint(origin="ci", message="m", exception_type="a", tool="bc")
    assert one.value != other.value


def test_frames_enter_the_site_level_only_when_the_message_says_something() -> None:
    one = fingerprint(origin="ci", message=trace("ValueError: negative amount", "submit"))
    other = fingerprint(origin="ci", message=trace("ValueError: negative amount", "refund"))
    assert one.value == other.value
    assert one.class_value == other.class_value
    assert one.site_value != other.site_value


@pytest.mark.parametrize(
    "error", ["AssertionError", "ValueError: 17", "KeyError: 5f0c9c1e-8d5b-4b0e-9a3c-0a1b2c3d4e5f"]
)
def test_frames_enter_the_value_when_the_message_says_nothing(error: str) -> None:
    one = fingerprint(origin="ci", message=trace(error, "submit"))
    other = fingerprint(origin="ci", message=trace(error, "refund"))
    assert one.value != other.value


def jvm(error: str, frame: str) -> str:
    return f"{error}\n\tat org.junit.Assert.fail(Assert.java:88)\n\tat {frame}(File.java:17)"


_COMPARED = {
    "junit 4": "java.lang.AssertionError: expected:<3> but was:<4>",
    "junit 5": "org.opentest4j.AssertionFailedError: expected: <true> but was: <false>",
    "pytest": "assert 500 == 200",
    "unittest": "AssertionError: False is not true",
    "chai": "AssertionError: expected 3 to equal 4",
    "jest": "Error: expect(received).toBe(expected) // Object.is equality\n\nExpected: 3\nReceived: 4",
    "nunit": "Expected: 3\n  But was:  4",
}


@each("said", _COMPARED.values())
def test_an_assertion_that_only_compares_two_values_is_one_problem_in_one_place_only(said: str) -> None:
    frames = ("com.acme.cart.CartTest.countsItems", "shipping.ZoneTest.zoneOfPostcode")
    one, other, again = (
        fingerprint(origin="ci", message=message, traceback=jvm("java.lang.AssertionError", frame))
        for message, frame in ((said, frames[0]), (said, frames[1]), (said.replace("3", "8"), frames[0]))
    )
    assert len({one.value, other.value}) == 2
    assert one.value == again.value
    assert len(set(grouped([one, other, again]))) == 2
    assert [(part.value, is_of_problem(part)) for part in one.parts if part.name == "frame"] == [
        ("com.acme.cart.CartTest:countsItems", True)
    ]
    alone = fingerprint(origin="ci", message=said)
    assert alone.value == fingerprint(origin="ci", message=said, exit_code=1).value == Fingerprinter().text(said)


def test_assertions_of_tests_in_two_files_are_two_problems_as_pytest_prints_them() -> None:
    printed = "def test_{0}():\n>       assert f() == {2}\nE       assert {1} == {2}\n\ntest_{0}.py:5: AssertionError"
    one, other = (
        fingerprint(origin="ci", message=f"assert {x} == {y}", traceback=printed.format(name, x, y))
        for name, x, y in (("api", 500, 200), ("math", 5, 4))
    )
    assert one.value != other.value


@each(
    "said",
    [
        "AssertionError: expected status 3 but was 4",
        "assert 'blue' == 'red'",
        "assert total == 3",
        "ValueError: expected 3, got 4",
        "AssertionError: expected:</etc/app.conf> but was:<4>",
        "AssertionError: not equal",
        "Error: 404 not found",
        "Error: 500 received",
    ],
)
def test_an_assertion_that_names_anything_is_one_problem_wherever_it_fails(said: str) -> None:
    one, other = (fingerprint(origin="ci", message=jvm(said, frame)) for frame in ("a.CartTest.f", "b.ZoneTest.g"))
    assert one.value == other.value
    assert one.site_value != other.site_value
    typed = fingerprint(origin="ci", message="got 3, want 4", traceback=jvm("a.QuotaError: x", "a.CartTest.f"))
    assert "frame" not in [part.name for part in typed.parts if is_of_problem(part)]


def test_the_parts_that_are_told_as_the_problems_make_its_id_and_no_other_part_does() -> None:
    for message in (
        "disk full",
        trace("ValueError: nope"),
        trace("AssertionError"),
        "error TS2345: no",
        "assert 3 == 4",
    ):
        for traceback in ("", trace("ValueError: 7")):
            for code in (None, 1, 137):
                found = fingerprint(origin="ci", message=message, traceback=traceback, exit_code=code)
                own = [part for part in found.parts if is_of_problem(part)]
                own.sort(key=lambda part: part.name == "template")
                assert id_of("value", own) == found.value


def test_the_type_that_opens_a_message_is_part_of_its_class() -> None:
    one = fingerprint(origin="ci", message="ValueError: negative amount")
    other = fingerprint(origin="ci", message="ValueError: currency is missing")
    assert one.class_value == other.class_value
    assert one.class_value != fingerprint(origin="ci", message="KeyError: negative amount").class_value


def test_frames_that_no_parser_reads_still_say_where() -> None:
    one, other, again = (
        fingerprint(origin="ci", message=f"ValueError: nope\n  at {name} (worker.xy:{line})\n  at run (main.xy:3)")
        for name, line in (("submit", 12), ("refund", 12), ("submit", 99))
    )
    assert one.value == other.value
    assert one.site_value != other.site_value
    assert one == again


def test_line_numbers_never_matter() -> None:
    assert fingerprint(origin="ci", message=trace("AssertionError", line=3)) == fingerprint(
        origin="ci", message=trace("AssertionError", line=99)
    )


def test_a_separate_traceback_gives_type_and_frames() -> None:
    found = fingerprint(origin="ci", message="", traceback=trace("ValueError: negative amount"))
    names = [part.name for part in found.parts]
    assert names == ["origin", "language", "exception_type", "template", "frame"]
    assert found.template == "negative amount"


def test_the_explanation_shows_frames_and_tokens_with_reasons() -> None:
    found = explain(origin="ci", message=trace("ValueError: order 17 is negative"))
    assert [t.shown for t in found.tokens if t.shown][:3] == ["ValueError", ":", "order"]
    assert [f.function for f in found.frames] == ["submit"]
    assert all(token.reason for token in found.tokens)


_PARTS = [
    "exit code ",
    "1",
    "9",
    "42",
    " ",
    "\n",
    "status=",
    "404",
    "node-",
    "ERROR",
    "\x1b[1m",
    "\r",
    "x",
    "E0308",
    "oom1",
    ": ",
    "assert 3 == 4\n",
    "AssertionError: 3 != 4",
    "\n\tat a.CartTest.f(File.java:17)\n\tat a.Main.main(Main.java:3)",
]
_TRACES = [trace("AssertionError"), trace("ValueError: 4", "refund"), '  File "/a/b.py", line 3, in f\n    g()\n']
_MESSAGES = some_of(_PARTS + _TRACES, most=12).map("".join)


@given(st.lists(_MESSAGES, max_size=12))
@examples(60)
def test_the_caches_never_change_an_answer(messages: list[str]) -> None:
    cached = Fingerprinter(max_entries=6)
    for message in messages + messages[::-1]:
        expected = fingerprint(origin="ci", message=message)
        assert cached.text(message) == expected.value
        assert cached(origin="ci", message=message) == expected
        assert cached(origin="ci", message=message, exit_code=3) == fingerprint(
            origin="ci", message=message, exit_code=3
        )


@given(st.text(max_size=80), st.text(max_size=80))
@examples(100)
def test_no_text_is_refused(message: str, traceback: str) -> None:
    found = fingerprint(origin="ci", message=message + "\ud800", traceback=traceback)
    assert found.value.startswith("fp1.")


def test_the_caches_are_bounded() -> None:
    cached = Fingerprinter(max_entries=10)
    for i in range(500):
        cached.text("unseen " + "abcdefghij"[i % 10] * (i // 10 + 1))
    assert len(cached._texts) <= 10


def test_a_message_and_the_same_words_as_a_traceback_do_not_stand_for_each_other() -> None:
    made = Fingerprinter()
    for message, traceback in (("disk full", ""), ("", "disk full"), ("full", "disk "), ("disk full", "")):
        alone = fingerprint(origin="ci", message=message, traceback=traceback)
        assert made(origin="ci", message=message, traceback=traceback) == alone
