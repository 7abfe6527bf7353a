"""What real tools print on this machine when they fail: each is run, and the extractor must find why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.core.extract.extract import extract

FILES = {
    "bad.c": "int main(void) { return nothing; }\n",
    "unlinked.c": "int gone(void);\nint main(void) { return gone(); }\n",
    "Makefile": "all: bad.o\nbad.o: bad.c\n\tgcc -c bad.c\n",
    "chained.py": "try:\n    {}['deep']\nexcept KeyError as e:\n    raise RuntimeError('no cart') from e\n",
    "syntax.py": "def f(:\n    pass\n",
    "test_case.py": "import unittest as u\nclass T(u.TestCase):\n    def test_a(self): self.assertEqual(1, 2)\n",
    "build.ninja": "rule cc\n  command = gcc -c $in\nbuild bad.o: cc bad.c\n",
    "bad.go": "package main\n\nfunc main( {\n",
    "bad.pl": "use strict; $x = 1;\n",
    "bad.js": "null.x\n",
}
PYTHON = sys.executable

# The command, and what must stand in the first block.
COMMANDS: dict[str, tuple[list[str], str]] = {
    "gcc": (["gcc", "-c", "bad.c"], "nothing"),
    "linker": (["gcc", "unlinked.c"], "undefined reference"),
    "make": (["make"], "nothing"),
    "make without a rule": (["make", "absent"], "No rule to make target"),
    "traceback": ([PYTHON, "chained.py"], "no cart"),
    "syntax": ([PYTHON, "syntax.py"], "SyntaxError"),
    "module": ([PYTHON, "-c", "import absent_module"], "No module named"),
    "unittest": ([PYTHON, "-m", "unittest", "test_case"], "AssertionError: 1 != 2"),
    "git": (["git", "clone", "./absent", "there"], "does not exist"),
    "bash": (["bash", "-c", "absent_command"], "not found"),
    "bash, unset": (["bash", "-uc", "echo $absent"], "unbound variable"),
    "cmake": (["cmake", "."], "CMakeLists.txt"),
    "ninja": (["ninja"], "nothing"),
    "gofmt": (["gofmt", "bad.go"], "bad.go:3:"),
    "perl": (["perl", "bad.pl"], "Global symbol"),
    "node": (["node", "bad.js"], "TypeError"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reason_that_a_real_tool_prints_is_in_the_first_block(name: str, tmp_path: Path) -> None:
    command, expected = COMMANDS[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    for file, text in FILES.items():
        (tmp_path / file).write_text(text)
    done = subprocess.run(
        command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode != 0
    log = ["$ " + " ".join(command), *done.stdout.split("\n"), f'The command "x" exited with {done.returncode}.']
    first, *_ = extract(log)
    assert expected in "\n".join(log[first.first - 1 : first.last])
