"""Failures that come again, on real servers: the stores say afterwards what they said before."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from suites.cluster import ROOT, Installation, wait_until
from suites.ledger import failures, fingerprint_of, rollup_truth, rollups_found, settled
from suites.load import load

from streams.broker.admin import administering
from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.failure import Failure, Origin
from streams.contract.verdict import Verdict, VerdictSource, record_key
from streams.contract.wire import to_bytes
from streams.core.partition import partition_of
from streams.replay.rebuild import _back_to

PARTITIONS = 4
DRAIN_S = 120
EPOCH_BITS = 40
Ledger = dict[str, tuple[int, Failure]]

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("cluster")]


@pytest.fixture
def installation(install: Callable[..., Installation]) -> Installation:
    made = install(partitions=PARTITIONS, FAULTLINE_RECENT_IDS="2000")
    made.create_topics()
    return made


def begin(installation: Installation, *names: str) -> None:
    for name in names or ("fold", "work", "sink mongo", "sink opensearch"):
        installation.add(name)


def halt(installation: Installation, *names: str) -> None:
    """SIGTERM, so that their groups know at once."""
    for name in names:
        for role in installation.of(name):
            assert role.stop() == 0
            installation.roles.remove(role)


def ledger_of(*, count: int, fingerprints: int, seed: int, start_ms: int | None = None) -> Ledger:
    hours_ago = (int(time.time()) // 60 - 120) * 60_000
    return failures(load(failures=count, fingerprints=fingerprints, seed=seed, start_ms=start_ms or hours_ago))


def sent(ledger: Ledger) -> list[Failure]:
    return [failure for _, failure in ledger.values()]


def settle(installation: Installation, ledger: Ledger) -> None:
    """Both stores hold what the ledger holds, and the counts are those of the ledger."""
    for count in (installation.mongo_count, installation.opensearch_count):
        wait_until(count, len(ledger), seconds=DRAIN_S, told=installation.said)
    wait_until(lambda: counted(installation), len(ledger), seconds=DRAIN_S, told=installation.said)
    fingerprints = {name: fingerprint_of(d) for name, d in installation.mongo_documents().items()}
    truth = rollup_truth(ledger, fingerprints)
    wait_until(lambda: rollups_found(installation.mongo_rollups()), truth, seconds=DRAIN_S, told=installation.said)


def counted(installation: Installation) -> int:
    return sum(int(row["count"]) for row in installation.mongo_rollups().values())


def stores(installation: Installation) -> dict[str, Any]:
    """All that the stores say, but for what tells of the arrival."""
    return {
        "mongo": {name: settled(d) for name, d in installation.mongo_documents().items()},
        "opensearch": {name: settled(d) for name, d in installation.opensearch_documents().items()},
        "rollups": {name: settled(d) for name, d in installation.mongo_rollups().items()},
    }


def epochs(installation: Installation) -> set[int]:
    """Of every document and row."""
    versions = [
        d["verdict_version"] if "ts" in d else d["l_verdict_version"] for d in installation.mongo_documents().values()
    ]
    versions += [d["l_verdict_version"] for d in installation.opensearch_documents().values()]
    versions += [d["row_version"] for d in installation.mongo_rollups().values()]
    return {int(version) >> EPOCH_BITS for version in versions}


def decide(installation: Installation, fingerprint: str, origin: Origin) -> None:
    """A person's word about a fingerprint."""
    verdict = Verdict(
        fingerprint=fingerprint,
        origin=origin,
        kind="infrastructure_error" if origin is Origin.CI else "network",
        family="",
        confidence=1.0,
        source=VerdictSource.HUMAN,
        decided_at_ms=int(time.time() * 1000),
        reason="seen before",
    )
    send(installation, topics.VERDICTS.name, record_key(verdict), to_bytes(verdict))


def by_people(installation: Installation) -> set[str]:
    """Ids of failures whose documents carry a person's verdict, in both stores."""
    mongo = installation.mongo_documents().items()
    found = {name for name, d in mongo if d.get("classified_by", d.get("s_verdict_source")) == "human"}
    other = {n for n, d in installation.opensearch_documents().items() if d["s_verdict_source"] == "human"}
    return found & other


def told(installation: Installation, *words: str, status: int = 0) -> str:
    """What a command says, both ways."""
    done = installation.command(*words)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_whole_input_again_under_a_new_epoch_leaves_the_stores_as_they_were(installation: Installation) -> None:
    begin(installation)
    ledger = ledger_of(count=3_000, fingerprints=60, seed=1)
    installation.publish(sent(ledger)[:1_500])
    installation.publish(sent(ledger)[:200])  # repeats
    installation.publish(sent(ledger)[1_500:])
    settle(installation, ledger)
    documents = installation.mongo_documents()
    common = Counter(fingerprint_of(d) for d in documents.values()).most_common(1)[0][0]
    mine = {name for name, d in documents.items() if fingerprint_of(d) == common}
    origin = next(failure.origin for name, (_, failure) in ledger.items() if name in mine)
    decide(installation, common, origin)
    wait_until(lambda: by_people(installation), mine, seconds=DRAIN_S, told=installation.said)
    before = stores(installation)
    assert epochs(installation) == {0}

    assert told(installation, "replay", "--rebuild", status=2).strip() == (
        "faultline: fold (1 process) and work (1 process) must not run while the tables begin anew: stop it "
        "(after a kill the group notices within 6 s), do this again, and start it then"
    )
    halt(installation, "fold", "work")
    dry = json.loads(told(installation, "replay", "--rebuild", "--dry-run", "--json"))
    assert (dry["dry_run"], dry["epoch"], dry["waiting"]) == (True, 1, 1)
    assert stores(installation) == before
    done = json.loads(told(installation, "replay", "--rebuild", "--json"))
    assert done == dry | {"dry_run": False}
    begin(installation, "fold", "work")
    wait_until(lambda: epochs(installation), {1}, seconds=DRAIN_S, told=installation.said)
    settle(installation, ledger)
    assert stores(installation) == before

    more = ledger_of(count=300, fingerprints=60, seed=2)
    installation.publish(sent(more))
    settle(installation, ledger | more)
    assert installation.cursor_exits() == 0


def test_a_rebuild_that_ended_in_the_middle_is_noticed_and_finished_by_the_same_command(
    installation: Installation,
) -> None:
    begin(installation)
    ledger = ledger_of(count=600, fingerprints=30, seed=3)
    installation.publish(sent(ledger))
    settle(installation, ledger)
    before = stores(installation)
    halt(installation, "fold", "work")
    asyncio.run(back_to_the_beginning(installation))  # what a rebuild does first
    begin(installation, "fold", "work")
    wait_until(lambda: installation.cursor_exits() > 0, True, seconds=60, told=installation.said)
    halt_whatever(installation, "fold", "work")
    told(installation, "replay", "--rebuild")
    begin(installation, "fold", "work")
    wait_until(lambda: epochs(installation), {1}, seconds=DRAIN_S, told=installation.said)
    settle(installation, ledger)
    assert stores(installation) == before


def test_no_rebuild_where_the_input_does_not_reach_back_to_what_is_counted(installation: Installation) -> None:
    begin(installation)
    ledger = ledger_of(count=400, fingerprints=20, seed=4)
    installation.publish(sent(ledger))
    settle(installation, ledger)
    before = stores(installation)
    halt(installation, "fold", "work")
    asyncio.run(forget_the_first(installation, topics.CI.name))
    said = told(installation, "replay", "--rebuild", status=2)
    assert "failures.ci.v1, partition" in said
    assert "has lost its first 1 offsets and begins at " in said
    assert said.strip().endswith("Count again from the documents instead: faultline recount")
    begin(installation, "fold", "work")
    more = ledger_of(count=100, fingerprints=20, seed=5)
    installation.publish(sent(more))
    settle(installation, ledger | more)
    after = stores(installation)
    assert {name: after["mongo"][name] for name in before["mongo"]} == before["mongo"]


def test_a_replay_of_the_whole_topic_within_the_horizon_changes_nothing(installation: Installation) -> None:
    begin(installation)
    ledger = ledger_of(count=1_200, fingerprints=40, seed=6)
    installation.publish(sent(ledger))
    settle(installation, ledger)
    before = stores(installation)
    for topic, origin in ((topics.CI.name, Origin.CI), (topics.BENCHMARK.name, Origin.BENCHMARK)):
        number = sum(failure.origin is origin for failure in sent(ledger))
        dry = told(installation, "replay", "--topic", topic, "--from", "1h", "--dry-run")
        assert f"{number} failures in " in dry
        done = json.loads(told(installation, "replay", "--topic", topic, "--from", "1h", "--json").splitlines()[0])
        assert done["sent"]["failures"] == number
    more = ledger_of(count=300, fingerprints=40, seed=7)
    installation.publish(sent(more))
    settle(installation, ledger | more)  # behind what came again in each partition, so that is through, too
    after = stores(installation)
    assert {name: after["mongo"][name] for name in before["mongo"]} == before["mongo"]
    assert {name: after["opensearch"][name] for name in before["opensearch"]} == before["opensearch"]

    many = ledger_of(count=9_000, fingerprints=40, seed=8)
    installation.publish(sent(many))
    said = told(installation, "replay", "--topic", topics.CI.name, "--from", "1h", status=2)
    assert "there are more than 2000 failures (FAULTLINE_RECENT_IDS) from the first that would come again" in said


def test_failures_of_the_past_come_in_as_a_backfill_once_and_under_their_own_time(
    installation: Installation, tmp_path: Path
) -> None:
    begin(installation)
    ledger = ledger_of(count=600, fingerprints=40, seed=9)
    installation.publish(sent(ledger))
    settle(installation, ledger)
    weeks_ago_ms = (int(time.time()) // 60) * 60_000 - 20 * 86_400_000
    past = ledger_of(count=2_000, fingerprints=40, seed=10, start_ms=weeks_ago_ms)
    archive = tmp_path / "past.jsonl.gz"
    lines = lines_of(sent(past)[:1_000])
    lines += "{not json\n\n" + '{"origin": "nowhere"}\n' + lines_of(sent(past)[1_000:])
    archive.write_bytes(gzip.compress(lines.encode()))

    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text(lines_of(sent(ledger)))
    said = told(installation, "replay", "--archive", str(mixed), "--backfill", status=2)
    assert "200 of 200 failures that were looked for are in the store already" in said
    said = told(installation, "replay", "--archive", str(mixed), status=2)
    assert "an archive is sent with --backfill, when its failures never came before, or with --recount" in said
    said = told(installation, "replay", "--archive", str(tmp_path / "none"), "--backfill", status=1)
    assert said.strip().endswith("No such file or directory; name a file of failures, one a line")

    words = ("replay", "--archive", str(archive), "--backfill", "--job", "past", "--rate", "400/s")
    cut_short(installation, *words, at=lambda: installation.mongo_count() > 1_200)
    between = installation.mongo_count()
    assert between < 2_600, "it was killed before its end"
    done = json.loads(told(installation, *words, "--json").splitlines()[0])
    assert done["found"] is None, "it went on"
    assert 0 < done["sent"]["failures"] < 2_000
    settle(installation, ledger | past)
    documents = installation.mongo_documents()
    for name, (_, failure) in past.items():
        at = documents[name].get("ts") or documents[name]["@timestamp"]
        assert int(at.timestamp() * 1000) == failure.occurred_at_ms
    rejected = json.loads(told(installation, "rejected", "list", "--topic", "past.jsonl.gz", "--json"))
    assert {row["where"].split(" $")[0] for row in rejected["rejected"]} == {"line 1001", "line 1003"}


def test_counts_are_made_again_from_the_documents_after_a_replay_beyond_the_horizon(
    installation: Installation,
) -> None:
    installation.environ["FAULTLINE_RECENT_IDS"] = "100"
    begin(installation)
    ledger = ledger_of(count=2_400, fingerprints=40, seed=11)
    installation.publish(sent(ledger))
    settle(installation, ledger)
    before = stores(installation)
    twice = sum(failure.origin is Origin.CI for failure in sent(ledger))
    said = told(installation, "replay", "--topic", topics.CI.name, "--from", "1h", "--recount")
    assert f"{twice} failures sent again in " in said
    wait_until(lambda: counted(installation), 2_400 + twice, seconds=DRAIN_S, told=installation.said)

    assert told(installation, "recount", status=2).strip() == (
        "faultline: work (1 process) must not run while counts are made again: stop it "
        "(after a kill the group notices within 6 s), do this again, and start it then"
    )
    halt(installation, "work")
    dry = json.loads(told(installation, "recount", "--dry-run", "--json"))
    assert (dry["failures"], dry["older"], dry["without"]) == (twice, 0, 0)
    assert counted(installation) == 2_400 + twice
    assert json.loads(told(installation, "recount", "--json")) == dry | {"dry_run": False, "since_ms": ANY}
    settle(installation, ledger)
    assert stores(installation) == before, "the sink has them while work is not there yet"
    assert json.loads(told(installation, "recount", "--json"))["changed"] == 0
    begin(installation, "work")
    more = ledger_of(count=300, fingerprints=40, seed=12)
    installation.publish(sent(more))
    settle(installation, ledger | more)
    assert installation.cursor_exits() == 0


def lines_of(found: list[Failure]) -> str:
    return "".join(to_bytes(failure).decode() + "\n" for failure in found)


def send(installation: Installation, topic: str, key: str, value: bytes) -> None:
    asyncio.run(_send(installation, topic, key, value))


async def _send(installation: Installation, topic: str, key: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=installation.kafka) as producer:
        place = partition_of(key, PARTITIONS)
        await producer.send_and_wait(installation.prefix + topic, value, key=key.encode(), partition=place)


def cluster_of(installation: Installation) -> Cluster:
    return Cluster(installation.kafka, prefix=installation.prefix, partitions=PARTITIONS)


async def back_to_the_beginning(installation: Installation) -> None:
    cluster = cluster_of(installation)
    await _back_to(cluster, {TopicPartition(cluster.topic(topics.CI), number): 0 for number in range(PARTITIONS)})


async def forget_the_first(installation: Installation, topic: str) -> None:
    """Delete the first record of each partition, as retention does."""
    async with administering(cluster_of(installation), deadline_s=30) as client:
        places = [TopicPartition(installation.prefix + topic, number) for number in range(PARTITIONS)]
        await client.delete_records({place: RecordsToDelete(1) for place in places})


def halt_whatever(installation: Installation, *names: str) -> None:
    """As `halt`, of roles that end by themselves again and again."""
    for name in names:
        for role in installation.of(name):
            role.wanted = False
            role.kill()
            if role.process is not None:
                role.process.wait(10)
            installation.roles.remove(role)
    time.sleep(8)  # until the group knows


def cut_short(installation: Installation, *words: str, at: Callable[[], bool]) -> None:
    """Begin a command, and kill it at a moment."""
    command = [sys.executable, "-m", "agents.cli", *words]
    with subprocess.Popen(command, env=installation.environ, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        wait_until(at, True, seconds=60, told=installation.said)
        assert process.poll() is None, "it was still at it"
        process.kill()
