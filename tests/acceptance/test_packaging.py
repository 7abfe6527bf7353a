"""What we ship and what we lock: the wheel's contents, the two names that must be ours alone, the lock files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")

ADDRESS = re.compile(r"\bhttps?://(?:[^\s/@\"'<>]*@)?((?:[a-z0-9-]+\.)+[a-z0-9]+)", re.IGNORECASE)
ALLOWED_HOSTS = re.compile(
    r"""(?x)
      127\.\d+\.\d+\.\d+ | 0\.0\.0\.0
    | (?:[\w-]+\.)*(?:example|invalid|test|localhost|internal)  # reserved
    | (?:[\w-]+\.)*example\.(?:com|net|org)
    | (?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d+        # addresses reserved for documentation
    | json-schema\.org | www\.w3\.org | www\.apache\.org | microsoft\.com  # names of formats, not fetched
    | github\.com | api\.github\.com                      # what CI context and links to jobs are made of
    | hooks\.slack\.com                                   # an address that is itself a credential, to be redacted
    | api\.anthropic\.com | api\.openai\.com              # defaults of the clients
    """
)
"""Any other address in a tracked file is a mistake, a package index above all: where to install from is the
user's configuration."""

INDEXES = {
    "org": "pypi pythonhosted npmjs proxy.golang sum.golang maven maven.apache rubygems nuget packagist anaconda"
    " deb.debian security.debian metacpan cpan",
    "io": "crates docker quay ghcr gcr jfrog",
    "com": "npmjs yarnpkg archive.ubuntu sonatype",
    "dev": "jsr pub",
}
"""Hosts by their last part: package indexes and image registries. Apart, so that this file names none either."""
INDEX_HOSTS = re.compile(
    "|".join(
        rf"(?<![\w-]){re.escape(name)}\.{last}(?![\w-])" for last, names in INDEXES.items() for name in names.split()
    ),
    re.IGNORECASE,
)

HOME_PATHS = re.compile(r"(?<![\w.])/(?:home|Users)/[a-z]\w*/")


def tracked() -> list[str]:
    """The repository's files; without a repository (an unpacked archive) there is nothing to ask."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a checkout, or no git (Debian package: git)")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def pins(lock: str) -> dict[str, set[str]]:
    """Requirement line (name, version, marker) -> its hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-zA-Z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text).replace("\\\n", ""))
    return {e.split("--hash")[0].strip(): set(re.findall(r"--hash=(\S+)", e)) for e in entries if e.strip()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Our wheel, built with the locked build backend from a copy, so that the checkout stays clean."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy)
    for name in ("streams", "agents", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = out.iterdir()
    return zipfile.ZipFile(built)


def test_the_wheel_holds_exactly_our_two_packages(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert tops == {"streams", "agents", f"faultline-{version}.dist-info"}


def test_the_wheel_holds_every_module_and_every_data_file(wheel: zipfile.ZipFile) -> None:
    """A file that the package list forgets is missed only after installing; so is one made but not committed."""
    files = [path for wing in ("streams", "agents") for path in (ROOT / wing).rglob("*") if path.is_file()]
    ours = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == ours


def test_the_wheel_has_one_command(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert wheel.read(name).decode().split() == ["[console_scripts]", "faultline", "=", "agents.cli:main"]


@pytest.mark.parametrize("name", ["streams", "agents"])
def test_no_other_distribution_here_owns_our_names(name: str) -> None:
    """One that did would overwrite our files silently, or we its."""
    assert set(packages_distributions().get(name, [])) <= {"faultline"}


def test_the_installed_project_is_this_checkout() -> None:
    """Else the tests of commands would try some other version."""
    installed = distribution("faultline")
    script = next(point for point in installed.entry_points if point.name == "faultline")
    assert Path(str(script.load().__code__.co_filename)).is_relative_to(ROOT)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_is_exact_and_hashed(lock: str) -> None:
    locked = pins(lock)
    assert len(locked) > 50
    for requirement, hashes in locked.items():
        assert re.match(r"[\w.-]+==[\w.!+]+( ; .+)?$", requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^\s*(-[-\w]+)", text)) == {"--hash"}, "no option but hashes"
    assert "://" not in text


def test_the_development_lock_adds_to_the_runtime_lock_and_changes_nothing() -> None:
    """So `make run` and `make test` share one environment, in either order."""
    runtime, development = pins(LOCKS[0]), pins(LOCKS[1])

    def versions(locked: dict[str, set[str]]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for requirement in locked:
            name, _, version = requirement.partition(" ;")[0].partition("==")
            found.setdefault(name, set()).add(version)
        return found

    ours, theirs = versions(runtime), versions(development)
    assert {name: theirs.get(name) for name in ours} == ours


def test_every_direct_dependency_is_locked_in_a_version_that_it_allows() -> None:
    """A change of pyproject.toml without `make lock` is seen here."""
    packaging = pytest.importorskip("packaging.requirements")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    wanted = {
        LOCKS[0]: [*project["project"]["dependencies"], *extras["dashboard"], *extras["demo"]],
        LOCKS[1]: [*groups["build"], *groups["dev"]],
    }
    for lock, requirements in wanted.items():
        locked = dict(requirement.partition(" ;")[0].split("==") for requirement in pins(lock))
        for line in requirements:
            requirement = packaging.Requirement(line)
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            assert requirement.specifier.contains(locked[name]), line


def text_files() -> list[tuple[str, str]]:
    """Name and content of every tracked file that is text."""
    contents = [(name, (ROOT / name).read_bytes()) for name in tracked()]
    return [(name, data.decode("utf-8", "replace")) for name, data in contents if b"\0" not in data]


def test_every_address_in_the_repository_is_a_known_one() -> None:
    found = [
        f"{name}: {host}"
        for name, text in text_files()
        for host in ADDRESS.findall(text)
        if not ALLOWED_HOSTS.fullmatch(host.lower())
    ]
    assert found == []


def test_no_tracked_file_names_a_package_index_or_a_registry() -> None:
    """Not as a bare host either, in code, prose, tests or lock files. Paths of Go modules are names, not hosts."""
    assert all(INDEX_HOSTS.search(text) for text in ("see files.pythonhosted" + ".org/x", "from DOCKER" + ".io/x"))
    assert not any(INDEX_HOSTS.search(text) for text in ("golang.org/x/net", "my-docker" + ".io", "gcr.iota"))
    found = [f"{name}: {host}" for name, text in text_files() for host in INDEX_HOSTS.findall(text)]
    assert found == []


def test_no_tracked_file_says_where_it_was_written() -> None:
    """The place of this checkout anywhere, and somebody's home in any file that is not Python (there it is an example
    of what gets masked)."""
    home = str(Path.home()).rstrip("/") or str(ROOT)
    found = [
        name
        for name, text in text_files()
        if str(ROOT) in text
        or (
            not name.startswith("tests/")
            and not name.endswith(".py")
            and (f"{home}/" in text or HOME_PATHS.search(text))
        )
    ]
    assert found == []
