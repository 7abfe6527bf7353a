"""The bytes of a request: within a size on the wire, a size inflated, and a time. Memory stays bounded on any input.

A body is read piece by piece; gzip is inflated piece by piece with a running count, so that a bomb is refused when it
passes the limit, not after it was inflated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request

from streams.gateway.answers import Refusal, over_limit
from streams.gateway.limits import Limits
from streams.producers.gzipped import GzipDamaged, Unpacking

MEMBERS_MAX = 10_000
"""Gzip members of one body."""
DRAIN_BYTES_MAX = 64 * 1024 * 1024
DRAIN_SECONDS_MAX = 5.0
_ENDED = "faultline.body_ended"


async def _wire(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; remembers its end, so that `drain` waits for nothing. Raises: ClientDisconnect."""
    while not request.scope.get(_ENDED):
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        request.scope[_ENDED] = not message.get("more_body", False)
        yield message.get("body", b"")


async def _read(request: Request, *, limit: str, limits: Limits) -> AsyncIterator[bytes]:
    """The inflated body in pieces. `limit` is the field of `limits` that bounds it."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip"}:
        told = f"Content-Encoding {encoding[:40]!r} is not read here; send gzip, or the body as it is"
        raise Refusal(415, told, headers={"Accept-Encoding": "gzip"})
    bytes_max: int = getattr(limits, limit)
    too_large = over_limit(limit, bytes_max, what="the body")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > bytes_max:
        raise too_large
    gzip = None if encoding in {"identity", ""} else Unpacking(members_max=MEMBERS_MAX)
    wire = inflated = 0
    async for chunk in _wire(request):
        wire += len(chunk)
        if wire > bytes_max:
            raise too_large
        if gzip is None:
            if chunk:
                yield chunk
            continue
        pieces = gzip.unpacked(chunk)
        while piece := await _next(pieces):
            inflated += len(piece)
            if inflated > bytes_max:
                raise too_large
            if inflated > limits.ratio_free_bytes and inflated > limits.inflated_ratio_max * wire:
                raise over_limit("inflated_ratio_max", limits.inflated_ratio_max, what="the inflated body")
            yield piece
    if gzip is not None and gzip.is_cut_off:
        raise Refusal(400, "the gzip body is cut off before its end")


async def _next(pieces: Iterator[bytes]) -> bytes:
    """The next piece, b"" behind the last. Raises: Refusal (400) where there is none to be had."""
    try:
        return await anyio.to_thread.run_sync(next, pieces, b"")
    except GzipDamaged as error:
        raise Refusal(400, f"the body is not the gzip that Content-Encoding says it is: {error}") from error


async def read_bytes(request: Request, *, limit: str, limits: Limits) -> bytes:
    """The whole body in memory. Raises: Refusal (400, 408, 413, 415); ClientDisconnect."""
    out = bytearray()
    try:
        with anyio.fail_after(limits.body_seconds_max):
            async for piece in _read(request, limit=limit, limits=limits):
                out += piece
    except TimeoutError as error:
        raise _too_slow(limits) from error
    return bytes(out)


@asynccontextmanager
async def spooled(request: Request, *, limit: str, limits: Limits) -> AsyncIterator[BinaryIO]:
    """The body as a file at its beginning, in memory up to `spool_bytes_max`. Raises as `read_bytes`."""
    with SpooledTemporaryFile(max_size=limits.spool_bytes_max) as file:
        waiting = bytearray()
        try:
            with anyio.fail_after(limits.body_seconds_max):
                async for piece in _read(request, limit=limit, limits=limits):
                    waiting += piece
                    if len(waiting) >= limits.spool_bytes_max:
                        await anyio.to_thread.run_sync(file.write, bytes(waiting))
                        waiting.clear()
        except TimeoutError as error:
            raise _too_slow(limits) from error
        if waiting:
            await anyio.to_thread.run_sync(file.write, bytes(waiting))
        file.seek(0)
        yield cast(BinaryIO, file)


async def drain(request: Request) -> None:
    """Read on for a while after a refusal and forget it: a caller that still sends would miss the answer otherwise."""
    if "expect" in request.headers:
        return  # it waits to be told to send, and is told not to
    read = 0
    with anyio.move_on_after(DRAIN_SECONDS_MAX), suppress(ClientDisconnect):
        async for chunk in _wire(request):
            read += len(chunk)
            if read > DRAIN_BYTES_MAX:
                return


def _too_slow(limits: Limits) -> Refusal:
    told = f"the body took longer than {limits.body_seconds_max:g} s; send it in parts"
    return Refusal(408, told, headers={"Connection": "close"}, more={"limit": "body_seconds_max"})
