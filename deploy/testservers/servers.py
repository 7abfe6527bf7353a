"""`make servers` and `make servers-down`: start what is not running, say where it is; stop what was started here."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from testservers.errors import ServerError
from testservers.kinds import KINDS
from testservers.shared import Shared

SETTINGS = {"kafka": "FAULTLINE_KAFKA", "mongodb": "MONGODB_URI", "opensearch": "OPENSEARCH_URL"}
"""What faultline's own roles call the address."""


def up(shared: Shared, kinds: Sequence[str]) -> int:
    """Exit status 1 when one of them does not run; the others do."""
    failed = 0
    for kind in kinds:
        try:
            address = shared.use(kind, None)
        except ServerError as error:
            print(f"{kind}: {error}", file=sys.stderr, flush=True)
            failed = 1
        else:
            print(f"{SETTINGS[kind]}={address}", flush=True)
    return failed


def down(shared: Shared, kinds: Sequence[str]) -> int:
    for kind in kinds:
        if left := shared.leave(kind, None):
            print(f"{kind}: still used by {', '.join(left)}, which stops it at its end")
    shared.sweep()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="servers", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("kind", nargs="*", help=f"some of: {', '.join(KINDS)}; all of them if none is named")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.kind) - set(KINDS)):
        parser.error(f"no such server: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    kinds = [kind for kind in KINDS if kind in (given.kind or KINDS)]
    shared = Shared(os.environ)
    try:
        return up(shared, kinds) if given.command == "up" else down(shared, kinds)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
