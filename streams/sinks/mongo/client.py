"""Connections to MongoDB: every wait has an end, every write is acknowledged by a majority and on disk.

What MONGODB_URI says is stronger than what is set here, except that certificates are always checked.
"""

from __future__ import annotations

from typing import Any, Final

from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from streams.contract.errors import ConfigurationError

SOCKET_TIMEOUT_MS: Final = 30_000
FIND_SERVER_TIMEOUT_MS: Final = 5_000
CONNECT_TIMEOUT_MS: Final = 5_000
WRITE_CONCERN_TIMEOUT_MS: Final = 10_000
CONNECTIONS_MAX: Final = 8
CONNECTION_WAIT_MS: Final = 10_000

_DEFAULTS: Final[dict[str, Any]] = {
    "serverSelectionTimeoutMS": FIND_SERVER_TIMEOUT_MS,
    "connectTimeoutMS": CONNECT_TIMEOUT_MS,
    "socketTimeoutMS": SOCKET_TIMEOUT_MS,
    "maxPoolSize": CONNECTIONS_MAX,
    "waitQueueTimeoutMS": CONNECTION_WAIT_MS,
    "retryWrites": True,
}
_WRITES: Final[dict[str, Any]] = {"w": "majority", "journal": True, "wtimeoutMS": WRITE_CONCERN_TIMEOUT_MS}
_UNCHECKED = ("tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames")

Document = dict[str, Any]


def open_for_writing(uri: str, *, appname: str) -> AsyncMongoClient[Document]:
    """A client that connects when it is first used. Raises `ConfigurationError` for an address nobody can use.

    `appname` is how the server's own log and fail points know this client.
    """
    options = _options(uri, _DEFAULTS | _WRITES | {"appname": appname})
    try:
        return AsyncMongoClient(uri, tz_aware=True, **options)
    except (PyMongoError, ValueError, TypeError):
        raise _unusable() from None  # the cause may quote a part of the password


def open_for_reading(uri: str, *, appname: str) -> MongoClient[Document]:
    """The same for threads that only read; from a secondary where no primary is there."""
    options = _options(uri, _DEFAULTS | {"appname": appname, "readPreference": "primaryPreferred"})
    try:
        return MongoClient(uri, tz_aware=True, **options)
    except (PyMongoError, ValueError, TypeError):
        raise _unusable() from None  # the cause may quote a part of the password


def _options(uri: str, ours: dict[str, Any]) -> dict[str, Any]:
    """Those of ours that the address does not say itself."""
    try:
        said = parse_uri(uri, warn=False)["options"] if uri.startswith("mongodb://") else {}
    except (PyMongoError, ValueError, TypeError):
        raise _unusable() from None  # the cause may quote a part of the password
    if uri.startswith("mongodb+srv://"):
        # that form can only be resolved with the network; its own words are behind the question mark
        said = dict(pair.split("=", 1) for pair in uri.partition("?")[2].split("&") if "=" in pair)
    named = {name.lower(): value for name, value in said.items()}
    if unchecked := [name for name in _UNCHECKED if named.get(name.lower(), False) not in (False, "false")]:
        raise ConfigurationError(
            f"MONGODB_URI: {unchecked[0]} turns the check of certificates off; name the authority to trust with"
            " tlsCAFile instead"
        )
    if str(named.get("w", "")) == "0":
        raise ConfigurationError("MONGODB_URI: w=0 acknowledges nothing, so failures could be lost; leave w out")
    return {name: value for name, value in ours.items() if name.lower() not in named}


def _unusable() -> ConfigurationError:
    return ConfigurationError(
        "MONGODB_URI: not an address of MongoDB; expected mongodb://user:password@host:port/?options, with special"
        " characters of user and password percent-encoded"
    )
