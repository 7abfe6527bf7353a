"""The roles as processes over real servers: ready, told to end, without their topics, without Kafka."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from suites.cluster import ROLES, Installation, Role, free_port
from suites.servers import private
from testservers.kinds import Kafka

from streams.contract import telemetry

SERVERS = ("gateway", "dashboard")
EVENT = {"origin": "ci", "message": "disk full on /scratch", "ci": {"repo": "acme/shop", "run_id": "1"}}


@pytest.fixture
def installation(install: Callable[..., Installation]) -> Installation:
    return install()


def started(installation: Installation, name: str, **environ: str) -> Role:
    """One process that nobody starts again."""
    number = len(installation.roles)
    role = Role(name, name.split(), installation.environ | environ, installation.folder / f"{number}.log")
    installation.roles.append(role)
    role.start()
    role.wanted = False
    return role


def get(role: Role, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{role.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def post(role: Role, path: str, value: Any) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{role.port}{path}", json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def until(true: Callable[[], object], role: Role, *, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if true():
                return
        except OSError:
            pass  # it does not listen yet
        assert role.process is not None
        assert role.process.poll() is None, f"{role.name} ended: {role.said()}"
        time.sleep(0.1)
    raise AssertionError(f"{role.name}: not within {seconds} s: {role.said()}")


def until_answers(role: Role, path: str, status: int, text: str = "") -> None:
    def answers() -> bool:
        found, body = get(role, path)
        return found == status and text in body

    until(answers, role)


def until_ready(role: Role) -> None:
    until_answers(role, "/readyz", 200)


def lines_of(role: Role) -> list[dict[str, Any]]:
    return [json.loads(line) for line in role.log.read_text().splitlines()]


@pytest.mark.timeout(240)
def test_every_role_gets_ready_tells_of_itself_and_ends_when_told(installation):
    installation.create_topics()
    roles = [started(installation, name) for name in (*ROLES, *SERVERS)]
    known = {metric.name for metric in telemetry.METRICS}
    for role in roles:
        until_ready(role)
        assert get(role, "/healthz")[0] == 200
        status, metrics = get(role, "/metrics")
        assert status == 200
        exported = set(re.findall(r"^# HELP (\S+)", metrics, re.MULTILINE))
        assert exported <= known, role.name
        assert telemetry.BUILD_INFO.name in exported
    for role in roles:
        assert role.process is not None
        role.process.send_signal(signal.SIGTERM)
    for role in roles:
        assert role.stop(timeout_s=30) == 0, role.said()
        told = lines_of(role)
        assert {line["role"] for line in told} == {role.name.replace(" ", "-")}, "as its group is called"
        assert told[-1]["event"] == "server.stopped"


@pytest.mark.parametrize("name", [*ROLES, *SERVERS])
def test_no_role_starts_without_its_topics_and_each_says_what_makes_them(installation, name):
    role = started(installation, name)
    assert role.process is not None
    assert role.process.wait(60) == 2, role.said()
    (refused,) = [line for line in lines_of(role) if line["event"] == "role.refused"]
    assert installation.prefix in refused["error"]
    assert "faultline topics apply" in refused["error"]


@pytest.mark.timeout(240)
def test_a_failure_sent_over_http_is_shown_and_a_persons_word_about_it_stands(installation):
    installation.create_topics()
    names = ("fold", "work", "sink mongo", *SERVERS)
    roles = {name: started(installation, name) for name in names}
    for role in roles.values():
        until_ready(role)
    gateway, page = roles["gateway"], roles["dashboard"]
    status, answer = post(gateway, "/v1/events", [EVENT, {"origin": "moon"}])
    assert (status, answer["accepted"], answer["refused"]) == (207, 1, 1)

    def groups() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(get(page, "/api/groups")[1])["groups"]
        return found

    until(groups, page)
    (group,) = groups()
    assert (group["count"], group["source"]) == (1, "rule")
    said = installation.command("verdict", group["fingerprint"], "flaky_test", "--url", f"http://127.0.0.1:{page.port}")
    assert said.returncode == 0, said.stderr
    until(lambda: groups()[0]["kind"] == "flaky_test", page)
    until(lambda: json.loads(get(page, "/api/rejected")[1])["total"] == 1, page)
    assert "faultline_failures_accepted_total" in get(gateway, "/metrics")[1]
    assert post(gateway, "/v1/events", [EVENT])[0] == 200  # again: a repeat
    roles["fold"].kill()
    assert roles["fold"].process is not None
    roles["fold"].process.wait(10)
    roles["fold"].start()
    sums: dict[str, dict[str, Any]] = {}

    def is_quiet() -> bool:
        told = installation.command("status", "--json")
        assert told.returncode == 0, told.stderr
        sums.update({one["store"]: one for one in json.loads(told.stdout)["sums"] if one["origin"] == "ci"})
        return bool(sums["MongoDB"]["repeats"] and not sums["MongoDB"]["in_flight"])

    until(is_quiet, gateway)
    mongodb, opensearch = sums["MongoDB"], sums["OpenSearch"]
    assert (mongodb["accepted"], mongodb["documents"], mongodb["repeats"], mongodb["rest"]) == (2, 1, 1, 0)
    assert (opensearch["documents"], opensearch["in_flight"], opensearch["rest"]) == (0, 1, 0), "nobody writes there"


@pytest.mark.timeout(240)
def test_the_page_is_told_of_a_change_sooner_than_it_looks_by_itself(installation):
    installation.create_topics()
    names = ("fold", "work", "sink mongo", *SERVERS)
    roles = {name: started(installation, name) for name in names}
    for role in roles.values():
        until_ready(role)
    time.sleep(3)  # its consumer group forms behind /readyz: without it the page is only later, not wrong
    page = roles["dashboard"]
    took = []
    with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/events", timeout=30) as stream:
        for number in range(4):
            time.sleep(0.7)
            began_s = time.monotonic()
            post(roles["gateway"], "/v1/events", [EVENT | {"message": f"broke {chr(97 + number) * 9}"}])
            while (
                not (line := stream.readline()).startswith(b"data:")
                or json.loads(line[5:]).get("failures") != number + 1
            ):
                pass
            took.append(time.monotonic() - began_s)
    assert sorted(took)[1] < 4.0, took


@pytest.mark.timeout(300)
def test_while_kafka_is_away_a_role_waits_says_so_and_goes_on(tmp_path, mongodb, mongo_database):
    with private(Kafka) as broker:
        installation = Installation(
            tmp_path,
            kafka=broker.address,
            mongodb=mongodb,
            opensearch=f"http://127.0.0.1:{free_port()}",
            prefix="",
            database=mongo_database,
            index="errors",
        )
        installation.create_topics()
        broker.kill()
        roles = [started(installation, name) for name in ("fold", "gateway")]
        try:
            for role in roles:
                until_answers(role, "/healthz", 200)
                until_answers(role, "/readyz", 503, broker.address)
                assert get(role, "/readyz")[0] == 503
            status, answer = post(roles[1], "/v1/events", [EVENT])
            assert (status, broker.address in answer["error"]) == (503, True)
            broker.start(keep=True)
            for role in roles:
                until_ready(role)
            assert post(roles[1], "/v1/events", [EVENT])[0] == 200
            broker.kill()
            for role in roles:
                until_answers(role, "/readyz", 503)
                began_s = time.monotonic()
                assert role.stop(timeout_s=30) in (0, 70), role.said()
                assert time.monotonic() - began_s < 30
        finally:
            for role in roles:
                role.kill()
                if role.process is not None:
                    role.process.wait(10)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("to", ["http", "kafka"])
def test_what_is_published_either_way_is_the_same_failure(installation, to, tmp_path):
    """The same report over both ways is folded once."""
    installation.create_topics()
    report = tmp_path / "report.xml"
    report.write_text('<testsuite><testcase classname="a.B" name="c"><failure message="no"/></testcase></testsuite>')
    where = ("--repo", "acme/shop", "--run-id", "7", "--job", "tests")
    gateway = started(installation, "gateway")
    until_ready(gateway)
    for way in (to, "kafka", "http"):
        done = installation.command(
            "publish",
            "junit",
            str(report),
            *where,
            "--to",
            way,
            "--strict",
            "--url",
            f"http://127.0.0.1:{gateway.port}",
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert done.stdout.startswith("1 sent to ")
    fold = started(installation, "fold")
    until(lambda: 'repeated_total{topic="failures.ci.v1"} 2.0' in get(fold, "/metrics")[1], fold)
    assert 'folded_total{topic="failures.ci.v1"} 1.0' in get(fold, "/metrics")[1]
