"""A seeded load of failures, its ledger, and a client that retries: for the kill tests and the benchmarks."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

WORDS = (
    "cache disk queue cart order index shard token render widget parser socket worker session ledger invoice "
    "bucket cursor replica schema merge branch artifact runner image volume backup gateway router payload"
).split()
ENDINGS = (
    "was refused", "is missing", "timed out", "does not match", "ran out of memory", "cannot be parsed", "has vanished",
    "broke off", "came too late", "stood still", "answered twice", "went round in circles", "lost its place",
)  # fmt: skip
BATCH_FAILURES = 100


@dataclass(frozen=True, slots=True)
class Told:
    """One failure to be sent, and which problem it is."""

    problem: int
    body: dict[str, Any]


def problems(count: int) -> list[str]:
    """Message forms with a `{n}` for a number that varies; no two are one problem.

    No two differ in one word alone, which a rule of aliases may take for a name. Raises: ValueError past 380.
    """
    words = [(a, b, ending) for a in WORDS for b in WORDS for ending in ENDINGS if a != b]
    random.Random(3).shuffle(words)
    forms: list[str] = []
    taken: set[tuple[str, str, str]] = set()
    for a, b, ending in words:
        pairs = {("", b, ending), (a, "", ending), (a, b, "")}
        if not pairs & taken:
            taken |= pairs
            forms.append(f"{a} {b} {ending}, attempt {{n}}")
    if count > len(forms):
        raise ValueError(f"{count} problems asked for, of which there are {len(forms)}")
    return forms[:count]


def load(*, failures: int, fingerprints: int, seed: int, start_ms: int) -> Iterator[Told]:
    """Failures of both origins over one hour; a few problems make most of them (Zipf), as it is in life."""
    rnd = random.Random(seed)
    forms = problems(fingerprints)
    weights = [1 / (rank + 1) for rank in range(fingerprints)]
    for number in range(failures):
        problem = rnd.choices(range(fingerprints), weights)[0] if number >= fingerprints else number
        body: dict[str, Any] = {
            "message": forms[problem].format(n=rnd.randrange(10**6)),
            "occurred_at_ms": start_ms + number * 3_600_000 // failures,
        }
        if problem % 2:
            body |= {
                "origin": "benchmark",
                "http_status": (429, 500, 503)[problem % 3] if problem % 4 == 1 else None,
                "benchmark": {
                    "provider": f"p{number % 5}",
                    "model": f"m{number % 7}",
                    "stage": "generate",
                    "run_id": str(seed),
                    "request_id": str(number),
                },
            }
        else:
            job = {"job_name": f"job{number % 4}", "test_class": "t", "test_name": f"test_{number}"}
            body |= {
                "origin": "ci",
                "ci": {
                    "source": "junit",
                    "repo": f"acme/r{number % 3}",
                    "workflow": "w",
                    "run_id": f"{seed}.{number % 50}",
                }
                | job,
            }
        yield Told(problem, {k: v for k, v in body.items() if v is not None})


@dataclass(slots=True)
class Client:
    """Sends batches until each is acknowledged, however often the server dies, and notes every id it was given."""

    port: int
    deadline_s: float = 120.0
    ledger: dict[str, Told] = field(default_factory=dict)
    retries: int = 0

    def send(self, batch: list[Told], *, with_refused: bool = False) -> None:
        """Returns once the batch is acknowledged; `with_refused` adds a line that is no failure.

        Raises: TimeoutError past the deadline.
        """
        data = "".join(json.dumps(told.body) + "\n" for told in batch).encode()
        data += b'{"origin": "nowhere"}\n' if with_refused else b""
        until = time.monotonic() + self.deadline_s
        while time.monotonic() < until:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                headers = {"Content-Type": "application/x-ndjson"}
                connection.request("POST", "/v1/events", body=data, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
                if answer.status == 200:
                    items = json.loads(body)["items"]
                    for item in items:
                        self.ledger[item["id"]] = batch[item["index"]]
                    return
                if answer.status == 207:
                    items = [item for item in json.loads(body)["items"] if "id" in item]
                    self.ledger |= {item["id"]: batch[item["index"]] for item in items}
                    return
                if answer.status not in (429, 503):
                    raise AssertionError(f"{answer.status}: {body[:500]!r}")
            except (OSError, http.client.HTTPException):
                pass  # the server was killed, or is not up yet: that is what the retry is for
            self.retries += 1
            time.sleep(0.05)
        raise TimeoutError(f"not acknowledged within {self.deadline_s} s")


def batches(found: Iterator[Told], size: int = BATCH_FAILURES) -> Iterator[list[Told]]:
    """Lists of `size`, the last one perhaps shorter."""
    batch: list[Told] = []
    for told in found:
        batch.append(told)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
