"""make, ninja, CMake, Bazel, autotools, SCons: which target did not build."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import DEEPER, rule

RULES: Final = (
    rule("make.norule", "no rule to make", r"\*\*\* No rule to make target", 0.9),
    rule("make.missing", "missing separator", r"\*\*\* missing separator", 0.9),
    rule(
        "make.failed",
        "error ",
        r"^(?:g?make|mingw32-make): \*\*\* \[.*\] Error \d+$",
        0.16,
        consequence=True,
        certain=True,
    ),
    rule(
        "make.error",
        "error ",
        (
            r"^(?:g?make|mingw32-make|\S*make(?:\.exe)?)(?:\[\d+\])?: \*\*\* \[.*\] (?:Error"
            r"|Segmentation|Killed|Aborted)(?!.*\(ignored\))"
        ),
        0.16,
        consequence=True,
    ),
    rule("make.stop", "***", r"^g?make(?:\[\d+\])?: \*\*\* .*Stop\.", 0.3),
    rule("make.command", "not found", r"^g?make(?:\[\d+\])?: \S+: (?:Command not found|No such file)", 0.88),
    rule(
        "ninja.failed",
        "failed: ",
        r"^FAILED: ",
        0.66,
        says=r"^(?!cd |: && ).*(?:error|Error|fatal)",
        after=12,
        goes_on=r"^\s+\S|: note: |: error: |^In file",
    ),
    rule("ninja.stopped", "ninja: ", r"^ninja: build stopped", 0.12, consequence=True),
    rule("ninja.error", "ninja: error", r"^ninja: error: ", 0.85),
    rule("cmake.error", "cmake error", r"^CMake Error\b", 0.9, goes_on=r"^\s+\S|^\s*$|^Call Stack", lines_max=25),
    rule(
        "cmake.incomplete",
        "errors occurred",
        r"^-- Configuring incomplete, errors occurred",
        0.2,
        fatal=True,
        consequence=True,
    ),
    rule("bazel.error", "error: ", r"^ERROR: \S+(?:BUILD|\.bzl|WORKSPACE|MODULE)\S*:\d+", 0.9, after=10),
    rule(
        "bazel.failed",
        "fail|no status",
        r"^(?:FAIL: //|//\S+\s+(?:\(cached\) )?(?:FAILED|TIMEOUT|NO STATUS))",
        0.7,
        goes_on=r"^//\S+\s+.*(?:FAILED|TIMEOUT)|^\s+/",
    ),
    rule(
        "bazel.incomplete",
        "fail",
        r"^(?:FAILED: )?Build did NOT complete successfully|^INFO: Build completed, .* FAILED",
        0.1,
        fatal=True,
        consequence=True,
    ),
    rule("configure.error", "error: ", r"^configure: error: ", 0.93, before=2, after=3),
    rule(
        "autoconf.error",
        "error: ",
        r"^(?:autoreconf|aclocal|automake|configure\.(?:ac|in):\d+): error: ",
        0.88,
        after=2,
    ),
    rule("meson.error", "error: ", r"meson\.build:\d+:\d+: ERROR: ", 0.93),
    rule("ctest.list", "failed", r"^The following tests FAILED:", 0.8, goes_on=r"^\s+\d+ - ", lines_max=40),
    rule("ctest.test", "***", r"^\s*\d+/\d+ Test +#\d+: .*\*\*\*", 0.7),
    rule(
        "generic.target",
        "fail",
        r"^(?:Error|ERROR):? .*\b(?:target|task|command|step|stage|script)\b.*\bfailed\b",
        0.5,
        before=2,
        goes_on=DEEPER,
    ),
)
