"""What a producer says of a failure, as far as it has a part in its fingerprint."""

from __future__ import annotations

from typing import NamedTuple, Required, TypedDict


class Given(NamedTuple):
    """One failure. `origin` is `ci` or `benchmark`; a stack trace may stand in `traceback` or inside `message`."""

    origin: str
    message: str
    exception_type: str = ""
    traceback: str = ""
    http_status: int | None = None
    provider_error_code: str = ""
    exit_code: int | None = None
    tool: str = ""

    def salt(self) -> bytes:
        """All but the message, for a cache whose key the message is; no two failures spell it alike.

        What Python shows of a tuple says itself where it ends, in a third of the time of `canonical`; of the traceback
        its length says it, since the cache writes the message right behind it.
        """
        rest = (self.origin, self.exception_type, self.http_status, self.provider_error_code, self.exit_code, self.tool)
        return f"{rest!r}{len(self.traceback)}:{self.traceback}".encode("utf-8", "surrogatepass")


class Arguments(TypedDict, total=False):
    """The fields of `Given`, as functions take them by name."""

    origin: Required[str]
    message: Required[str]
    exception_type: str
    traceback: str
    http_status: int | None
    provider_error_code: str
    exit_code: int | None
    tool: str
