"""What Rust's test harness and nextest say as JSON; the same as text is a log."""

from __future__ import annotations

from suites.reports import messages, place_of, titles, told

PANIC = "thread 't' (7) panicked at src/lib.rs:2:22:\\nassertion `left == right` failed: sum\\n  left: 3\\n right: 4\\n"
SUITE = '{ "type": "suite", "event": "started", "test_count": 2 }\n'


def event(name: str, said: str, more: str = "") -> str:
    return f'{{ "type": "test", "name": "{name}", "event": "{said}"{more} }}\n'


def test_a_failed_test_has_its_panic_and_its_place() -> None:
    found, records = told(SUITE + event("a::adds", "failed", f', "stdout": "{PANIC}"') + event("a::fine", "ok"))
    ci = place_of(found[0])
    assert (records.form, records.cases, records.notes) == ("libtest JSON", 2, ())
    assert messages(found) == ["assertion `left == right` failed: sum\nleft: 3\nright: 4"]
    assert (ci.test_name, ci.test_file, ci.test_line, ci.source) == ("a::adds", "src/lib.rs", 2, "rust_test")


def test_what_the_harness_itself_says_is_the_error() -> None:
    should = ', "message": "test did not panic as expected"'
    late = ', "reason": "time limit exceeded", "stdout": ""'
    found, _ = told(SUITE + event("a", "failed", should) + event("b", "failed", late))
    assert messages(found) == ["test did not panic as expected", "time limit exceeded"]


def test_nextest_names_the_binary_and_tries_again() -> None:
    failed = f', "stdout": "{PANIC}"'
    tries = event("shop::unit$adds", "failed", failed) + event("shop::unit$adds#2", "failed", failed)
    flaky = event("shop::unit$pays", "failed", failed) + event("shop::unit$pays#2", "ok")
    found, records = told(SUITE + tries + flaky)
    assert (titles(found), records.flakes) == (["shop::unit::adds"], 1)


def test_a_test_that_never_ended_is_said() -> None:
    found, records = told(SUITE + '{ "type": "test", "event": "started", "name": "a" }\n')
    assert (found, records.notes) == ([], ("tests that had not ended when the report did",))


TEXT = """
running 2 tests
test tests::fine ... ok
test tests::adds ... FAILED

failures:

---- tests::adds stdout ----

thread 'tests::adds' (29565) panicked at src/lib.rs:2:22:
assertion `left == right` failed: sum
  left: 3
 right: 4
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


failures:
    tests::adds

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.23s
"""


def test_the_same_as_text_is_the_same_failure() -> None:
    found, records = told(TEXT)
    assert records.form == "log"
    assert (titles(found), messages(found)) == (
        ["tests::adds"],
        ["assertion `left == right` failed: sum\nleft: 3\nright: 4"],
    )
