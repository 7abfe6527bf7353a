"""A broker that wants TLS and SCRAM-SHA-512: reached with the right settings, and with wrong ones told in one line."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from suites.folding import folding, made, producing, publish, some_failures, until_folded
from suites.servers import private
from testservers.kinds import KAFKA_CLUSTER_ID, Kafka

from streams.broker.clients import Cluster
from streams.broker.security import Security
from streams.contract.errors import ConfigurationError

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.xdist_group("secure-kafka"),
    pytest.mark.tool("openssl", package="openssl"),
]
USER, PASSWORD = "ada", "canary-7f"
KEY = "openssl req -x509 -newkey rsa:2048 -nodes -days 2"


class SecureKafka(Kafka):
    """Speaks SASL_SSL on a port of its own, besides."""

    port_names: ClassVar[tuple[str, ...]] = (*Kafka.port_names, "secure")

    @property
    def secure(self) -> str:
        return f"127.0.0.1:{self.ports['secure']}"

    @property
    def certificate(self) -> Path:
        return self.home / "certificate.pem"

    def _prepare(self, *, is_new: bool) -> Sequence[str]:
        key, store = self.home / "key.pem", self.home / "store.pem"
        if is_new:
            names = ["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"]
            command = [*KEY.split(), *names, "-keyout", str(key), "-out", str(self.certificate)]
            subprocess.run(command, check=True, capture_output=True)
            store.write_text(key.read_text() + self.certificate.read_text())
        plain, controller = (f"127.0.0.1:{self.ports[name]}" for name in Kafka.port_names)
        self.properties = {
            "listeners": f"PLAINTEXT://{plain},SECURE://{self.secure},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{plain},SECURE://{self.secure}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL",
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secure.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
        }
        command = [*super()._prepare(is_new=False)]
        if is_new:
            user = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
            about = ["--cluster-id", KAFKA_CLUSTER_ID, "--config", command[-1], "--add-scram", user]
            subprocess.run(
                [*command[:-2], "kafka.tools.StorageTool", "format", *about],
                check=True,
                capture_output=True,
                timeout=60,
            )
        return command


@pytest.fixture(scope="module")
def broker() -> Iterator[SecureKafka]:
    with private(SecureKafka) as secure:
        yield secure


@pytest.fixture
def cluster(broker: SecureKafka) -> Cluster:
    security = Security("sasl_ssl", ca=broker.certificate, user=USER, password=PASSWORD)
    return Cluster(broker.secure, prefix="secure.", partitions=4, security=security)


def refused(cluster: Cluster, **wrong: object) -> str:
    """What is said when a role starts with these settings."""
    other = replace(cluster, security=replace(cluster.security, **wrong))  # type: ignore[arg-type]  # given by name
    with pytest.raises(ConfigurationError) as told:
        asyncio.run(other.start(other.admin, deadline_s=30))
    assert PASSWORD not in str(told.value)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_a_role_works_over_tls_with_a_password(cluster: Cluster) -> None:
    async def scenario() -> None:
        await made(cluster)
        failures = some_failures(50)
        async with folding(cluster), producing(cluster) as send:
            await publish(send, failures)
            folded = await until_folded(cluster, [one.id for one in failures])
        assert len(folded.members) == 50
        assert folded.broken() == []

    asyncio.run(scenario())


def test_a_wrong_password_is_told_with_the_settings_to_mend(cluster: Cluster) -> None:
    told = refused(cluster, password="wrong")
    assert f"refuses the user '{USER}'" in told
    assert "FAULTLINE_KAFKA_PASSWORD" in told


def test_an_unknown_user_is_told(cluster: Cluster) -> None:
    assert "refuses the user 'eve'" in refused(cluster, user="eve")


def test_a_certificate_of_nobody_we_know_is_told(cluster: Cluster) -> None:
    assert "FAULTLINE_KAFKA_CA" in refused(cluster, ca=None)


def test_a_certificate_for_another_name_is_told(cluster: Cluster) -> None:
    told = refused(replace(cluster, bootstrap=cluster.bootstrap.replace("127.0.0.1", "localhost")))
    assert "is not trusted" in told
    assert "by the names in their certificates" in told


def test_plaintext_to_a_port_with_tls_is_told(cluster: Cluster) -> None:
    assert "wants TLS" in refused(cluster, protocol="plaintext")


def test_a_password_to_a_port_without_tls_is_not_sent(cluster: Cluster, broker: SecureKafka) -> None:
    assert "does not speak TLS" in refused(replace(cluster, bootstrap=broker.address))
