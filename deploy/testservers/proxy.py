"""A door before a server: one that can be cut, held and slowed while clients use it, and one that takes TLS alone."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from testservers.errors import ServerError, StartFailed, Unobtainable
from testservers.process import POLL_S, free_port

PIECE_BYTES = 64 * 1024
WAIT_S = 0.05
CONNECT_S_MAX = 5
CHANGE_S_MAX = 10
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: the other side sees a reset, as after a crash, and not an orderly end."""


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and localhost, valid for a day, and its key. Raises: Unobtainable, StartFailed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise Unobtainable("needs openssl (Debian package: openssl)")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise StartFailed(f"openssl makes no certificate: {done.stderr[-1000:]}")
    return certificate, key


class Proxy:
    """Whoever connects to `port` reaches 127.0.0.1:`upstream`, until told otherwise. Lives in threads of this process.

    With `tls` (certificate, key) it takes TLS and hands on plain bytes; whoever speaks plain is hung up on.
    """

    def __init__(self, upstream: int, *, tls: tuple[Path, Path] | None = None) -> None:
        self.upstream = upstream
        self.port = free_port()
        self._context: ssl.SSLContext | None = None
        if tls is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._ending = threading.Event()
        self._cut = threading.Event()
        self._is_held = False
        self._delay_s = 0.0
        self._is_door_open = False
        self._carrying = 0
        self._counting = threading.Lock()
        self._accepting = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._accepting.start()
        self._await(lambda: self._is_door_open)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._accepting.join()
        self._await(lambda: not self._carrying)

    def cut(self) -> None:
        """Connections are reset, new ones refused; returns when that is so."""
        self._cut.set()
        self._await(lambda: not self._is_door_open and not self._carrying)

    def hold(self) -> None:
        """Connections stand and are accepted, and nothing comes through: only the client's own patience ends it."""
        self._is_held = True

    def slow(self, delay_s: float) -> None:
        """Each piece is handed on so much later."""
        self._delay_s = delay_s

    def heal(self) -> None:
        """Nothing in the way; what was held goes on."""
        self._cut.clear()
        self._is_held = False
        self._delay_s = 0.0
        self._await(lambda: self._is_door_open)

    def _await(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + CHANGE_S_MAX
        while not is_so():
            if time.monotonic() > until:
                raise ServerError(f"the proxy on port {self.port} has not changed within {CHANGE_S_MAX} s")
            time.sleep(POLL_S)

    def _accept(self) -> None:
        while not self._ending.is_set():
            if self._cut.is_set():
                time.sleep(WAIT_S)
                continue
            with socket.create_server(("127.0.0.1", self.port)) as door:
                door.settimeout(WAIT_S)
                self._is_door_open = True
                while not (self._ending.is_set() or self._cut.is_set()):
                    try:
                        plain, _ = door.accept()
                    except TimeoutError:
                        continue
                    with self._counting:
                        self._carrying += 1
                    threading.Thread(target=self._serve, args=(plain,)).start()
            self._is_door_open = False

    def _serve(self, plain: socket.socket) -> None:
        try:
            with contextlib.ExitStack() as opened, contextlib.suppress(OSError):  # either side hung up, or spoke no TLS
                client = opened.enter_context(plain)
                client.settimeout(CONNECT_S_MAX)
                if self._context is not None:
                    client = opened.enter_context(self._context.wrap_socket(client, server_side=True))
                server = opened.enter_context(socket.create_connection(("127.0.0.1", self.upstream), CONNECT_S_MAX))
                self._carry(client, server)
                if self._cut.is_set():
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        finally:
            with self._counting:
                self._carrying -= 1

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        while not (self._ending.is_set() or self._cut.is_set()):
            if self._is_held:
                time.sleep(WAIT_S)
                continue
            # What TLS has decrypted already is not announced by the socket.
            is_pending = isinstance(client, ssl.SSLSocket) and client.pending()
            ready = [client] if is_pending else select.select([client, server], [], [], WAIT_S)[0]
            for source in ready:
                piece = source.recv(PIECE_BYTES)
                if not piece:
                    return
                if self._delay_s:
                    time.sleep(self._delay_s)
                (server if source is client else client).sendall(piece)
