"""How a log says that its job ended well, and which words of trouble are none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

END_LINES: Final = 60
"""A tool's word that all went well speaks for the job when no more than so many lines follow."""

WORDS: Final = (
    "success|succeeded|cleaning up|exited with|complete job|finalize job| passed in | passed, |passed (|passed!"
    "|tests passed|  passed  ]|checks passed|test result: ok|, 0 failures|failed=0|tests in |test in |no issues"
    "|apply complete|build completed|pre-exit hook|problem|problems|ok  \t"
)
"""As a rule's words: one of them stands in every line that says that something ended well."""
RAN_LINES: Final = 2

FOR_GOOD: Final = frozenset(
    {"go", "pytest", "unittest", "gtest", "catch", "jest", "vitest", "mocha", "rspec", "minitest", "phpunit", "exunit"}
    | {"rust", "rustc", "gcc", "javac", "surefire", "ctest"}
)
"""Tools that try nothing again: of a retry below their word something else speaks."""
OF_NO_TOOL: Final = frozenset(
    {"generic", "auth", "network", "cli", "curl", "wget", "gh", "time", "shell", "jenkins", "github", "python", "js"}
)
"""Whose words a service beside the work speaks, too; a compiler that names an upload means the source."""

_PASSED = re.compile(
    r"^Finished: SUCCESS|^Job succeeded|^Done\. Your build exited with 0|^(?:The command .* )?exited with code 0$"
)
_TOOL_PASSED = re.compile(r"^\[?INFO\]? BUILD SUCCESS|^BUILD SUCCESS")
_COMPLETE = re.compile(
    r"^Cleaning up orphan processes|^##\[section\]Finishing: Finalize Job|^Complete job$"
    r"|^~~~ Running .*\bpre-exit hook$"
)
_SEEMS = re.compile(
    r"^=*\s*(?:\d+ (?!failed|errors?\b)\w+, )*\d+ passed\b(?!.*\b(?:failed|errors?)\b).* in [\d.]+|^OK(?: \(.*\))?$"
    r"|^test result: ok\.|^\s*Tests:?\s+(?!.*failed)\d+ passed\b|^\[  PASSED  \] \d+ test|^100% tests passed"
    r"|^Passed! +- Failed: +0,|^Build succeeded|^Success|^All checks passed|^Apply complete!|^ok  \t"
    r"|^\u2716 \d+ problems? \(0 errors, "
    r"|^INFO: Build completed succ|^\S+\s+: ok=\d+ .*unreachable=0 +failed=0"
    r"|^\d+ (?:\w+, \d+ )*(?:examples?|runs|tests|assertions).*, 0 failures(?!, [1-9]\d* errors)"
)
_RAN = re.compile(r"^Ran \d+ tests? in [\d.]+s$")
_NOTHING = re.compile(
    r"(?i)\b(?:0 (?:\w+ )?(?:errors?|fail(?:ed|ures?)?)|no (?:errors|failures))\b|\b0 error\(s\)"
    r"|\b(?:errors?|fail(?:ed|ures?)?)(?: count)? ?[:=] *0(?![.\w])|\((?:ignored|expected)\)\s*$"
    r"|\b(?:errors?|fail(?:ed|ures?))\b.{0,60}\s{3}0$"  # a table of counts
)
_NONE = re.compile(r"(?i)0 (?:\w+ )?(?:error|fail)")
_COUNT = re.compile(r"[:=] *0(?![.\w])")
_SOMETHING = re.compile(
    r"(?i)\b[1-9]\d* (?:\w+ )?(?:errors?|fail(?:ed|ures?)?)\b|\b(?:errors?|fail(?:ed|ures?)?) ?[:=] *[1-9]"
)
_WARNS = re.compile(
    r"(?i)^(?:##\[warning\]|::warning\b|\[?warn(?:ing)?\]?[:\s]|npm warn\b|w: |\S+:\d+: \w*warning: |\w*Warning: )"
)
_RETRIED = re.compile(
    r"(?i)\b(?:retry(?:ing)? (?:in|after|\d|\(|later)|retrying\b|try(?:ing)? again in|will (?:be )?retr(?:y|ied))"
    r"|\b\d[\d.:]{0,12} ?[a-z]{0,12} before (?:trying again|(?:the )?(?:next )?retry)\b"
    r"|^\.\.\.ignoring|\(ignored\)$|[,;:] (?:ignoring|continuing(?: (?:anyway|without\b.{0,40}))?|skipping)$"
)

_WRAPS = re.compile(
    r"(?i)^##\[error\].*\b(?:exit(?:ed with)?|returned exit) code\b"
    r"|\bprocess completed with exit code \d+\.?$"
    r"|\b(?:non-?zero|returned|exited|exits?|failed|failure|finished|command|terminated)\b[^|]{0,80}?"
    r"\b(?:exit|return|status|code)(?:ed)?(?: with)?(?: code| status| value)?[:= '(]{1,3}[1-9]\d{0,2}\b[).'\"]{0,3}$"
    r"|^exit(?:ed)?(?: with)? (?:code|status)(?: exit status)?[:= ]+[1-9]\d{0,2}$"
    r"|\bCalledProcessError: |^(?:Error|ERROR): Command failed: |\bKeyboardInterrupt$"
    r"|^Node\.js v\d[\w.]*$"  # what it says last, below the error
)
_SUMS = re.compile(
    r"(?i)(?:^\W{0,9}(?:error:? )?|[:,(] *|\b(?:found|with|has|had) )[1-9]\d* (?:of \d+ )?(?:[a-z()]+ ){0,2}?"
    r"(?:fail(?:ed|ures?|ing)|errors?|problems?|violations?|offenses?|warnings?)\b"
    r"|\b(?:fail(?:ed|ures|ing)|errors): +[1-9]"
)
_SUM_CHARS_MAX = 160
_SIDE = re.compile(  # not in the name of a file or a test
    r"(?i)(?<![\w/.\-])(?:upload(?:s|ed|er|ing)?|metrics?|telemetry|statsd|analytics|slack|webhook|posting"
    r"|notif(?:y|ication|ier)s?|(?:reserve|save|saving|create|store) (?:a |the )?cache|cache ?entry"
    r"|(?:cache|storage) (?:reads?|writes?|save|restore)"
    r"|coverage report|build status|test report files)(?![\w/\-]|\.\w)"
)


@dataclass(slots=True)
class Ending:
    """The last lines, counted from 1, that say that something ended well; 0 for none."""

    passed_at: int = 0
    """The CI system's word of the job."""
    tool_passed_at: int = 0
    """A build tool's own word; it speaks for the job only at the log's end."""
    seems_at: int = 0
    """A test runner's or another tool's: it speaks for the job only at the end of a log that does not say otherwise."""
    ran_at: int = -3
    """unittest's word that tests ran; within RAN_LINES it says how."""
    complete_at: int = 0
    """The job went to its end, well or not."""

    def look(self, at: int, text: str) -> None:
        """Takes cleaned line `at`, which has one of WORDS."""
        if _PASSED.match(text):
            self.passed_at = at
        elif _TOOL_PASSED.match(text):
            self.tool_passed_at = at
        elif _COMPLETE.match(text):
            self.complete_at = at
        elif _SEEMS.match(text):
            self.seems_at = at
        elif _RAN.match(text):
            self.ran_at = at


def says_nothing_failed(text: str) -> bool:
    """Whether the words of trouble in a line say that there was none: `0 errors`, `(ignored)`."""
    folded = text.lower()
    told = (  # the quick test
        ("0" in text and (_NONE.search(text) or _COUNT.search(text)))
        or "no errors" in folded
        or "no failures" in folded
        or folded.endswith(("ignored)", "expected)", "   0"))
    )
    return bool(told) and _NOTHING.search(text) is not None and not _SOMETHING.search(text)


def is_warning(text: str) -> bool:
    """Whether a line says of itself that it only warns."""
    folded = text.lower()  # the quick test
    return ("warn" in folded or folded.startswith("w:")) and _WARNS.match(text) is not None


def is_tried_again(text: str) -> bool:
    """Whether a line says of the trouble before it, or in it, that it was not the end."""
    told = any(word in text for word in ("etr", "again", "gnor", "ntinuing", "skipping"))  # the quick test
    return told and _RETRIED.search(text) is not None


def is_wrapper(text: str) -> bool:
    """Whether a line says no more than that a command which something else ran has failed: why stands above it."""
    folded = text.lower()  # the quick test
    told = (
        "exit" in folded
        or "status" in folded
        or "fail" in folded
        or "return" in folded
        or folded.endswith("interrupt")
        or folded.startswith("node.js v")
    )
    return told and _WRAPS.search(text) is not None


def is_side(text: str) -> bool:
    """Whether a line tells of a service beside the work: what is sent there when the work is done, well or not."""
    return _SIDE.search(text) is not None


def is_sum(text: str) -> bool:
    """Whether a line only counts the troubles that are told one by one elsewhere."""
    return len(text) <= _SUM_CHARS_MAX and _SUMS.search(text) is not None
