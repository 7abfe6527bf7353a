"""What the fake llm was asked, what it answered and what that cost; and what of it an asker should not have done.

Tokens are counted as characters / 3.5, rounded up: of the instructions, the messages and the schema on the way in, of
the answer on the way out. That is what Claude's tokenizer takes for English prose and JSON, within a third.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CHARS_PER_TOKEN = 3.5
CACHED_TOKENS_MIN = 512
TEXT_CHARS_MAX = 600


def tokens(text: str) -> int:
    """As the journal counts them."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


@dataclass(frozen=True)
class Entry:
    """One request."""

    number: int
    at_s: float
    path: str
    model: str
    status: int
    fault: str
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    output_tokens: int = 0
    max_tokens: int = 0
    instructions: str = ""
    """Hash of them."""
    items: list[dict[str, Any]] = field(default_factory=list)
    refused: str = ""
    """Why the request was no good."""


class Journal:
    """Entries in order of arrival; each is also a line of a file where there is one."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._file = path.open("a", encoding="utf-8") if path else None

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        if self._file:
            self._file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()


def read(path: Path) -> list[Entry]:
    """The entries of a file."""
    with path.open(encoding="utf-8") as lines:
        return [Entry(**json.loads(line)) for line in lines]


def totals(entries: Iterable[Entry]) -> dict[str, int]:
    """Requests, questions that were answered, items in them, tokens."""
    out: Counter[str] = Counter()
    for entry in entries:
        out["requests"] += 1
        out["refused"] += bool(entry.refused)
        out["answered"] += entry.status == 200 and not entry.refused
        out["items"] += len(entry.items)
        out["input_tokens"] += entry.input_tokens + entry.cached_tokens + entry.cache_written_tokens
        out["output_tokens"] += entry.output_tokens
    return dict(out)


def violations(entries: Iterable[Entry], *, rpm_max: int | None = None, items_max: int = 100) -> list[str]:
    """What an asker should not have done, one sentence each."""
    out: list[str] = []
    answered: dict[tuple[str, str, str], int] = {}
    instructions: set[str] = set()
    times: list[float] = []
    for entry in entries:
        said = f"request {entry.number}"
        if entry.refused:
            out.append(f"{said} was refused: {entry.refused}")
            continue
        times.append(entry.at_s)
        instructions.add(entry.instructions)
        ids = [item.get("id") for item in entry.items]
        if len(set(ids)) != len(ids):
            out.append(f"{said} has an id twice")
        if len(ids) > items_max:
            out.append(f"{said} has {len(ids)} items")
        if any(len(item.get("text", "")) > TEXT_CHARS_MAX for item in entry.items):
            out.append(f"{said} has a text of more than {TEXT_CHARS_MAX} characters")
        keys = {(item.get("from", ""), item.get("where", ""), item["text"]) for item in entry.items if "text" in item}
        for key in sorted(keys & set(answered)):
            out.append(f"{said} asks again what request {answered[key]} answered: {key[2][:60]!r}")
        if entry.status == 200 and not entry.fault:
            answered |= dict.fromkeys(keys, entry.number)
    if len(instructions) > 1:
        out.append(f"{len(instructions)} different instructions")
    if rpm_max is not None:
        most = max((sum(1 for other in times if at <= other < at + 60) for at in times), default=0)
        if most > rpm_max:
            out.append(f"{most} requests in a minute")
    return out
