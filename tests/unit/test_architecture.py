"""The shape of the house, as far as a look at its files tells it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


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
