"""The fake language model is as strict as the real interfaces, and runs as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import anthropic
import pytest
from suites.fake_llm.journal import Entry, read, violations
from suites.fake_llm.personality import label_of
from suites.fake_llm.server import fake_llm
from suites.fake_llm.strict import Refused, check_chat, check_messages
from suites.llm_clients import KEY

from streams.contract.failure import Origin
from streams.contract.taxonomy import default_taxonomy

ROOT = Path(__file__).parents[2]
HEADERS = {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"}
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
GOOD: dict[str, Any] = {
    "model": "claude-haiku-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "thinking": {"type": "disabled"},
}
BAD_MESSAGES: dict[str, tuple[dict[str, Any], int]] = {
    "no model": ({"model": None}, 404),
    "an llm that there is not": ({"model": "claude-3-5-haiku-20241022"}, 404),
    "no bound": ({"max_tokens": 0}, 400),
    "a bound that is a truth": ({"max_tokens": True}, 400),
    "a field that there is not": ({"max_completion_tokens": 9}, 400),
    "a temperature": ({"temperature": 0}, 400),
    "a prefill": ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]}, 400),
    "no messages": ({"messages": []}, 400),
    "an empty message": ({"messages": [{"role": "user", "content": ""}]}, 400),
    "a message of the system": ({"messages": [{"role": "system", "content": "a"}]}, 400),
    "thinking off at the highest effort": ({"output_config": {"effort": "max"}}, 400),
    "an effort that there is not": ({"output_config": {"effort": "tiny"}}, 400),
    "a bound in the schema": (
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA | {"maxProperties": 3}}}},
        400,
    ),
    "a schema that is open": (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        400,
    ),
    "a block of another sort": ({"system": [{"type": "image", "text": "a"}]}, 400),
}


@pytest.mark.parametrize(("change", "status"), BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_messages_that_the_real_interface_refuses_are_refused(change: dict[str, Any], status: int) -> None:
    check_messages(GOOD, HEADERS, key=KEY)
    with pytest.raises(Refused) as caught:
        check_messages(GOOD | change, HEADERS, key=KEY)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"anthropic-version": "2026-10-21"}, 401),
        (HEADERS | {"authorization": "Bearer other"}, 401),
        ({"authorization": f"Bearer {KEY}"}, 400),
    ],
)
def test_headers_count(headers: dict[str, str], status: int) -> None:
    with pytest.raises(Refused) as caught:
        check_messages(GOOD, headers, key=KEY)
    assert caught.value.status == status


BAD_CHAT: dict[str, dict[str, Any]] = {
    "both bounds": {"max_tokens": 9},
    "a temperature": {"temperature": 0.2},
    "JSON without the word": {"response_format": {"type": "json_object"}},
    "a format that there is not": {"response_format": {"type": "yaml"}},
    "a field that there is not": {"thinking": {"type": "disabled"}},
    "an llm that there is not": {"model": "gpt-7"},
}


@pytest.mark.parametrize("change", BAD_CHAT.values(), ids=BAD_CHAT)
def test_chat_completions_that_the_real_interface_refuses_are_refused(change: dict[str, Any]) -> None:
    good = {"model": "gpt-6-luna", "max_completion_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    options: dict[str, Any] = {"key": KEY, "takes": "json_schema", "limit": "", "models": True}
    check_chat(good, HEADERS, **options)
    with pytest.raises(Refused):
        check_chat(good | change, HEADERS, **options)


def test_tokens_are_counted_when_asked_for() -> None:
    async def run() -> int:
        async with fake_llm(key=KEY) as fake:
            async with anthropic.AsyncAnthropic(api_key=KEY, base_url=fake.url, max_retries=0) as client:
                counted = await client.messages.count_tokens(
                    model="claude-haiku-5-5", system="s" * 35, messages=[{"role": "user", "content": "m" * 70}]
                )
            return counted.input_tokens

    assert asyncio.run(run()) == 30


def test_an_llm_that_is_left_to_think_is_slower_dearer_and_says_so_first() -> None:
    async def run() -> tuple[list[str], int]:
        async with fake_llm(key=KEY) as fake:
            async with anthropic.AsyncAnthropic(api_key=KEY, base_url=fake.url, max_retries=0) as client:
                item = {"id": "aaa", "from": "ci", "text": "a", "check": "bb"}
                message = await client.messages.create(
                    model="claude-haiku-5-5",
                    max_tokens=1_000,
                    messages=[{"role": "user", "content": json.dumps({"items": [item]})}],
                )
            return [block.type for block in message.content], message.usage.output_tokens

    blocks, output_tokens = asyncio.run(run())
    assert blocks == ["thinking", "text"]
    assert output_tokens > 100


@pytest.mark.parametrize("origin", list(Origin))
def test_labels_are_spread_over_all_kinds_and_do_not_depend_on_numbers(origin: Origin) -> None:
    words = [f"{a}{b}" for a in "abcdefghijklmnop" for b in "abcdefghijklmnop"]
    seen = {label_of(f"{word} {number}", origin)[0] for number, word in enumerate(words)}
    assert seen == {name for name in default_taxonomy().names(origin) if name != "unknown"}
    assert label_of("line 7 of pipe", origin) == label_of("line 12345 of pipe", origin)


def entry(number: int, **fields: Any) -> Entry:
    good: dict[str, Any] = {
        "number": number,
        "at_s": 10.0 * number,
        "path": "/v1/messages",
        "model": "claude-haiku-5-5",
        "status": 200,
        "fault": "",
        "instructions": "same",
        "items": [{"id": "a", "from": "ci", "text": f"text {number}"}],
    }
    return Entry(**good | fields)


WRONGS: dict[str, tuple[list[Entry], str]] = {
    "asks again": ([entry(1), entry(2, items=entry(1).items)], "asks again"),
    "an id twice": ([entry(1, items=[{"id": "a"}, {"id": "a"}])], "has an id twice"),
    "too many items": ([entry(1, items=[{"id": str(n)} for n in range(101)])], "has 101 items"),
    "a long text": ([entry(1, items=[{"id": "a", "text": "x" * 601}])], "more than 600"),
    "other instructions": ([entry(1), entry(2, instructions="other")], "2 different instructions"),
    "too fast": ([entry(n, at_s=0.1 * n) for n in range(1, 5)], "4 requests in a minute"),
    "a bad request": ([entry(1, refused="temperature")], "was refused: temperature"),
}


@pytest.mark.parametrize(("entries", "told"), WRONGS.values(), ids=WRONGS)
def test_the_journal_tells_what_an_asker_should_not_have_done(entries: list[Entry], told: str) -> None:
    assert violations([entry(1), entry(2)], rpm_max=3) == []
    (wrong,) = violations(entries, rpm_max=3)
    assert told in wrong


def call(url: str, body: object = None) -> Any:
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), HEADERS)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_it_runs_by_itself_takes_faults_on_order_and_keeps_its_journal_in_a_file(tmp_path: Path) -> None:
    journal = tmp_path / "asked.jsonl"
    command = [sys.executable, "-m", "suites.fake_llm", "--port", "0", "--journal", str(journal), "--key", KEY]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert call(f"{url}/control/faults", [{"fault": "status", "status": 418}]) == {"waiting": 1}
            with pytest.raises(urllib.error.HTTPError, match="418") as caught:
                call(f"{url}/v1/messages", GOOD)
            caught.value.close()
            assert call(f"{url}/v1/messages", GOOD)["content"][0]["type"] == "text"
            told = call(f"{url}/control/totals")
            assert (told["requests"], told["answered"], told["violations"]) == (2, 1, [])
            assert [one["status"] for one in call(f"{url}/control/journal")] == [418, 200]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert [one.status for one in read(journal)] == [418, 200]


def test_any_key_is_good_where_none_is_set_and_none_at_all_is_not() -> None:
    check_messages(GOOD, HEADERS, key="")
    with pytest.raises(Refused, match="invalid key"):
        check_messages(GOOD, {"anthropic-version": "2026-10-21"}, key="")
