"""TAP of several versions and writers: YAML blocks, comments, subtests, plans."""

from __future__ import annotations

import pytest
from suites.reports import messages, place_of, titles, told

from streams.producers.report import Limits
from streams.producers.yamlish import read_block

NODE = """TAP version 13
# Subtest: adds
not ok 1 - adds
  ---
  duration_ms: 7.5
  location: '/src/a.test.js:2:1'
  failureType: 'testCodeFailure'
  error: |-
    Expected values to be strictly equal:

    3 !== 4

  code: 'ERR_ASSERTION'
  name: 'AssertionError'
  expected: 4
  actual: 3
  stack: |-
    TestContext.<anonymous> (/src/a.test.js:2:27)
  ...
# Subtest: outer
    # Subtest: inner
    not ok 1 - inner
      ---
      error: 'no stock'
      ...
    # Subtest: fine
    ok 2 - fine
    1..2
not ok 2 - outer
  ---
  failureType: 'subtestsFailed'
  error: '1 subtest failed'
  ...
not ok 3 - later # TODO not yet
ok 4 - never # SKIP no database
1..4
# fail 3
"""
PERL = """1..3
ok 1 - fine
not ok 2 - adds
#   Failed test 'adds'
#   at t/a.t line 2.
#          got: '3'
#     expected: '4'
# Subtest: inner
    1..1
    not ok 1 - deep
    #   Failed test 'deep'
    #   at t/a.t line 3.
    # Looks like you failed 1 test of 1.
not ok 3 - inner
#   Failed test 'inner'
#   at t/a.t line 3.
# Looks like you failed 2 tests of 3.
"""
BATS = """1..1
not ok 1 adds
# (in test file test/a.bats, line 3)
#   `[ 3 -eq 4 ]' failed
"""
BUFFERED = """TAP version 14
1..2
not ok 1 - outer {
    not ok 1 - inner
      ---
      message: no stock
      at:
        file: a.js
        line: 7
      ...
    ok 2 - fine
    1..2
}
ok 2 - other {
    ok 1 - fine
    1..1
}
"""


def test_a_failed_test_has_what_its_block_says() -> None:
    found, records = told(NODE)
    assert (records.form, records.cases, records.notes) == ("TAP", 6, ())
    assert titles(found) == ["adds", "outer::inner"]
    first = found[0]
    ci = place_of(first)
    assert (first.message, first.exception_type) == (
        "AssertionError: Expected values to be strictly equal:\n\n3 !== 4", "AssertionError",
    )  # fmt: skip
    assert (ci.test_file, ci.test_line, ci.test_time_s) == ("/src/a.test.js", 2, 0.0075)
    assert "expected: 4\nactual: 3" in first.traceback


def test_comments_say_it_where_there_is_no_block() -> None:
    found, records = told(PERL)
    assert (titles(found), records.notes) == (["adds", "inner::deep"], ())
    assert found[0].message == "got: '3'\nexpected: '4'"
    assert (place_of(found[0]).test_file, place_of(found[0]).test_line) == ("t/a.t", 2)
    assert messages(told(BATS)[0]) == ["`[ 3 -eq 4 ]' failed"]


def test_a_subtest_between_braces_belongs_to_the_test_before_it() -> None:
    (one,), _ = told(BUFFERED)
    assert (place_of(one).test_class, one.message) == ("outer", "no stock")
    assert (place_of(one).test_file, place_of(one).test_line) == ("a.js", 7)


def test_a_test_that_failed_beside_its_subtests_counts_itself() -> None:
    report = "TAP version 14\n    ok 1 - fine\n    1..1\nnot ok 1 - outer\n  ---\n  message: leaked\n  ...\n1..1\n"
    assert (titles(told(report)[0]), messages(told(report)[0])) == (["outer"], ["leaked"])


@pytest.mark.parametrize("name", ["", "said before\n"])
def test_a_run_that_bails_out_says_why_once(name: str) -> None:
    report = f"TAP version 14\n{name}    Bail out! no database\nBail out! no database\n"
    (one,), _ = told(report)
    assert (one.message, one.labels["outcome"]) == ("Bail out! no database", "error")


def test_a_plan_that_was_not_kept_is_an_error_with_the_last_word() -> None:
    (one,), _ = told("1..4\nok 1 - a\ngone at a.t line 4.\n")
    assert one.message == "gone at a.t line 4.\nplanned 4 tests, ran 1"


def test_a_report_without_its_end_says_so() -> None:
    cut = NODE[: NODE.index("# Subtest: outer") - 20]
    found, records = told(cut)
    assert titles(found) == ["adds"]
    assert records.notes


def test_control_characters_colours_and_carriage_returns_do_no_harm() -> None:
    found, _ = told(PERL.replace("got:", "\x1b[31mgot:\x1b[0m\x07").replace("\n", "\r\n"))
    assert found[0].message == "got: '3'\nexpected: '4'"


def test_a_thousand_levels_and_a_block_without_an_end_are_bounded() -> None:
    deep = "".join(f"{'    ' * n}not ok 1 - t{n}\n" for n in range(300))
    endless = "not ok 1 - x\n  ---\n" + "  a: b\n" * 10_000
    assert any("deeper" in note for note in told("TAP version 14\n" + deep)[1].notes)
    found, records = told("TAP version 14\n" + endless, Limits(failures_max=5))
    assert len(found) == 1
    assert any("YAML" in note for note in records.notes)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("  a: b\n  c: 'it''s'\n  d: \"x\\ny\"", {"a": "b", "c": "it's", "d": "x\ny"}),
        ("  a: |\n    one\n      two\n  b: 3", {"a": "one\n  two", "b": "3"}),
        ("  a: >-\n    one\n    two\n\n    three", {"a": "one two\n\nthree"}),
        ("  list:\n    - one\n    - 'two'\n  b: ~", {"list": "one\ntwo", "b": ""}),
        ("  at: {file: a.js, line: 3}", {"file": "a.js", "line": "3", "at": "{file: a.js, line: 3}"}),
        ("  no member here\n  : x", {}),
    ],
)
def test_the_yaml_that_runners_write_is_read(block: str, expected: dict[str, str]) -> None:
    assert read_block(block.split("\n")) == expected
