"""The whole path on real servers: failures into Kafka, classified documents in both stores.

What is compared comes from the producer's own ledger, the raw stores and the journal of the language model's server.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from suites.cluster import Installation, wait_until
from suites.fake_llm.journal import totals
from suites.fake_llm.process import FakeLlmProcess
from suites.ledger import copies, failures, fingerprint_of, kind_of, not_labelled, rollup_truth, rollups_found, settled
from suites.load import load

from streams.contract.failure import Failure

PARTITIONS = 4
FINGERPRINTS = 300
BATCH_ITEMS = 50
DRAIN_S = 180
Ledger = dict[str, tuple[int, Failure]]

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("cluster")]


@pytest.fixture
def llm(tmp_path: Path) -> Iterator[FakeLlmProcess]:
    with FakeLlmProcess(tmp_path / "llm.jsonl") as server:
        yield server


@pytest.fixture
def installation(install: Callable[..., Installation], llm: FakeLlmProcess) -> Installation:
    made = install(partitions=PARTITIONS, ANTHROPIC_API_KEY=llm.key, API_BASE_URL=llm.url, FAULTLINE_BATCH_AGE_S="10")
    made.create_topics()
    return made


PARTITIONS_MANY = 12
BENCHMARK_FINGERPRINTS = 50


@pytest.fixture
def wide(installation: Installation) -> Installation:
    """The same with as many partitions as an installation has by default, in topics of their own."""
    installation.prefix += "wide."
    installation.partitions = PARTITIONS_MANY
    installation.environ |= {
        "FAULTLINE_TOPIC_PREFIX": installation.prefix,
        "FAULTLINE_PARTITIONS": str(PARTITIONS_MANY),
    }
    installation.create_topics()
    return installation


def begin(installation: Installation, *, workers: int = 2, classify: bool = True) -> None:
    for name in ("fold", "work"):
        for _ in range(workers):
            installation.add(name)
    for name in ("sink mongo", "sink opensearch"):
        installation.add(name)
    if classify:
        installation.add("classify")


def ledger_of(*, count: int, fingerprints: int, seed: int) -> Ledger:
    start_ms = (int(time.time()) // 60 - 120) * 60_000
    return failures(load(failures=count, fingerprints=fingerprints, seed=seed, start_ms=start_ms))


def sent(ledger: Ledger) -> list[Failure]:
    return [failure for _, failure in ledger.values()]


def drained(installation: Installation, ledger: Ledger) -> None:
    """Both stores hold as many documents as the ledger has failures, and all of them have the llm's verdict."""
    for count in (installation.mongo_count, installation.opensearch_count):
        wait_until(count, len(ledger), seconds=DRAIN_S, told=installation.said)

    def decided() -> list[int]:
        stores = installation.mongo_documents(), installation.opensearch_documents()
        return [sum(bool(kind_of(document)) for document in store.values()) for store in stores]

    wait_until(decided, [len(ledger)] * 2, seconds=DRAIN_S, told=installation.said)


def matches(installation: Installation, llm: FakeLlmProcess, ledger: Ledger) -> None:
    """The stores say what the ledger says, and each document has the label that the llm gives its text."""
    mongo, opensearch = installation.mongo_documents(), installation.opensearch_documents()
    assert set(mongo) == set(ledger)
    assert set(opensearch) == set(ledger)
    problem_of: dict[str, set[int]] = {}
    fingerprints = {}
    for name, (problem, _) in ledger.items():
        fingerprints[name] = fingerprint_of(mongo[name])
        assert fingerprint_of(opensearch[name]) == fingerprints[name]
        problem_of.setdefault(fingerprints[name], set()).add(problem)
    assert not_labelled(mongo, ledger, llm.kind_of) == {}
    assert not_labelled(opensearch, ledger, llm.kind_of) == {}
    assert all(len(problems) == 1 for problems in problem_of.values())
    assert rollups_found(installation.mongo_rollups()) == rollup_truth(ledger, fingerprints)


def have_headers(installation: Installation) -> None:
    """Every record that leaves a role is an event with an id of its own, whoever reads it."""
    for topic in ("failures.folded.v1", "failures.classified.v1", "rollups.v1", "fingerprints.unseen.v1"):
        told = [dict(record.headers) for record in installation.records(topic)]
        assert told, topic
        assert {headers["ce_type"] for headers in told} == {f"faultline.{topic}".encode()}
        assert len({(headers["ce_source"], headers["ce_id"]) for headers in told}) == len(told), topic
    verdicts = [dict(record.headers) for record in installation.records("fingerprints.classified.v1")]
    assert {(one["ce_source"], one["content-type"]) for one in verdicts} == {(b"classify", b"application/json")}


def test_every_failure_ends_as_one_document_in_each_store_and_the_llm_is_asked_once_for_50_fingerprints(
    installation: Installation, llm: FakeLlmProcess
) -> None:
    begin(installation, classify=False)
    ledger = ledger_of(count=20_000, fingerprints=FINGERPRINTS, seed=1)
    installation.publish(sent(ledger))
    # How fast a busy machine folds must not decide how many questions there are: all are there when the agent starts.
    wait_until(
        lambda: len(installation.records("fingerprints.unseen.v1")),
        FINGERPRINTS,
        seconds=DRAIN_S,
        told=installation.said,
    )
    installation.add("classify")
    drained(installation, ledger)
    matches(installation, llm, ledger)
    calls = math.ceil(FINGERPRINTS / BATCH_ITEMS)
    assert len(llm.calls()) == calls
    assert llm.faults() == []
    have_headers(installation)

    more = ledger_of(count=2_000, fingerprints=FINGERPRINTS, seed=2)
    installation.publish(sent(more))
    drained(installation, ledger | more)
    assert len(llm.calls()) == calls, "the same problems again cost nothing"

    assert set(installation.stop().values()) == {0}
    begin(installation)
    last = ledger_of(count=2_000, fingerprints=FINGERPRINTS, seed=3)
    installation.publish(sent(last))
    drained(installation, ledger | more | last)
    matches(installation, llm, ledger | more | last)
    assert len(llm.calls()) == calls, "nor after a restart"
    assert installation.cursor_exits() == 0


def test_failures_that_come_several_times_are_documents_once_and_counted_once(
    installation: Installation, llm: FakeLlmProcess
) -> None:
    begin(installation, workers=1)
    ledger = ledger_of(count=3_000, fingerprints=100, seed=4)
    again = copies(sent(ledger), most=5, seed=4, skew=300)
    for start in range(0, len(again), 2_000):
        installation.publish(again[start : start + 2_000])
        for role in installation.of("fold"):
            role.kill()
    drained(installation, ledger)
    before = {name: settled(d) for name, d in installation.mongo_documents().items()}
    installation.publish(sent(ledger))
    marker = ledger_of(count=400, fingerprints=100, seed=5)
    installation.publish(sent(marker))
    drained(installation, ledger | marker)
    matches(installation, llm, ledger | marker)
    after = installation.mongo_documents()
    assert {name: settled(after[name]) for name in before} == before


def test_ten_thousand_benchmark_failures_with_fifty_fingerprints_are_one_question(
    wide: Installation, llm: FakeLlmProcess
) -> None:
    start_ms = (int(time.time()) // 60 - 120) * 60_000
    both = failures(load(failures=30_000, fingerprints=2 * BENCHMARK_FINGERPRINTS, seed=6, start_ms=start_ms))
    of_benchmark = [(name, one) for name, one in both.items() if one[1].benchmark is not None]
    ledger = dict(of_benchmark[:10_000])
    assert (len(ledger), len({problem for problem, _ in ledger.values()})) == (10_000, BENCHMARK_FINGERPRINTS)
    for role in ("fold", "work", "sink mongo", "sink opensearch"):
        wide.add(role)
    first = {one[0]: one[1] for one in reversed(ledger.values())}
    wide.publish(list(first.values()))
    wait_until(
        lambda: len(wide.records("fingerprints.unseen.v1")), BENCHMARK_FINGERPRINTS, seconds=DRAIN_S, told=wide.said
    )
    wide.add("classify")
    wide.publish(sent({name: one for name, one in ledger.items() if first[one[0]].id != name}))
    drained(wide, ledger)
    matches(wide, llm, ledger)
    (call,) = llm.calls()
    tokens_in, tokens_out = totals([call])["input_tokens"], totals([call])["output_tokens"]
    dollars = (tokens_in * 0.10 + tokens_out * 0.50) / 1e6
    print(f"{len(ledger)} failures: 1 question, {tokens_in} tokens in, {tokens_out} out, ${dollars:.5f}")
    assert tokens_in <= 10_000
    assert tokens_out <= 2_500
    assert dollars <= 0.0025
