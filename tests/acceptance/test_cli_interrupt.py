"""Ctrl-C: never a traceback; what was read by then is not lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from suites.http_answers import answers

ROOT = Path(__file__).parents[2]
VERSION = "import os, signal, sys; sys.argv = ['faultline', 'version']\n"
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"
WHILE_IMPORTING = f"""import builtins, agents.cli
take = builtins.__import__
def told(name, *rest):
    if name == "streams.cli.app":
        {INTERRUPT}
    return take(name, *rest)
builtins.__import__ = told
agents.cli.main()
"""
WHILE_RUNNING = f"""import agents.cli, streams.cli.about as about
about.versions = lambda: {INTERRUPT}
agents.cli.main()
"""
LINE = b"main.c:3:5: error: expected ';' before 'return'\n"


@pytest.mark.parametrize("place", [WHILE_IMPORTING, WHILE_RUNNING], ids=["importing", "running"])
def test_an_interrupt_ends_the_command_without_a_word(place):
    code = VERSION + place
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_command_started_where_interrupts_are_ignored_goes_on():
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + VERSION
    code += f"import agents.cli, streams.cli.about as about\nabout.versions = lambda: {INTERRUPT} or 'told'\n"
    code += "agents.cli.main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"told\n")


def test_what_was_read_before_an_interrupt_is_sent_and_said():
    with answers() as server:
        # The pipe stays open; the interrupt comes when its first bytes were read.
        code = (
            "import os, signal, sys; sys.argv = ['faultline', 'publish', 'log', '-']\n"
            "import streams.cli.pipe as pipe; before = pipe.Pipe._read\n"
            "def read(self, buffer):\n"
            "    count = before(self, buffer)\n"
            f"    if count: {INTERRUPT}\n"
            "    return count\n"
            "pipe.Pipe._read = read\n"
            "import agents.cli; agents.cli.main()"
        )
        environ = os.environ | {"FAULTLINE_URL": server.url}
        with subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            process.stdin.write(LINE)
            process.stdin.flush()
            out, err = process.stdout.read(), process.stderr.read()
            assert process.wait(30) == 0
    assert err == b"faultline: standard input: reading stopped (Ctrl-C); what came so far counts\n"
    assert out.startswith(b"1 sent")
    assert len(server.records) == 1


def test_a_server_that_runs_ends_with_its_line_and_status_0(tmp_path):
    command = [sys.executable, "-m", "agents.cli", "run", "--data", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any("Ctrl-C stops" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "server.stopped" in err
    assert "Traceback" not in err
