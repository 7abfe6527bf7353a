"""The event stream, spoken to as a server speaks to it."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.datastructures import Headers
from suites.fake_queries import NOW_MS, FakeQueries, group

from streams.dashboard.live import Live, last_event_id

POLL_S = 0.01
PATIENCE_S = 5.0


class Reader:
    """A client of the stream: collects what is sent, may stop reading, and may go."""

    def __init__(self, live: Live, *, last_event_id: str | None = None) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self._gone = asyncio.Event()
        headers = [] if last_event_id is None else [(b"last-event-id", last_event_id.encode())]
        scope = {"type": "http", "method": "GET", "path": "/events", "headers": headers}
        self.answer = asyncio.create_task(live(scope, self._receive, self._send))

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        await self.reading.wait()
        self.messages.append(message)

    def go(self) -> None:
        self._gone.set()

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()

    @property
    def revisions(self) -> list[int]:
        return [int(line[4:]) for line in self.text.splitlines() if line.startswith("id: ")]

    def has(self, revision: int) -> bool:
        """Whether the newest frame says this revision."""
        return self.revisions[-1:] == [revision]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():  # noqa: ASYNC110  # what is waited for has no event: it is what was sent
                await asyncio.sleep(0.002)


def run(scenario: Callable[[FakeQueries, Live], Coroutine[Any, Any, None]], **options) -> FakeQueries:
    queries = FakeQueries([group()])
    live = Live(queries, now_ms=lambda: NOW_MS, **{"poll_s": POLL_S, **options})
    asyncio.run(scenario(queries, live))
    return queries


def test_a_reader_is_told_the_totals_and_then_each_change():
    async def scenario(queries, live):
        reader = Reader(live)
        await reader.until(lambda: reader.revisions == [1])
        queries.add(group(2))
        await reader.until(lambda: reader.revisions == [1, 2])
        data = [json.loads(line[6:]) for line in reader.text.splitlines() if line.startswith("data: ")]
        assert data[-1] == {
            "failures": 2,
            "groups": 2,
            "rejected": 0,
            "last_failure_ms": NOW_MS - 60_000,
            "revision": 2,
            "now_ms": NOW_MS,
        }
        start = reader.messages[0]
        assert (b"x-accel-buffering", b"no") in start["headers"]
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        reader.go()
        await reader.answer

    run(scenario)


def test_a_hint_is_followed_by_a_look_at_what_may_come_a_little_later():
    """The store is asked again some times: the hint comes with the record, the document follows."""

    async def scenario(queries, live):
        reader = Reader(live)
        await reader.until(lambda: reader.revisions == [1])
        await asyncio.sleep(0.6)
        asked = queries.asked
        live.look()
        await reader.until(lambda: queries.asked > asked)
        queries.add(group(2))
        await reader.until(lambda: reader.revisions == [1, 2])
        reader.go()
        await reader.answer

    run(scenario, poll_s=3600.0)


def test_a_reader_that_comes_back_is_told_only_what_it_has_not_seen():
    async def scenario(queries, live):
        first = Reader(live)
        await first.until(lambda: first.revisions == [1])
        same, older = Reader(live, last_event_id="1"), Reader(live, last_event_id="0")
        await older.until(lambda: older.revisions == [1])
        queries.add(group(2))
        await same.until(lambda: same.revisions == [2])
        for reader in (first, same, older):
            reader.go()

    run(scenario)


@pytest.mark.parametrize("given", ["", "x", "-1", "1.5", "²", "9" * 30])
def test_nonsense_for_a_last_event_is_no_last_event(given):
    assert last_event_id(Headers({"last-event-id": given})) is None


def test_a_slow_reader_skips_to_the_latest_frame_and_holds_nobody_up():
    async def scenario(queries, live):
        slow, quick = Reader(live), Reader(live)
        await slow.until(lambda: slow.revisions == [1])
        slow.reading.clear()
        for number in range(2, 12):
            queries.add(group(number))
            await quick.until(functools.partial(quick.has, number))
        slow.reading.set()
        await slow.until(lambda: slow.revisions[-1:] == [11])
        assert len(slow.revisions) <= 3  # the first, the one it was stuck on, the latest
        slow.go()
        quick.go()

    run(scenario)


def test_readers_share_one_poll_and_without_readers_nobody_asks():
    async def scenario(queries, live):
        await asyncio.sleep(5 * POLL_S)
        assert queries.asked == 0
        readers = [Reader(live) for _ in range(20)]
        for reader in readers:
            await reader.until(functools.partial(reader.has, 1))
        assert queries.asked < 20
        for reader in readers:
            reader.go()
            await reader.answer
        assert live.readers == 0
        asked = queries.asked
        await asyncio.sleep(5 * POLL_S)
        assert queries.asked <= asked + 1  # one may have been on its way

    run(scenario)


def test_too_many_readers_are_sent_away_until_one_goes():
    async def scenario(queries, live):
        first, second = Reader(live), Reader(live)
        await second.until(lambda: second.revisions == [1])
        third = Reader(live)
        await third.answer
        assert third.messages[0]["status"] == 503
        assert (b"retry-after", b"5") in third.messages[0]["headers"]
        first.go()
        await first.answer
        fourth = Reader(live)
        await fourth.until(lambda: fourth.revisions == [1])
        second.go()
        fourth.go()

    run(scenario, readers_max=2)


def test_silence_is_filled_with_heartbeats():
    async def scenario(queries, live):
        reader = Reader(live, last_event_id="1")
        await reader.until(lambda: reader.text.count(": heartbeat") >= 3)
        assert reader.revisions == []
        reader.go()

    run(scenario, heartbeat_s=0.02)


def test_a_store_that_is_away_is_told_and_so_is_its_return():
    async def scenario(queries, live):
        reader = Reader(live)
        await reader.until(lambda: reader.revisions == [1])
        queries.away = True
        await reader.until(lambda: "event: trouble" in reader.text)
        queries.away = False
        await reader.until(lambda: "event: well" in reader.text)
        assert reader.revisions == [1]
        reader.go()

    run(scenario)


def test_stopping_ends_every_stream_in_good_order_and_refuses_new_ones():
    async def scenario(queries, live):
        readers = [Reader(live) for _ in range(3)]
        for reader in readers:
            await reader.until(functools.partial(reader.has, 1))
        readers[1].reading.clear()  # one that no longer reads must not hold the end up
        live.stop()
        live.stop()
        async with asyncio.timeout(1.0):
            await asyncio.gather(*(reader.answer for reader in readers))
        assert readers[0].messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        late = Reader(live)
        await late.answer
        assert late.messages[0]["status"] == 503

    run(scenario)


def test_stopping_before_anybody_came_is_no_fault():
    async def scenario(queries, live):
        live.stop()
        late = Reader(live)
        await late.answer
        assert late.messages[0]["status"] == 503

    run(scenario)


def test_a_fault_of_ours_in_the_poll_is_raised_and_not_hidden():
    class Broken(FakeQueries):
        def totals(self):
            raise ZeroDivisionError

    async def scenario() -> None:
        reader = Reader(Live(Broken(), now_ms=lambda: NOW_MS, poll_s=POLL_S))
        with pytest.raises(ZeroDivisionError):
            await reader.answer

    asyncio.run(scenario())
