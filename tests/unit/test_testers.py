"""The failed tests that runners set apart as text: each is one failure, with the error that its runner tells."""

from __future__ import annotations

import pytest
from suites.reports import place_of, told

NEXTEST = """    Starting 3 tests across 1 binary
        PASS [   0.003s] shop tests::fine
        FAIL [   0.005s] shop tests::adds

--- STDOUT:              shop tests::adds ---

running 1 test
test tests::adds ... FAILED

failures:

failures:
    tests::adds

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.00s


--- STDERR:              shop tests::adds ---
thread 'tests::adds' panicked at src/lib.rs:2:22:
assertion `left == right` failed: sum
  left: 3
 right: 4
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

        FAIL [   0.005s] shop tests::pays

--- STDERR:              shop tests::pays ---
thread 'tests::pays' panicked at src/lib.rs:9:5:
no stock
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

------------
     Summary [   0.009s] 3 tests run: 1 passed, 2 failed, 0 skipped
        FAIL [   0.005s] shop tests::adds
        FAIL [   0.005s] shop tests::pays
error: test run failed
"""
NEXTEST2 = """    Starting 2 tests across 1 binary
        PASS [   0.003s] (1/2) shop tests::fine
        FAIL [   0.005s] (2/2) shop tests::adds
  stdout \u2500\u2500\u2500

    running 1 test
    test tests::adds ... FAILED

  stderr \u2500\u2500\u2500

    thread 'tests::adds' (77) panicked at src/lib.rs:2:22:
    assertion `left == right` failed: sum
      left: 3
     right: 4

  Cancelling due to test failure
\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500
     Summary [   0.009s] 2 tests run: 1 passed, 1 failed, 0 skipped
        FAIL [   0.005s] (2/2) shop tests::adds
error: test run failed
"""
MINITEST = """Run options: --seed 1

# Running:

.F.E

Finished in 0.001s, 900 runs/s.

  1) Failure:
CartTest#test_adds [test/cart_test.rb:10]:
Expected: 4
  Actual: 3

  2) Error:
CartTest#test_pays:
NoMethodError: undefined method `pay' for nil:NilClass
    test/cart_test.rb:15:in `test_pays'

4 runs, 3 assertions, 1 failures, 1 errors, 0 skips
"""
EXUNIT = """Running ExUnit with seed: 0, max_cases: 4



  1) test adds (ShopTest)
     test/shop_test.exs:5
     Assertion with == failed
     code:  assert 3 == 4
     left:  3
     right: 4
     stacktrace:
       test/shop_test.exs:6: (test)

  2) test pays (ShopTest)
     test/shop_test.exs:9
     ** (RuntimeError) no stock
     code: Shop.pay()
     stacktrace:
       (shop 0.1.0) lib/shop.ex:3: Shop.pay/0
       test/shop_test.exs:10: (test)

Finished in 0.03 seconds (0.00s async, 0.03s sync)
3 tests, 2 failures
"""
CTEST = """Test project /src/build
    Start 1: adds
1/3 Test #1: adds .............................***Failed    0.01 sec
cart.cc:12: total is 3, not 4

    Start 2: fine
2/3 Test #2: fine .............................   Passed    0.01 sec
    Start 3: slow
3/3 Test #3: slow .............................***Timeout   1.50 sec
waiting

33% tests passed, 2 tests failed out of 3

Total Test time (real) =   1.55 sec

The following tests FAILED:
\t  1 - adds (Failed)
\t  3 - slow (Timeout)
Errors while running CTest
make: *** [Makefile:71: test] Error 8
"""
LATE = NEXTEST.replace("------------\n", "     TIMEOUT [  60.005s] shop tests::slow\n\n------------\n").replace(
    "error: test run failed", "     TIMEOUT [  60.005s] shop tests::slow\nerror: test run failed"
)
TOLD = {
    "nextest, with a test that took too long": (
        LATE,
        [
            ("shop tests::adds", "assertion `left == right` failed: sum\nleft: 3\nright: 4"),
            ("shop tests::pays", "no stock"),
            ("shop tests::slow", "TIMEOUT [  60.005s] shop tests::slow"),
        ],
    ),
    "nextest": (
        NEXTEST,
        [
            ("shop tests::adds", "assertion `left == right` failed: sum\nleft: 3\nright: 4"),
            ("shop tests::pays", "no stock"),
        ],
    ),
    "nextest of later versions": (
        NEXTEST2,
        [("shop tests::adds", "assertion `left == right` failed: sum\nleft: 3\nright: 4")],
    ),
    "minitest": (
        MINITEST,
        [
            ("CartTest#test_adds", "Expected: 4\nActual: 3"),
            ("CartTest#test_pays", "NoMethodError: undefined method `pay' for nil:NilClass"),
        ],
    ),
    "ExUnit": (
        EXUNIT,
        [
            ("test adds (ShopTest)", "Assertion with == failed\ncode:  assert 3 == 4\nleft:  3\nright: 4"),
            ("test pays (ShopTest)", "** (RuntimeError) no stock\ncode: Shop.pay()"),
        ],
    ),
    "CTest": (CTEST, [("adds", "cart.cc:12: total is 3, not 4"), ("slow", "waiting")]),
}


@pytest.mark.parametrize("name", TOLD)
def test_each_failed_test_is_one_failure_with_its_error(name: str) -> None:
    text, expected = TOLD[name]
    found, _ = told(text)
    assert [(place_of(one).test_name, one.message) for one in found if place_of(one).test_name] == expected


@pytest.mark.parametrize(
    "name", ["nextest", "nextest, with a test that took too long", "nextest of later versions", "minitest", "ExUnit"]
)
def test_nothing_else_of_the_run_is_told_beside(name: str) -> None:
    found, _ = told(TOLD[name][0])
    assert all(place_of(one).test_name for one in found)
