"""One server of each kind for everyone in this checkout, under `.srv/`.

Whoever wants a server says so, and says when it is done; the last one stops it. `make servers` is a user that stays
until `make servers-down`, and finds its data and addresses again, also after a crash; a test run is a user as long as
its process lives, so one that was killed holds nothing up, and what it starts itself begins with nothing.
"""

from __future__ import annotations

import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from testservers.errors import ServerError, StartFailed
from testservers.instance import KILL_S_MAX, Instance
from testservers.kinds import IS_READY, KINDS, ROOT
from testservers.process import Identity, end, locked

PLACE = ROOT / ".srv"
VARIABLES = {
    "kafka": "FAULTLINE_TEST_KAFKA",
    "mongodb": "FAULTLINE_TEST_MONGODB",
    "opensearch": "FAULTLINE_TEST_OPENSEARCH",
}
"""With an address in it: use that server, which we neither start nor stop."""
FORMS = {
    "kafka": "host:port",
    "mongodb": "mongodb://host:port/?directConnection=true",
    "opensearch": "http://host:port",
}

STANDING = "make"


class Shared:
    """The servers of one place; several processes may use the same one at once."""

    def __init__(self, environ: Mapping[str, str], place: Path = PLACE, downloads: Path | None = None) -> None:
        """`environ` is that of the person who starts the program; `downloads` is `place` if None."""
        self.environ = environ
        self.place = place
        self.downloads = downloads or place

    def instance(self, kind: str) -> Instance:
        return KINDS[kind](self.place / kind, self.downloads, environ=self.environ)

    def private_home(self, kind: str, owner: Identity) -> Path:
        """A directory for a server that only the process `owner` uses."""
        return self.place / "private" / f"{kind}-{owner.pid}-{secrets.token_hex(4)}"

    def sweep(self) -> None:
        """Stop and remove the private servers whose owners died without doing so."""
        for home in (self.place / "private").glob("*-*-*"):
            if Identity.of(int(home.name.split("-")[1])) is not None:
                continue
            if process := Identity.read(home / "pid"):
                end(process, signal.SIGKILL, within_s=KILL_S_MAX)
            shutil.rmtree(home, ignore_errors=True)

    def use(self, kind: str, user: Identity | None) -> str:
        """The address of a running server, started if need be. `user` is a process, or None for `make servers`.

        What is started while `make servers` is a user, or for it, has the data and the ports it had.
        Raises: Unobtainable, StartFailed.
        """
        if given := self.environ.get(VARIABLES[kind]):
            return self._given(kind, given)
        self.sweep()
        users = self._users(kind)
        with locked(self.place / kind / "users.lock"):
            users.mkdir(parents=True, exist_ok=True)
            is_standing = user is None or (users / STANDING).exists()
            address = self.instance(kind).start(keep=is_standing)
            if user is None:
                (users / STANDING).touch()
            else:
                user.write(users / str(user.pid))
            return address

    def leave(self, kind: str, user: Identity | None) -> list[str]:
        """This user needs it no more; with the last one it stops. Returns who still uses it."""
        if not (self.place / kind).is_dir():
            return []
        with locked(self.place / kind / "users.lock"):
            (self._users(kind) / (STANDING if user is None else str(user.pid))).unlink(missing_ok=True)
            left = self._alive(kind)
            if not left:
                self.instance(kind).stop()
            return left

    def _users(self, kind: str) -> Path:
        return self.place / kind / "users"

    def _alive(self, kind: str) -> list[str]:
        """Who uses it; those that died without a word are forgotten."""
        left = []
        for path in sorted(self._users(kind).glob("*")):
            if path.name == STANDING:
                left.append("make servers")
            elif process := Identity.read(path):
                left.append(f"the test run with process {process.pid}")
            else:
                path.unlink(missing_ok=True)
        return left

    def _given(self, kind: str, address: str) -> str:
        variable = VARIABLES[kind]
        wanted_start = FORMS[kind].partition("host:port")[0]
        if not address.startswith(wanted_start) or ":" not in address:
            raise ServerError(f"{variable}={address}: not an address like {FORMS[kind]}")
        if not IS_READY[kind](address):
            raise StartFailed(
                f"{variable}={address}: nothing there answers as {kind} does. Start it, or unset {variable} to have "
                "the tests start their own"
            )
        return address
