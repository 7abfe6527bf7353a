"""The topics on the brokers: what they should be, what they are, and bringing the one to the other.

Every topic has the same number of partitions, because a key is looked for where its hash says. That number never
changes for a topic that exists: its keys would move away from their rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from streams.broker.clients import Cluster, close
from streams.contract import topics
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.topics import Topic
from streams.contract.wire import RECORD_BYTES_MAX

ALL: Final[tuple[Topic, ...]] = (*topics.TOPICS, topics.STATE)
APPLY: Final = "faultline topics apply"
"""The command that makes them."""
MIB: Final = 1024 * 1024
STAMPED: Final = frozenset({topics.CI, topics.BENCHMARK})
"""Their records carry the time the broker got them: it stands in where nobody stamped a failure's arrival."""
DYNAMIC_TOPIC_CONFIG: Final = 1
"""Where a configuration comes from: it was set on this very topic (Kafka protocol, DescribeConfigs)."""
LEADERS_S_MAX: Final = 30.0
AUTHORIZATION: Final = (ClusterAuthorizationFailedError, TopicAuthorizationFailedError)


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a topic on the brokers is not what it should be."""

    topic: str
    """As the brokers know it."""
    what: str
    """`missing`, `partitions`, `replication`, or the name of a configuration."""
    wanted: str
    found: str

    def __str__(self) -> str:
        if self.what == "missing":
            return f"{self.topic}: missing"
        return f"{self.topic}: {self.what} is {self.found}, should be {self.wanted}"


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is."""

    partitions: int
    replication: int
    configs: Mapping[str, str]
    """All of them, defaults too."""
    own: Mapping[str, str]
    """Those set on the topic itself."""


def configs_of(topic: Topic, *, replication: int = 1) -> dict[str, str]:
    """What a topic is to be configured with; everything else is the brokers' choice."""
    # Twice what a record may have: rejected bytes have headers around them, and JSON escapes what a failure holds.
    out = {
        "cleanup.policy": topic.cleanup,
        "max.message.bytes": str(2 * RECORD_BYTES_MAX),
        "message.timestamp.type": "LogAppendTime" if topic in STAMPED else "CreateTime",
        "segment.bytes": str((64 if "compact" in topic.cleanup else 256) * MIB),
    }
    if topic.retention_ms is not None:
        out["retention.ms"] = str(topic.retention_ms)
    if "compact" in topic.cleanup:
        # The active segment is never compacted, and what is not compacted is read at every start.
        out |= {"min.cleanable.dirty.ratio": "0.2", "max.compaction.lag.ms": "3600000"}
    if replication > 2:
        out["min.insync.replicas"] = "2"
    return out


async def differences(cluster: Cluster, client: AIOKafkaAdminClient) -> list[Difference]:
    """How the topics on the brokers differ from what they should be, in the order of the table."""
    found = await _found(client, [cluster.topic(topic) for topic in ALL])
    out: list[Difference] = []
    for topic in ALL:
        name = cluster.topic(topic)
        if name not in found:
            out.append(Difference(name, "missing", "", ""))
            continue
        out += _differing(cluster, topic, found[name])
    return out


async def apply(cluster: Cluster, client: AIOKafkaAdminClient) -> list[str]:
    """Make what is missing, and configure anew what differs. Returns what was done, one line each.

    Raises: ConfigurationError when a topic has another number of partitions; then nothing was changed.
    """
    differing = await differences(cluster, client)
    fixed = [one for one in differing if one.what == "partitions"]
    if fixed:
        raise ConfigurationError("\n".join(map(str, fixed)) + "\n" + _way_out(fixed))
    done: list[str] = []
    missing = {one.topic for one in differing if one.what == "missing"}
    new = [topic for topic in ALL if cluster.topic(topic) in missing]
    if new:
        done += await _create(cluster, client, new)
    changed = {one.topic for one in differing if one.what not in ("missing", "replication")}
    again = [topic for topic in ALL if cluster.topic(topic) in changed]
    if again:
        await _configure(cluster, client, again)
        done += [
            f"{one.topic}: {one.what} was {one.found}, is {one.wanted}" for one in differing if one.topic in changed
        ]
    return done


async def check(
    cluster: Cluster,
    wanted: Iterable[Topic],
    *,
    stop: asyncio.Event | None = None,
    deadline_s: float | None = None,
    on_waiting: Callable[[str], None] | None = None,
) -> None:
    """See that these topics are there with the right number of partitions, before a role starts.

    Raises: ConfigurationError with the command that helps; as `Cluster.start`, when no broker answers.
    """
    async with administering(cluster, stop=stop, deadline_s=deadline_s, on_waiting=on_waiting) as client:
        described = await _described(client, [cluster.topic(topic) for topic in wanted])
        names = [cluster.topic(topic) for topic in wanted]
    missing = [name for name in names if name not in described]
    if missing:
        raise ConfigurationError(
            f"Kafka at {cluster.bootstrap} has no topic {', '.join(missing)}; make what is missing with: {APPLY}"
        )
    wrong = [
        Difference(name, "partitions", str(cluster.partitions), str(described[name][0]))
        for name in names
        if described[name][0] != cluster.partitions
    ]
    if wrong:
        raise ConfigurationError("\n".join(map(str, wrong)) + "\n" + _way_out(wrong))


@asynccontextmanager
async def administering(
    cluster: Cluster,
    *,
    stop: asyncio.Event | None = None,
    deadline_s: float | None = None,
    on_waiting: Callable[[str], None] | None = None,
) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client that has started; errors of the brokers come out as ours.

    Raises: as `Cluster.start`; SinkUnavailable for what a broker did not answer in the middle.
    """
    client = await cluster.start(cluster.admin, stop=stop, deadline_s=deadline_s, on_waiting=on_waiting)
    try:
        yield client
    except AUTHORIZATION as error:
        raise ConfigurationError(
            f"Kafka at {cluster.bootstrap} does not let {cluster.security.user or 'us'} do this ({error}); "
            "allow Describe, Create and AlterConfigs on the topics, or run it as somebody who may"
        ) from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise SinkUnavailable(f"Kafka at {cluster.bootstrap}: {error!r}", retry_after_s=2.0) from error
    finally:
        await close(client)


def _differing(cluster: Cluster, topic: Topic, found: Found) -> list[Difference]:
    name = cluster.topic(topic)
    out = []
    if found.partitions != cluster.partitions:
        out.append(Difference(name, "partitions", str(cluster.partitions), str(found.partitions)))
    if found.replication != cluster.replication:
        out.append(Difference(name, "replication", str(cluster.replication), str(found.replication)))
    for config, wanted in configs_of(topic, replication=cluster.replication).items():
        is_now = found.configs.get(config, "")
        if set(is_now.split(",")) != set(wanted.split(",")):
            out.append(Difference(name, config, wanted, is_now))
    return out


def advice(found: Sequence[Difference]) -> str:
    """What brings the brokers and the settings together, where something differs: as `apply` would say it."""
    fixed = [one for one in found if one.what == "partitions"]
    return _way_out(fixed) if fixed else f"{APPLY} mends them"


def _way_out(wrong: Sequence[Difference]) -> str:
    counts = {one.found for one in wrong}
    same = f"set FAULTLINE_PARTITIONS={next(iter(counts))}, or " if len(counts) == 1 else ""
    return (
        "the number of partitions of a topic that exists stays, or keys would move away from their rows: "
        f"{same}begin anew under another FAULTLINE_TOPIC_PREFIX with: {APPLY}"
    )


async def _found(client: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, Found]:
    described = await _described(client, names)
    configs = await _configs(client, list(described))
    return {name: Found(*described[name], *configs[name]) for name in described}


async def _described(client: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Partitions and replication of the topics that are there."""
    out = {}
    for one in await client.describe_topics(list(names)):
        error = for_code(one["error_code"])
        if error is UnknownTopicOrPartitionError:
            continue
        if error is not NoError:
            raise error(one["topic"])
        out[one["topic"]] = len(one["partitions"]), len(one["partitions"][0]["replicas"])
    return out


async def _configs(
    client: AIOKafkaAdminClient, names: Sequence[str]
) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Of each topic: all configurations, and those set on it."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    out = {}
    for response in await client.describe_configs(resources):
        for one in response.to_object()["resources"]:
            _raise_for(one["error_code"], one["error_message"] or one["resource_name"])
            entries = one["config_entries"]
            out[one["resource_name"]] = (
                {entry["config_names"]: entry["config_value"] or "" for entry in entries},
                {
                    entry["config_names"]: entry["config_value"] or ""
                    for entry in entries
                    if entry["config_source"] == DYNAMIC_TOPIC_CONFIG
                },
            )
    return out


async def _create(cluster: Cluster, client: AIOKafkaAdminClient, new: Sequence[Topic]) -> list[str]:
    made = [
        NewTopic(
            cluster.topic(topic),
            cluster.partitions,
            cluster.replication,
            topic_configs=configs_of(topic, replication=cluster.replication),
        )
        for topic in new
    ]
    response = await client.create_topics(made)
    done = []
    for name, code, *message in response.topic_errors:
        if for_code(code) is TopicAlreadyExistsError:
            continue  # somebody else made it in this moment
        _raise_for(code, f"{name}: {message[0] if message and message[0] else 'not made'}")
        done.append(f"{name}: made with {cluster.partitions} partitions")
    await _led(client, [cluster.topic(topic) for topic in new])
    return done


async def _led(client: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """Wait until every partition of new topics has a leader: whoever asks before that does not find it."""
    async with asyncio.timeout(LEADERS_S_MAX):
        while True:
            topics_now = await client.describe_topics(list(names))
            if all(
                for_code(one["error_code"]) is NoError and all(part["leader"] >= 0 for part in one["partitions"])
                for one in topics_now
            ):
                return
            await asyncio.sleep(0.1)


async def _configure(cluster: Cluster, client: AIOKafkaAdminClient, changed: Sequence[Topic]) -> None:
    """Set our configurations. The request replaces all that is set on a topic, so what others set goes in again."""
    own = await _configs(client, [cluster.topic(topic) for topic in changed])
    resources = [
        ConfigResource(
            ConfigResourceType.TOPIC,
            cluster.topic(topic),
            configs=own[cluster.topic(topic)][1] | configs_of(topic, replication=cluster.replication),
        )
        for topic in changed
    ]
    for response in await client.alter_configs(resources):
        for one in response.to_object()["resources"]:
            _raise_for(one["error_code"], one["error_message"] or one["resource_name"])


def _raise_for(code: int, message: Any) -> None:
    error = for_code(code)
    if error is NoError:
        return
    if issubclass(error, AUTHORIZATION):
        raise error(message)
    raise ConfigurationError(f"Kafka refuses it: {error.__name__}, {message}")
