"""What OpenSearch refuses: a pause with one clear line, a refusal with its reason, or another try; nothing is lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from suites.records import ci_failure, verdict
from suites.search_store import SearchStore
from suites.servers import private
from testservers.kinds import OpenSearch

from streams.contract.classified import Classified
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Origin
from streams.sinks.base import Record, Refusal
from streams.sinks.opensearch.door import Door
from streams.sinks.opensearch.sink import OpenSearchSink

BLOCKS = {
    "store full": ("index.blocks.read_only_allow_delete", r"flood-stage.*free space on its disks"),
    "writes blocked": ("index.blocks.write", r"FORBIDDEN/8/index write.*lift it: PUT"),
    "read only": ("index.blocks.read_only", r"FORBIDDEN/5/index read-only.*lift it: PUT"),
}


@pytest.fixture
def store(opensearch: str, index_prefix: str) -> SearchStore:
    return SearchStore(opensearch, index_prefix)


@pytest.fixture(scope="module")
def own_server(empty_environment: None) -> Iterator[str]:
    """A node that may be hurt: small limits on requests, and blocks on the whole cluster."""
    limits = {
        "http.max_content_length": "1mb",
        "indexing_pressure.memory.limit": "1500kb",
        "thread_pool.write.size": 1,
        "thread_pool.write.queue_size": 1,
    }
    with private(OpenSearch, settings=limits) as server:
        yield server.address


def records(store: SearchStore, count: int = 3, *, length: int = 10) -> list[Record]:
    made = store.feeder.records(
        *(ci_failure("boom " + "x" * length, job=f"j{i}", attempt=length) for i in range(count))
    )
    return [record for record in made if isinstance(record, Classified)]


def index(store: SearchStore) -> str:
    return f"{store.names[Origin.CI]}-2026.09"


@pytest.mark.parametrize(("setting", "told"), BLOCKS.values(), ids=BLOCKS)
def test_a_blocked_index_pauses_the_sink_until_the_block_is_lifted(store: SearchStore, setting: str, told: str) -> None:
    first = records(store)
    assert store.write(first) == []
    more = records(store, length=20)
    store.ask("PUT", f"/{index(store)}/_settings", {setting: True})
    with pytest.raises(SinkUnavailable, match=told) as error:
        store.write(more)
    assert "\n" not in str(error.value)
    store.ask("PUT", f"/{index(store)}/_settings", {setting: None})
    assert store.write(more) == []
    assert len(store.documents()) == 6


@pytest.mark.parametrize("setting", [setting for setting, _ in BLOCKS.values()], ids=BLOCKS)
def test_a_verdict_waits_for_a_block_to_be_lifted_and_says_so_at_once(store: SearchStore, setting: str) -> None:
    first = records(store)
    store.write(first)
    (key,) = {r.fold.fingerprint.value for r in first if isinstance(r, Classified)}
    change = store.feeder.records(verdicts=[verdict(key, "timeout")])
    store.ask("PUT", f"/{index(store)}/_settings", {setting: True})
    with pytest.raises(SinkUnavailable, match="takes no writes"):
        store.write(change)
    store.ask("PUT", f"/{index(store)}/_settings", {setting: None})
    assert store.write(change) == []
    assert {d["s_subcategory"] for d in store.documents().values()} == {"timeout"}


def test_a_closed_index_pauses_the_sink_until_it_is_opened(store: SearchStore) -> None:
    first = records(store)
    store.write(first)
    (key,) = {r.fold.fingerprint.value for r in first if isinstance(r, Classified)}
    change = store.feeder.records(verdicts=[verdict(key, "timeout")])
    store.ask("POST", f"/{index(store)}/_close")
    for given in (first, change):
        with pytest.raises(SinkUnavailable, match="open it: POST"):
            store.write(given)
    store.ask("POST", f"/{index(store)}/_open")
    assert store.write([*first, *change]) == []
    assert {d["s_subcategory"] for d in store.documents().values()} == {"timeout"}


def test_a_blocked_cluster_pauses_the_sink(own_server: str) -> None:
    store = SearchStore(own_server, "blocked-")
    assert store.write(records(store)) == []
    block = "cluster.blocks.read_only_allow_delete"
    store.ask("PUT", "/_cluster/settings", {"persistent": {block: True}})
    more = records(store, length=20)
    try:
        with pytest.raises(SinkUnavailable, match="takes no writes"):
            store.write(more)
    finally:
        store.ask("PUT", "/_cluster/settings", {"persistent": {block: None}})
    assert store.write(more) == []
    assert len(store.documents()) == 6


def test_a_cluster_that_holds_as_many_indexes_as_it_may_pauses_the_sink(own_server: str) -> None:
    store = SearchStore(own_server, "full-")
    store.prepare()
    store.ask("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": 1}})
    store.ask("PUT", "/taken", {"settings": {"number_of_replicas": 0}})
    given = records(store)
    try:
        with pytest.raises(SinkUnavailable, match=r"maximum.*shards open"):
            store.write(given)
    finally:
        store.ask("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": None}})
    assert store.write(given) == []


def answered(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The statuses that the client wrote down as failures."""
    return set(re.findall(r"status:(\S+)", caplog.text))


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_a_request_above_the_servers_bound_is_halved_and_one_document_above_it_refused(
    own_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = SearchStore(
        own_server, "large-", bulk_bytes_max=6_000_000, bulk_documents_max=1_000, full_text_chars_max=65_536
    )
    given = records(store, 60, length=60_000)
    assert store.write(given) == []
    assert "413" in answered(caplog)
    assert len(store.documents()) == 60
    (record,) = (r for r in records(store, 1, length=30) if isinstance(r, Classified))
    texts = ("\x01" * 200_000, "\x02" * 200_000)
    (member,) = record.fold.members
    large = replace(record, fold=replace(record.fold, texts=texts, members=(replace(member, message=0, traceback=1),)))
    more = SearchStore(own_server, "large-", full_text_chars_max=400_000)
    (refused,) = more.write([*given[:1], large, *given[1:]])
    assert refused.index == 1
    assert "more than http.max_content_length" in refused.reason
    assert len(store.documents()) == 60


async def taken(sink: OpenSearchSink, given: list[Record]) -> list[Refusal]:
    """As a role does it: after a pause the same records again."""
    for _ in range(20):
        try:
            return await sink.write(given)
        except SinkUnavailable:
            await asyncio.sleep(0.5)
    raise AssertionError("not taken after 20 pauses")


async def write_at_once(stores: list[SearchStore], given: list[list[Record]]) -> list[list[Refusal]]:
    sinks = [OpenSearchSink(store.options) for store in stores]
    try:
        return await asyncio.gather(*(taken(sink, one) for sink, one in zip(sinks, given, strict=True)))
    finally:
        for sink in sinks:
            await sink.close()


def test_requests_that_are_refused_whole_while_others_are_worked_on_are_sent_again(
    own_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`indexing_pressure.memory.limit`"""
    stores = [SearchStore(own_server, f"busy{i}-", full_text_chars_max=65_536) for i in range(6)]
    given = [records(store, 60, length=30_000) for store in stores]
    assert asyncio.run(write_at_once(stores, given)) == [[]] * len(stores)
    assert "429" in answered(caplog)
    assert [len(store.documents()) for store in stores] == [60] * len(stores)


def test_documents_that_find_a_full_queue_are_sent_again(own_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`thread_pool.write.queue_size`: the request is answered with 200, its documents with 429."""
    told: list[int] = []
    ask = Door.ask

    async def heard(self: Door, *arguments: Any, **more: Any) -> Any:
        answer = await ask(self, *arguments, **more)
        told.extend(one["index"]["status"] for one in answer.get("items", ()))
        return answer

    monkeypatch.setattr(Door, "ask", heard)
    stores = [SearchStore(own_server, f"queue{i}-", bulk_documents_max=20) for i in range(6)]
    given = [records(store, 200, length=100) for store in stores]
    assert asyncio.run(write_at_once(stores, given)) == [[]] * len(stores)
    assert 429 in told
    assert [len(store.documents()) for store in stores] == [200] * len(stores)


@pytest.mark.timeout(300)  # the node starts twice
def test_a_store_that_is_away_pauses_the_sink_and_gets_everything_when_it_is_back(empty_environment: None) -> None:
    with private(OpenSearch) as server:
        store = SearchStore(server.address, "away-")
        first, more = records(store), records(store, length=20)
        assert store.write(first) == []
        server.kill()
        with pytest.raises(SinkUnavailable, match="cannot be reached"):
            store.write(more)
        with pytest.raises(SinkUnavailable, match="cannot be reached"):
            store.prepare()
        again = SearchStore(server.start(keep=True), "away-")
        assert again.write([*first, *more]) == []
        assert len(again.documents()) == 6


def test_what_is_no_opensearch_is_told(store: SearchStore) -> None:
    """A path that its server does not know, as behind a proxy that leads elsewhere."""
    elsewhere = SearchStore(f"{store.url}/nowhere/else", "x-")
    with pytest.raises(ConfigurationError, match="no OpenSearch answers there"):
        elsewhere.prepare()
