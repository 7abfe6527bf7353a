"""JVM: exceptions through their last cause, Maven, Gradle, sbt, JUnit and TestNG on the console, Ant, Checkstyle."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

PACKAGE: Final = r"(?:javax?|jakarta|kotlinx?|scala|groovy|(?:com|org|net|io|edu|dev)\.[a-z]\w*)\."
"""How the names of classes of the JVM begin, and those of no other tool: the names of domains, turned round."""
FRAME: Final = r"^\s+at \S|^Caused by: |^\s+\.\.\. \d+ (?:more|common)|^\s+Suppressed: "
_FRAME = r"^\s+\S|^\s*\[\w+\]\s+at |^\s*\[\w+\] Caused by|^Caused by|^\.\.\. \d+ (?:more|common)|^Suppressed"
_ROOT = r"^\s*(?:\[\w+\]\s+)?Caused by: "
_WHY = (
    r"^\s*> (?!Compilation |There were failing|A failure occurred|Process 'command|Could not resolve all"
    r"|.*[Ss]ee (?:the )?(?:log|report|error|compiler)|Run with)"
)
"""Of Gradle's reasons the ones that say something of their own."""

RULES: Final = (
    rule(
        "surefire.case",
        "<<<",
        r"^(?!(?:\[\w+\] )?Tests run:).*<<< (?:FAILURE|ERROR)!",  # what only counts is told by another rule
        0.9,
        goes_on=r"^\s+\S|^[\w.$]+(?:Exception|Error|Failure)|^Caused|^\s*Expected|^\s*but:|^\s*$|^expected",
        lines_max=30,
    ),
    rule(
        "surefire.list",
        "failed tests:|tests in error:|failures:|errors:",
        r"^(?:\[ERROR\] )?\s*(?:Failed tests|Tests in error|Failures|Errors):\s*",
        0.88,
        goes_on=r"^(?:\[ERROR\])?\s+\S|^(?:\[ERROR\])?\s*$|^Tests in error|^[ \t]*(?:Expected|but)",
        until=r"^(?:\[\w+\] )?\s*Tests run:",
        lines_max=60,
    ),
    rule(
        "surefire.count",
        "failures: ",
        r"^(?:\[ERROR\] )?Tests run: \d+, (?:Failures: [1-9]|Failures: 0, Errors: [1-9])",
        0.45,
    ),
    rule(
        "surefire.goal",
        "there are test failures",
        r"Failed to execute goal .*There are test failures",
        0.3,
        fatal=True,
        goes_on=r"^\[ERROR\]|^\s+\S|^[\w.$]+(?:Exception|Error|Failure)",
        lines_max=60,
    ),
    rule(
        "maven.goal",
        "failed to execute goal",
        r"(?<!Exception: )Failed to execute goal ",  # in its stack it says the same again
        0.78,
        fatal=True,
        retells=r": (?:Compilation failure|There are test failures|You have [1-9]\d* )",
        goes_on=r"^\[ERROR\]|^\s+\S|^Caused by: |^[\w.$]+(?:Exception|Error|Failure)",
        lines_max=100,
    ),
    rule(
        "maven.resolve",
        (
            "could not resolve dependencies|failed to collect dependencies|could not transfer artifact"
            "|could not find artifact"
        ),
        (
            r"Could not resolve dependencies|Could not find artifact|Could not transfer artifact"
            r"|Failed to collect dependencies"
        ),
        0.88,
    ),
    rule(
        "maven.failed",
        "build failure|build error",
        r"^\[(?:INFO|ERROR)\] BUILD (?:FAILURE|ERROR)",
        0.15,
        fatal=True,
        consequence=True,
    ),
    rule(
        "maven.error",
        "[error]",
        r"^\[ERROR\] +(?!Tests run:|Re-run|To see|For more|\[Help|After correcting)\S",
        0.7,
        retells=r"^\[ERROR\] COMPILATION ERROR\b",
        goes_on=r"^\[ERROR\]|^\s+\S",
        lines_max=60,
    ),
    rule(
        "gradle.what",
        "what went wrong",
        r"^\* What went wrong:",
        0.74,
        fatal=True,
        back=r"^FAILURE: |^\s*$|^\* Where|^(?:Build|Script) file",
        until=r"^\* Try:|^\* Exception is",
        says=_WHY,
        retells=r"^\* What went wrong:$",
        says_last=True,
        lines_max=25,
    ),
    rule("gradle.daemon", "daemon disappeared", r"^Gradle build daemon disappeared unexpectedly", 0.86, fatal=True),
    rule("gradle.task", "failed", r"^> Task :\S+ FAILED|^:\S+ FAILED$", 0.5, after=8),
    rule("gradle.test", "failed", r"^[^\s>][^>]* > .* FAILED$", 0.9, goes_on=r"^\s+\S|^$", slack=1, lines_max=60),
    rule(
        "gradle.failed",
        "failed|build completed",
        r"^BUILD FAILED|^FAILURE: Build failed|^FAILURE: Build completed",
        0.15,
        fatal=True,
        consequence=True,
    ),
    rule("gradle.count", "failed", r"^\d+ tests completed, \d+ failed", 0.3),
    rule("ant.failed", "build failed", r"^BUILD FAILED", 0.6, fatal=True, goes_on=r"^\S+:\d+: |^\s+\S", lines_max=10),
    rule(
        "java.thread",
        "exception in thread",
        r'Exception in thread "',
        0.88,
        goes_on=_FRAME,
        says=_ROOT,
        says_last=True,
        slack=2,
        lines_max=150,
    ),
    rule(
        "java.cause",
        "caused by",
        r"^\s*(?:\[\w+\] )?Caused by: ",
        0.84,
        goes_on=r"^\s*+(?:at |\.\.\. \d|Caused by|\[\w+\]\s++(?:at |\.\.\. |Caused by))",
        lines_max=40,
    ),
    rule(
        "java.exception",
        "exception|error",
        r"^\s*(?:\[\w+\] )?(?:[a-z][\w]*\.){1,12}[A-Z][\w$]*(?:Exception|Error)\b(?::|$)",
        0.8,
        before=1,
        goes_on=_FRAME,
        says=_ROOT,
        says_last=True,
        slack=2,
        lines_max=150,
    ),
    rule(
        "spring.start",
        "application failed to start",
        r"^APPLICATION FAILED TO START",
        0.9,
        until=r"^Action:",
        says=r"^(?!Description:|\*+$|\s*$)",
    ),
    rule(
        "scalatest.failed",
        "*** failed",
        r"\*\*\* FAILED \*\*\*",
        0.9,
        goes_on=r"^\[info\] {3,}|^\s{2,}\S",
        says=r"\S",
        lines_max=15,
    ),
    rule("specs2.failed", "[error] x", r"^\[error\]\s+[x!] ", 0.9, goes_on=r"^\[error\]", lines_max=20),
    rule("checkstyle.error", "[error]", r"^\[(?:ant:checkstyle|checkstyle)\] \[ERROR\]", 0.85, goes_on=r"\[ERROR\]"),
    rule(
        "jvm.crash",
        "fatal error has been detected",
        r"A fatal error has been detected by the Java Runtime",
        0.93,
        goes_on=r"^#",
        lines_max=30,
    ),
)
