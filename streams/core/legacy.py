"""The normalisers and hashes of the two systems that this one replaces, oddities included.

Documents carry these values beside our own fingerprint, so that an old dashboard, query or deduplication store goes on
working. Nothing else may use them: a template is made by `core/template`, which repeats none of the oddities (a
decimal word that happens to be hex becomes HEXID, an ISO time leaves its Z, the tail of a UUID becomes TIMESTAMP).

`tests/unit/golden.json` holds what the earlier systems answered; every line below exists because a vector needs it.
All functions are pure and linear in the length of the text; callers bound it to 64 KiB.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

CI_HASH_LENGTH_CHARS: Final = 16
BENCHMARK_MESSAGE_MAX_CHARS: Final = 2000

_PATH_RUN: Final = re.compile(r"[\w\-./]+")


def _file_name_of_path(match: re.Match[str]) -> str:
    """What the earlier `/dirs/(name)` left of a run of path characters: all before the first slash, then the name.

    The earlier expression was quadratic on a row of slashes. Here the run is found first and cut by position.
    """
    run = match.group()
    first = run.find("/")
    if first < 0:
        return run
    last = run.rstrip("/").rfind("/")
    return run[:first] + run[last + 1 :] if last >= first + 2 else run


# Order matters: it is what makes the oddities. Each row is one step of the earlier normaliser.
_CI_BEFORE_PATHS: Final = (
    (re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?"), "TIMESTAMP"),
    (re.compile(r"\b[A-Z][a-z]{2}\s{1,8}\d{1,2}\s{1,8}\d{2}:\d{2}:\d{2}"), "TIMESTAMP"),
    (re.compile(r"\b\d{10,13}\b"), "TIMESTAMP"),
    (re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"), "UUID"),
    (re.compile(r"\b[0-9a-fA-F]{6,40}\b"), "HEXID"),
)
_WINDOWS_PATH: Final = re.compile(r"[A-Za-z]:\\[\w\-.\\]+\\([\w\-.]+)")
_TIME_UNITS: Final = r"(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)"
_SIZE_UNITS: Final = r"(?:bytes?|[kmgt]i?b|b)"
_CI_AFTER_PATHS: Final = (
    (re.compile(r"\b(line|column)\s+\d+", re.IGNORECASE), r"\1 NUM"),
    (re.compile(r"(\.\w+):\d+"), r"\1:NUM"),
    (re.compile(r"0x[0-9a-fA-F]+"), "MEMADDR"),
    (re.compile(r"\b(pid|tid|thread)\s+\d+", re.IGNORECASE), r"\1 NUM"),
    (re.compile(r":\d{4,5}\b"), ":PORT"),
    (re.compile(rf"\b\d+(?:\.\d+)?\s*{_TIME_UNITS}\b", re.IGNORECASE), "NUM TIME_UNIT"),
    (re.compile(rf"\b\d+(?:\.\d+)?\s*{_SIZE_UNITS}\b", re.IGNORECASE), "NUM SIZE_UNIT"),
)
_REQUEST_ID: Final = re.compile(r"(?:request|activity)[ _-]?id\s*[:=]\s*[\"']?[\w-]+[\"']?")


def ci_normalise(text: str) -> str:
    """The text as the earlier CI classifier normalised it before hashing."""
    for pattern, replacement in _CI_BEFORE_PATHS:
        text = pattern.sub(replacement, text)
    text = _PATH_RUN.sub(_file_name_of_path, text)
    text = _WINDOWS_PATH.sub(r"\1", text)
    for pattern, replacement in _CI_AFTER_PATHS:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def ci_error_hash(text: str) -> str:
    """`s_error_hash`: the first 16 hex digits of the SHA-256 of the normalised text. Lone surrogates count as `?`."""
    return hashlib.sha256(ci_normalise(text).encode("utf-8", "replace")).hexdigest()[:CI_HASH_LENGTH_CHARS]


def benchmark_normalise(text: str) -> str:
    """`normalized_message`: lower case, request ids redacted, white space single, the first 2,000 characters."""
    return " ".join(_REQUEST_ID.sub("request_id=<redacted>", text.lower()).split())[:BENCHMARK_MESSAGE_MAX_CHARS]


def benchmark_fingerprint(provider: str, model: str, stage: str, kind: str, message: str) -> str:
    """`fingerprint` of the earlier rollups: 64 hex digits. The kind by status alone is inside, as it was there."""
    parts = "\n".join((provider, model, stage, kind, benchmark_normalise(message)))
    return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()
