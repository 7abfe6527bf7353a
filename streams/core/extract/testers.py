"""Test runners: how each sets its failed tests apart."""

from __future__ import annotations

import re
from typing import Final

from streams.core.extract.says import (
    ctest_says,
    dotnet_says,
    exunit_says,
    first_filled,
    go_says,
    gtest_says,
    jvm_says,
    minitest_name,
    minitest_says,
    numbered_name,
    numbered_says,
    pytest_says,
    rust_says,
    unittest_says,
)
from streams.core.extract.section import Runner

RUNNERS: Final = (
    Runner(
        name="pytest",
        words=("____ ", "= FAILURES =", "= ERRORS ="),
        mark="_ ",
        opens=re.compile(r"^_{4,} (?:ERROR (?:collecting|at (?:setup|teardown) of) )?(\w.*?) _{4,}$"),
        opens_inside=re.compile(r"^_+ (?:ERROR (?:collecting|at (?:setup|teardown) of) )?([^_\s].*?|_\S.*?) _+$"),
        ends=re.compile(r"^={3,} .+ ={3,}$|^!{3,} .* !{3,}$"),
        area=re.compile(r"^={3,} (?:FAILURES|ERRORS) ={3,}$"),
        area_ends=re.compile(r"^={3,} .*\b(?:passed|failed|errors?|skipped|deselected)\b.* in [\d.:hms]+.*={3,}$"),
        says=pytest_says,
        retells=("pytest.", "python.import", "python.module"),
    ),
    Runner(
        name="unittest",
        words=("FAIL: ", "ERROR: "),
        mark=": ",
        opens=re.compile(r"^(?:FAIL|ERROR): (\w+ \([\w.<>]+\)|[\w.]+ \(unittest\.\S+\)).*$"),
        ends=re.compile(r"^={50,}$|^Ran \d+ tests?\b"),
        says=unittest_says,
        retells=("unittest.", "nose."),
    ),
    Runner(
        name="rust",
        words=(" stdout ----",),
        mark=" stdout ----",
        opens=re.compile(r"^---- (.+?) stdout ----$"),
        ends=re.compile(r"^failures:$|^test result: |^error: test failed"),
        says=rust_says,
        retells=("rust.", "cargo.failed"),
    ),
    Runner(
        name="nextest",
        words=("FAIL [", "ABORT [", "SIGSEGV ["),
        mark="[",
        opens=re.compile(r"^\s*(?:FAIL|ABORT|SIG[A-Z]+)\s+\[\s*[\d.]+s\]\s+(?:\(\s*\d+/\d+\)\s+)?(\S+ \S.*)$"),
        ends=re.compile(
            r"^\s*(?:(?:TRY \d+ )?(?:PASS|FLAKY|SLOW|LEAK|SKIP|TIMEOUT)|Summary) \[|^error: test run failed"
            r"|^[-\u2500\u2501]{6,}$|^\s*Cancell?ing due to"
        ),
        says=rust_says,
        may_be_empty=True,
        retells=("rust.", "rustc.error", "cargo.failed"),
    ),
    Runner(
        name="nextest",  # of a test that took too long there is but the line, and again in the summary
        words=("Summary [",),
        mark="TIMEOUT [",
        opens=re.compile(r"^\s*TIMEOUT \[\s*[\d.]+s\]\s+(?:\(\s*\d+/\d+\)\s+)?(\S+ \S.*)$"),
        ends=re.compile(r"^\s*[A-Z]+ \[|^error: test run failed|^\s*$"),
        area=re.compile(r"^\s*Summary \[\s*[\d.]+s\] \d"),
        area_ends=re.compile(r"^error: test run failed|^\s*$"),
        anywhere=False,
        says=first_filled,
    ),
    Runner(
        name="go",
        words=("--- FAIL: ", "=== FAIL: "),
        mark="FAIL: ",
        opens=re.compile(r"^\s*--- FAIL: (\S+)|^=== FAIL: \S+ (\S+)"),  # the latter is gotestsum's
        ends=re.compile(r"^(?:=== |DONE |\s*--- (?:PASS|SKIP): |FAIL\b|ok\s|PASS$|\?\s|exit status )"),
        says=go_says,
        may_be_empty=True,
        retells=("go.test", "go.package", "go.panic", "go.end"),
    ),
    Runner(
        name="gtest",
        words=("[ RUN ",),
        mark="[ RUN ",
        opens=re.compile(r"^\[ RUN\s+\] (\S+)"),
        ends=re.compile(r"^\[(?:\s+(?:OK|FAILED|SKIPPED)\s+|-+|=+)\]"),
        kept_if=re.compile(r"^\[\s+FAILED\s+\]"),
        says=gtest_says,
        retells=("gtest.",),
    ),
    Runner(
        name="ctest",
        words=("***Failed", "***Timeout", "***Exception"),
        mark="***",
        opens=re.compile(r"^\s*\d+/\d+ Test\s+#\d+: (\S+) \.*\s*\*\*\*(?:Failed|Timeout|Exception)"),
        ends=re.compile(r"^\s*Start\s+\d+: |^\d+% tests passed|^\s*\d+/\d+ Test\s+#"),
        says=ctest_says,
        may_be_empty=True,
        retells=("ctest.test",),
    ),
    Runner(
        name="ctest",  # without --output-on-failure the list is all that it says
        words=("tests FAILED:",),
        mark=" - ",
        opens=re.compile(r"^\s+\d+ - (\S+) \([A-Z][\w ]*\)"),
        ends=re.compile(r"^\s*$|^Errors while running"),
        area=re.compile(r"^The following tests FAILED:$"),
        area_ends=re.compile(r"^Errors while running|^\s*$"),
        anywhere=False,
        says=lambda _: None,
        lists=True,
        retells=("ctest.",),
    ),
    Runner(
        name="dotnet",
        words=("  Failed ",),
        mark="Failed ",
        opens=re.compile(r"^\s{2,4}Failed (\S.{0,1000}?) \[[^\]]*\d+ ?m?s\]$"),
        ends=re.compile(
            r"^\s{0,4}(?:Passed|Failed|Skipped) \S.* \[|^(?:Passed|Failed)! +- |^Test Run |^Total tests: |^\[xUnit\.net"
            r"|^Results File: |^\s*Standard Output Messages:$"
        ),
        says=dotnet_says,
        retells=("dotnet.", "generic.compiler"),
    ),
    Runner(
        name="jest",
        words=("\u25cf ",),
        mark="\u25cf ",
        opens=re.compile(r"^\s{0,4}\u25cf (?!Console$|Deprecation|Validation)(.*\S)$"),
        ends=re.compile(r"^Test Suites: |^\s*(?:PASS|FAIL)\s|^Summary of all failing tests"),
        says=first_filled,
        retells=("jest.", "js.error"),
    ),
    Runner(
        name="vitest",
        words=("FAIL ",),
        mark="FAIL ",
        opens=re.compile(r"^\s*FAIL\s+(?:\|\S+\|\s+)?(\S+ > .*\S)$"),
        ends=re.compile(r"^\s*\u23af{5,}|^\s*Test Files\s"),
        says=first_filled,
        retells=("vitest.", "js.error", "jest.file"),
    ),
    Runner(
        name="surefire",
        words=("<<< FAILURE!", "<<< ERROR!"),
        mark="<<< ",
        opens=re.compile(
            r"^(?:\[ERROR\]\s+)?(?!Tests run:)(\S.{0,500}?)\s{1,4}(?:-- )?Time elapsed: .*<<< (?:FAILURE|ERROR)!$"
        ),
        ends=re.compile(r"^\s*$|^\[(?:INFO|ERROR|WARNING)\]|^Running |^Tests run:"),
        says=jvm_says,
        retells=("surefire.", "java.exception", "java.cause"),
    ),
    Runner(
        name="gradle",
        words=(" FAILED",),
        mark=" FAILED",
        opens=re.compile(r"^([^\s>][^>]* > .*?)(?:\(\))? FAILED$"),
        ends=re.compile(r"^\S"),
        says=jvm_says,
        retells=("gradle.test", "gradle.task", "gradle.count", "java.exception", "java.cause"),
    ),
    Runner(
        name="minitest",
        words=(") Failure:", ") Error:"),
        mark=") ",
        opens=re.compile(r"^\s{0,4}\d+\) ((?:Failure|Error)):$"),
        ends=re.compile(r"^\d+ (?:runs|tests), |^Finished (?:in|tests in) "),
        says=minitest_says,
        named=minitest_name,
        retells=("minitest.",),
    ),
    Runner(
        name="exunit",
        words=(") test ", ") property ", ") doctest "),
        mark=") ",
        opens=re.compile(r"^\s{1,4}\d+\) ((?:test|property|doctest) .* ?\([A-Z][\w.]*\))$"),
        ends=re.compile(r"^Finished in |^\s*\d+ (?:doctests?, \d+ )?(?:tests?|properties)\b.*, \d+ failures?"),
        says=exunit_says,
        retells=("exunit.", "elixir."),
    ),
    Runner(
        name="numbered",
        words=(" failing", "Failures:", "There w"),
        mark=") ",
        opens=re.compile(r"^\s{0,4}\d+\) (.*\S)$"),
        ends=re.compile(
            r"^(?:npm (?:ERR!|error)|error Command failed|Finished in|Failed examples:|FAILURES!|ERRORS!|--$)"
        ),
        area=re.compile(r"^\s*\d+ failing$|^Failures:$|^There (?:was|were) \d+ (?:failure|error)s?:$"),
        area_ends=re.compile(
            r"^(?:npm (?:ERR!|error)|error Command failed|Finished in|Failed examples:|FAILURES!|ERRORS!|Tests: \d)"
        ),
        anywhere=False,
        says=numbered_says,
        named=numbered_name,
        retells=("mocha.", "rspec.", "phpunit.", "hspec.", "jasmine.", "minitest.", "js.error"),
    ),
)
"""The order in which they are tried; pytest's stands first."""
