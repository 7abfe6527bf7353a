"""The cluster form under faults: kills, servers that go away, workers that come and go. Nothing is lost or doubled.

The servers are this test's own, so that they can be killed. What is compared comes from the producer's ledger and the
raw stores; the groups that aliases make are those of a run without faults. Short forms by default; `make chaos` sets
the variables below for the long ones.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from suites.cluster import Installation, wait_until
from suites.fake_llm.process import FakeLlmProcess
from suites.families import of_several_kinds, partition, partition_of, with_families
from suites.ledger import failures, fingerprint_of, kind_of, not_labelled, rollup_truth, rollups_found
from suites.load import load
from suites.servers import private
from testservers.instance import Instance
from testservers.kinds import Kafka, MongoDB, OpenSearch

from streams.contract.failure import Failure

FAILURES = int(os.environ.get("FAULTLINE_CHAOS_FAILURES", "4000"))
FAULT_S = float(os.environ.get("FAULTLINE_CHAOS_FAULT_S", "30"))
"""How long faults go on while failures come in."""
AWAY_S = float(os.environ.get("FAULTLINE_CHAOS_AWAY_S", "10"))
"""How long a server is away."""
SEED = int(os.environ.get("FAULTLINE_CHAOS_SEED", "20261121"))
SEEDS = range(SEED, SEED + int(os.environ.get("FAULTLINE_CHAOS_SEEDS", "1")))
FINGERPRINTS = 300
PARTITIONS = 4
RECOVERY_S = float(os.environ.get("FAULTLINE_CHAOS_RECOVERY_S", "30"))
"""How soon after the faults everything is in the stores; a busy machine needs longer for ten processes' starts."""
ANSWERED_S = 90
"""A question whose asker was killed comes again with the partition, one that got no answer after a minute."""
BATCH = 50

pytestmark = [pytest.mark.timeout(3000), pytest.mark.xdist_group("cluster")]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Instance]]:
    with ExitStack() as stack:
        yield {
            "kafka": stack.enter_context(private(Kafka)),
            "mongodb": stack.enter_context(private(MongoDB)),
            "opensearch": stack.enter_context(private(OpenSearch)),
        }


@pytest.fixture
def llm(tmp_path: Path) -> Iterator[FakeLlmProcess]:
    with FakeLlmProcess(tmp_path / "llm.jsonl") as server:
        yield server


@contextmanager
def installed(servers: dict[str, Instance], folder: Path, llm: FakeLlmProcess) -> Iterator[Installation]:
    """Every role, over topics and stores of its own; a server that the test before left down is up again."""
    for server in servers.values():
        server.start(keep=True)
    name = f"c{random.SystemRandom().randrange(10**9)}"
    made = Installation(
        folder,
        kafka=servers["kafka"].address,
        mongodb=servers["mongodb"].address,
        opensearch=servers["opensearch"].address,
        prefix=f"{name}.",
        database=name,
        index=f"{name}-error_classifications",
        partitions=PARTITIONS,
        ANTHROPIC_API_KEY=llm.key,
        API_BASE_URL=llm.url,
    )
    made.create_topics()
    for role in ("fold", "fold", "work", "work", "classify", "sink mongo", "sink opensearch"):
        made.add(role)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def installation(servers: dict[str, Instance], tmp_path: Path, llm: FakeLlmProcess) -> Iterator[Installation]:
    with installed(servers, tmp_path, llm) as made:
        yield made


@pytest.fixture(scope="module")
def calm(servers: dict[str, Instance], tmp_path_factory: pytest.TempPathFactory) -> set[frozenset[int]]:
    """Problems by group, as both stores have them after a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("calm")
    with FakeLlmProcess(folder / "llm.jsonl") as llm, installed(servers, folder, llm) as made:
        ledger = ledger_of(SEED)
        made.publish([failure for _, failure in ledger.values()])

        def groups() -> list[set[frozenset[int]]]:
            return groups_of(made, ledger)

        wait_until(made.mongo_count, len(ledger), seconds=ANSWERED_S, told=made.said)
        wait_until(made.opensearch_count, len(ledger), seconds=ANSWERED_S, told=made.said)
        wait_until(groups, [partition(FINGERPRINTS)] * 2, seconds=ANSWERED_S, told=made.said)
        return groups()[0]


def ledger_of(seed: int) -> dict[str, tuple[int, Failure]]:
    """The load with the families."""
    start_ms = (int(time.time()) // 60 - 120) * 60_000
    alone = load(failures=FAILURES, fingerprints=FINGERPRINTS, seed=seed, start_ms=start_ms)
    return failures(with_families(alone, failures=FAILURES, fingerprints=FINGERPRINTS, seed=seed))


def groups_of(installation: Installation, ledger: dict[str, tuple[int, Failure]]) -> list[set[frozenset[int]]]:
    """Problems by group, in either store."""
    problem_of = {name: problem for name, (problem, _) in ledger.items()}
    stores = installation.mongo_documents(), installation.opensearch_documents()
    return [partition_of(store, problem_of) for store in stores]


def under(
    installation: Installation, fault: Callable[[random.Random], None], *, seed: int = SEED
) -> dict[str, tuple[int, Failure]]:
    """Publish the load over FAULT_S seconds while `fault` goes on, again and again. Returns the ledger."""
    ledger = ledger_of(seed)
    sent = [failure for _, failure in ledger.values()]
    errors: list[BaseException] = []

    def publish() -> None:
        try:
            began = time.monotonic()
            for start in range(0, len(sent), BATCH):
                due = began + FAULT_S * start / len(sent)
                time.sleep(max(0.0, due - time.monotonic()))
                installation.publish(sent[start : start + BATCH], deadline_s=300)
        except BaseException as error:  # noqa: BLE001  # handed to the test, which raises it
            errors.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    rnd = random.Random(seed)
    while thread.is_alive():
        fault(rnd)
    thread.join()
    if errors:
        raise errors[0]
    return ledger


def healed(
    installation: Installation,
    llm: FakeLlmProcess,
    ledger: dict[str, tuple[int, Failure]],
    calm: set[frozenset[int]],
) -> float:
    """Everything arrives within RECOVERY_S, and is what the ledger says. Returns the seconds it took.

    Each document of both stores ends with the group of a run without faults and with the label that the language model
    gives its text; those that aliases join with one label, which is that of one of them.
    """
    began = time.monotonic()
    for count in (installation.mongo_count, installation.opensearch_count):
        left_s = max(1.0, RECOVERY_S - (time.monotonic() - began))
        wait_until(count, len(ledger), seconds=left_s, told=installation.said)
    took_s = time.monotonic() - began
    mongo, opensearch = installation.mongo_documents(), installation.opensearch_documents()
    assert set(mongo) == set(ledger) == set(opensearch)
    fingerprints = {name: fingerprint_of(document) for name, document in mongo.items()}
    assert fingerprints == {name: fingerprint_of(document) for name, document in opensearch.items()}
    problem_of = {name: problem for name, (problem, _) in ledger.items()}
    problems_of: dict[str, set[int]] = {}
    for name, problem in problem_of.items():
        problems_of.setdefault(fingerprints[name], set()).add(problem)
    assert all(len(problems) == 1 for problems in problems_of.values())
    truth = rollup_truth(ledger, fingerprints)
    wait_until(lambda: rollups_found(installation.mongo_rollups()) == truth, True, seconds=30, told=installation.said)

    joined = [problems for problems in calm if len(problems) > 1]
    alone = {name: one for name, one in ledger.items() if not any(one[0] in problems for problems in joined)}
    labels = {name: llm.kind_of(one.origin.value, one.message) for name, (_, one) in ledger.items()}

    def wrong() -> list[tuple[dict[str, str], list[set[str]]]]:
        found = []
        for store in (installation.mongo_documents(), installation.opensearch_documents()):
            kinds = {name: kind_of(store[name]) for name in ledger}
            found.append((not_labelled(store, alone, llm.kind_of), of_several_kinds(kinds, labels, problem_of, joined)))
        return found

    wait_until(lambda: groups_of(installation, ledger), [calm] * 2, seconds=ANSWERED_S, told=installation.said)
    wait_until(wrong, [({}, [])] * 2, seconds=ANSWERED_S, told=installation.said)
    assert installation.cursor_exits() == 0, installation.said()
    return took_s


def told(what: str, installation: Installation, took_s: float) -> None:
    exits = sum(len(role.exits) for role in installation.roles)
    right = "groups as without faults, 0 cursor exits"
    print(f"{what}: {FAILURES} failures, {exits} exits of roles, {right}, lag 0 after {took_s:.1f} s")


@pytest.mark.parametrize("seed", SEEDS)
def test_kill_9_of_any_role_loses_and_doubles_nothing(
    installation: Installation, llm: FakeLlmProcess, calm: set[frozenset[int]], seed: int
) -> None:
    killed: Counter[str] = Counter()

    def kill(rnd: random.Random) -> None:
        time.sleep(rnd.uniform(0.5, 4))
        role = rnd.choice(installation.roles)
        role.kill()
        killed[role.name] += 1

    ledger = under(installation, kill, seed=seed)
    told(f"seed {seed}: kill -9 of {dict(killed)}", installation, healed(installation, llm, ledger, calm))


def test_servers_that_are_away_for_a_while_one_at_a_time_lose_and_double_nothing(
    servers: dict[str, Instance], installation: Installation, llm: FakeLlmProcess, calm: set[frozenset[int]]
) -> None:
    still = list(servers)

    def go_away(rnd: random.Random) -> None:
        time.sleep(rnd.uniform(1, 3))
        if still:
            server = servers[still.pop()]
            server.kill()
            time.sleep(AWAY_S)
            server.start(keep=True)

    ledger = under(installation, go_away)
    while still:
        go_away(random.Random(SEED))
    told(f"each server away for {AWAY_S:.0f} s", installation, healed(installation, llm, ledger, calm))


def test_a_worker_that_comes_and_goes_loses_and_doubles_nothing(
    installation: Installation, llm: FakeLlmProcess, calm: set[frozenset[int]]
) -> None:
    third = installation.add("work")

    def come_and_go(rnd: random.Random) -> None:
        time.sleep(4)
        third.stop()
        time.sleep(4)
        third.ended_s = 0.0
        third.start()

    ledger = under(installation, come_and_go)
    told("a third worker came and went", installation, healed(installation, llm, ledger, calm))


def test_a_worker_that_stands_still_for_longer_than_its_session_writes_nothing_afterwards(
    installation: Installation, llm: FakeLlmProcess, calm: set[frozenset[int]]
) -> None:
    def stand_still(rnd: random.Random) -> None:
        time.sleep(2)
        rnd.choice(installation.of(rnd.choice(["fold", "work"]))).pause(9)

    ledger = under(installation, stand_still)
    told("workers stood still", installation, healed(installation, llm, ledger, calm))
