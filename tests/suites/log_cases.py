"""Logs of invented jobs: what each tool prints when it fails, dressed as each CI system shows it.

In the files of `logs/`, `@@ name` begins a case, and `§ ` stands before each line that says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MARK = "§ "
SETUP = [f"Fetching dependency number {n} of 40 ... done" for n in range(1, 41)]
STAMP = "2026-11-20T10:00:01.1234567Z "
SURROUNDINGS: dict[str, tuple[list[str], str, list[str]]] = {
    "plain": ([], "", []),
    "github": (
        [f"{STAMP}##[group]Run ci/build", f"{STAMP}ci/build", f"{STAMP}##[endgroup]"],
        STAMP,
        [f"{STAMP}##[error]Process completed with exit code 2.", f"{STAMP}Cleaning up orphan processes"],
    ),
    "gitlab": (
        ["section_start:1795168800:step_script\r\x1b[0K\x1b[0K\x1b[36;1mExecuting\x1b[0;m", "$ ci/build"],
        "",
        ["section_end:1795168900:step_script\r\x1b[0K", "\x1b[31;1mERROR: Job failed: exit code 2\x1b[0;m"],
    ),
    "jenkins": (
        ["[Pipeline] stage", "[Pipeline] { (Build)", "[Pipeline] sh", "+ ci/build"],
        "[2026-11-20T10:00:01.123Z] ",
        ["[Pipeline] }", "[Pipeline] // stage", "ERROR: script returned exit code 2", "Finished: FAILURE"],
    ),
    "buildkite": (
        ["~~~ Preparing working directory", "--- :hammer: Build", "$ ci/build"],
        "\x1b_bk;t=1795168801123\x07",
        ["^^^ +++", "\x1b[31m🚨 Error: The command exited with status 2\x1b[0m"],
    ),
    "azure": (
        [f"{STAMP}##[section]Starting: Build", f"{STAMP}Task         : Command line"],
        STAMP,
        [f"{STAMP}##[error]Bash exited with code '2'.", f"{STAMP}##[section]Finishing: Build"],
    ),
    "circleci": (["#!/bin/bash -eo pipefail", "ci/build"], "", ["", "Exited with code exit status 2"]),
    "travis": (
        ["travis_fold:start:install\r\x1b[0K$ ci/deps", "travis_fold:end:install\r\x1b[0K$ ci/build"],
        "",
        ['\x1b[31;1mThe command "ci/build" exited with 2.\x1b[0m', "", "Done. Your build exited with 1."],
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    file: str
    name: str
    lines: tuple[str, ...]
    marked: tuple[int, ...]
    """Which lines say why, counted from 0."""


def cases() -> Iterator[Case]:
    for path in sorted((HERE / "logs").glob("*.txt")):
        for name, lines in _texts(path):
            marked = tuple(at for at, line in enumerate(lines) if line.startswith(MARK))
            yield Case(path.stem, name, tuple(line.removeprefix(MARK) for line in lines), marked)


def passing() -> dict[str, list[str]]:
    """Logs of jobs that went well, full of words of trouble; they do not say how they ended."""
    return {name: [*SETUP, *lines] for name, lines in _texts(HERE / "logs_passing.txt")}


def _texts(path: Path) -> Iterator[tuple[str, list[str]]]:
    for text in ("\n" + path.read_text()).split("\n@@ ")[1:]:
        name, *lines = text.rstrip("\n").split("\n")
        yield name, lines


def dressed(case: Case, surroundings: str) -> tuple[list[str], list[int]]:
    """The log of a job, and which of its lines say why, counted from 1."""
    before, prefix, after = SURROUNDINGS[surroundings]
    body = [prefix + line for line in [*SETUP, *case.lines, "Uploading what is left"]]
    at = len(before) + len(SETUP) + 1
    return [*before, *body, *after], [at + n for n in case.marked]
