"""What MongoDB answers when it does not do what it was asked, in our errors: one line each, with the way out.

Three cases, told apart by the server's codes (its `error_codes.yml`) and the driver's types: something that was set
is wrong (`ConfigurationError`), the store is away or busy (`SinkUnavailable`), or one document is refused for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pymongo import errors

from streams.contract.errors import ConfigurationError, FaultlineError, SinkUnavailable

RETRY_AFTER_S: Final = 1.0
RETRY_AWAY_S: Final = 2.0
"""When nobody answers at all; the driver itself has looked for a server for some seconds by then."""
TOLD_CHARS_MAX: Final = 300
RULES_TOLD_MAX: Final = 5

DUPLICATE_KEY: Final = 11000
REFUSED_BY_VALIDATOR: Final = 121
UNAUTHORIZED: Final = 13
_WRONG_CREDENTIALS = frozenset((18, 8000))
"""AuthenticationFailed, and Atlas's own."""
_NOT_PRIMARY = frozenset((10107, 13435, 11602, 189, 91, 11600, 13436))
_DISK_FULL = frozenset((14031,))
_BUSY = frozenset((1, 8, 24, 46, 50, 63, 112, 117, 125, 133, 134, 202, 225, 226, 239, 240, 246, 262, 317, 462))
"""Internal and unknown errors, locks, timeouts, write conflicts, stale views of a cluster, shortage of tickets."""
_NETWORK = frozenset((6, 7, 89, 9001, 384))
_WRITE_CONCERN = frozenset((64, 75, 79, 100))
_PASSES = _NOT_PRIMARY | _DISK_FULL | _BUSY | _NETWORK | _WRITE_CONCERN
_TLS_FAULTS = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed", "SSL handshake failed", "Hostname mismatch")


def fault_of(error: errors.PyMongoError) -> FaultlineError:
    """What a failed call means for whoever called: `ConfigurationError` or `SinkUnavailable`."""
    if isinstance(error, errors.BulkWriteError):
        return _fault_of_bulk(error)
    if isinstance(error, errors.ConfigurationError | errors.InvalidOperation):
        return ConfigurationError(f"MONGODB_URI: the driver cannot use it ({_line(error)})")
    if isinstance(error, errors.ConnectionFailure) and not isinstance(error, errors.NotPrimaryError):
        return _fault_of_connection(error)
    if isinstance(error, errors.OperationFailure | errors.NotPrimaryError):
        details = error.details if isinstance(error.details, Mapping) else {}
        return _fault_of_answer(getattr(error, "code", None) or details.get("code"), _line(error))
    return SinkUnavailable(f"MongoDB: {_line(error)}", retry_after_s=RETRY_AFTER_S)


def is_passing(code: int) -> bool:
    """Whether the same write may be taken later: the store was at fault, not the document."""
    return code in _PASSES or code == UNAUTHORIZED or code in _WRONG_CREDENTIALS


def refusal_of(item: Mapping[str, Any]) -> str:
    """Why a document was refused, in one line without any of its values."""
    code = item.get("code")
    if code == DUPLICATE_KEY:
        fields = ", ".join(item.get("keyPattern", {}))
        return f"a unique index on {fields} holds another document (code {code}); drop it, or take another collection"
    if code == REFUSED_BY_VALIDATOR:
        told = ", ".join(_rules(item.get("errInfo", {})))[:TOLD_CHARS_MAX] or "no details"
        return f"the collection's validator refuses it: {told} (code {code})"
    # the server's text may quote the document: only its beginning, up to the first value, is ours to tell
    said = str(item.get("errmsg", "")).partition("{")[0].partition("'")[0].partition('"')[0]
    return f"MongoDB refuses it: {said[:TOLD_CHARS_MAX].strip()} (code {code})"


def _rules(info: Mapping[str, Any]) -> list[str]:
    """Names of what a validator did not find satisfied: property and rule."""
    found: list[str] = []

    def walk(node: object, name: str) -> None:
        if len(found) >= RULES_TOLD_MAX:
            return
        if isinstance(node, list):
            for one in node:
                walk(one, name)
        elif isinstance(node, Mapping):
            here = str(node.get("propertyName", name))
            if missing := node.get("missingProperties"):
                found.append(f"without {' and '.join(map(str, missing))}")
            elif "reason" in node and "operatorName" in node:
                found.append(f"{here or 'document'} fails {node['operatorName']}")
            for field in ("details", "schemaRulesNotSatisfied", "propertiesNotSatisfied", "clausesNotSatisfied"):
                walk(node.get(field), here)

    walk(info, "")
    return found


def _fault_of_bulk(error: errors.BulkWriteError) -> FaultlineError:
    details: Mapping[str, Any] = error.details
    for item in details.get("writeErrors", ()):
        if is_passing(item["code"]):
            return _fault_of_answer(item["code"], str(item.get("errmsg", ""))[:TOLD_CHARS_MAX])
    for item in details.get("writeConcernErrors", ()):
        return _fault_of_answer(item.get("code", 64), str(item.get("errmsg", ""))[:TOLD_CHARS_MAX])
    return SinkUnavailable("MongoDB: part of a write failed", retry_after_s=RETRY_AFTER_S)


def _fault_of_answer(code: int | None, said: str) -> FaultlineError:
    told = f"{said} (code {code})"
    if code in _WRONG_CREDENTIALS:
        return ConfigurationError(
            f"MONGODB_URI: MongoDB does not know this user and password: {told}; set both, and authSource where the"
            " user lives in another database"
        )
    if code == UNAUTHORIZED:
        return ConfigurationError(
            f"MONGODB_URI: this user may not do that: {told}; grant it readWrite (to change validators and retention:"
            " dbAdmin) on MONGODB_DB"
        )
    if code in _DISK_FULL:
        return SinkUnavailable(f"MongoDB: its disk is full: {told}; make room there", retry_after_s=RETRY_AWAY_S)
    if code in _NOT_PRIMARY:
        hint = "; it passes when a primary is elected; name the whole replica set in MONGODB_URI, not one member"
        return SinkUnavailable(f"MongoDB: this member takes no writes: {told}{hint}", retry_after_s=RETRY_AFTER_S)
    if code in _WRITE_CONCERN:
        hint = "; too few members are there to acknowledge it"
        return SinkUnavailable(f"MongoDB: written, not acknowledged: {told}{hint}", retry_after_s=RETRY_AFTER_S)
    return SinkUnavailable(f"MongoDB: {told}", retry_after_s=RETRY_AFTER_S)


def _fault_of_connection(error: errors.PyMongoError) -> FaultlineError:
    told = _line(error)
    if any(mark in told for mark in _TLS_FAULTS):
        return ConfigurationError(
            f"MONGODB_URI: no TLS connection: {told}; name the authority with tlsCAFile and the host as its"
            " certificate does, or leave tls out where the server has none"
        )
    hint = ""
    if "closed" in told or "reset by peer" in told:
        hint = "; a server that wants TLS ends connections like that: then add tls=true to MONGODB_URI"
    elif "Authentication" in told:
        hint = "; check user and password in MONGODB_URI"
    return SinkUnavailable(f"MongoDB does not answer: {told}{hint}", retry_after_s=RETRY_AWAY_S)


def _line(error: errors.PyMongoError) -> str:
    """The driver's text in one line, without its list of settings and its picture of the cluster."""
    text = str(error)
    for mark in (" (configured timeouts:", ", full error:", ", Timeout:", " Topology Description:"):
        text = text.partition(mark)[0]
    return " ".join(text.split())[:TOLD_CHARS_MAX]
