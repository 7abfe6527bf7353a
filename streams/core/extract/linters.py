"""Linters, formatters and scanners: what they would have otherwise, and where."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

_PATH = r"(?:\./)?[\w.@+\-/\\]{1,300}"

RULES: Final = (
    rule("ruff.format", "would reformat: ", r"^Would reformat: ", 0.85, goes_on=r"^Would reformat: |^\d+ files? would"),
    rule(
        "pyright.place", " - error: ", r"^\s*\S+\.pyi?:\d+:\d+ - error: ", 0.9, goes_on=r" - (?:error|warning): |^\s{4}"
    ),
    rule("codespell.word", " ==> ", r"^\S+:\d+: \S+ ==> \S", 0.82, goes_on=r"^\S+:\d+: \S+ ==> "),
    rule(
        "cspell.word",
        "unknown word (",
        r"^\S+:\d+:\d+ - Unknown word \(",
        0.82,
        goes_on=r"^\S+:\d+:\d+ - Unknown word \(",
    ),
    rule(
        "markdownlint.place",
        " md0",
        r"^\S+\.(?:md|mdx|markdown):\d+(?::\d+)?(?: error)? MD\d{3}\b",
        0.82,
        goes_on=r"^\S+:\d+(?::\d+)?(?: error)? MD\d{3}\b",
    ),
    rule("stylelint.place", "\u2716", r"^\s+\d+:\d+\s+[\u2716\u00d7]\s+\S", 0.82, back=r"^\S+\.\w{2,5}$|^\s+\d+:\d+\s"),
    rule(
        "commitlint.rule",
        "\u2716",
        r"^\s*\u2716\s{2,}(?!found \d)\S.* \[[\w-]+\]$",
        0.85,
        back=r"^\s*\u29d7",
        goes_on=r"^\s*[\u2716\u26a0]\s{2,}\S",
    ),
    rule("ktlint.place", ".kt", r"^\S+\.kts?:\d+:\d+: (?!(?:warning|error): )\S.*\([\w:-]+\)$", 0.82),
    rule("proto.place", ".proto:0", r"^\S+\.proto:\d+:\d+:\s?\S", 0.87, goes_on=r"^\S+\.proto:\d+:\d+:"),
    rule(
        "spotless.files",
        "format violations",
        r"following files had format violations:",
        0.88,
        goes_on=r"^\s+\S",
        says=r"\S",
        lines_max=40,
    ),
    rule("helm.lint", "[error] ", r"^\[ERROR\] (?:templates/|values\.ya?ml|Chart\.ya?ml|[Cc]hart )", 0.9),
    rule(
        "lychee.link", "] http", r"^\s*\[(?:4\d\d|5\d\d|ERROR|TIMEOUT)\] https?://", 0.82, goes_on=r"^\s*\[\w+\] http"
    ),
    rule("trivy.total", "critical: ", r"^Total: [1-9]\d* \(.*", 0.7, goes_on=r"^[\u2500-\u257f]|^$", lines_max=40),
    rule("packer.error", "error", r"^==> [\w.\-]+: [Ee]rror\b", 0.88, goes_on=r"^==> [\w.\-]+: |^Build '.*' errored"),
    rule("gitleaks.found", "leaks found", r"\bleaks found: [1-9]", 0.8, before=1),
    rule("verilator.error", "%error", r"^%Error(?:-\w+)?: (?!Exiting)", 0.92, goes_on=r"^\s+\S|^%Error", lines_max=20),
    rule("xcpretty.error", "\u274c", r"^\s*\u274c\s+\S", 0.9, goes_on=r"^\s+\S", lines_max=6),
    rule(
        "sphinx.strict",
        "treated as error",
        r"^Warning, treated as error:",
        0.9,
        goes_on=r"^\S+:\d+:|^\s|^$",
        says=r"\S",
        lines_max=10,
    ),
    rule(
        "latex.error",
        "! undefined|! missing|! latex error|! package|! emergency|! extra|! illegal|! too many|! misplaced",
        r"^! (?:Undefined|Missing|LaTeX Error|Package|Emergency|Extra|Illegal|Too many|Misplaced)\b",
        0.88,
        goes_on=r"^l\.\d+ |^\s+\S|^\?",
        lines_max=6,
    ),
    rule(
        "dbt.error",
        "error in ",
        r"\b(?:Database|Compilation|Runtime|Parsing) Error in \w+ \w+",
        0.9,
        goes_on=r"^\s+\S",
        lines_max=12,
    ),
    rule(
        "robot.case",
        "fail",
        r"\| FAIL \|$",
        0.84,
        until=r"^-{20,}$|^={20,}$",
        says=r"^(?!.*\| FAIL \|$)\S",
        lines_max=15,
    ),
    rule(
        "playwright.case",
        "\u203a",
        r"^\s+\d+\) (?:\[[^\]]+\] \u203a )?\S.* \u203a ",
        0.92,
        until=r"^\s+\d+\) (?:\[[^\]]+\] \u203a )?\S|^\s+\d+ (?:failed|passed|flaky|skipped|interrupted|did not run)",
        says=r"^\s+(?:\w*Error|Test timeout|Timed out)\b",
        lines_max=45,
    ),
    rule(
        "dotnet.case",
        "failed ",
        r"^\s{1,4}(?:Failed|\u0425) \S.* \[(?:< )?[\d.,]+ ?m?s\]$",
        0.92,
        goes_on=r"^\s+\S|^(?:Expected|Actual|But was|Assert)\b",
        says=r"^\s*(?!Failed |Error Message:)\S",
        lines_max=30,
    ),
    rule(
        "diff.hunk",
        "@@ -0",
        r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@",
        0.36,
        back=r"^(?:diff |index |--- |\+\+\+ |[Ff]ile |would reformat )|^\S+\.\w{1,5}:?$",
        goes_on=r"^[-+ @\\]|^(?:diff|index) ",
        lines_max=30,
    ),
    rule(
        "table.cell",
        "fail|crash|timeout",
        rf"^\s*{_PATH}\s{{2,}}(?:FAIL(?:ED|URE)?|CRASH(?:ED)?|TIMEOUT)(?::|\s{{2,}}|\s*$)",
        0.6,
    ),
)
