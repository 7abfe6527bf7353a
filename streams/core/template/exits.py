"""Exit codes that only say `failed`, and the lines in which a runner reports them.

One log ends with such a line, another of the same problem does not.
"""

import re

EXIT_CODES_OF_SHELLS_MIN = 124
"""From here on a shell, `timeout` or a container runtime says how a command ended; 128 + n is signal n."""

EXIT_CODES_THAT_SAY_FAILED = frozenset({-1, 255})
"""Codes outside of 0 to 123 that programs return for any failure: -1, and what is left of it in one byte."""

STEP_END_CHARS_MAX = 80
"""A longer line says more than how a step ended (characters)."""

_STEP_END = re.compile(
    r"(?:Error: |ERROR: |error )?"
    r"(?:Process completed with exit code|Job failed: exit (?:code|status)|Command failed with exit code"
    r"|(?:Bash|PowerShell|Script|Process) (?:exited|failed) with (?:exit )?code|exit status)"
    r" ['\"]?(-?\d{1,6})['\"]?\.?"
)


def says_only_failed(exit_code: int) -> bool:
    """Whether an exit code is one that tools give for any failure: no signal, and none that a shell gives."""
    return 0 <= exit_code < EXIT_CODES_OF_SHELLS_MIN or exit_code in EXIT_CODES_THAT_SAY_FAILED


def is_step_end(line: str) -> bool:
    """Whether a masked line only reports that a step failed, by a code that says no more."""
    match = _STEP_END.fullmatch(line) if len(line) <= STEP_END_CHARS_MAX and "exit" in line else None
    return match is not None and says_only_failed(int(match.group(1)))
