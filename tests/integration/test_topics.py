"""`faultline topics` on a real broker, and what brokers that cannot be used look like."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from suites.cluster import ROOT
from suites.folding import cluster_at, made

from streams.broker import admin
from streams.broker.clients import Cluster
from streams.broker.security import Security
from streams.broker.standing import standing
from streams.contract import topics
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.telemetry import LogEvent

pytestmark = pytest.mark.timeout(90)


def faultline(cluster: Cluster, *words: str, **more: str) -> tuple[int, str, str]:
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "PYTHONPATH": str(ROOT),
        "FAULTLINE_KAFKA": cluster.bootstrap,
        "FAULTLINE_TOPIC_PREFIX": cluster.prefix,
        "FAULTLINE_PARTITIONS": str(cluster.partitions),
        **more,
    }
    command = [sys.executable, "-m", "agents.cli", *words]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_topics_are_made_once_compared_and_mended(kafka: str, topic_prefix: str) -> None:
    """A configuration that somebody else set stays."""
    cluster = cluster_at(kafka, topic_prefix)
    status, out, _ = faultline(cluster, "topics", "diff")
    assert (status, out.count(": missing")) == (1, len(admin.ALL))
    status, out, err = faultline(cluster, "topics", "apply")
    assert (status, out.count("made with 4 partitions"), err) == (0, len(admin.ALL), "")
    status, out, _ = faultline(cluster, "topics", "diff", "--json")
    assert (status, json.loads(out)) == (0, [])

    async def change() -> None:
        async with admin.administering(cluster, deadline_s=30) as client:
            changed = {"retention.ms": "1000", "flush.ms": "77777"}
            name = cluster.topic(topics.CI)
            await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=changed)])

    asyncio.run(change())
    status, out, _ = faultline(cluster, "topics", "diff", "--json")
    told = {(one["topic"], one["what"], one["wanted"], one["found"]) for one in json.loads(out)}
    assert status == 1
    assert (cluster.topic(topics.CI), "retention.ms", "604800000", "1000") in told
    assert faultline(cluster, "topics", "apply")[0] == 0
    assert faultline(cluster, "topics", "diff")[0] == 0

    async def flush_ms() -> str:
        async with admin.administering(cluster, deadline_s=30) as client:
            name = cluster.topic(topics.CI)
            (response,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
            (one,) = response.to_object()["resources"]
            return str({entry["config_names"]: entry["config_value"] for entry in one["config_entries"]}["flush.ms"])

    assert asyncio.run(flush_ms()) == "77777"


def test_the_number_of_partitions_of_a_topic_stays(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix, partitions=3))
        other = replace(cluster, partitions=5)
        async with admin.administering(other, deadline_s=30) as client:
            with pytest.raises(ConfigurationError, match=r"partitions is 3, should be 5(.|\n)*FAULTLINE_PARTITIONS=3"):
                await admin.apply(other, client)
        with pytest.raises(ConfigurationError, match=r"partitions is 3, should be 5(.|\n)*FAULTLINE_PARTITIONS=3"):
            await admin.check(other, [topics.CI])
        await admin.check(cluster, admin.ALL)

    asyncio.run(scenario())


def test_a_missing_topic_is_named_with_the_command_that_makes_it(kafka: str, topic_prefix: str) -> None:
    with pytest.raises(ConfigurationError, match=r"has no topic .*rollups\.v1; .* faultline topics apply$"):
        asyncio.run(admin.check(cluster_at(kafka, topic_prefix), [topics.ROLLUPS]))


def test_the_status_of_roles_without_topics_is_told_at_once(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(10):  # the library looks for a topic that is not there for 40 s
            with pytest.raises(ConfigurationError, match=r"has no topic .*; .* faultline topics apply$"):
                await standing(cluster_at(kafka, topic_prefix), deadline_s=5)

    asyncio.run(scenario())


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def test_a_command_gives_up_when_no_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(f"127.0.0.1:{closed_port()}")

    async def scenario() -> None:
        async with admin.administering(cluster, deadline_s=2):
            raise AssertionError("nobody answers there")

    with pytest.raises(SinkUnavailable, match=rf"does not answer at {cluster.bootstrap} .*Connect call failed"):
        asyncio.run(scenario())


def test_a_role_waits_for_the_brokers_and_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = Cluster(f"127.0.0.1:{closed_port()}")
    waits: list[str] = []

    async def scenario() -> None:
        stop = asyncio.Event()
        waiting = [asyncio.create_task(cluster.start(cluster.admin, stop=stop, on_waiting=waits.append)) for _ in "abc"]
        await asyncio.sleep(3)
        stop.set()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one).__name__ for one in done] == ["Stopping"] * 3

    asyncio.run(scenario())
    assert len(waits) >= 3
    assert all(cluster.bootstrap in what for what in waits)
    assert capsys.readouterr().out.count(LogEvent.KAFKA_AWAY) == 1


def test_tls_where_the_broker_speaks_none_is_told(kafka: str) -> None:
    cluster = Cluster(kafka, security=Security(protocol="ssl"))
    with pytest.raises(ConfigurationError, match=r"does not speak TLS on that port.*KAFKA_SECURITY=plaintext"):
        asyncio.run(cluster.start(cluster.admin, deadline_s=20))


@pytest.fixture
def tls_server(tmp_path: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody signed but itself."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    alternative = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *alternative], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.tool("openssl", package="openssl")
@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("plaintext", "wants TLS; set FAULTLINE_KAFKA_SECURITY=ssl"),
        ("ssl", "is not trusted .*FAULTLINE_KAFKA_CA"),
    ],
)
def test_a_port_that_speaks_tls_alone_is_told(tls_server: ssl.SSLContext, protocol: str, expected: str) -> None:
    async def scenario() -> None:
        async def close_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(close_at_once, "127.0.0.1", 0, ssl=tls_server)
        port = server.sockets[0].getsockname()[1]
        cluster = Cluster(f"127.0.0.1:{port}", security=Security(protocol=protocol))  # type: ignore[arg-type]  # one of them
        async with server:
            with pytest.raises(ConfigurationError, match=expected):
                await cluster.start(cluster.admin, deadline_s=20)

    asyncio.run(scenario())
