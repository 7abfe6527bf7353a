"""A crash report is named by its type and by the frames that matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples

from streams.core.frames.crash import crash_state
from streams.core.frames.crash_frames import NAME_CHARS_MAX, crash_name, native_name
from streams.core.frames.crash_report import PARTS_MAX, repeated
from streams.core.frames.parse import parse
from streams.core.frames.stack import bounded_lines
from streams.core.frames.symbols import demangled

STACK = """\
    #0 0x4f1a3b in __interceptor_memcpy compiler-rt/asan/interceptors.inc:22
    #1 0x4f1a4c in till::Drawer<int>::count(int, char const*) const src/till/drawer.cc:12:3
    #2 0x4f1a5d in till::(anonymous namespace)::open(till::Key&) src/till/open.cc:40
    #3 0x4f1a6e in std::__1::function<void ()>::operator()() const include/c++/v1/functional:9
    #4 0x4f1a7f in LLVMFuzzerTestOneInput src/till/till_fuzzer.cc:8:1
    #5 0x4f1a8f in fuzzer::Fuzzer::ExecuteCallback(unsigned char const*) FuzzerLoop.cpp:1
"""
FRAMES = ["till::Drawer<int>::count", "till::open", "till_fuzzer.cc"]


def asan(words: str) -> str:
    return f"=====\\n==7==ERROR: AddressSanitizer: {words}\\n".replace("\\n", "\n")


NAMED = [
    (asan("heap-buffer-overflow on address 0x602 at pc 0x4f") + "READ of size 4 at 0x602 thread T0\n" + STACK,
     "Heap-buffer-overflow\nREAD 4"),
    (asan("heap-use-after-free on address 0x602 at pc 0x4f") + "WRITE of size 5000 at 0x602 thread T0\n" + STACK,
     "Heap-use-after-free\nWRITE {*}"),
    (asan("SEGV on unknown address 0x000000000010 (pc 0x4f)") + "==7==The signal is caused by a READ memory access.\n"
     + STACK, "Null-dereference READ"),
    (asan("SEGV on unknown address 0x7f12deadbeef (pc 0x4f)") + "==7==The signal is caused by a WRITE memory access.\n"
     + STACK, "UNKNOWN WRITE"),
    (asan("attempting double-free on 0x602 in thread T0:") + STACK, "Heap-double-free"),
    (asan("attempting free on address which was not malloc()-ed: 0x602") + STACK, "Invalid-free"),
    (asan("requested allocation size 0xfffff exceeds maximum supported size") + STACK, "Out-of-memory"),
    (asan("FPE on unknown address 0x4f (pc 0x4f)") + STACK, "Floating-point-exception"),
    ("==7==WARNING: MemorySanitizer: use-of-uninitialized-value\n" + STACK, "Use-of-uninitialized-value"),
    ("WARNING: ThreadSanitizer: data race (pid=7)\n  Write of size 8 at 0x7b by thread T1:\n" + STACK,
     "Data race\nWRITE 8"),
    ("==7==ERROR: LeakSanitizer: detected memory leaks\n\nDirect leak of 3 byte(s) in 1 object(s) allocated from:\n"
     + STACK, "Direct-leak"),
    ("src/a.cc:1:2: runtime error: signed integer overflow: 1 + 2 cannot be represented in type 'int'\n" + STACK,
     "Integer-overflow"),
    ("src/a.cc:1:2: runtime error: division by zero\n" + STACK, "Divide-by-zero"),
    ("src/a.cc:1:2: runtime error: index 9 out of bounds for type 'int [3]'\n" + STACK, "Index-out-of-bounds"),
    ("src/a.cc:1:2: runtime error: shift exponent 64 is too large\n" + STACK, "Undefined-shift"),
    ("==7== ERROR: libFuzzer: deadly signal\n" + STACK, "Fatal-signal"),
    ("==7== ERROR: libFuzzer: timeout after 25 seconds\n" + STACK, "Timeout"),
    ("==7== ERROR: libFuzzer: out-of-memory (used: 2100Mb; limit: 2048Mb)\n" + STACK, "Out-of-memory"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "crash_type"), NAMED, ids=[kind.replace("\n", " ") for _, kind in NAMED])
@pytest.mark.parametrize(("prefix", "suffix"), [("", ""), ("Running: input-1\nINFO: seed 7\n", "==7==ABORTING\n")])
def test_sanitizer_report_is_named(text: str, crash_type: str, prefix: str, suffix: str) -> None:
    assert crash_state(prefix + text + suffix) == (crash_type, FRAMES)


DOWNCAST = """\
src/d.cc:1:2: runtime error: downcast of address 0x1 which does not point to an object of type 'till::Coin'
0x1: note: object is of type 'till::Note'
"""
ASSERTED = [
    ("[7:7:0102/030405.6:FATAL:drawer.cc(12)] Check failed: coins > 0 (0 vs. 0).\n", "CHECK failure",
     "coins > 0 in drawer.cc"),
    ("F0102 03:04:05.678901 7 drawer.cc:12] Check failed: coins > 0 \n", "CHECK failure", "coins > 0 in drawer.cc"),
    ("F0102 03:04:05.678901 7 drawer.cc:12] The till is on fire\n", "Fatal error", "The till is on fire in drawer.cc"),
    ("[7:7:0102/030405.6:FATAL:drawer.cc(12)] Security DCHECK failed: open_.\n", "Security DCHECK failure",
     "open_ in drawer.cc"),
    ("till: src/drawer.c:12: int f(int): Assertion `coins > 0' failed.\n", "ASSERT", "coins > 0"),
    ("Assertion failed: (coins > 0), function f, file drawer.c, line 12.\n", "ASSERT", "coins > 0"),
    ("ASSERTION FAILED: coins > 0\n", "ASSERT", "coins > 0"),
    ("thread 'main' panicked at 'no coins', src/drawer.rs:3:4\n", "ASSERT", "no coins"),
    ("thread 'main' panicked at src/drawer.rs:3:4:\nno coins\n", "ASSERT", "no coins"),
    ("#\n# Fatal error in ../src/drawer.cc, line 3\n# Debug check failed: coins > 0.\n#\n", "DCHECK failure",
     "coins > 0 in drawer.cc"),
    (DOWNCAST, "Bad-cast", "Bad-cast to till::Coin from till::Note"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "crash_type", "headline"), ASSERTED)
def test_assertion_leads_the_frames_and_beats_the_signal_that_follows(
    text: str, crash_type: str, headline: str
) -> None:
    after = asan("ABRT on unknown address 0x000000000007 (pc 0x4f)")
    assert crash_state(text) == (crash_type, [headline])
    assert crash_state(text + after + STACK) == (crash_type, [headline, *FRAMES[:2]])


JAVA = """== Java Exception: java.lang.IllegalStateException: till
\tat com.shop.Till.open(Till.java:3)
\tat java.base/java.util.HashMap.get(HashMap.java:5)
\tat com.shop.TillFuzzer.fuzzerTestOneInput(TillFuzzer.java:9)
"""
PYTHON = """ === Uncaught Python exception: ===
ValueError: till
Traceback (most recent call last):
  File "till_fuzzer.py", line 9, in TestOneInput
  File "till/drawer.py", line 3, in count
  File "till/coin.py", line 7, in weigh
"""
GO = """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
example.com/till/cash.(*Drawer).Count(0xc000012, {0x1, 0x2})
\t/home/ann/till/cash/drawer.go:12 +0x1d
main.main()
\t/home/ann/till/main.go:3 +0x1
"""
SCRIPT = """==7== Uncaught Exception: Jazzer.js: till
Error: till
    at count (/out/till/drawer.js:27:9)
    at module.exports.fuzz (/out/till/till_fuzz.js:36:2)
"""
KERNEL = """BUG: KASAN: slab-out-of-bounds in till_open+0x12/0x40 at addr ffff8800
Read of size 4 by task till/7
Call Trace:
 [<ffffffff8100aaaa>] dump_stack+0x1/0x2
 [<ffffffff8100aaab>] ? maybe_here+0x1/0x2
 [<ffffffff8100aaac>] till_open+0x12/0x40
 [<ffffffff8100aaad>] till_ioctl+0x12/0x40
"""


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (JAVA, ("Uncaught exception", ["com.shop.Till.open", "com.shop.TillFuzzer.fuzzerTestOneInput"])),
        (PYTHON, ("Uncaught exception", ["weigh", "count", "TestOneInput"])),
        (GO, ("Index out of range", ["cash.(*Drawer).Count"])),
        (SCRIPT, ("Uncaught exception", ["count", "module.exports.fuzz"])),
        (KERNEL, ("Kernel failure\nSlab-out-of-bounds\nREAD 4", ["till_open", "till_ioctl"])),
        ("./till: error while loading shared libraries: libtill.so.3: cannot open shared object file\n",
         ("Missing-library", ["libtill.so.3"])),
        ("Program received signal SIGBUS, Bus error.\n#0  0x0000000000401136 in till_open (n=3) at till.c:3\n",
         ("SIGBUS", ["till_open"])),
    ],
    ids=["java", "python", "go", "javascript", "kernel", "loader", "gdb"],
)  # fmt: skip
def test_other_runtimes_are_named(text: str, state: tuple[str, list[str]]) -> None:
    assert crash_state(text) == state


@pytest.mark.parametrize("text", ["", "all is well\n", "#1 priority: ship", "2 of 3 tests passed"])
def test_text_that_names_no_crash_has_no_state(text: str) -> None:
    assert crash_state(text) == ("", [])


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (STACK, ("", FRAMES)),
        ("#0  till_open (n=3) at till.c:3\n#1  0x0000555555555131 in main () at main.c:9\n", ("", ["till_open"])),
        (PYTHON.partition("\n")[2] + "ValueError: till\n", ("ValueError", ["weigh", "count", "TestOneInput"])),
        ('Exception in thread "main" a.b.Bad: x\n\tat a.b.C.d(C.java:1)\n', ("a.b.Bad", ["a.b.C.d"])),
    ],
    ids=["sanitizer frames", "debugger frames", "python", "java"],
)
def test_bare_stack_is_read_as_well(text: str, state: tuple[str, list[str]]) -> None:
    assert crash_state(text) == state


def test_stack_overflow_is_named_by_the_calls_that_repeat() -> None:
    calls = ["parse", *["value", "array"] * 40]
    frames = "".join(f"    #{n} 0x4f1a{n:02x} in {name} src/json.c:{n}\n" for n, name in enumerate(calls))
    text = asan("stack-overflow on address 0x7ffc (pc 0x4f)") + frames
    assert crash_state(text) == ("Stack-overflow", ["value", "array"])


def test_calls_without_a_repetition_stay_as_they_are() -> None:
    assert repeated(["a", "b", "b", "c"]) == ["a", "b", "b", "c"]


def test_parts_are_cut_to_the_length_that_triage_tools_use() -> None:
    long = "till::" + "Drawer" * 40
    _, parts = crash_state(
        asan("SEGV on unknown address 0x7f12deadbeef (pc 0x4f)") + f"    #0 0x4f1a3b in {long}() a.cc:1\n"
    )
    assert parts == [long[:NAME_CHARS_MAX]]


@pytest.mark.parametrize(
    ("printed", "name", "file"),
    [
        ("ns::f<int>(int) const /src/a.cc:1:2", "ns::f<int>", "/src/a.cc"),
        ("ns::f(int) (/usr/bin/till+0x4f)", "ns::f", "/usr/bin/till"),
        ("ns::f(int) (/usr/bin/till+0x4f) (BuildId: abc123)", "ns::f", "/usr/bin/till"),
        ("f src/a.c", "f", "src/a.c"),
        ("f (n=3) at a.c:3", "f", "a.c"),
        ("void ns::g<int>(int) a.cc:1", "void ns::g<int>", "a.cc"),
        ("f(int) [clone .isra.0] a.cc:1", "f", "a.cc"),
    ],
)
def test_native_frame_is_split_into_name_and_file(printed: str, name: str, file: str) -> None:
    assert native_name(printed) == (name, file)


def test_names_lose_arguments_and_anonymous_namespaces() -> None:
    assert crash_name("ns::(anonymous namespace)::f(int)") == "ns::f"
    assert crash_name("f+0x1f") == "f"


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_ZN4till6Drawer4openEv", "till::Drawer::open"),
        ("_ZNK4till6DrawerC2Ei", "till::Drawer::Drawer"),
        ("_ZN4till6DrawerD1Ev", "till::Drawer::~Drawer"),
        ("_Z8draw_rowiPKc", "draw_row"),
        ("_ZN4till4open17h0123456789abcdefE", "till::open"),
        ("_ZN", ""),
    ],
)
def test_plain_mangled_names_are_read(symbol: str, name: str) -> None:
    assert demangled(symbol) == name


SNIPPETS = st.sampled_from(
    [line + "\n" for line in (STACK + JAVA + PYTHON + GO + KERNEL + "".join(t for t, _ in NAMED)).splitlines()]
    + [
        "Traceback (most recent call last):\n",
        "E   assert x\n",
        "  +-+---- 1 ----\n",
        "panicked at \n",
        "\x00",
        "'" * 9,
    ]
)


@examples(60)
@given(st.lists(SNIPPETS | st.text(max_size=30), max_size=40))
def test_any_mixture_of_lines_is_read_without_an_error_and_within_bounds(parts: list[str]) -> None:
    text = "".join(parts)
    _, names = crash_state(text)
    trace = parse(text)
    assert len(names) <= PARTS_MAX
    assert all(len(name) <= NAME_CHARS_MAX for name in names)
    assert trace is None or trace.frames or trace.exception_type


@examples(30)
@given(st.sampled_from([text for text, _ in NAMED]), st.integers(0x400000, 0x7FFFFFFF))
def test_addresses_do_not_change_the_name(text: str, base: int) -> None:
    moved = text.replace("0x4f1a", f"0x{base:x}")
    assert crash_state(moved) == crash_state(text)


def test_long_texts_are_read_at_both_ends() -> None:
    lines = bounded_lines("first\n" + "middle\n" * 100_000 + "last\n")
    assert (lines[0], lines[-1]) == ("first", "last")
