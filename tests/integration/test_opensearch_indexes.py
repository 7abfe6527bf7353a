"""What has to be there before a document: templates, aliases, mappings, an index that somebody else has made."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from suites.records import AT_MS, benchmark_failure, ci_failure
from suites.search_store import SearchStore

from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.mappings import field_types
from streams.sinks.opensearch.indexes import Dropped

DAY_MS = 86_400_000
DEPLOYED = Path(__file__).parents[2] / "deploy" / "opensearch"


@pytest.fixture
def store(opensearch: str, index_prefix: str) -> SearchStore:
    return SearchStore(opensearch, index_prefix)


def names(store: SearchStore, origin: Origin = Origin.CI) -> list[str]:
    found = store.ask("GET", f"/_cat/indices/{store.names[origin]}*?format=json&h=index")
    return sorted(one["index"] for one in found)


def another(store: SearchStore, period: str) -> SearchStore:
    made = SearchStore(store.url, "", period=period, indexes=store.names)
    made.names, made.feeder = store.names, store.feeder
    return made


@pytest.mark.parametrize(("period", "expected"), [("none", ""), ("month", "-2026.09"), ("day", "-2026.09.21")])
def test_an_index_is_named_after_the_failures_time_and_read_under_the_earlier_name(
    opensearch: str, index_prefix: str, period: str, expected: str
) -> None:
    store = SearchStore(opensearch, index_prefix, period=period)
    store.feed(ci_failure("boom"), benchmark_failure("slow"))
    for origin in Origin:
        assert names(store, origin) == [store.names[origin] + expected]
        assert len(store.documents(origin)) == 1
    about = store.ask("GET", f"/{names(store)[0]}")[names(store)[0]]
    properties = about["mappings"]["properties"]
    assert {field: one["type"] for field, one in properties.items()} == field_types(Origin.CI)
    index = about["settings"]["index"]
    assert (index["number_of_shards"], index["number_of_replicas"], index["refresh_interval"]) == ("1", "0", "5s")
    assert set(about["aliases"]) == (set() if period == "none" else {store.names[Origin.CI]})


def test_preparing_again_and_by_two_at_once_changes_nothing(store: SearchStore) -> None:
    store.prepare()
    before = store.ask("GET", f"/_index_template/{store.names[Origin.CI]}")
    store.prepare()
    assert store.ask("GET", f"/_index_template/{store.names[Origin.CI]}") == before
    store.feed(ci_failure("boom"))
    store.prepare()
    assert len(store.documents()) == 1


def test_a_template_that_somebody_has_changed_stays_and_one_of_an_older_release_does_not(store: SearchStore) -> None:
    store.prepare()
    name = store.names[Origin.CI]
    body = store.ask("GET", f"/_index_template/{name}")["index_templates"][0]["index_template"]
    body["template"]["settings"]["index"]["refresh_interval"] = "1s"
    store.ask("PUT", f"/_index_template/{name}", body)
    store.prepare()
    store.feed(ci_failure("boom"))
    index = f"{name}-2026.09"
    assert store.ask("GET", f"/{index}/_settings")[index]["settings"]["index"]["refresh_interval"] == "1s"
    store.ask("PUT", f"/_index_template/{name}", body | {"version": 0})
    store.prepare()
    found = store.ask("GET", f"/_index_template/{name}")["index_templates"][0]["index_template"]
    assert found["version"] == body["version"] > 0


def test_an_index_of_the_earlier_system_is_used_as_it_is(store: SearchStore) -> None:
    name = store.names[Origin.CI]
    kinds = ("keyword", "text", "float", "boolean", "long", "date")
    earlier = {f: {"type": k} for f, k in field_types(Origin.CI).items() if f.startswith("s_") and k in kinds}
    lacks = ("s_fingerprint", "s_class", "s_site", "s_evidence", "s_own_evidence", "s_verdict_source")
    earlier = {f: kind for f, kind in earlier.items() if f not in lacks}
    store.ask("PUT", f"/{name}", {"mappings": {"properties": earlier}, "settings": {"number_of_replicas": 0}})
    store.ask("PUT", f"/{name}/_doc/old?refresh=true", {"s_repo": "acme/shop", "@timestamp": "2026-01-01T00:00:00Z"})
    store.feed(ci_failure("boom"))
    assert names(store) == [name]
    assert len(store.documents()) == 2
    properties = store.ask("GET", f"/{name}/_mapping")[name]["mappings"]["properties"]
    assert {f: one["type"] for f, one in properties.items()} == field_types(Origin.CI)
    assert "ignore_above" not in properties["s_repo"], "what was there is not changed"


def test_an_index_that_does_not_fit_is_told_with_commands_that_make_it_fit(store: SearchStore) -> None:
    name = store.names[Origin.CI]
    store.ask("PUT", f"/{name}", {"settings": {"number_of_replicas": 0}})
    store.ask("PUT", f"/{name}/_doc/old?refresh=true", {"s_repo": "acme/shop", "@timestamp": "2026-01-01T00:00:00Z"})
    with pytest.raises(ConfigurationError, match="s_repo is text, keyword is needed") as told:
        store.prepare()
    assert f"the index {name}" in str(told.value)
    commands = re.findall(r"^  (curl .*)$", str(told.value), flags=re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        subprocess.run([*shlex.split(command), "--fail", "-sS", "--noproxy", "*"], check=True, timeout=30)
    store.feed(ci_failure("boom"))
    assert len(store.documents()) == 2
    assert names(store) == [f"{name}-2026.09", f"{name}-earlier"]
    found = store.ask("POST", f"/{name}/_search", {"query": {"term": {"s_repo": "acme/shop"}}})
    assert found["hits"]["total"]["value"] == 2


@pytest.mark.parametrize(("before", "after"), [("month", "day"), ("day", "month"), ("month", "none")])
def test_another_period_over_indexes_that_are_there_is_refused(store: SearchStore, before: str, after: str) -> None:
    """A failure that comes again would find another index, and be written twice."""
    another(store, before).feed(ci_failure("boom"))
    with pytest.raises(ConfigurationError, match=f"set FAULTLINE_INDEX_PERIOD={before}"):
        another(store, after).prepare()
    another(store, before).prepare()


def test_a_name_that_another_template_claims_is_told(store: SearchStore) -> None:
    name = store.names[Origin.CI]
    store.ask("PUT", f"/_index_template/{name}-other", {"index_patterns": [f"{name}*"], "priority": 200})
    with pytest.raises(ConfigurationError, match=r"matching patterns from existing.*ERROR_CLASSIFICATION_INDEX"):
        store.prepare()


@pytest.mark.parametrize("period", ["none", "month"])
def test_an_index_that_is_deleted_under_way_is_made_anew_with_its_mapping(
    opensearch: str, index_prefix: str, period: str
) -> None:
    store = SearchStore(opensearch, index_prefix, period=period)
    first, second = store.feeder.records(ci_failure("boom")), store.feeder.records(ci_failure("bang"))

    async def write(sink):
        await sink.write(first)
        for name in names(store):
            store.ask("DELETE", f"/{name}")
        if period == "none":
            with pytest.raises(SinkUnavailable, match="is gone"):
                await sink.write(second)
        return await sink.write(second)

    assert store.through(write) == []
    assert len(store.documents()) == 1
    (name,) = names(store)
    properties = store.ask("GET", f"/{name}/_mapping")[name]["mappings"]["properties"]
    assert set(properties) == set(field_types(Origin.CI))


def test_retention_drops_whole_periods(opensearch: str, index_prefix: str) -> None:
    store = SearchStore(opensearch, index_prefix, period="day")
    store.feed(*(ci_failure("x", job=f"j{i}", at_ms=AT_MS - i * DAY_MS) for i in range(5)))
    before_ms = AT_MS // DAY_MS * DAY_MS - DAY_MS
    dropped = store.through(lambda sink: sink.drop_before(before_ms))
    name = store.names[Origin.CI]
    assert dropped == Dropped(indexes=tuple(f"{name}-2026.09.{day}" for day in (17, 18, 19)))
    assert names(store) == [f"{name}-2026.09.20", f"{name}-2026.09.21"]
    assert store.through(lambda sink: sink.drop_before(before_ms)) == Dropped()


def test_retention_deletes_the_older_documents_of_an_undivided_index(opensearch: str, index_prefix: str) -> None:
    store = SearchStore(opensearch, index_prefix, period="none")
    store.feed(
        *(ci_failure("x", job=f"j{i}", at_ms=AT_MS - i * DAY_MS) for i in range(5)),
        *(benchmark_failure("slow", request=str(i), at_ms=AT_MS - i * DAY_MS) for i in range(5)),
    )
    for origin in Origin:
        store.documents(origin)  # refreshes
    assert store.through(lambda sink: sink.drop_before(AT_MS - 2 * DAY_MS)) == Dropped(documents=4)
    assert {len(store.documents(origin)) for origin in Origin} == {3}


def test_the_templates_to_install_by_hand_are_taken_by_the_server(store: SearchStore) -> None:
    for path in sorted(DEPLOYED.glob("*.template.json")):
        text = path.read_text(encoding="utf-8")
        names_here = text.replace('"error_classifications', f'"{store.names[Origin.CI]}')
        names_here = names_here.replace('"benchmark_failures', f'"{store.names[Origin.BENCHMARK]}')
        name = store.names[Origin.CI] + path.name
        assert store.ask("PUT", f"/_index_template/{name}", json.loads(names_here)) == {"acknowledged": True}
        store.ask("DELETE", f"/_index_template/{name}")
