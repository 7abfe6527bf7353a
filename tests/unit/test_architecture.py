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


def test_every_init_is_a_docstring_and_holds_no_code() -> None:
    """The map of a room imports nothing, so that importing one module of it costs only that module."""
    for path in [*ROOT.glob("streams/**/__init__.py"), *ROOT.glob("agents/**/__init__.py")]:
        lines = path.read_text(encoding="utf-8").strip()
        assert lines.startswith('"""'), path
        assert lines.endswith('"""'), path
        assert lines.count('"""') == 2, path


def test_no_module_has_the_name_of_the_standard_library_or_of_a_dependency() -> None:
    """Run by path, such a module would shadow it."""
    taken = set(sys.stdlib_module_names) | {"aiokafka", "anthropic", "faust", "kafka", "msgspec", "openai", "pymongo"}
    ours = {path.stem for wing in ("streams", "agents") for path in (ROOT / wing).rglob("*.py")}
    assert ours & taken == set()


def test_tests_have_no_init() -> None:
    """Two test files of one name are fine because none of them is in a package."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_no_pattern_repeats_a_group_possessively() -> None:
    """Python 3.11.2, which Debian 12 has, loses its place when the last round of such a group fails half way:
    `(?:[^"]++|"[^"]*+")*+` on a quote that is not closed. `(?>(?:[^"]++|"[^"]*+")*)` says the same and is right
    everywhere, and so is the possessive repeat of one character set.
    """
    group = re.compile(r"(?<!\\)\)(?:[*+?]|\{[\d,]+\})\+")
    sources = [path for wing in ("streams", "agents") for path in (ROOT / wing).rglob("*.py")]
    found = {str(p.relative_to(ROOT)) for p in sources if group.search(p.read_text(encoding="utf-8"))}
    assert found == set()
