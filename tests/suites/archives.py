"""Packed inputs, made here: gzip, zip, and the log archive of a run as GitHub Actions gives it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

STAMP = "2026-01-01T00:00:0{}.0000000Z "


def stamped(*lines: str) -> bytes:
    return "".join(STAMP.format(n % 10) + line + "\n" for n, line in enumerate(lines)).encode()


SETUP = stamped("Current runner version: '2.300.0'", "##[group]Operating System", "Ubuntu", "##[endgroup]")
UNIT = stamped(
    "##[group]Run make test",
    "make test",
    "##[endgroup]",
    "Traceback (most recent call last):",
    '  File "a.py", line 3, in f',
    "    g()",
    "ValueError: no such port",
    "##[error]Process completed with exit code 2.",
)
POST = stamped("Post job cleanup.", "Cleaning up orphan processes")
PASSED = stamped("##[group]Run ls", "ls", "##[endgroup]", "a.py", "Cleaning up orphan processes")


def zipped(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def run_archive() -> bytes:
    """Two jobs, of which one failed in its second step."""
    return zipped(
        {
            "0_lint _ style.txt": PASSED,
            "1_unit.txt": SETUP + UNIT + POST,
            "lint _ style/1_Run ls.txt": PASSED,
            "lint _ style/system.txt": b"Job was queued\n",
            "unit/1_Set up job.txt": SETUP,
            "unit/10_Post checkout.txt": POST,
            "unit/2_Unit tests.txt": UNIT,
            "unit/system.txt": b"Error: nobody reads this\n",
        }
    )
