"""What every test gets: an environment emptied of settings, no network beyond this machine, and needs that are named.

A test that needs more than Python says so with a marker, and everything in `tests/browser` and `tests/integration`
has its marker by living there:

- `server`: a real server, which the test's fixture (`tests/suites/servers.py`) starts, or skips with the reason;
- `browser`: a Chromium; skipped here where there is none;
- `tool("gcc", package="gcc")`: a program on the PATH; skipped here where it is missing.

Under `FAULTLINE_CI=1` a skip for such a need fails the run, unless `FAULTLINE_ALLOW_SKIP` names the need.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import shutil
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from _pytest.runner import runtestprotocol
from hypothesis import settings

from streams.serving.logs import ANSWERED

ROOT = Path(__file__).parents[1]
NEEDS = ("server", "browser", "tool")
FOLDER_NEEDS = {"integration": "server", "browser": "browser"}
SERVERS = frozenset({"kafka", "mongodb", "opensearch"})
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

KEPT_NAMES = {"PATH", "HOME", "USER", "SHELL", "LANG", "TERM", "TZ", "TMPDIR", "JAVA_HOME", "LD_LIBRARY_PATH"}
KEPT_PREFIXES = (
    "FAULTLINE_TEST_",
    "LC_",
    "PYTEST_",
    "COVERAGE_",
    "XDG_",
    "PIP_",
    "SSL_",
    "NODE_EXTRA_",
    "NPM_CONFIG_",
    "REQUESTS_",
)
"""What tools need to start, and where servers are that run already. All else could be a setting, a key or the context
of the CI job that runs us."""

# What a shell says about bytecode goes with the rest of its environment: without it, each worker compiles the tests
# anew in every run, which takes longer than a third of them.
sys.dont_write_bytecode = False

# A shell's `&` starts us with Ctrl-C ignored, and so all that tests start: what they ask of it would not be seen.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples are few by default, so that the suite stays quick, and others in every run; CI draws many, and the same ones
# every time. `--hypothesis-profile=ci` has them on a desk.
settings.register_profile("quick", max_examples=10, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("FAULTLINE_CI") else "quick")


@pytest.fixture(autouse=True, scope="session")
def empty_environment() -> Iterator[None]:
    """The variables that a shell or a CI job brings along are not there, not even for fixtures of the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - KEPT_NAMES:
            if not name.startswith(KEPT_PREFIXES):
                patch.delenv(name)
        yield


class NetworkRefused(RuntimeError):
    """A test tried to reach another machine. Not an OSError, so that no retry or fallback swallows it."""


_refusing = False


def _is_here(host: object) -> bool:
    """Whether `host`, a name or an address, is this machine. Unix sockets and None are."""
    if not isinstance(host, str | bytes) or not host:
        return True
    name = host.decode() if isinstance(host, bytes) else host
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _refusing or not event.startswith("socket."):
        return
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
    else:
        return
    if not _is_here(host):
        raise NetworkRefused(f"{event}: {host!r} is not this machine")


@pytest.fixture(autouse=True)
def nothing_from_or_for_others(request: pytest.FixtureRequest) -> Iterator[None]:
    """One fixture, since each costs a quarter of a millisecond a test. Of the network, loopback only, except in
    `tests/evals`, which are run by hand and ask a real language model. And a test that sets up the log of its process,
    which is this one, leaves every other test the log that it had.
    """
    global _refusing
    _refusing = "evals" not in request.path.parts
    root = logging.getLogger()
    config, handlers = structlog.get_config(), list(root.handlers)
    loggers = [root, *(logging.getLogger(name) for name in ANSWERED)]
    levels = [one.level for one in loggers]
    yield
    structlog.configure(**config)
    root.handlers[:] = handlers
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)
    _refusing = False


def chromium() -> str | None:
    """The path of a Chromium, or None."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def pytest_configure() -> None:
    sys.addaudithook(_audit)  # cannot be taken away again, hence the switch


def pytest_unconfigure() -> None:
    """The servers that this run started, and nobody else uses, stop with it; with workers, after all of them."""
    used = list((ROOT / ".srv").glob(f"*/users/{os.getpid()}"))
    if used and "PYTEST_XDIST_WORKER" not in os.environ:
        from testservers.process import Identity
        from testservers.shared import Shared

        for lease in used:
            Shared(os.environ).leave(lease.parents[1].name, Identity.of(os.getpid()))


def _folder(path: Path) -> str | None:
    """The folder below `tests` that holds `path`."""
    parts = path.parts
    return parts[parts.index("tests") + 1] if "tests" in parts[:-1] else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        need = FOLDER_NEEDS.get(_folder(item.path) or "")
        if need and not item.get_closest_marker(need):
            item.add_marker(need)
        if SERVERS.intersection(getattr(item, "fixturenames", ())) and not item.get_closest_marker("timeout"):
            # The first test to want a server waits while it is fetched and started, which has deadlines of its own.
            item.add_marker(pytest.mark.timeout(func_only=True))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not chromium():
        pytest.skip("needs a browser (Debian package: chromium)")
    for mark in item.iter_markers("tool"):
        program, package = mark.args[0], mark.kwargs["package"]
        if not shutil.which(program):
            pytest.skip(f"needs {program} (Debian package: {package})")


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Of a unit test that went well only the call is reported: with workers a report costs half a millisecond on its
    way, which is what most of these tests take.
    """
    if _folder(item.path) != "unit":
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped:
        report.needs = [need for need in NEEDS if item.get_closest_marker(need)]  # type: ignore[attr-defined]  # ours
    return report


def _unmet(terminalreporter: Any) -> dict[str, list[str]]:
    """Need -> ids of the tests that were skipped and have it; those skipped at import have their folder's need."""
    unmet: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        needs = getattr(report, "needs", None)
        if needs is None:
            needs = [need for folder, need in FOLDER_NEEDS.items() if report.nodeid.startswith(f"tests/{folder}/")]
        for need in needs:
            unmet.setdefault(need, []).append(report.nodeid)
    return unmet


def _refused(unmet: dict[str, list[str]]) -> list[str]:
    """The needs whose skips fail this run."""
    if not os.environ.get("FAULTLINE_CI"):
        return []
    allowed = {word.strip() for word in os.environ.get("FAULTLINE_ALLOW_SKIP", "").split(",")}
    return [need for need in NEEDS if need in unmet and need not in allowed]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    unmet = _unmet(terminalreporter)
    if not unmet:
        return
    terminalreporter.section("skipped because something is not on this machine; the reasons above name the packages")
    for need, ids in unmet.items():
        terminalreporter.line(f"{need}: {len(ids)} tests")
    if refused := _refused(unmet):
        names = ",".join(refused)
        terminalreporter.line(
            f"FAILED: in CI these must run. Install what they need, or set FAULTLINE_ALLOW_SKIP={names}", red=True
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and exitstatus == pytest.ExitCode.OK and _refused(_unmet(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
