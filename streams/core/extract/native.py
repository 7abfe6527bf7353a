"""Go, Rust, C++, Swift, Haskell and other compiled languages: what their test runners and runtimes say."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

RULES: Final = (
    rule("go.test", "--- fail", r"^\s*--- FAIL: ", 0.92, goes_on=r"^\s+\S|^$", lines_max=40),
    rule(
        "go.panic",
        "panic: ",
        r"^\s*panic: ",
        0.93,
        goes_on=(
            r"^goroutine|^\s+\S|^$|^[^\s(]++\(.*\)$|^\[recovered|^created by|^\[signal|^running tests:$"
            r"|^testing\.\(\*M\)|^\S+\(\*\S+\)\.\S+\("
        ),
        lines_max=40,
    ),
    rule("go.race", "data race", r"WARNING: DATA RACE", 0.96, until=r"^={10,}$", lines_max=50),
    rule("go.package", "fail", r"^FAIL\s+\S+/\S+\s+(?:[\d.]+s|\[(?:build|setup) failed\])", 0.35),
    rule("go.end", "fail", r"^FAIL$", 0.5, retells=r"^FAIL$"),
    rule("go.build", "build failed|setup failed", r"\[build failed\]|\[setup failed\]", 0.4, before=3),
    rule(
        "go.module",
        "go: ",
        (
            r"^go: .*(?:unrecognized import|cannot find|unknown revision|no matching versions"
            r"|missing go\.sum|inconsistent vendoring|updates to go\.mod needed)"
        ),
        0.9,
        after=2,
    ),
    rule("go.sum", "checksum mismatch", r"^verifying .*: checksum mismatch", 0.9, goes_on=r"^\s+\S", lines_max=6),
    rule(
        "go.package_missing",
        (
            "cannot find package|no required module provides|is not in goroot|is not in std|source files"
            "|build constraints exclude"
        ),
        (
            r"cannot find package |no required module provides package|is not in (?:GOROOT|std)"
            r"|^package \S+: (?:C\+*|[A-Z]\w*) source files not allowed|build constraints exclude all Go files"
        ),
        0.9,
        goes_on=r"^\s+\S",
        lines_max=6,
    ),
    rule(
        "go.fmt",
        "gofmt",
        r"(?i)(?:not gofmt|gofmt.{0,40}(?:fail|needs|not formatted)|needs? (?:to be )?gofmt)",
        0.8,
        after=8,
    ),
    rule(
        "rust.test",
        "stdout ----",
        r"^---- .* stdout ----",
        0.93,
        until=r"^---- .* ----|^failures:|^test result",
        lines_max=30,
    ),
    rule("rust.panic", "panicked at", r"thread '.*' (?:\(\d+\) )?panicked at", 0.9, after=6),
    rule("rust.case", "failed", r"^test \S+ \.\.\. FAILED", 0.6),
    rule(
        "rust.nextest",
        "fail [|sigabrt [|timeout [|sigsegv [",
        r"^\s*(?:FAIL|TIMEOUT|SIGSEGV|SIGABRT) \[\s*[\d.]+s\]",
        0.8,
    ),
    rule("rust.result", "failed", r"^test result: FAILED", 0.15, consequence=True),
    rule(
        "cargo.could",
        "could not compile|aborting due",
        r"^error: could not compile|^error: aborting due",
        0.2,
        consequence=True,
    ),
    rule(
        "cargo.failed",
        "failed|process didn't|no matching package",
        r"^error: (?:test failed|failed to (?!solve)|no matching package|process didn't)",
        0.6,
        goes_on=r"^\s+\S|^Caused by|^$",
        lines_max=15,
    ),
    rule("cargo.select", "failed to select", r"failed to select a version", 0.92, goes_on=r"^\s*\S|^$", lines_max=12),
    rule("rustfmt.diff", "diff in", r"^Diff in \S+", 0.8, goes_on=r"^[-+ ]|^Diff in", lines_max=40),
    rule(
        "gtest.case",
        "failure",
        r"^\S+[:(]\d+\)?: (?:Failure|error: )",
        0.92,
        until=r"^\[\s+(?:FAILED|OK|RUN)\s+\]",
        lines_max=25,
    ),
    rule("gtest.failed", "failed", r"^\[\s+FAILED\s+\] ", 0.7, goes_on=r"^\[\s+FAILED\s+\]|^\s*\d+ FAILED"),
    rule(
        "catch.case",
        "failed",
        r"^\S+:\d+: FAILED:",
        0.92,
        back=r"^[-. ]|^\S",
        goes_on=r"^\s+\S|^with expansion|^$",
        lines_max=20,
    ),
    rule("boost.test", 'error: in |error in "', r": (?:fatal )?error:? in \"", 0.92, after=1),
    rule("assert.failed", "assertion", r"(?i)\bassertion\b.{0,200}\bfailed\b", 0.85, before=2, after=3),
    rule(
        "test.expected",
        "expected",
        r"^\s*(?:Expected|expected):? .*\b(?:got|but was|actual|received|but got)\b",
        0.72,
        before=3,
        after=3,
    ),
    rule("cocoapods.error", "[!] ", r"^\[!\] \S", 0.8, goes_on=r"^\s+\S", lines_max=15),
    rule("xctest.case", "error: -[", r": error: -\[", 0.92),
    rule(
        "xcode.failed",
        "** ",
        r"^\*\* (?:BUILD|TEST|ARCHIVE) FAILED \*\*",
        0.25,
        fatal=True,
        goes_on=r"^\S|^\s+\S|^$",
        lines_max=15,
    ),
    rule(
        "valgrind.error",
        "invalid|conditional jump|uninitialised|definitely lost|process terminating|mismatched free|overlap in",
        (
            r"^(?:==\d+==|--\d+--) (?:Invalid |Conditional jump|Use of uninit|Syscall param|Mismatched free"
            r"|Source and destination overlap|Process terminating|.* definitely lost in)"
        ),
        0.88,
        goes_on=r"^==\d+==  ",
        lines_max=30,
    ),
    rule("terminate.called", "terminate called", r"^terminate called (?:after|without)", 0.9, goes_on=r"^\s+what\(\)"),
    rule("signal.segv", "segmentation", r"(?i)\bsegmentation fault\b|\bSIGSEGV\b", 0.9, before=3, after=2),
    rule(
        "signal.received",
        "signal",
        r"(?i)(?:received signal|killed by signal|terminated by signal|exited with signal|exit signal)\b",
        0.85,
        before=2,
        after=2,
    ),
    rule("signal.dump", "core dumped", r"\(core dumped\)", 0.85, before=3),
    rule("hspec.case", "failures:", r"^Failures:$", 0.9, until=r"^Finished in|examples?, ", lines_max=100),
    rule(
        "ghc.cabal",
        "cabal",
        r"^cabal(?:\.exe)?: (?!.*(?:warning|update))\S|^Could not resolve dependencies",
        0.8,
        goes_on=r"^\[__|^\s+\S|^\(",
        lines_max=20,
    ),
    rule(
        "stack.error", "while building", r"--  While building|--  Failure when", 0.8, goes_on=r"^\s+\S|^$", lines_max=20
    ),
    rule(
        "ctest.harness",
        "unexpected",
        (
            r"^(?:[A-Z]+ +- +)?[A-Z]+-UNEXPECTED-[A-Z]+\b|^\s*(?:[A-Z]+ +- +)?UNEXPECTED-?(?:FAIL"
            r"|ERROR|TIMEOUT|CRASH|STATUS)\b"
        ),
        0.85,
    ),
    rule("harness.crash", "crash", r"^(?:[A-Z]+ +- +)?[A-Z]+-CRASH\b", 0.88, after=6),
)
