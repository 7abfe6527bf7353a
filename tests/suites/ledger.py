"""The ledger of what a producer sent, and what the documents of a store must say by it."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from suites.load import Told

from streams.contract.failure import Failure, identified
from streams.contract.wire import from_bytes

ARRIVAL = frozenset(
    "b_is_duplicate l_occurrence_count l_verdict_version verdict_version l_group_version group_version"
    " received_at ts_received_at row_version original_ts ts_original table_epoch".split()
)
"""Fields that tell of the arrival itself."""


def failures(found: Iterable[Told]) -> dict[str, tuple[int, Failure]]:
    """The ledger: what is sent, by the id it must have, with its problem."""
    out = {}
    for told in found:
        failure = identified(from_bytes(Failure, json.dumps(told.body).encode()))
        out[failure.id] = (told.problem, failure)
    return out


def copies(sent: Iterable[Failure], *, most: int, seed: int, skew: int) -> list[Failure]:
    """Each failure 1 to `most` times, every copy moved by up to `skew` places."""
    rnd = random.Random(seed)
    placed = [(number + rnd.uniform(0, skew), f) for number, f in enumerate(sent) for _ in range(rnd.randint(1, most))]
    return [failure for _, failure in sorted(placed, key=lambda pair: pair[0])]


def fingerprint_of(document: dict[str, Any]) -> str:
    """Our fingerprint in a document of either store and either origin."""
    return str(document.get("s_fingerprint") or document["fault_fingerprint"])


def settled(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what tells of its arrival."""
    return {name: value for name, value in document.items() if name not in ARRIVAL}


def kind_of(document: dict[str, Any]) -> str:
    """The kind in a document of either store and either origin, where the language model gave it; else nothing."""
    by = document.get("classified_by") or document.get("s_verdict_source")
    return str(document.get("error_kind") or document["s_subcategory"]) if by == "llm" else ""


def not_labelled(
    documents: dict[str, dict[str, Any]],
    ledger: dict[str, tuple[int, Failure]],
    label: Callable[[str, str], str],
) -> dict[str, str]:
    """Failures whose document does not carry the label that the language model gives their text, and what it does."""
    found = {name: kind_of(documents[name]) for name in ledger}
    return {
        name: found[name] for name, (_, one) in ledger.items() if found[name] != label(one.origin.value, one.message)
    }


def rollup_truth(ledger: dict[str, tuple[int, Failure]], fingerprints: dict[str, str]) -> Counter[tuple[str, ...]]:
    """How often each fingerprint came in each dimension, by the ledger; `fingerprints` by failure id."""
    return Counter((fingerprints[name], *failure.where) for name, (_, failure) in ledger.items())


def rollups_found(rollups: dict[str, dict[str, Any]]) -> Counter[tuple[str, ...]]:
    """The same by the documents of the store."""
    found: Counter[tuple[str, ...]] = Counter()
    for d in rollups.values():
        where = ("provider", "model_name", "stage") if "provider" in d else ("repo", "workflow", "job")
        found[d["fingerprint"], *(d[name] for name in where)] += d["count"]
    return found
