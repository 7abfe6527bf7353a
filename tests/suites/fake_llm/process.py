"""The fake llm as a process beside the roles that ask it, and its journal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from suites.fake_llm import journal
from suites.fake_llm.personality import label_of

ROOT = Path(__file__).parents[3]
KEY = "sk-fake-0123456789"


class FakeLlmProcess:
    """Runs between `with` and its end. `options` are those of the command, `--hostile 0.3` for example."""

    key = KEY

    def __init__(self, path: Path, options: Sequence[str] = ()) -> None:
        """`path`: of the journal."""
        self.url = ""
        self._path = path
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "suites.fake_llm", "--journal", str(self._path), "--key", KEY, *self._options]
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("http://"), self.url
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.communicate(timeout=10)

    def entries(self) -> list[journal.Entry]:
        """Every request so far."""
        return journal.read(self._path) if self._path.exists() else []

    def calls(self) -> list[journal.Entry]:
        """Those that were answered and cost money."""
        return [entry for entry in self.entries() if entry.status == 200 and not entry.refused]

    def faults(self) -> list[str]:
        """What the asker should not have done."""
        return journal.violations(self.entries())

    def kind_of(self, origin: str, text: str) -> str:
        """The label that a text must end with."""
        return label_of(text, origin)[0]
