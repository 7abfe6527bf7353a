"""Tracebacks of every language become one type, one message and stable frames."""

from __future__ import annotations

import pytest

from streams.core.frames.parse import parse
from streams.core.frames.stack import FRAMES_MAX, Frame, collapse
from streams.core.frames.symbols import stable_native, stable_rust

PYTHON_CHAIN = """Traceback (most recent call last):
  File "/srv/shop/orders/load.py", line 31, in read_order
    return decode(raw)
           ^^^^^^^^^^^
  File "/usr/lib/python3.12/json/decoder.py", line 338, in decode
    obj, end = self.raw_decode(s)
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/orders/main.py", line 9, in main
    read_order(raw)
shop.errors.OrderUnreadable: order 88
"""

PYTHON_GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "fan.py", line 12, in gather
  |     raise group
  | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "fan.py", line 4, in pull
    |     raise ValueError(name)
    | ValueError: left
    +---------------- 2 ----------------
    | KeyError: 'right'
    +------------------------------------
"""

PYTEST = """________________ test_total[vat] ________________

    def test_total(rate):
>       assert total(rate) == 120

tests/test_total.py:14:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def total(rate):
>       raise LookupError("no rate 'vat'")
E       LookupError: no rate 'vat'

shop/total.py:7: LookupError
=========== short test summary info ===========
"""

JAVA = """Exception in thread "main" com.shop.Wrapped: outer
\tat com.shop.App.run(App.java:10)
\tSuppressed: java.io.IOException: while closing
\t\tat com.shop.App.close(App.java:77)
Caused by: java.lang.IllegalStateException: till is open
  second line of the message
\tat com.shop.Till$$EnhancerBySpringCGLIB$$12ab34cd.shut(<generated>)
\tat com.shop.Till.lambda$shut$3(Till.java:33)
\tat com.shop.Till$$Lambda$214/0x0000000800c3a.run(Unknown Source)
\tat java.base/java.util.concurrent.FutureTask.run(FutureTask.java:264)
\t... 2 more
"""

NODE = """/srv/till/src/user.js:10
    return user.id
                ^

TypeError: Cannot read properties of undefined (reading 'id')
    at Object.getUser (/srv/till/src/user.js:10:17)
    at async Promise.all (index 0)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at /srv/till/node_modules/express/lib/router.js:4:4
    at send (https://cdn.example/static/main.8f3a2b1c9d.js?v=3:1:200)
"""

GO = """panic: runtime error: index out of range [5] with length 3 [recovered]
\tpanic: again

goroutine 7 [running]:
testing.tRunner.func1.2({0x5123, 0xc0001})
\t/usr/local/go/src/testing/testing.go:1396 +0x24e
panic({0x5123, 0xc0001})
\t/usr/local/go/src/runtime/panic.go:890 +0x262
example.com/till/cash.(*Drawer[...]).Count.func1(0xc000012)
\t/home/ann/till/cash/drawer.go:12 +0x1d
created by testing.(*T).Run in goroutine 1
\t/usr/local/go/src/testing/testing.go:1493 +0x35f

goroutine 9 [select]:
example.com/till/idle.Wait()
\t/home/ann/till/idle/idle.go:1 +0x1
exit status 2
"""

RUST_NEW = """thread 'main' (4711) panicked at src/till.rs:22:5:
drawer 7 is stuck
stack backtrace:
   0: rust_begin_unwind
             at /rustc/0a1b/library/std/src/panicking.rs:652:5
   1: core::panicking::panic_fmt
             at /rustc/0a1b/library/core/src/panicking.rs:72:14
   2: till::drawer::open::h0123456789abcdef
             at ./src/till.rs:22:5
   3: core::ops::function::FnOnce::call_once
note: run with `RUST_BACKTRACE=full`
"""

ASAN = """==71==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000 at pc 0x4f1
READ of size 4 at 0x602000 thread T0
    #0 0x4f1a in till::Drawer<int, std::vector<int> >::count(int, char const*) const /src/till/drawer.cc:12:3
    #1 0x4f2b in main /src/till/main.cc:5:1
    #2 0x7f3c in __libc_start_main (/lib/x86_64-linux-gnu/libc.so.6+0x2409a)
freed by thread T0 here:
    #0 0x4e0 in free
    #1 0x4e1 in till::drop() /src/till/drop.cc:1
"""

CASES = [
    pytest.param(
        PYTHON_CHAIN,
        "python", "json.decoder.JSONDecodeError", ["decode", "read_order"], [False, True],
        ("shop.errors.OrderUnreadable", "json.decoder.JSONDecodeError"),
        id="the root of a Python chain is what was raised first",
    ),
    pytest.param(
        PYTHON_GROUP, "python", "ValueError", ["pull"], [True], ("ExceptionGroup", "ValueError"),
        id="of an exception group the first member is the root",
    ),
    pytest.param(
        PYTEST, "python", "LookupError", ["total", "test_total"], [True, True], ("LookupError",),
        id="a pytest section names type and place",
    ),
    pytest.param(
        JAVA, "java", "java.lang.IllegalStateException", ["shut", "lambda$shut", "run", "run"],
        [False, True, False, False],
        ("com.shop.Wrapped", "java.lang.IllegalStateException"),
        id="the last cause of a Java trace is its root, what was suppressed is not",
    ),
    pytest.param(
        NODE, "javascript", "TypeError",
        ["getUser", "all", "processTicksAndRejections", "<anonymous>", "send"],
        [True, False, False, False, True], ("TypeError",),
        id="node",
    ),
    pytest.param(
        GO, "go", "panic", ["(*Drawer).Count", "(*T).Run"], [True, False], ("panic",),
        id="a Go trace begins below the panic, of the first goroutine",
    ),
    pytest.param(
        RUST_NEW, "rust", "panic", ["till::drawer::open", "core::ops::function::FnOnce::call_once"], [True, False],
        ("panic",),
        id="a Rust trace begins below the panic machinery",
    ),
    pytest.param(
        ASAN, "cpp", "AddressSanitizer: heap-use-after-free",
        ["till::Drawer::count", "main", "__libc_start_main"], [True, False, False],
        ("AddressSanitizer: heap-use-after-free",),
        id="of a sanitizer's report the first stack counts",
    ),
]  # fmt: skip

AROUND = [("", ""), ("+ make test\nrunning 12 tests\n", "\nmake: *** [test] Error 1\n")]


@pytest.mark.parametrize(("prefix", "suffix"), AROUND, ids=["alone", "amid a log"])
@pytest.mark.parametrize(("text", "language", "raised", "functions", "in_app", "chain"), CASES)
def test_trace_is_read(
    text: str, language: str, raised: str, functions: list[str], in_app: list[bool], chain: tuple[str, ...],
    prefix: str, suffix: str,
) -> None:  # fmt: skip
    trace = parse(prefix + text + suffix)
    assert trace is not None
    assert (trace.language, trace.exception_type, trace.chain) == (language, raised, chain)
    assert [frame.function for frame in trace.frames] == functions
    assert [frame.in_app for frame in trace.frames] == in_app


@pytest.mark.parametrize("prefix", ["[rank3]: ", "2026-01-02T03:04:05.1234567Z ", "E       "])
def test_python_traceback_is_read_behind_a_prefix_on_every_line(prefix: str) -> None:
    trace = parse("\n".join(prefix + line for line in PYTHON_CHAIN.splitlines()))
    assert trace is not None
    assert trace.exception_type == "json.decoder.JSONDecodeError"
    assert [frame.function for frame in trace.frames] == ["decode", "read_order"]


@pytest.mark.parametrize(
    ("text", "raised", "message"),
    [
        ("thread 'main' panicked at 'no till', src/till.rs:2:5\n", "panic", "no till"),
        ("E   ModuleNotFoundError: No module named 'till'\n", "ModuleNotFoundError", "No module named 'till'"),
        ('  File "a.py", line 3\n    f(\n     ^\nSyntaxError: bad\n', "SyntaxError", "bad"),
        ("error[E0308]: mismatched types\n --> src/till.rs:2:5\n", "E0308", "mismatched types"),
        ("--- FAIL: TestTill (0.00s)\n    till_test.go:12: got 3 coins\n", "test failure", "got 3 coins"),
        ("till: src/a.c:12: int f(int): Assertion `n > 0' failed.\n", "assertion", "n > 0"),
        ("terminate called after throwing an instance of 'std::bad_cast'\n  what():  bad\n", "std::bad_cast", "bad"),
        ("[ RUN      ] Till.Opens/3\nsrc/t.cc:9: Failure\nExpected: a\n", "gtest", "Expected: a"),
        ("F0102 03:04:05 77 till.cc:9] Check failed: n > 0 (0 vs. 0)\n", "CHECK", "n > 0 (0 vs. 0)"),
    ],
)
def test_failure_without_a_stack_still_has_type_and_message(text: str, raised: str, message: str) -> None:
    trace = parse(text)
    assert trace is not None
    assert (trace.exception_type, trace.message) == (raised, message)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "all 12 tests passed",
        "meet me at noon",
        "#1 priority",
        "Errors: 0",
        "the goroutine panicked quietly",
        # Once read for longer than a person would wait: a long word in brackets that is no list of arguments.
        "\n".join(["    at shop.till.TillOfTheWholeShop.close(" + "TillOfTheWholeShopAndOfItsAnnex" * 9 + ":12)"] * 20),
    ],
    ids=range(8),
)
def test_text_without_a_trace_has_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("symbol", "stable"),
    [
        ("ns::f<std::vector<int> >(int, char const*) [clone .isra.0]", "ns::f"),
        ("(anonymous namespace)::g(int)", "(anonymous namespace)::g"),
        ("void ns::h<int>(int) const", "ns::h"),
        ("ns::T::operator()(int) const", "ns::T::operator()"),
        ("std::ostream& ns::operator<< <int>(std::ostream&, int)", "ns::operator<<"),
        ("name[abi:cxx11](int)", "name"),
        ("walk.constprop.0+0x1f", "walk"),
    ],
)
def test_native_name_loses_what_differs_between_builds(symbol: str, stable: str) -> None:
    assert stable_native(symbol) == stable


@pytest.mark.parametrize(
    ("symbol", "stable"),
    [
        ("till::open::h0123456789abcdef", "till::open"),
        ("<alloc::Box<F,A> as core::FnOnce<B>>::call_once", "<alloc::Box as core::FnOnce>::call_once"),
        ("till::run::{{closure}}", "till::run::{{closure}}"),
        ("core::iter::map::<u8, F>::fold", "core::iter::map::fold"),
    ],
)  # fmt: skip
def test_rust_name_loses_hash_and_generics(symbol: str, stable: str) -> None:
    assert stable_rust(symbol) == stable


def test_recursion_counts_once_however_deep() -> None:
    one, two = Frame("walk", "tree"), Frame("visit", "tree")
    assert collapse([one] * 500) == (one,)
    assert collapse([one, two] * 50) in ((one, two), (one, two, one))


def test_frames_are_bounded() -> None:
    trace = parse("Traceback (most recent call last):\n" + "".join(
        f'  File "a.py", line {n}, in f{n}\n' for n in range(2000)
    ) + "ValueError: deep\n")  # fmt: skip
    assert trace is not None
    assert len(trace.frames) == FRAMES_MAX
    assert trace.frames[0].function == "f1999"


CSHARP = """Unhandled exception. Shop.WrapException: outer
 ---> System.InvalidOperationException: till is open
   at Shop.Till.<Shut>d__3.MoveNext() in /src/Till.cs:line 12
   at System.Threading.Tasks.Task.Wait(Int32 timeout)
   --- End of inner exception stack trace ---
   at Shop.App.Main(String[] args) in /src/App.cs:line 3
"""
RUBY = """lib/till.rb:12:in `shut': till is open (Shop::TillError)
\tfrom lib/till.rb:3:in `block in run'
\tfrom /usr/lib/ruby/3.2.0/timeout.rb:7:in `timeout'
"""
PHP = """PHP Fatal error:  Uncaught Shop\\TillError: till is open in /srv/src/Till.php:12
Stack trace:
#0 /srv/src/App.php(3): Shop\\Till->shut()
#1 /srv/vendor/acme/run.php(9): Shop\\App::run()
#2 {main}
"""
JEST = """  \u25cf till > opens

    expect(received).toBe(expected) // Object.is equality

    Expected: 4
      at Object.toBe (till.test.js:1:45)
"""


@pytest.mark.parametrize(
    ("text", "language", "raised", "functions", "in_app"),
    [
        (CSHARP, "csharp", "System.InvalidOperationException", ["Shut", "Wait"], [True, False]),
        (RUBY, "ruby", "Shop::TillError", ["shut", "run", "timeout"], [True, True, False]),
        (PHP, "php", "Shop\\TillError", ["Shop\\Till::shut", "Shop\\App::run", "{main}"], [True, True, False]),
        (JEST, "javascript", "AssertionError", ["toBe"], [True]),
    ],
    ids=["csharp", "ruby", "php", "jest"],
)
@pytest.mark.parametrize(("prefix", "suffix"), AROUND, ids=["alone", "amid a log"])
def test_further_tools_are_read(
    text: str, language: str, raised: str, functions: list[str], in_app: list[bool], prefix: str, suffix: str
) -> None:
    trace = parse(prefix + text + suffix)
    assert trace is not None
    assert (trace.language, trace.exception_type) == (language, raised)
    assert [frame.function for frame in trace.frames] == functions
    assert [frame.in_app for frame in trace.frames] == in_app
