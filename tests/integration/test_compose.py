"""Every service of ours in `deploy/compose.yaml`, started as a process from its own command, environment and check.

What a container engine would add, host names and a port of its own, is put in place of the file's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from suites.cluster import ROOT, free_port
from suites.compose import Service, ours

PORT = "8765"
BIN = Path(sys.executable).parent


class Container:
    """A service as a process."""

    def __init__(self, service: Service, places: dict[str, str], log: Path) -> None:
        self.service = service
        self.port = str(free_port())
        self.log = log
        kept = {"HOME": os.environ.get("HOME", "/"), "PATH": f"{BIN}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
        self.environ = kept | service.environment | places | {"PYTHONSAFEPATH": "1"}
        words = [self.port if word == PORT else word for word in service.command]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agents.cli", *words],
                env=self.environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def is_healthy(self) -> bool:
        """Whether its own check says so."""
        assert self.service.health is not None
        command = [word.replace(PORT, self.port) for word in self.service.health]
        return subprocess.run(command, env=self.environ, capture_output=True, timeout=30, check=False).returncode == 0

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


@pytest.fixture
def places(
    kafka: str, mongodb: str, opensearch: str, topic_prefix: str, mongo_database: str, index_prefix: str
) -> dict[str, str]:
    """What stands for the engine's host names, and keeps this test apart from others."""
    return {
        "FAULTLINE_KAFKA": kafka,
        "MONGODB_URI": mongodb,
        "OPENSEARCH_URL": opensearch,
        "FAULTLINE_TOPIC_PREFIX": topic_prefix,
        "FAULTLINE_PARTITIONS": "4",
        "MONGODB_DB": mongo_database,
        "ERROR_CLASSIFICATION_INDEX": f"{index_prefix}errors",
        "FAULTLINE_BENCHMARK_INDEX": f"{index_prefix}benchmark",
    }


@pytest.fixture
def containers() -> Iterator[list[Container]]:
    made: list[Container] = []
    yield made
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(10)


@pytest.mark.timeout(300)
def test_every_service_of_the_file_starts_gets_healthy_and_ends(
    places: dict[str, str], containers: list[Container], tmp_path: Path
) -> None:
    services = ours()
    (topics,) = [service for service in services if service.name == "topics"]
    once = Container(topics, places, tmp_path / "topics.log")
    containers.append(once)
    assert once.process.wait(120) == 0, once.said()
    running = [Container(one, places, tmp_path / f"{one.name}.log") for one in services if one is not topics]
    containers += running
    assert {one.service.name for one in running} >= {"fold", "work", "classify", "gateway", "dashboard"}
    ends_s = time.monotonic() + 120
    for one in running:
        while not one.is_healthy():
            assert one.process.poll() is None, f"{one.service.name} ended: {one.said()}"
            assert time.monotonic() < ends_s, f"{one.service.name} is not healthy: {one.said()}"
            time.sleep(0.5)
    for one in running:
        one.process.terminate()
    for one in running:
        assert one.process.wait(35) == 0, one.said()
