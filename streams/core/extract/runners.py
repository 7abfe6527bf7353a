"""CI systems: what GitHub, GitLab, Jenkins, Travis, CircleCI, Azure and Buildkite say about a step that failed."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

_CAUSES: Final = (
    r"^\s+at |^Caused[ :]|^Also:|^\s*\.\.\. \d+ more|^[\w.$]+(?:Exception|Error|Shutdown)\b|^std(?:out|err):|^fatal:|^$"
)

RULES: Final = (
    # GitHub Actions and Azure: the exit code alone tells nothing about why.
    rule(
        "github.exit",
        "exit",
        r"^##\[error\].*\b(?:exit(?:ed with)? code|returned exit code)\b",
        0.1,
        fatal=True,
        consequence=True,
        of_step=True,
    ),
    rule(
        "github.exit",
        "fail",
        r"^##\[error\](?:Process failed|The process .* failed with)",
        0.1,
        fatal=True,
        consequence=True,
        of_step=True,
    ),
    rule(
        "github.shutdown",
        "##[error]",
        r"^##\[error\].*(?:shutdown signal|lost communication|operation was cancell?ed)",
        0.9,
        fatal=True,
        after=2,
    ),
    rule(
        "github.error",
        "##[error]",
        r"^##\[error\]\s*\S",
        0.86,
        fatal=True,
        goes_on=r"^##\[error\]|^\s+at |^\s+\S",
        lines_max=30,
    ),
    rule("github.command", "::error", r"^::error\b[^:]*::", 0.8, goes_on=r"^\s+\S"),
    # GitLab
    rule(
        "gitlab.failed",
        "error: job failed",
        r"ERROR: Job failed(?:$|: (?:exit (?:code|status)|command terminated with exit code) \d+)",
        0.1,
        fatal=True,
        consequence=True,
        of_job=True,
    ),
    rule("gitlab.runner", "error: job failed", r"ERROR: Job failed", 0.84, fatal=True),
    # Jenkins
    rule(
        "jenkins.finished",
        "finished: ",
        r"^Finished: (?:FAILURE|ABORTED|UNSTABLE|NOT_BUILT)",
        0.05,
        fatal=True,
        consequence=True,
    ),
    rule(
        "jenkins.step",
        "as fail|to fail",
        r"^Build step .* (?:marked build as|changed build result to) (?:failure|FAILURE)",
        0.06,
        fatal=True,
        consequence=True,
    ),
    rule(
        "jenkins.script",
        "exit",
        r"^(?:ERROR: )?script returned exit code [1-9]",
        0.06,
        fatal=True,
        consequence=True,
        of_job=True,
    ),
    rule("jenkins.fatal", "fatal: ", r"^FATAL: ", 0.85, goes_on=_CAUSES, slack=2, fatal=True),
    rule("jenkins.error", "error: ", r"^ERROR: (?!Job failed|\[)", 0.72, goes_on=_CAUSES, slack=2),
    # Travis
    rule(
        "travis.exit",
        "exited with",
        r"^The command .* (?:exited with|failed and exited with) [1-9]\d*",
        0.1,
        fatal=True,
        consequence=True,
    ),
    rule(
        "travis.done",
        "your build",
        r"Your build (?:exited with [1-9]|has been stopped|has been terminated)",
        0.05,
        fatal=True,
        consequence=True,
    ),
    rule(
        "travis.stalled",
        "no output",
        r"No output has been received in the last \d+",
        0.92,
        fatal=True,
        before=6,
        after=3,
    ),
    rule(
        "travis.limit",
        "exceeded",
        r"exceeded the maximum (?:time limit|log length)",
        0.9,
        fatal=True,
        before=4,
        after=2,
    ),
    # CircleCI, Buildkite, Azure, any
    rule(
        "circleci.exit",
        "exited with code",
        r"^Exited with code (?:exit status )?[1-9]",
        0.1,
        fatal=True,
        consequence=True,
        of_step=True,
    ),
    rule(
        "buildkite.exit",
        "exited with status",
        r"The command exited with status [1-9-]",
        0.1,
        fatal=True,
        consequence=True,
        of_step=True,
    ),
    rule(
        "buildkite.cancelled",
        "cancellation signal|cancelation signal",
        r"(?i)received cancell?ation signal",
        0.8,
        fatal=True,
    ),
    rule("teamcity.exit", "process exited", r"\bProcess exited with code [1-9]", 0.1, fatal=True, consequence=True),
    rule(
        "teamcity.message",
        "##teamcity[",
        r"^##teamcity\[(?:message\b.* status='(?:ERROR|FAILURE)'|testFailed\b|buildProblem\b(?!.*Process exited))",
        0.8,
        fatal=True,
    ),
    rule("runner.error", "error]", r"^\[[\w.-]+:error\]\s*\S", 0.8, fatal=True, goes_on=r"^\[[\w.-]+:error\]"),
    rule(
        "runner.timeout",
        "exceeded",
        r"(?i)\b(?:max(?:imum)? run ?time exceeded|exceeded (?:the )?max(?:imum)? (?:execution|run) ?time)",
        0.9,
        fatal=True,
    ),
    rule("runner.returned", "return", r"(?i)\breturn(?:ed|ing)? (?:code |exit code |status )?(?:124|137|139)\b", 0.8),
)
