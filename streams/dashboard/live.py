"""Server-sent events: tells readers that something changed. One poll of the store serves them all.

A frame says the revision and the totals; the reader then fetches what it shows. So a frame is small whatever changed,
a slow reader simply skips frames, and nothing from outside travels in one.
The store is asked only while somebody listens, in a thread, once in `poll_s`, and sooner after a hint.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from streams.contract.errors import SinkUnavailable
from streams.sinks.base import Queries, Totals

CLOSE_S = 0.5
"""How long the last bytes of a stream may take when the server ends."""
READERS_MAX = 64
HEARTBEAT_S = 15.0
LOOK_S = 0.4
"""After a hint the store is asked so often, for HINTED_S: what the hint is of may be in the store a little later."""
HINTED_S = 5.0
RETRY_MS = 2_000
"""How long a browser waits before it connects again."""
RETRY_AFTER_S = 5
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def totals_json(totals: Totals, *, now_ms: int) -> dict[str, Any]:
    """The totals as a frame and the API tell them."""
    return {
        "failures": totals.failures,
        "groups": totals.groups,
        "rejected": totals.rejected,
        "last_failure_ms": totals.last_failure_ms,
        "revision": totals.revision,
        "now_ms": now_ms,
    }


def last_event_id(headers: Headers) -> int | None:
    """The revision that a reader has seen; None when it says none, or nonsense."""
    given = headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 20 else None


class Live:
    """The ASGI endpoint of the event stream.

    `stop` ends every stream at once and refuses new ones: call it when the server is told to end, since a server waits
    for open answers. Safe to call from a signal handler or another thread, more than once, and before any reader came.
    """

    def __init__(
        self,
        queries: Queries,
        *,
        now_ms: Callable[[], int],
        poll_s: float = 1.0,
        heartbeat_s: float = HEARTBEAT_S,
        readers_max: int = READERS_MAX,
    ) -> None:
        self._queries = queries
        self._now_ms = now_ms
        self._poll_s = poll_s
        self._heartbeat_s = heartbeat_s
        self._readers_max = readers_max
        self._streams: set[asyncio.Task[None]] = set()
        self._poller: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._latest: Totals | None = None
        self._trouble = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False
        self._hint = asyncio.Event()

    @property
    def readers(self) -> int:
        """Streams that are open now."""
        return len(self._streams)

    def look(self) -> None:
        """A hint that something changed. Cheap, so it may come with every record; from the loop's own thread."""
        self._hint.set()

    def stop(self) -> None:
        """End all streams, and refuse new ones from now on."""
        self._stopped = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_streams)

    def _end_streams(self) -> None:
        for stream in self._streams:
            stream.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._stopped or len(self._streams) >= self._readers_max:
            reason = "The server is ending.\n" if self._stopped else "Too many live readers; try again later.\n"
            refusal = PlainTextResponse(reason, 503, headers={"retry-after": str(RETRY_AFTER_S)})
            await refusal(scope, receive, send)
            return
        self._loop = asyncio.get_running_loop()
        seen = last_event_id(Headers(scope=scope))
        stream = asyncio.create_task(self._stream(send, seen))
        self._streams.add(stream)
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({stream, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.discard(stream)
            if not self._streams and self._poller is not None:
                self._poller.cancel()
                self._poller = None
            await _ended(gone)
            await _ended(stream)

    async def _stream(self, send: Send, seen: int | None) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        try:
            async for frame in self._frames(seen):
                await send({"type": "http.response.body", "body": frame.encode(), "more_body": True})
        except asyncio.CancelledError:
            if not self._stopped:
                raise
        # The stream is closed in good order, so that the server need not cut the connection.
        async with asyncio.timeout(CLOSE_S):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _frames(self, seen: int | None) -> AsyncIterator[str]:
        """Frames for one reader, without end. Only the latest totals are ever kept for it."""
        yield f"retry: {RETRY_MS}\n\n"
        in_trouble = False
        while not self._stopped:
            if self._poller is None:
                self._latest, self._trouble = None, False
                self._poller = asyncio.create_task(self._poll())
            changed = self._changed
            latest = self._latest
            if latest is not None and latest.revision != seen:
                seen = latest.revision
                data = json.dumps(totals_json(latest, now_ms=self._now_ms()))
                yield f"id: {seen}\nevent: changed\ndata: {data}\n\n"
            if self._trouble != in_trouble:
                in_trouble = self._trouble
                yield f"event: {'trouble' if in_trouble else 'well'}\ndata: {{}}\n\n"
            if not await _within(changed.wait(), self._heartbeat_s):
                # The comment keeps proxies from closing; the event shows the page that the connection is alive.
                yield f": heartbeat\nevent: beat\ndata: {self._now_ms()}\n\n"
            if self._poller.done():
                self._poller.result()

    async def _poll(self) -> None:
        """Ask the store until the last reader is gone."""
        loop = asyncio.get_running_loop()
        hinted_s = float("-inf")
        try:
            while True:
                latest, trouble = self._latest, False
                try:
                    latest = await anyio.to_thread.run_sync(self._queries.totals)
                except SinkUnavailable:
                    trouble = True
                if latest != self._latest or trouble != self._trouble:
                    self._latest, self._trouble = latest, trouble
                    self._wake()
                await asyncio.sleep(min(LOOK_S, self._poll_s))
                if loop.time() - hinted_s >= HINTED_S:
                    await _within(self._hint.wait(), self._poll_s - LOOK_S)
                if self._hint.is_set():
                    self._hint.clear()
                    hinted_s = loop.time()
        finally:
            self._wake()

    def _wake(self) -> None:
        """Wake every reader that waits now; who is still sending looks at the latest totals when it is done."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _within(waiting: Coroutine[Any, Any, Any], timeout_s: float) -> bool:
    """Whether it ended in time. Up to Python 3.11 `wait_for` swallows a cancellation that meets the end."""
    try:
        async with asyncio.timeout(timeout_s):
            await waiting
    except TimeoutError:
        return False
    return True


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel the task if it still runs; a failure of its own is raised."""
    task.cancel()
    try:
        await task
    except (asyncio.CancelledError, TimeoutError, OSError):
        pass  # ended as told, or its reader is gone
