"""A listening socket, and an HTTP server that leaves signals to whoever runs it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from streams.contract.errors import ConfigurationError

OPEN_REQUESTS_S_MAX: Final = 3
"""How long open requests may take to end once the server is told to stop."""

PATH_CHARS_MAX: Final = 200
"""Of the path of a request, in the answer that it leads nowhere."""


def listening(host: str, port: int, *, way_out: str) -> socket.socket:
    """A bound socket; `port` 0 takes a free one. `way_out`: what to do about a port that is taken.

    Raises: `ConfigurationError` naming address, reason and way out.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol named, asyncio turns Nagle's delay off; without it every answer waits some 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"cannot listen on {host}:{port} ({error.strerror}); {way_out}") from error
    return listener


def url_of(host: str, listener: socket.socket) -> str:
    """Where it is reached, by the host as it was given."""
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class WebServer(uvicorn.Server):
    """uvicorn without its signal handling: it would raise a signal it caught once more when it is done.

    `should_exit = True` ends it; open requests have OPEN_REQUESTS_S_MAX.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        super().__init__(
            uvicorn.Config(
                application(routes),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=OPEN_REQUESTS_S_MAX,
            )
        )
        self._is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    async def begun(self, listener: socket.socket) -> asyncio.Task[None]:
        """Serve on the socket. Returns the task of serving, once requests are taken or it has ended."""
        serving = asyncio.create_task(self.serve(sockets=[listener]))
        up = asyncio.create_task(self._is_up.wait())
        await asyncio.wait({serving, up}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        return serving


def application(routes: Sequence[BaseRoute]) -> Starlette:
    """The routes; an address that none of them takes is answered with the paths of those that there are."""
    return Starlette(routes=list(routes), exception_handlers={404: _nowhere})


def _nowhere(request: Request, _error: Exception) -> Response:
    routes: Sequence[BaseRoute] = request.app.routes
    known = dict.fromkeys(route.path for route in routes if isinstance(route, Route) and ":path}" not in route.path)
    reason = f"{request.url.path[:PATH_CHARS_MAX]} leads nowhere; there are {', '.join(known)}"
    return JSONResponse({"error": reason}, 404, headers={"Cache-Control": "no-store"})
