"""What the llm holds for the same problem, on real servers: one group in both stores, until a person says no."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from suites.cluster import Installation, wait_until
from suites.fake_llm.personality import label_of
from suites.fake_llm.process import FakeLlmProcess
from suites.families import group_of
from suites.ledger import failures, fingerprint_of, kind_of
from suites.load import WORDS, Told

from streams.contract.alias import Alias, AliasSource
from streams.contract.wire import from_bytes

DRAIN_S = 90
KIND = "network_error"
TEXTS = [
    text
    for word in WORDS
    if label_of(text := f"lookalike {word} of the ledger lost its connection to the vault", "ci")[0] == KIND
][:3]
"""Too few for the slot rule; the llm gives all of them one kind."""
NUMBERED = TEXTS[0].replace("to the vault", "with status 503")
"""A number that was kept: nobody is asked whether it is the same."""

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("cluster")]


@pytest.fixture
def llm(tmp_path: Path) -> Iterator[FakeLlmProcess]:
    with FakeLlmProcess(tmp_path / "llm.jsonl") as server:
        yield server


@pytest.fixture
def installation(install: Callable[..., Installation], llm: FakeLlmProcess) -> Installation:
    made = install(partitions=2, ANTHROPIC_API_KEY=llm.key, API_BASE_URL=llm.url, FAULTLINE_BATCH_AGE_S="1")
    made.create_topics()
    for role in ("fold", "work", "classify", "sink mongo", "sink opensearch", "dashboard"):
        made.add(role)
    return made


def sent(installation: Installation, *texts: str, run: int) -> None:
    """One failure of each text."""
    at_ms = int(time.time() * 1000) - 60_000
    told = [
        Told(
            problem,
            {"message": text, "occurred_at_ms": at_ms, "origin": "ci", "ci": {"repo": "acme/shop", "run_id": str(run)}},
        )
        for problem, text in enumerate(texts)
    ]
    installation.publish([failure for _, failure in failures(told).values()])


def test_what_the_llm_holds_for_the_same_is_one_group_in_both_stores_until_a_person_says_no(
    installation: Installation, llm: FakeLlmProcess
) -> None:
    def partitions() -> list[set[frozenset[str]]]:
        """Fingerprints by group in either store; nothing before all have the verdict of the llm."""
        found = []
        for store in (installation.mongo_documents(), installation.opensearch_documents()):
            groups: dict[str, set[str]] = {}
            for document in store.values():
                if kind_of(document):
                    groups.setdefault(group_of(document), set()).add(fingerprint_of(document))
            found.append({frozenset(members) for members in groups.values()})
        return found

    def settled(*groups: set[str]) -> None:
        want = {frozenset(group) for group in groups}
        wait_until(partitions, [want] * 2, seconds=DRAIN_S, told=installation.said)

    def edges() -> list[Alias]:
        return [from_bytes(Alias, record.value or b"") for record in installation.records("aliases.v1")]

    sent(installation, TEXTS[0], run=1)
    wait_until(lambda: [len(one) for one in partitions()], [1, 1], seconds=DRAIN_S, told=installation.said)
    ((first,),) = partitions()[0]
    sent(installation, TEXTS[1], NUMBERED, run=2)
    wait_until(installation.mongo_count, 3, seconds=DRAIN_S, told=installation.said)
    by_text = {d["s_error_full_text"]: fingerprint_of(d) for d in installation.mongo_documents().values()}
    second, numbered = by_text[TEXTS[1]], by_text[NUMBERED]
    settled({first, second}, {numbered})
    (edge,) = edges()
    assert (edge.source, edge.stands, {edge.a, edge.b}) == (AliasSource.LLM, True, {first, second})
    assert edge.reason.startswith(f"the same {KIND}: ")

    (page,) = installation.of("dashboard")
    url = f"http://127.0.0.1:{page.port}"
    said = installation.command("alias", first, second, "--not", "--reason", "two vaults", "--by", "ada", "--url", url)
    assert said.returncode == 0, said.stderr
    settled({first}, {second}, {numbered})
    installation.of("classify")[0].kill()
    sent(installation, TEXTS[2], run=3)
    wait_until(lambda: sum(map(len, partitions()[0])), 4, seconds=DRAIN_S, told=installation.said)
    wait_until(lambda: len(partitions()[0]), 3, seconds=DRAIN_S, told=installation.said)
    assert all(not {first, second} <= group for store in partitions() for group in store)
    assert {edge.source for edge in edges() if {edge.a, edge.b} == {first, second}} == {
        AliasSource.LLM,
        AliasSource.HUMAN,
    }
    assert llm.faults() == []
