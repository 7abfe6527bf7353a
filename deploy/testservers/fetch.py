"""Packages -> files: Java archives by Maven, a wheel by pip; and which Java is on this machine.

Where packages come from is the business of those tools' own configuration. What was fetched is kept, under the hash of
what asked for it, and never fetched again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testservers.errors import ServerError, Unobtainable
from testservers.process import locked

FETCH_S_MAX = 900
"""For one server's files. A slow line needs minutes; a source that does not answer would take longer than any test."""
TOLD_LINES = 8
COPYING = "org.apache.maven.plugins:maven-dependency-plugin:2.8"

NOT_REACHED = re.compile(
    r"could not (?:be )?(?:resolve|transfer|find|fetch)|non-resolvable|no plugin found|no matching distribution|"
    r"unknown host|connection|timed? ?out|offline mode|certificate",
    re.IGNORECASE,
)
"""How Maven and pip say that a package cannot be had, in distinction to: we asked for nonsense."""


@dataclass(frozen=True, slots=True)
class Java:
    home: Path
    version: int
    """The feature version: 17, 21, 25."""

    @property
    def program(self) -> str:
        return str(self.home / "bin" / "java")


def javas(environ: Mapping[str, str], *, places: Sequence[Path] = (Path("/usr/lib/jvm"),)) -> list[Java]:
    """The development kits (those with a compiler) on this machine, newest first: of JAVA_HOME, of `places`, of the
    PATH. A home is believed what its file `release` says."""
    homes = [Path(environ["JAVA_HOME"])] if environ.get("JAVA_HOME") else []
    for place in places:
        homes += sorted(place.glob("*"))
    if on_path := shutil.which("java", path=environ.get("PATH")):
        homes.append(Path(on_path).resolve().parents[1])
    found: dict[Path, Java] = {}
    for home in homes:
        told = home / "release"
        if not told.is_file() or not (home / "bin" / "java").is_file() or not (home / "bin" / "javac").is_file():
            continue
        text = told.read_text(encoding="utf-8", errors="replace")
        if match := re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE):
            found.setdefault(home.resolve(), Java(home.resolve(), int(match[1])))
    return sorted(found.values(), key=lambda java: -java.version)


def newest_java(environ: Mapping[str, str], *, at_least: int, server: str) -> Java:
    """Raises: Unobtainable."""
    found = javas(environ)
    if not found or found[0].version < at_least:
        had = f"the newest here is {found[0].version}" if found else "there is none in JAVA_HOME or /usr/lib/jvm"
        raise Unobtainable(f"{server} needs a JDK of at least {at_least}; {had} (Debian package: default-jdk-headless)")
    return found[0]


def java_archives(pom: Path, into: Path, *, version: str, environ: Mapping[str, str]) -> Path:
    """A directory below `into` with the archives that `pom` asks for, where it says ${server} = `version`.

    Blocks, for minutes at worst. Raises: Unobtainable, ServerError for a faulty POM.
    """
    place = into / f"lib-{version}-{_digest(pom)}"
    with locked(into / "fetch.lock", within_s=FETCH_S_MAX):
        if not place.is_dir():
            maven = _program("mvn", "maven", environ)
            partial = _emptied(into / "lib.partial")
            goal = [f"{COPYING}:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
            _run([maven, "-q", "-B", "-Dstyle.color=never", "-f", str(pom), f"-Dserver={version}", *goal], environ)
            partial.rename(place)
    return place


def wheel(lock: Path, into: Path, *, environ: Mapping[str, str]) -> Path:
    """A directory below `into` with the packages of `lock`, checked by hash. Raises: as `java_archives`."""
    place = into / f"wheel-{_digest(lock)}"
    with locked(into / "fetch.lock", within_s=FETCH_S_MAX):
        if not place.is_dir():
            partial = _emptied(into / "wheel.partial")
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
            checked = [
                "--require-hashes",
                "--only-binary=:all:",
                "--no-deps",
                "--no-compile",
                "--target",
                str(partial),
                "-r",
                str(lock),
            ]
            _run([*pip, *checked], environ)
            partial.rename(place)
    return place


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _emptied(partial: Path) -> Path:
    """What an earlier attempt left half done goes; only a rename makes it whole."""
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _program(name: str, package: str, environ: Mapping[str, str]) -> str:
    found = shutil.which(name, path=environ.get("PATH"))
    if found is None:
        raise Unobtainable(f"needs {name} (Debian package: {package})")
    return os.path.abspath(found)  # noqa: PTH100  # not resolved: the name by which it is called matters to some


def _run(command: Sequence[str], environ: Mapping[str, str]) -> None:
    what = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=FETCH_S_MAX,
        )
    except subprocess.TimeoutExpired as error:
        raise Unobtainable(f"{what} was still fetching after {FETCH_S_MAX} s") from error
    if done.returncode == 0:
        return
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    told = "\n".join(lines[:TOLD_LINES])
    if NOT_REACHED.search(done.stdout):
        raise Unobtainable(f"{what} cannot get the files:\n{told}")
    raise ServerError(f"{what} ended with status {done.returncode}:\n{told}")
