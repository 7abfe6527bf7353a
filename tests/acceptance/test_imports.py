"""Every rule about who may import whom, broken once and seen caught.

The rules of pyproject.toml are tried on an empty house: one module a room, each with one offence written into it.
All offences go through the linter in one run, and each has to be named in its answer.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LAYERS = (
    ("agents.cli",),
    ("agents.local",),
    ("agents.classify", "agents.operate", "agents.discover", "agents.digest"),
    ("agents.clients", "agents.embedded", "agents.testing"),
    ("agents.llm", "agents.facts", "agents.settings"),
    ("streams.cli",),
    ("streams.gateway", "streams.dashboard", "streams.replay", "streams.rejected"),
    ("streams.serving",),
    ("streams.app", "streams.local", "streams.testing", "streams.callers"),
    ("streams.broker", "streams.sinks", "streams.producers"),
    ("streams.core",),
    ("streams.settings",),
    ("streams.contract",),
)
"""The house, roof first. A room imports rooms of lower floors; rooms of one floor do not know each other."""

PURE = ("streams.contract", "streams.core", "streams.producers", "agents.llm", "agents.classify")
IMPURE = "aiokafka faust pymongo opensearchpy anthropic openai sqlite3 smtplib socket os time random".split()

UPWARDS = [(room, above) for upper, lower in itertools.pairwise(LAYERS) for room in lower for above in upper]
SIDEWAYS = [pair for floor in LAYERS for pair in itertools.permutations(floor, 2)]
TO_THE_ROOF = [(room, "agents.cli") for floor in LAYERS[1:] for room in floor]
OFFENCES = sorted({*UPWARDS, *SIDEWAYS, *TO_THE_ROOF, *itertools.product(PURE, IMPURE)})
ROOMS = [room for floor in LAYERS for room in floor]


def build(root: Path, *, offences: list[tuple[str, str]]) -> None:
    """Lay every room into `root`, with one module for each offence, so that the answer tells them apart."""
    for room in ROOMS:
        folder = root / room.replace(".", "/")
        folder.mkdir(parents=True)
        for package in (folder, folder.parent):
            (package / "__init__.py").touch()
    for room, other in offences:
        (root / room.replace(".", "/") / f"to_{other.replace('.', '_')}.py").write_text(f"import {other}\n")
    (root / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def lint(root: Path) -> tuple[int, str]:
    """Exit status and answer of the linter in `root`, whose packages come before the installed ones."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_import_against_the_rules_is_named(tmp_path: Path) -> None:
    build(tmp_path, offences=OFFENCES)
    status, answer = lint(tmp_path)
    assert status == 1, answer
    caught = set(re.findall(r"([\w.]+) -> ([\w.]+) \(l\.1\)", answer))
    wanted = {(f"{room}.to_{other.replace('.', '_')}", other) for room, other in OFFENCES}
    assert wanted - caught == set()


def test_imports_of_lower_floors_are_allowed(tmp_path: Path) -> None:
    downwards = [(room, below) for upper, lower in itertools.pairwise(LAYERS) for room in upper for below in lower]
    build(tmp_path, offences=[pair for pair in downwards if pair not in OFFENCES])
    status, answer = lint(tmp_path)
    assert status == 0, answer


def test_the_house_as_it_stands_keeps_the_rules() -> None:
    status, answer = lint(ROOT)
    assert status == 0, answer
