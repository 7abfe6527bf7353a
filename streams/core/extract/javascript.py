"""JavaScript: npm, pnpm, yarn, Node, Jest, Vitest, Mocha, Jasmine, Karma, AVA, tap, ESLint, webpack."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

_NPM = r"^npm (?:ERR!|error) +(?!code |errno |syscall |path |type |stack |A complete log)\S*\w"
"""What npm says, not the codes before it."""

RULES: Final = (
    rule(
        "mocha.failing",
        " failing",
        r"^\s*\d+ failing\b",
        0.93,
        until=(
            r"^npm ERR!|^error Command failed|^(?:Makefile|make)|^The command|^-{5,}\|"
            r"|^\s*\((?:Results|Screenshots|Video)\)"
        ),
        lines_max=120,
    ),
    rule(
        "jest.case",
        "\u25cf",
        r"^\s*\u25cf (?!Console$).*\S",
        0.92,
        until=r"^\s*\u25cf |^Test Suites:|^(?:PASS|FAIL)\s",
        lines_max=50,
    ),
    rule(
        "vitest.case",
        "fail",
        r"^\s*FAIL\s+\S+ > ",
        0.9,
        goes_on=r"^\S*(?:Error|Exception)\b|^\s+\S|^\s*$|^- |^\+ ",
        lines_max=30,
    ),
    rule("jest.file", "fail", r"^\s*FAIL\s+\S+\.(?:[cm]?[jt]sx?|vue|svelte)", 0.6, after=4),
    rule("playwright.count", " failed|interrupted", r"^\s+\d+ (?:failed|interrupted)$", 0.15, consequence=True),
    rule("jest.count", "fail", r"^(?:Tests|Test Suites|Test Files):?\s+\d+ failed", 0.25, consequence=True),
    rule(
        "jasmine.failures",
        "failures",
        r"^Failures:\s*$",
        0.9,
        until=r"^Finished in|^\d+ (?:specs?|examples?|scenarios?),",
        lines_max=150,
    ),
    rule("karma.case", "failed", r"^\S.* \(.*\) .* FAILED$", 0.9, goes_on=r"^\s+\S|^\t", says=r"\S", lines_max=20),
    rule(
        "tap.notok",
        "not ok",
        r"^\s*not ok\b(?!.*# (?:TODO|SKIP|todo|skip))",
        0.88,
        goes_on=r"^\s+\S|^#\s+(?:Failed|at|got|expected)",
        lines_max=30,
    ),
    rule(
        "esbuild.error", "[error]", r"^\s*[\u2718\u2716\u2717x] \[ERROR\] \S", 0.88, goes_on=r"^\s+\S|^$", lines_max=12
    ),
    rule(
        "vite.build",
        "during build",
        r"^error during build:",
        0.86,
        goes_on=r"^\s+\S|^\[|^\S+: ",
        says=r"\S",
        lines_max=12,
    ),
    rule("tsc.next", "type error: ", r"^Type error: ", 0.9, before=1),
    rule(
        "biome.place",
        "\u2501\u2501",
        r"^\S+(?::\d+:\d+)? (?:lint|format|parse|assist|organizeImports|suppressions)\S* \u2501{3,}",
        0.85,
        goes_on=r"^\s|^$",
        says=r"^\s+[\u2716\u00d7!] ",
        lines_max=15,
    ),
    rule(
        "npm.audit",
        "npm audit report",
        r"^# npm audit report",
        0.75,
        until=r"\bvulnerabilit(?:y|ies)\b",
        says=r"^Severity: ",
        lines_max=60,
    ),
    rule("ava.case", "\u2716", r"^\s*\u2716 (?!\d+ problems)\S", 0.75, after=8),
    rule("mark.cross", "\u2717|\u2718", r"(?:^|\u203a )\s*[\u2717\u2718] +\S", 0.75, after=5),
    rule("mark.times", "\u00d7", r"^\s*\u00d7 \S", 0.7, after=5),
    rule(
        "eslint.count",
        "problem",
        r"^\s*\u2716 \d+ problems? \([1-9]\d* errors?",
        0.8,
        back=r"^\s+\d+:\d+\s+(?:error|warning)|^\s*$|^/\S+|^[A-Z]:\\|^\S+\.[jt]sx?$",
        after=0,
    ),
    rule(
        "eslint.place",
        "error",
        r"^\s+\d+:\d+\s+error\s+\S",
        0.8,
        back=r"^\s+\d+:\d+\s+(?:error|warning)|^/\S+|^\S+\.[cm]?[jt]sx?$",
        goes_on=r"^\s+\d+:\d+\s+(?:error|warning)|^\s*$|^/\S+$|^\S+\.[cm]?[jt]sx?$|^\u2716",
        lines_max=40,
    ),
    rule(
        "npm.resolve",
        "eresolve|peer dep missing",
        r"\bERESOLVE\b|peer dep missing",
        0.85,
        goes_on=r"^npm (?:ERR!|error)",
        says=_NPM,
        lines_max=25,
    ),
    rule(
        "npm.missing",
        "npm err",
        r"npm (?:ERR!|error) (?:code )?E404|npm ERR! 404",
        0.88,
        goes_on=r"^npm (?:ERR!|error)",
        says=_NPM,
        lines_max=12,
    ),
    rule(
        "npm.exit",
        "npm err",
        (
            r"^npm ERR! (?:code ELIFECYCLE|Test failed|errno|Exit status|Failed at|This is probably"
            r"|A complete log|Lifecycle)"
        ),
        0.14,
        consequence=True,
        goes_on=r"^npm ERR!",
        lines_max=25,
    ),
    rule(
        "npm.error",
        "npm err",
        r"^npm (?:ERR!|error) (?!aliases: |Run \"npm help|A complete log)\S",
        0.6,
        goes_on=r"^npm (?:ERR!|error)",
        says=_NPM,
        lines_max=30,
    ),
    rule("pnpm.error", "err_pnpm", r"\bERR_PNPM_\w+", 0.85, after=4),
    rule("pnpm.exit", "elifecycle", r"\bELIFECYCLE\b", 0.14, consequence=True),
    rule("yarn.exit", "command failed", r"^error Command failed (?:with|due)", 0.14, consequence=True),
    rule(
        "yarn.error",
        "error ",
        r"^error (?:An unexpected error|Couldn't find|Your lockfile|Found incompatible|\S+@\S+:|Received)",
        0.85,
        after=2,
    ),
    rule(
        "prettier.style",
        "code style issues",
        r"^\[(?:warn|error)\] Code style issues",
        0.8,
        back=r"^\[(?:warn|error)\] ",
    ),
    rule("node.throw", "error", r"^(?:\w+:\d+|/\S+:\d+|node:\S+:\d+)$", 0.6, after=10),
    rule(
        "js.error",
        "error",
        r"^\s*(?:Uncaught )?\w+Error(?: \[\w+\])?: \S",
        0.82,
        before=4,
        goes_on=r"^\s+at |^\s+\S",
        lines_max=30,
    ),
    rule(
        "node.unhandled",
        "unhandled",
        r"(?i)unhandled ?(?:promise)? ?rejection",
        0.7,
        goes_on=r"^\s+at |^\s+\S",
        lines_max=20,
    ),
    rule("webpack.error", "error in", r"^\s*ERROR in \S", 0.9, goes_on=r"^\s*\S", lines_max=15),
    rule(
        "webpack.module",
        "module not found",
        r"Module not found: |Cannot find module '",
        0.9,
        before=2,
        goes_on=r"^\s+at |^\s+\S|^Require stack|^- ",
        lines_max=15,
    ),
)
