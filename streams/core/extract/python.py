"""Python: tracebacks through their last cause, pytest, unittest, tox, pip, poetry, uv, linters."""

from __future__ import annotations

from typing import Final

from streams.core.extract.jvm import FRAME, PACKAGE
from streams.core.extract.rule import rule

RULES: Final = (
    rule(
        "pytest.failures",
        "failures",
        r"^=+ (?:FAILURES|ERRORS) =+$",
        0.95,
        until=r"^=+ (?:short test summary|warnings summary|slowest|\d+ \w+.* in |.* (?:seconds|passed|failed))",
        lines_max=150,
    ),
    rule(
        "pytest.summary",
        "short test summary",
        r"^=+ short test summary info =+$",
        0.7,
        goes_on=r"^(?:FAILED|ERROR|SUBFAIL)\b|^\s+\S|^E\s",
        until=r"^=+ .*(?:failed|passed|error)",
        lines_max=40,
    ),
    rule(
        "pytest.line",
        "failed",
        r"^(?:FAILED|ERROR)(?: \[[\d.]+s?\])? (?=\S+?\.py(?:::\S|\s|$))(?>\S+)(?:\s+-\s+|$)",
        0.82,
        goes_on=r"^(?:FAILED|ERROR) \S+\.py|^E\s|^\s{2,}\S",
        lines_max=30,
    ),
    rule("pytest.error", "error", r"^ERROR(?: collecting| at (?:setup|teardown) of)? \S+\.py", 0.85),
    rule(
        "pytest.banner",
        "____",
        r"^_{4,} (?:ERROR (?:collecting|at \w+ of) )?\w.* _{4,}$",
        0.9,
        until=r"^_{4,} .* _{4,}$|^=+ .* =+$",
        lines_max=60,
    ),
    rule(
        "pytest.assert",
        "assert|error|exception|failed",
        r"^E\s{2,}\S",
        0.86,
        before=8,
        goes_on=r"^E\s|^\S+\.py:\d+: |^$",
        lines_max=30,
    ),
    rule(
        "pytest.count", "failed", r"^=+ .*\b\d+ (?:failed|errors?)\b.* in [\d.]+", 0.15, fatal=False, consequence=True
    ),
    rule(
        "unittest.case",
        "fail: ",
        r"^FAIL: \w+ \(",
        0.92,
        back=r"^={20,}$",
        until=r"^={20,}$|^Ran \d+ tests?",
        lines_max=45,
    ),
    rule(
        "unittest.error",
        "error: ",
        r"^ERROR: \w+ \([\w.]+\)",
        0.92,
        back=r"^={20,}$",
        until=r"^={20,}$|^Ran \d+ tests?",
        lines_max=45,
    ),
    rule("unittest.count", "failed (", r"^FAILED \((?:failures|errors|skipped|unexpected)\b", 0.15, consequence=True),
    rule(
        "python.traceback",
        "traceback",
        r"Traceback \(most recent call (?:last|first)\):?[\s\u2500\u2501\u256e\u2513+-]*$",  # what quotes it goes on
        0.84,
        until=(
            r"^(?:[\w.\-]{1,60} +\| )?(?:[\w.]*\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Failure"
            r"|Fault|Timeout)\w*\b.*$|^[a-z_][\w.]+\.[A-Z]\w+: |^(?:[A-Z][a-z0-9]+){2,6}(?:: .*)?$"
        ),
        told_last=True,
        lines_max=90,
    ),
    rule(  # a whole stack in one line, as loggers that write JSON have it
        "python.logged",
        "traceback",
        r"Traceback \(most recent call last\):(?:\\r)?\\n\s*File ",
        0.84,
    ),
    rule(
        "python.chained",
        "exception",
        r"^(?:During handling of the above exception|The above exception was the direct cause)",
        0.5,
        joins=True,
    ),
    rule("python.syntax", "error: ", r"^(?:SyntaxError|IndentationError|TabError): ", 0.93, before=4),
    rule("python.import", "error: ", r"^(?:ModuleNotFoundError|ImportError): ", 0.92, before=3),
    rule(
        "python.exception",
        "error",
        rf"^(?!{PACKAGE})(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception): \S",
        0.83,
        before=3,
        goes_on=rf"^\s{{2,}}\S|{FRAME}",  # a package whose name does not tell may be one of the JVM
        says=r"^Caused by: ",
        says_last=True,
        lines_max=150,
    ),
    rule("python.module", "no module named", r"No module named ", 0.9),
    rule(
        "pip.error",
        "error: ",
        (
            r"^\s*(?:ERROR|error): (?:Could not find a version|No matching distribution"
            r"|Cannot install|Command errored"
            r"|ResolutionImpossible|Package .* requires|Invalid requirement|Exception)"
        ),
        0.9,
        before=2,
        goes_on=r"^\s+\S|^ERROR",
        lines_max=25,
    ),
    rule(  # what the build itself says stands below or above
        "pip.build",
        "error: ",
        (
            r"^\s*(?:ERROR: )*(?:ERROR|error): (?:Failed (?:building wheel|to build)|Could not build wheels"
            r"|.*subprocess-exited|metadata-generation-failed)"
        ),
        0.62,
        after=4,
    ),
    rule(
        "pip.missing",
        "could not find a version|no matching distribution",
        r"Could not find a version that satisfies|No matching distribution found",
        0.9,
        goes_on=r"^\s*(?:ERROR: )?No matching",
    ),
    rule(
        "pip.resolve",
        "incompatible|dependency resolver|versions conflict|version conflict|solving failed",
        r"(?i)pip's dependency resolver|are incompatible\.|versions? (?:solving failed|conflict)",
        0.5,
        goes_on=r"^\S+ \S+ requires",
    ),
    rule(
        "poetry.solve",
        "because ",
        r"^\s*Because .* (?:depends on|requires)",
        0.85,
        until=r"version solving failed|forbidden",
        lines_max=15,
    ),
    rule(
        "poetry.lock",
        "poetry.lock",
        r"changed significantly since poetry\.lock was last|poetry\.lock is not (?:up to date|compatible)",
        0.9,
    ),
    rule(
        "uv.solve",
        "no solution found",
        r"^\s*(?:\u00d7 )?No solution found when resolving",
        0.9,
        goes_on=r"^\s+\S",
        lines_max=15,
    ),
    rule(
        "ruff.place",
        "-->",
        r"^\s*--> \S+\.(?:pyi?|ipynb):\d+:\d+$",
        0.8,
        before=1,
        goes_on=r"^\s*\d* ?\|",
        lines_max=12,
        told_above=True,
    ),
    rule("bandit.issue", ">> issue: ", r"^>> Issue: \[", 0.8, goes_on=r"^\s+\S", lines_max=12),
    rule(
        "precommit.hook",
        "fail",
        r"^\S.*\.{3,}(?:\([^)]*\))?Failed$",
        0.66,
        until=r"\.{3,}(?:\([^)]*\))?(?:Passed|Skipped|Failed)$",
        says=r"^(?!- (?:hook id|exit code|duration|files were)|\s*$).",
        lines_max=40,
    ),
    rule(
        "tox.result",
        "error|could not install deps|commands failed|parallel child",
        (
            r"^(?:ERROR:\s+)?\s*\w[\w.-]*: (?:commands failed|FAIL code \d+|could not install deps"
            r"|InvocationError|parallel child exit code)"
        ),
        0.2,
        consequence=True,
    ),
    rule("tox.invocation", "invocationerror", r"InvocationError", 0.18, consequence=True),
    rule(
        "flake8.place",
        ".py:0",
        r"^\S+\.pyi?:\d+:\d+:? [A-Z]{1,4}\d{1,5}\b",
        0.78,
        goes_on=r"^\S+\.pyi?:\d+:\d+:? [A-Z]|^\s+\S",
        lines_max=40,
    ),
    rule(
        "mypy.place",
        "error: ",
        r"^\S+\.pyi?:\d+(?::\d+)?: error: ",
        0.9,
        goes_on=r"\.pyi?:\d+|^Found \d+ error",
        lines_max=40,
    ),
    rule(
        "black.would",
        "would reformat",
        r"^would reformat ",
        0.8,
        goes_on=r"^would reformat|^Oh no|would be",
        lines_max=20,
    ),
    rule("isort.order", "incorrectly sorted", r"Imports are incorrectly sorted", 0.85, goes_on=r"incorrectly sorted"),
    rule("doctest.failed", "failed example", r"^Failed example:", 0.9, back=r"^File ", until=r"^\*{10,}", lines_max=30),
    rule(
        "nose.banner",
        "fail",
        r"^(?:FAIL|ERROR): [\w.]+(?: \(|\(|\.\.\.|$)",
        0.85,
        back=r"^={20,}$",
        until=r"^={20,}$|^Ran \d+ tests?",
        lines_max=45,
    ),
)
