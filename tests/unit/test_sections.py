"""Each failed test that a runner reports is one failure, exactly once, with its own lines and its own error."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples, load
from suites.table import each

from streams.contract.failure import Ci, Failure
from streams.core.extract.baseline import Baseline
from streams.core.extract.clean import clean
from streams.core.extract.extract import BLOCKS_MAX, TESTS_MAX, findings
from streams.core.extract.sections import SECTIONS_MAX, WORDS, Sections
from streams.core.extract.step import NO_STEP
from streams.core.fingerprint import fingerprint
from streams.producers.joblog import LogReading, read_log

NOISE = [f"collecting thing {n}" for n in range(30)]
STAMPED = "2026-11-20T10:00:01.1234567Z "


def reading(lines: list[str]) -> LogReading:
    return read_log(lines, Ci(), occurred_at_ms=1)


def stamped(lines: list[str]) -> list[str]:
    return [
        *("2026-11-20T10:00:00.1234567Z ##[group]Run make check", "2026-11-20T10:00:00.2Z ##[endgroup]"),
        *(STAMPED + line for line in lines),
        *("2026-11-20T10:01:00.1234567Z ##[error]Process completed with exit code 2.", "Cleaning up orphan processes"),
    ]


def value(failure: Failure) -> str:
    return fingerprint(
        origin="ci", message=failure.message, traceback=failure.traceback, exit_code=failure.exit_code
    ).value


def pytest_log(count: int) -> list[str]:
    log = ["=" * 29 + " test session starts " + "=" * 30, "F" * count, "", "=" * 35 + " FAILURES " + "=" * 35]
    for n in range(count):
        log += [f"{'_' * 34} test_case_{n} {'_' * 35}", "", f"    def test_case_{n}():", f"        value = {n}",
                f">       assert value == {n + 1}", f"E       assert {n} == {n + 1}", "",
                f"test_shop.py:{n * 5 + 3}: AssertionError",
                f"{'-' * 29} Captured stdout call {'-' * 29}", f"E   ValueError: printed by test {n}"]  # fmt: skip
    log += ["=" * 27 + " short test summary info " + "=" * 28]
    log += [f"FAILED test_shop.py::test_case_{n} - assert {n} == {n + 1}" for n in range(count)]
    return [*log, f"{'=' * 30} {count} failed in 0.36s {'=' * 30}"]


def cargo_log(count: int) -> list[str]:
    log = [f"test t::case_{n} ... FAILED" for n in range(count)] + ["", "failures:", ""]
    for n in range(count):
        log += [f"---- t::case_{n} stdout ----", "", f"thread 't::case_{n}' (43{n}) panicked at src/lib.rs:{n}:23:",
                f"cart {'x' * n}y is empty", "stack backtrace:", "   0: shop::t", "             at ./src/lib.rs:4:23",
                "note: Some details are omitted, run with `RUST_BACKTRACE=full` for more.", ""]  # fmt: skip
    log += ["", "failures:", *(f"    t::case_{n}" for n in range(count)), ""]
    return [*log, f"test result: FAILED. 1 passed; {count} failed", "", "error: test failed, to rerun pass `--lib`"]


@each("count", [1, 2, 5, 10, 21, 22, 60])
@each("make", [pytest_log, cargo_log])
def test_every_failed_test_is_one_failure(make, count: int) -> None:
    read = reading(make(count))
    found = list(read)
    assert len({f.ci.test_name for f in found if f.ci}) == len(found) == count
    assert len({f.id for f in found}) == count
    assert read.notes == ()


def test_a_section_is_the_tests_own_and_its_error_is_no_line_that_the_test_printed() -> None:
    first, second = reading(pytest_log(2))
    assert first.ci is not None
    assert second.ci is not None
    assert (first.ci.log_lines, second.ci.log_lines) == ((5, 14), (15, 24))
    assert (first.message, first.labels["evidence"]) == ("assert 0 == 1", "E       assert 0 == 1")
    assert first.traceback.startswith("_" * 34 + " test_case_0 ")
    assert "test_case_1" not in first.traceback


def test_what_is_left_out_is_said() -> None:
    read = reading(pytest_log(TESTS_MAX + 7))
    assert len(list(read)) == TESTS_MAX
    assert read.notes == ("7 more failed tests in the log than are told of one by one",)


def test_other_places_that_are_left_out_are_said() -> None:
    log = [line for n in range(60) for line in (f"src/f{'x' * n}.c:{n}:1: error: no {'y' * n}", "", "ok", "ok")]
    read = reading(log)
    told = len(list(read))
    assert told <= BLOCKS_MAX
    assert read.notes == (f"{60 - told} more places in the log that may say why it failed",)


def test_more_sections_than_are_held_are_counted() -> None:
    log = pytest_log(SECTIONS_MAX + 5)
    found = findings(log)
    assert len(found.blocks) + found.tests_left_out == SECTIONS_MAX + 5


GO = """--- FAIL: TestAdd (0.00s)
    a_test.go:3: got 3, want 4
--- FAIL: TestSub (0.00s)
    --- FAIL: TestSub/one (0.00s)
        a_test.go:4: one is bad
    --- FAIL: TestSub/two (0.00s)
        a_test.go:4: log line
        a_test.go:4: two is bad
--- FAIL: TestP (0.00s)
panic: assignment to entry in nil map [recovered, repanicked]

goroutine 11 [running]:
shop.TestP(0x2c1f7c415208?)
\t/src/go/a_test.go:6 +0x28
created by testing.(*T).Run in goroutine 1
FAIL\tshop\t0.009s
FAIL"""
GO_TOLD = [("TestAdd", "a_test.go:3: got 3, want 4"), ("TestSub/one", "a_test.go:4: one is bad"),
           ("TestSub/two", "a_test.go:4: two is bad"),
           ("TestP", "panic: assignment to entry in nil map [recovered, repanicked]")]  # fmt: skip
GO_VERBOSE = """=== RUN   TestAdd
    a_test.go:3: got 3, want 4
--- FAIL: TestAdd (0.00s)
=== RUN   TestSub
=== RUN   TestSub/one
    a_test.go:4: one is bad
=== RUN   TestSub/two
    a_test.go:4: log line
    a_test.go:4: two is bad
--- FAIL: TestSub (0.00s)
    --- FAIL: TestSub/one (0.00s)
    --- FAIL: TestSub/two (0.00s)
=== RUN   TestOk
    a_test.go:9: fine
--- PASS: TestOk (0.00s)
=== RUN   TestP
--- FAIL: TestP (0.00s)
panic: assignment to entry in nil map [recovered, repanicked]

goroutine 11 [running]:
FAIL\tshop\t0.009s
FAIL"""
COLLECTION = """==================================== ERRORS ====================================
__________________________ ERROR collecting test_c.py __________________________
ImportError while importing test module '/src/test_c.py'.
Hint: make sure your test modules/packages have valid Python names.
Traceback:
test_c.py:1: in <module>
    import nothing_here
E   ModuleNotFoundError: No module named 'nothing_here'
=========================== short test summary info ============================
ERROR test_c.py
!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
=============================== 1 error in 0.30s ==============================="""
MIXED = """==================================== ERRORS ====================================
__________________________ ERROR at setup of test_fix __________________________

    @pytest.fixture
>   def fix(): raise RuntimeError("no db at localhost")
E   RuntimeError: no db at localhost

test_mix.py:3: RuntimeError
=================================== FAILURES ===================================
_____________________________ TestX.test_p[c - d] ______________________________

p = 'c - d'
>   def test_p(self, p): assert p == "z"
E   AssertionError: assert 'c - d' == 'z'
E
E     - z
E     + c - d

test_mix.py:12: AssertionError
_ TestX.test_long_name_that_is_longer_than_the_width_of_the_terminal_so_it_is_ _
>   def test_long(self): assert not [1]
E   assert not [1]

test_mix.py:14: AssertionError
__________________________________ test_chain __________________________________

>           {}["deep"]
E           KeyError: 'deep'

test_mix.py:7: KeyError

The above exception was the direct cause of the following exception:

>           raise RuntimeError("no cart") from e
E           RuntimeError: no cart

test_mix.py:9: RuntimeError
_________________________________ test_syntax __________________________________
E     File "a.py", line 1
E       def f(:
E             ^
E   SyntaxError: invalid syntax
=========================== short test summary info ============================
FAILED test_mix.py::TestX::test_p[c - d] - AssertionError: assert 'c - d' == 'z'
FAILED test_mix.py::TestX::test_long_name_that_is_longer_than_the_width_of_the_terminal_so_it_is_
FAILED test_mix.py::test_chain - RuntimeError: no cart
FAILED test_mix.py::test_syntax - SyntaxError
ERROR test_mix.py::test_fix - RuntimeError: no db at localhost
========================= 4 failed, 1 error in 1.54s ==========================="""
UNITTEST = """FEF
======================================================================
ERROR: test_b (test_u.T.test_b)
Docstring here.
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/src/test_u.py", line 6, in test_b
    {}["x"]
    ~~^^^^^
KeyError: 'x'

======================================================================
FAIL: test_c (test_u.T.test_c) (i=1)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/src/test_u.py", line 8, in test_c
    with self.subTest(i=1): self.fail("sub")
AssertionError: sub

----------------------------------------------------------------------
Ran 3 tests in 0.001s

FAILED (failures=2, errors=1)"""
GTEST = """[==========] Running 3 tests from 1 test suite.
[ RUN      ] Cart.Adds
cart_test.cc:5: Failure
Expected equality of these values:
  1
  2
[  FAILED  ] Cart.Adds (0 ms)
[ RUN      ] Cart.Ok
[       OK ] Cart.Ok (0 ms)
[ RUN      ] Cart.Removes
cart_test.cc:9: Failure
Value of: empty()
  Actual: false
Expected: true
[  FAILED  ] Cart.Removes (0 ms)
[----------] 3 tests from Cart (0 ms total)
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] Cart.Adds
[  FAILED  ] Cart.Removes

 2 FAILED TESTS"""
JEST = """FAIL src/cart.test.js
  \u25cf Console

    console.error
      Warning: something

  \u25cf Cart \u203a adds

    expect(received).toBe(expected) // Object.is equality

    Expected: 2
    Received: 1

      at Object.toBe (src/cart.test.js:4:13)

  \u25cf Cart \u203a removes

    TypeError: Cannot read properties of undefined (reading 'x')

      at Object.x (src/cart.test.js:9:13)

Test Suites: 1 failed, 1 total
Tests:       2 failed, 2 total"""
VITEST = """ FAIL  src/cart.test.ts > Cart > adds
AssertionError: expected 1 to be 2 // Object.is equality

- Expected
+ Received
\u23af\u23af\u23af\u23af\u23af\u23af\u23af\u23af\u23af\u23af[1/2]\u23af

 FAIL  src/cart.test.ts > Cart > removes
TypeError: x is not a function
\u23af\u23af\u23af\u23af\u23af\u23af\u23af\u23af\u23af\u23af[2/2]\u23af

 Test Files  1 failed (1)"""
MOCHA = """  Cart
    1) adds
    2) removes

  2 failing

  1) Cart
       adds:

      AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:

1 !== 2

      at Context.<anonymous> (test/cart.js:4:12)

  2) Cart
       removes:
     TypeError: x is not a function
      at Context.<anonymous> (test/cart.js:9:12)


npm ERR! Test failed."""
RSPEC = """Failures:

  1) Cart adds
     Failure/Error: expect(1).to eq(2)

       expected: 2
            got: 1

  2) Cart removes
     Failure/Error: nil.x

     NoMethodError:
       undefined method `x' for nil

Finished in 0.01 seconds (files took 0.1 seconds to load)
2 examples, 2 failures

Failed examples:

rspec ./spec/cart_spec.rb:3 # Cart adds"""
PHPUNIT = """There were 2 failures:

1) CartTest::testAdds
Failed asserting that 1 is identical to 2.

/app/tests/CartTest.php:9

2) CartTest::testRemoves
Failed asserting that false is true.

/app/tests/CartTest.php:14

FAILURES!
Tests: 2, Assertions: 2, Failures: 2."""
SUREFIRE = """[INFO] Running shop.CartTest
[ERROR] Tests run: 2, Failures: 1, Errors: 1, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! - in shop.CartTest
[ERROR] shop.CartTest.adds  Time elapsed: 0.01 s  <<< FAILURE!
org.opentest4j.AssertionFailedError: expected: <2> but was: <1>
\tat shop.CartTest.adds(CartTest.java:9)

[ERROR] pays(shop.CartTest)  Time elapsed: 0.01 s  <<< ERROR!
java.lang.NullPointerException: cart
\tat shop.CartTest.pays(CartTest.java:19)

[INFO] Results:
[ERROR] Failures:
[ERROR]   CartTest.adds:9 expected: <2> but was: <1>
[ERROR] Errors:
[ERROR]   CartTest.pays:19 NullPointer cart
[ERROR] Tests run: 2, Failures: 1, Errors: 1, Skipped: 0
[INFO] BUILD FAILURE
[ERROR] Failed to execute goal org.x:surefire:3.0:test (default-test) on project shop: There are test failures."""
GRADLE = """> Task :test FAILED

CartTest > adds() FAILED
    org.opentest4j.AssertionFailedError: expected: <2> but was: <1>
        at shop.CartTest.adds(CartTest.java:9)

CartTest > removes() FAILED
    java.lang.NullPointerException: cart
        at shop.CartTest.removes(CartTest.java:14)

2 tests completed, 2 failed"""

# What a runner prints, and the tests with the error of each.
TOLD: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "go": (GO, GO_TOLD),
    "go, talkative": (GO_VERBOSE, GO_TOLD),
    "pytest, collection": (COLLECTION, [("test_c.py", "ModuleNotFoundError: No module named 'nothing_here'")]),
    "pytest": (
        MIXED,
        [
            ("test_fix", "RuntimeError: no db at localhost"),
            ("TestX.test_p[c - d]", "AssertionError: assert 'c - d' == 'z'\n\n  - z\n  + c - d"),
            ("TestX.test_long_name_that_is_longer_than_the_width_of_the_terminal_so_it_is_", "assert not [1]"),
            ("test_chain", "RuntimeError: no cart"),
            ("test_syntax", "SyntaxError: invalid syntax"),
        ],
    ),
    "pytest, summary only": (
        MIXED[MIXED.index("=========================== short") :],
        [
            ("TestX.test_p[c - d]", "AssertionError: assert 'c - d' == 'z'"),
            (
                "TestX.test_long_name_that_is_longer_than_the_width_of_the_terminal_so_it_is_",
                ("FAILED test_mix.py::TestX::test_long_name_that_is_longer_than_the_width_of_the_terminal_so_it_is_"),
            ),
            ("test_chain", "RuntimeError: no cart"),
            ("test_syntax", "SyntaxError"),
            ("test_fix", "RuntimeError: no db at localhost"),
        ],
    ),
    "unittest": (UNITTEST, [("test_b", "KeyError: 'x'"), ("test_c", "AssertionError: sub")]),
    "gtest": (
        GTEST,
        [
            ("Cart.Adds", "Expected equality of these values:\n1\n2"),
            ("Cart.Removes", "Value of: empty()\nActual: false\nExpected: true"),
        ],
    ),
    "jest": (
        JEST,
        [
            (
                "Cart \u203a adds",
                "expect(received).toBe(expected) // Object.is equality\nExpected: 2\nReceived: 1",
            ),
            ("Cart \u203a removes", "TypeError: Cannot read properties of undefined (reading 'x')"),
        ],
    ),
    "vitest": (
        VITEST,
        [
            ("src/cart.test.ts > Cart > adds", "AssertionError: expected 1 to be 2 // Object.is equality"),
            ("src/cart.test.ts > Cart > removes", "TypeError: x is not a function"),
        ],
    ),
    "mocha": (
        MOCHA,
        [
            ("Cart adds", "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n1 !== 2"),
            ("Cart removes", "TypeError: x is not a function"),
        ],
    ),
    "rspec": (
        RSPEC,
        [
            ("Cart adds", "Failure/Error: expect(1).to eq(2)\nexpected: 2\ngot: 1"),
            ("Cart removes", "NoMethodError:\nundefined method `x' for nil"),
        ],
    ),
    "surefire": (
        SUREFIRE,
        [
            ("shop.CartTest.adds", "org.opentest4j.AssertionFailedError: expected: <2> but was: <1>"),
            ("pays(shop.CartTest)", "java.lang.NullPointerException: cart"),
        ],
    ),
    "gradle": (
        GRADLE,
        [
            ("CartTest > adds", "org.opentest4j.AssertionFailedError: expected: <2> but was: <1>"),
            ("CartTest > removes", "java.lang.NullPointerException: cart"),
        ],
    ),
    "phpunit": (
        PHPUNIT,
        [
            ("CartTest::testAdds", "Failed asserting that 1 is identical to 2."),
            ("CartTest::testRemoves", "Failed asserting that false is true."),
        ],
    ),
}


@each("name", TOLD)
def test_a_runners_failed_tests_are_told_by_name_and_error(name: str) -> None:
    text, expected = TOLD[name]
    for log in (text.split("\n"), [*NOISE, *text.split("\n"), "make: *** [Makefile:3: test] Error 1"]):
        assert [(f.ci.test_name, f.message) for f in reading(log) if f.ci] == expected


@each("name", TOLD)
def test_the_same_failure_has_the_same_fingerprint_in_a_plain_and_in_a_stamped_log(name: str) -> None:
    log = TOLD[name][0].split("\n")
    assert list(map(value, reading(log))) == list(map(value, reading(stamped(log))))


def test_a_talkative_run_of_go_tests_gives_the_same_fingerprints() -> None:
    plain, verbose = (list(reading(text.split("\n"))) for text in (GO, GO_VERBOSE))
    assert [value(f) for f in plain[:3]] == [value(f) for f in verbose[:3]]
    assert plain[0].traceback == verbose[0].traceback == "\n".join(GO.split("\n")[:2])


PANIC = ["     Running `target/debug/shop`", "thread 'main' (4321) panicked at src/main.rs:3:53:",
         "called `Option::unwrap()` on a `None` value",
         "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"]  # fmt: skip


def test_a_panic_has_one_fingerprint_whatever_stands_around_it() -> None:
    (plain,) = reading(PANIC)
    (dressed,) = reading(stamped(PANIC))
    assert plain.message == dressed.message == "called `Option::unwrap()` on a `None` value"
    assert value(plain) == value(dressed)


def test_another_cause_beside_failed_tests_is_told_too() -> None:
    log = ["src/a.c:3:5: error: unknown type name 'u9'", "", *NOISE, *pytest_log(2)]
    assert {f.labels["rule"] for f in reading(log)} == {"gcc.error", "pytest.section"}


def test_a_test_that_fails_in_passing_runs_too_is_no_news() -> None:
    found = findings(pytest_log(1), baseline=Baseline.of(pytest_log(3)))
    assert not any(block.test for block in found.blocks)


def test_a_log_that_passed_has_no_failed_tests() -> None:
    assert findings([*pytest_log(3), "Job succeeded"]).blocks == ()
    assert findings(pytest_log(3), failed=False).blocks == ()


def test_what_a_test_of_a_test_runner_prints_stays_in_its_section() -> None:
    log = pytest_log(1)
    log[-4:-4] = ["============ my own banner ============", "printed"]
    assert [f.message for f in reading(log)] == ["assert 0 == 1"]


LINES = [line for text, _ in TOLD.values() for line in text.split("\n")]


@examples(60)
@given(st.lists(st.sampled_from(LINES), max_size=80))
def test_sections_do_not_overlap_and_hold_their_evidence(log: list[str]) -> None:
    sections = Sections()
    for at, line in enumerate(log, 1):
        sections.feed(at, line, clean(line), NO_STEP, frozenset(word for word in WORDS if word in line))
    sections.end(len(log))
    assert all(1 <= one.first <= one.evidence <= one.last <= len(log) for one in sections.found)
    blocks = findings(log).blocks
    assert all(1 <= block.first <= block.evidence <= block.last <= len(log) for block in blocks)


HOSTILE = {
    "paths": "ERROR " + "a.py::" * 2000 + " x",
    "brackets": "FAILED a.py::t[" + "] " * 4000,
    "banner": "____ a " + "_ " * 4000 + "x",
    "spaces": "<<< FAILURE! a" + " " * 8000 + "Time elapsed: <<< FAILURE!",
    "names": "  1) " + "a.b:" * 3000,
    "bullets": "  \u25cf " + "\u25cf " * 3000,
    "places": "--- FAIL: T " + "a.go:1" * 1000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_lines_are_read(name: str) -> None:
    log = ["=== FAILURES ===", "  2 failing", *[HOSTILE[name]] * 20]
    assert all(1 <= block.first <= block.last <= len(log) for block in findings(log).blocks)


CTEST_LIST = """The following tests FAILED:
       1 - unit (Failed)
       2 - cart_test (SEGFAULT)   slow
Errors while running CTest"""


def test_a_failed_test_that_only_the_list_names_counts_and_one_that_was_told_does_not_count_again() -> None:
    quiet = [
        "1/2 Test #1: unit ....***Failed    0.01 sec",
        "2/2 Test #2: cart_test ....***Exception: SegFault  0.01 sec",
    ]
    told = [quiet[0], "cannot open cart.bin", "", quiet[1], ""]
    for log, messages in (
        (quiet, ["1 - unit (Failed)", "2 - cart_test (SEGFAULT)   slow"]),
        (told, ["cannot open cart.bin", "2 - cart_test (SEGFAULT)   slow"]),
    ):
        found = list(reading([*log, "", "0% tests passed, 2 tests failed out of 2", "", *CTEST_LIST.split("\n")]))
        assert [(f.ci.test_name if f.ci else "", f.message) for f in found] == list(
            zip(["unit", "cart_test"], messages, strict=True)
        )


def test_a_java_test_died_of_the_root_of_its_causes() -> None:
    log = ["[ERROR] org.shop.CartTest.totals -- Time elapsed: 0.004 s <<< ERROR!",
           "java.lang.IllegalStateException: no context",
           "\tat org.shop.CartTest.totals(CartTest.java:22)", "Caused by: java.lang.RuntimeException: no bean",
           "\tat org.shop.Wire.make(Wire.java:9)", "\t... 3 more", "Caused by: java.net.UnknownHostException: db",
           "\t... 9 more", "", "[ERROR] Tests run: 1, Failures: 0, Errors: 1"]  # fmt: skip
    (first, *_) = reading(log)
    assert (first.message, first.labels["evidence_line"]) == ("java.net.UnknownHostException: db", "7")


def test_a_list_of_ever_more_failed_tests_is_counted_in_bounded_memory() -> None:
    sections, number = Sections(), load(40_000)
    tracemalloc.start()
    for at in range(1, number + 1):
        line = f"FAILED test_shop.py::test_{at} - no"
        sections.feed(at, line, line, NO_STEP, frozenset({"FAILED "}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sections.found) + sections.beyond == number
    assert peak < 2_000_000
