"""What only runs other commands, and says that one of them failed: the reason stands above."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

RULES: Final = (
    rule(  # GitHub's mark without its `##`, as the pages and other tools show it
        "runner.exit",
        "process completed",
        r"^(?:Error: )?Process completed with exit code [1-9]\d*\.?$",
        0.1,
        fatal=True,
        consequence=True,
        of_step=True,
    ),
    rule(
        "tox.exit",
        ": exit |fail code|evaluation failed",
        (
            r"^[\w.\-]{1,60}: exit -?[1-9]\d* \(|^\s*[\w.\-]{1,60}: FAIL code -?\d+ \("
            r"|^\s*evaluation failed :\("
        ),
        0.2,
        consequence=True,
    ),
    rule(
        "nox.exit",
        "nox >",
        r"^nox > (?:Command .* failed with exit code|Session \S+ (?:failed|aborted|raised))",
        0.2,
        consequence=True,
    ),
    rule(
        "turbo.exit",
        "failed",
        r"^\s*ERROR\s+run failed: command .*exited \(\d+\)|^\s*Failed:\s+\S+#\S+$",
        0.15,
        consequence=True,
    ),
    rule(
        "nx.exit",
        "running target|failed tasks",
        r"^\s*NX\s+Running targets? .* failed|^Failed tasks:$",
        0.15,
        consequence=True,
    ),
    rule("lerna.exit", "lerna err", r"^lerna ERR! .* (?:exited|stopped) ", 0.15, consequence=True),
    rule("just.exit", "recipe ", r"^error: Recipe `.*` (?:failed|was terminated)", 0.15, consequence=True),
    rule("task.exit", "failed to run task", r"^task: Failed to run task ", 0.15, consequence=True),
    rule(
        "eslint.exit",
        "too many warnings",
        r"^ESLint found too many warnings",
        0.2,
        consequence=True,
    ),
    rule(
        "strict.exit",
        "aborted with",
        r"^Aborted with (?:\d+ (?:\w+ )?warnings?|a \w+ Error)",
        0.2,
        consequence=True,
    ),
)
