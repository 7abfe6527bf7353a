"""What was rejected, on a real broker: found, shown without credentials, sent again once it can be read, deleted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from suites.cluster import Installation, wait_until
from suites.records import benchmark_failure

from streams.contract import topics
from streams.contract.failure import Origin
from streams.contract.verdict import Verdict, VerdictSource, record_key
from streams.contract.wire import to_bytes
from streams.core.fingerprint import fingerprint
from streams.core.partition import partition_of

PARTITIONS = 4
DRAIN_S = 90
SECRET = "sk-ant-api03-" + "a1B2" * 20

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("cluster")]


@pytest.fixture
def installation(
    tmp_path: Path, kafka: str, mongodb: str, topic_prefix: str, mongo_database: str
) -> Iterator[Installation]:
    made = Installation(
        tmp_path,
        kafka=kafka,
        mongodb=mongodb,
        opensearch="http://127.0.0.1:9",
        prefix=topic_prefix,
        database=mongo_database,
        index="unused-error_classifications",
        partitions=PARTITIONS,
    )
    made.create_topics()
    try:
        yield made
    finally:
        made.end()


def said(installation: Installation, *words: str, status: int = 0) -> str:
    done = installation.command("rejected", *words)
    assert done.returncode == status, done.stdout + done.stderr
    return (done.stdout + done.stderr).strip()


def listed(installation: Installation, *words: str) -> list[dict[str, object]]:
    found = json.loads(said(installation, "list", "--json", *words))
    rows: list[dict[str, object]] = found["rejected"]
    assert len(rows) == found["matched"]
    return rows


def send(installation: Installation, topic: str, key: str, value: bytes) -> None:
    async def sent() -> None:
        async with AIOKafkaProducer(bootstrap_servers=installation.kafka) as producer:
            place = partition_of(key, PARTITIONS)
            await producer.send_and_wait(installation.prefix + topic, value, key=key.encode(), partition=place)

    asyncio.run(sent())


def test_what_a_reader_could_not_take_is_sent_again_once_it_can(installation: Installation) -> None:
    """A kind that a setting allows: refused without it, taken with it."""
    installation.add("fold")
    installation.add("work")
    installation.add("sink mongo")
    failure = benchmark_failure("cart 1 is full", at_ms=int(time.time() * 1000), request="1")
    installation.publish([failure])
    wait_until(installation.mongo_count, 1, seconds=DRAIN_S, told=installation.said)
    mark = fingerprint(origin=failure.origin, message=failure.message)
    verdict = Verdict(
        fingerprint=mark.value,
        origin=Origin.BENCHMARK,
        kind="budget_exhausted",
        family="",
        confidence=1.0,
        source=VerdictSource.HUMAN,
        decided_at_ms=int(time.time() * 1000),
    )
    send(installation, topics.VERDICTS.name, record_key(verdict), to_bytes(verdict))
    send(installation, topics.BENCHMARK.name, "k", b'{"token": "' + SECRET.encode() + b'"')
    wait_until(lambda: len(listed(installation)), 2, seconds=DRAIN_S, told=installation.said)
    (row,) = listed(installation, "--reason", "NO KIND", "--topic", topics.VERDICTS.name)
    assert (row["attempt"], row["stage"], row["replayable"]) == (1, "fold", True)
    assert listed(installation, "--from", "now") == []
    place = str(row["place"])

    wanted = ("replay", "--reason", "no kind")
    assert said(installation, *wanted).endswith("1 would be sent again; with --yes they are")
    assert said(installation, *wanted, "--yes") == "1 sent again"
    wait_until(lambda: len(listed(installation)), 3, seconds=DRAIN_S, told=installation.said)
    assert sorted(one["attempt"] for one in listed(installation, "--reason", "no kind")) == [1, 2]  # type: ignore[type-var]

    for role in installation.of("fold"):
        assert role.stop() == 0
        installation.roles.remove(role)
    installation.add("fold", FAULTLINE_OPTIONAL_KINDS="budget_exhausted")
    assert said(installation, "replay", "--place", place, "--yes") == "1 sent again"

    def kind() -> str:
        (document,) = installation.mongo_documents().values()
        return str(document["error_kind"])

    wait_until(kind, "budget_exhausted", seconds=DRAIN_S, told=installation.said)
    assert len(listed(installation)) == 3


def test_a_record_is_shown_without_credentials_and_deleted_up_to_an_offset_or_a_time(
    installation: Installation,
) -> None:
    installation.add("fold")
    for number in range(5):
        send(installation, topics.BENCHMARK.name, "k", b'{"token": "' + SECRET.encode() + b'", \x1b[2J%d' % number)
    wait_until(lambda: len(listed(installation)), 5, seconds=DRAIN_S, told=installation.said)
    places = [str(row["place"]) for row in listed(installation)]
    shown = said(installation, "show", places[0])
    assert shown.splitlines()[0].startswith(places[0])
    assert f"__streams.errors.topic: {topics.BENCHMARK.name}" in shown
    assert "dlq.attempt: 1" in shown
    assert '{"token": "' in shown
    assert SECRET not in shown
    assert "\x1b" not in shown

    partition, offset = places[2].split("/")
    words = ("purge", "--before", places[2])
    offsets = f"{int(offset)} offsets, those of transactions' marks among them,"
    assert said(installation, *words).splitlines()[-1] == f"{offsets} would be deleted; with --yes they are"
    assert len(listed(installation)) == 5
    assert said(installation, *words, "--yes").splitlines()[-1] == f"{offsets} deleted"
    assert [row["place"] for row in listed(installation)] == places[2:]
    assert said(installation, "show", places[0], status=1) == (
        f"faultline: failures.rejected.v1 has no record {places[0]}: deleted, or never there; "
        "`faultline rejected list` has what there is"
    )
    said(installation, "purge", "--to", "now", "--yes")
    assert said(installation, "list") == "0 rejected"
    assert "ends at offset" in said(installation, "purge", "--before", f"{partition}/999", status=2)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("replay", "--yes"), "say which: --place, --reason, --topic, --from or --to"),
        (("purge", "--yes"), "say up to where: --before PARTITION/OFFSET or --to TIME, one of them"),
        (("show", "3"), "'3' is no place; expected partition/offset, as 3/17"),
        (("list", "--from", "yesterday"), "'yesterday' is no time; expected 2026-05-31"),
    ],
)
def test_a_word_too_few_is_told_before_any_broker_is_asked(
    words: tuple[str, ...], complaint: str, installation: Installation
) -> None:
    assert complaint in said(installation, *words, status=2)
