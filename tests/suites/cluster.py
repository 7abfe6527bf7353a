"""The whole cluster form as processes under a supervisor, a producer with a ledger, and looks into the raw stores.

What a checker compares comes from the ledger (`ledger.py`) and from the stores, never from a counter of ours.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import opensearchpy
import pymongo
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import ConsumerRecord

from streams.contract import topics
from streams.contract.failure import Failure
from streams.contract.wire import envelope_of, to_bytes

ROOT = Path(__file__).parents[2]
ROLES = ("fold", "work", "classify", "sink mongo", "sink opensearch")
RESTART_S = 1.0
"""How soon the supervisor starts a role again that ended."""
CURSOR_EXIT = "CursorBroken"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@dataclass(slots=True)
class Role:
    """One process of one role, and every way it ended."""

    name: str
    words: list[str]
    environ: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = False
    ended_s: float = 0.0
    exits: list[int] = field(default_factory=list)

    def start(self) -> None:
        self.wanted = True
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "agents.cli", *self.words, "--port", str(self.port)]
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environ, cwd=ROOT
            )

    def is_ready(self) -> bool:
        """By its own word."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9; the supervisor starts it again."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()

    def pause(self, seconds: float) -> None:
        """Stop it without its knowing, as a machine that swaps does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            self.process.send_signal(signal.SIGCONT)

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM. Returns the exit status."""
        self.wanted = False
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(f"{self.name} did not end within {timeout_s} s of SIGTERM: {self.said()}") from None

    def said(self, chars: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-chars:] if self.log.exists() else ""


class Installation:
    """Topics, a database and indexes of one test, and the roles over them."""

    def __init__(
        self,
        folder: Path,
        *,
        kafka: str,
        mongodb: str,
        opensearch: str,
        prefix: str,
        database: str,
        index: str,
        partitions: int = 4,
        **environ: str,
    ) -> None:
        self.kafka, self.mongodb, self.opensearch = kafka, mongodb, opensearch
        self.prefix, self.database, self.index, self.partitions = prefix, database, index, partitions
        self.folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environ = kept | {
            "PYTHONPATH": str(ROOT),
            "FAULTLINE_KAFKA": kafka,
            "FAULTLINE_TOPIC_PREFIX": prefix,
            "FAULTLINE_PARTITIONS": str(partitions),
            "FAULTLINE_LOG_FORMAT": "json",
            "FAULTLINE_INDEX_PERIOD": "none",
            "MONGODB_URI": mongodb,
            "MONGODB_DB": database,
            "OPENSEARCH_URL": opensearch,
            "ERROR_CLASSIFICATION_INDEX": index,
            "FAULTLINE_BENCHMARK_INDEX": index.replace("error_classifications", "benchmark_failures"),
            **environ,
        }
        self.roles: list[Role] = []
        self._lock = threading.Lock()
        self._watching: threading.Thread | None = None
        self._ending = threading.Event()

    def command(self, *words: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """A command of this installation, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "agents.cli", *words],
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def create_topics(self) -> None:
        made = self.command("topics", "apply")
        assert made.returncode == 0, made.stderr + made.stdout

    def add(self, name: str, **environ: str) -> Role:
        """Start one process of a role, and start it again whenever it ends."""
        number = sum(role.words == name.split() for role in self.roles)
        log = self.folder / f"{name.replace(' ', '-')}-{number}.log"
        role = Role(f"{name} {number}", name.split(), self.environ | environ, log)
        role.start()
        with self._lock:
            self.roles.append(role)
        if self._watching is None:
            self._watching = threading.Thread(target=self._watch, daemon=True)
            self._watching.start()
        return role

    def _watch(self) -> None:
        while not self._ending.wait(0.1):
            with self._lock:
                roles = list(self.roles)
            for role in roles:
                if role.process is None or not role.wanted or (code := role.process.poll()) is None:
                    continue
                if not role.ended_s:
                    role.ended_s = time.monotonic()
                    role.exits.append(code)
                elif time.monotonic() - role.ended_s >= RESTART_S:
                    role.ended_s = 0.0
                    role.start()

    def of(self, name: str) -> list[Role]:
        return [role for role in self.roles if role.words == name.split()]

    def stop(self) -> dict[str, int]:
        """SIGTERM to all. Returns how each ended."""
        for role in self.roles:
            role.wanted = False
        self._ending.set()
        if self._watching is not None:
            self._watching.join()
        for role in self.roles:
            if role.process is not None and role.process.poll() is None:
                role.process.send_signal(signal.SIGCONT)
                role.process.terminate()
        return {role.name: role.stop() for role in self.roles if role.process is not None and not role.ended_s}

    def end(self) -> None:
        """Leave nothing running, whatever happened."""
        self._ending.set()
        for role in self.roles:
            role.wanted = False
            role.kill()
            if role.process is not None:
                role.process.wait(10)

    def cursor_exits(self) -> int:
        """Records that were skipped or repeated, and caught by the cursor."""
        return sum(role.log.read_text(errors="replace").count(CURSOR_EXIT) for role in self.roles)

    def refused_to_start(self) -> bool:
        """Whether a role ended for good: a setting or a topic is wrong, and starting it again will not help."""
        return any(code in (1, 2) for role in self.roles for code in role.exits)

    def said(self) -> str:
        """The end of every log, for the message of a failed test."""
        return "\n".join(f"--- {role.name} {role.exits}\n{role.said(1500)}" for role in self.roles)

    # The raw topics and stores.

    def last_at_s(self, topic: str) -> float:
        """When the broker took the last committed record of a topic, seconds since the epoch."""
        return max((record.timestamp for record in self.records(topic)), default=0) / 1000

    def records(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        """All committed records of a topic, named without the prefix."""
        return asyncio.run(self._read(self.prefix + topic))

    async def _read(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka, isolation_level="read_committed", enable_auto_commit=False
        )
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in range(self.partitions)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            found: list[ConsumerRecord[bytes, bytes]] = []
            while [place for place in places if await consumer.position(place) < ends[place]]:
                for some in (await consumer.getmany(timeout_ms=200)).values():
                    found += some
            return found
        finally:
            await consumer.stop()

    def mongo_documents(self) -> dict[str, dict[str, Any]]:
        """Documents of failures by id, of both origins."""
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(self.mongodb, tz_aware=True)
        with client:
            database = client[self.database]
            return {d.pop("_id"): d for name in ("errors_cloud", "ci_failures") for d in database[name].find()}

    def mongo_count(self) -> int:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(self.mongodb)
        with client:
            return sum(client[self.database][name].count_documents({}) for name in ("errors_cloud", "ci_failures"))

    def mongo_rollups(self) -> dict[str, dict[str, Any]]:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(self.mongodb, tz_aware=True)
        with client:
            return {d.pop("_id"): d for d in client[self.database]["error_rollups"].find()}

    def opensearch_count(self) -> int:
        with opensearchpy.OpenSearch(self.opensearch, timeout=30) as client:
            client.indices.refresh(index=f"{self.index}*,*benchmark_failures*", ignore_unavailable=True)
            return sum(
                int(client.count(index=name, ignore_unavailable=True)["count"]) for name in self.opensearch_names()
            )

    def opensearch_names(self) -> tuple[str, ...]:
        """Read aliases of CI and of benchmark failures."""
        prefix = self.index.removesuffix("error_classifications")
        return self.index, f"{prefix}benchmark_failures"

    def opensearch_documents(self) -> dict[str, dict[str, Any]]:
        with opensearchpy.OpenSearch(self.opensearch, timeout=60) as client:
            found: dict[str, dict[str, Any]] = {}
            for name in self.opensearch_names():
                if not client.indices.exists_alias(name=name) and not client.indices.exists(index=name):
                    continue
                client.indices.refresh(index=name)
                hits = opensearchpy.helpers.scan(client, index=name, size=2000)
                for hit in hits:
                    assert hit["_id"] not in found, "one document a failure, in one index"
                    found[hit["_id"]] = hit["_source"]
            return found

    # What comes in.

    def publish(self, sent: Sequence[Failure], *, envelope: int = 50, deadline_s: float = 120) -> None:
        """As a producer of another make would: envelopes by the contract's key, acknowledged by the broker."""
        asyncio.run(self._publish(sent, envelope, deadline_s))

    async def _publish(self, sent: Sequence[Failure], envelope: int, deadline_s: float) -> None:
        from streams.core.partition import partition_of

        groups: dict[tuple[str, str], list[bytes]] = {}
        records: list[tuple[str, str, bytes]] = []
        for failure in sent:
            place = topics.INPUTS[failure.origin].name, failure.topic_key
            group = groups.setdefault(place, [])
            group.append(to_bytes(failure))
            if len(group) >= envelope:
                records.append((*place, envelope_of(groups.pop(place))))
        records += [(*place, envelope_of(group)) for place, group in groups.items()]
        async with asyncio.timeout(deadline_s):
            producer = await self._producer()
            try:
                waiting = [
                    await producer.send(
                        self.prefix + topic, value, key=key.encode(), partition=partition_of(key, self.partitions)
                    )
                    for topic, key, value in records
                ]
                await asyncio.gather(*waiting)
            finally:
                await producer.stop()

    async def _producer(self) -> AIOKafkaProducer:
        """One that has started, which takes until the broker is there."""
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self.kafka,
                enable_idempotence=True,
                acks="all",
                linger_ms=5,
                request_timeout_ms=60_000,
            )
            try:
                await producer.start()
            except KafkaConnectionError:
                await producer.stop()
                await asyncio.sleep(0.5)
            else:
                return producer


def wait_until(what: Callable[[], object], want: object, *, seconds: float, told: Callable[[], str]) -> float:
    """Wait until a question has this answer. Returns the seconds it took.

    Raises: AssertionError with the last answer and what `told` has to say.
    """
    began = time.monotonic()
    found: object = None
    while time.monotonic() - began < seconds:
        try:
            if (found := what()) == want:
                return time.monotonic() - began
        except (pymongo.errors.PyMongoError, opensearchpy.exceptions.OpenSearchException, OSError) as error:
            found = error  # the store is down on purpose, or not up yet
        time.sleep(0.25)
    raise AssertionError(f"{found!r}, not {want!r}, after {seconds} s\n{told()}")
