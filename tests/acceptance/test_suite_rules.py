"""What `tests/conftest.py` promises: needs that are named, an empty environment, and no other machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
WANTING = """
import pytest

@pytest.mark.tool("a-program-that-nobody-has", package="some-package")
def test_wanting():
    raise AssertionError("not reached")

def test_plain():
    pass
"""
SERVER = "import pytest\n\ndef test_server():\n    pytest.skip('needs mongod (Debian package: some-server)')\n"


def run(folder: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Exit status and output of pytest over a small suite with our conftest."""
    tests = folder / "tests"
    for name, content in {"unit/test_a.py": WANTING, "integration/test_b.py": SERVER}.items():
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        (tests / name).write_text(content)
    shutil.copy(CONFTEST, tests)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  tool: t\n  browser: b\n  server: s\n")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *options, "tests"]
    env = {"PATH": os.environ["PATH"]} | environment
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_a_skip_names_the_package_that_it_wants(tmp_path: Path) -> None:
    status, output = run(tmp_path)
    assert status == 0
    assert "needs a-program-that-nobody-has (Debian package: some-package)" in output
    assert "1 passed, 2 skipped" in output.splitlines()[-1]


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "workers"])
def test_in_ci_a_skipped_need_fails_the_run(tmp_path: Path, options: tuple[str, ...]) -> None:
    status, output = run(tmp_path, *options, FAULTLINE_CI="1")
    assert status == 1
    assert "FAULTLINE_ALLOW_SKIP=server,tool" in output
    assert "1 passed, 2 skipped" in output.splitlines()[-1], "the last line is pytest's own"


def test_in_ci_a_need_may_be_allowed_to_miss(tmp_path: Path) -> None:
    assert run(tmp_path, FAULTLINE_CI="1", FAULTLINE_ALLOW_SKIP="server, tool")[0] == 0
    status, output = run(tmp_path, FAULTLINE_CI="1", FAULTLINE_ALLOW_SKIP="tool")
    assert status == 1
    assert "FAULTLINE_ALLOW_SKIP=server\n" in output


def test_settings_keys_and_ci_context_of_the_shell_are_gone() -> None:
    ours = re.compile(r"FAULTLINE_|ANTHROPIC_|OPENAI_|MONGODB_|OPENSEARCH_|KAFKA_|GITHUB_|CI$|.*_API_KEY|.*_TOKEN")
    assert [name for name in os.environ if ours.match(name)] == []


@pytest.mark.parametrize("host", ["192.0.2.1", "somewhere.example", "2001:db8::1"])
def test_another_machine_is_refused(host: str) -> None:
    with pytest.raises(RuntimeError, match="is not this machine"):
        socket.create_connection((host, 80), timeout=1)


def test_this_machine_is_not_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("localhost", port)) as client:
            assert client.getpeername()[1] == port
