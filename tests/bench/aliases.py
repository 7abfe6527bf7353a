"""What the alias layer costs: memory with all of its bounds reached, one comparison of a full lot, neighbours, and what
a loop waits.

The loop's wait is the longest time between two turns while lots are compared: in the loop, and in a thread as the
classification agent does it. As ratios to one comparison of the same run.
Run: make bench, or python tests/bench/aliases.py
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parent.parent))

from msgspec.structs import replace
from suites.load import WORDS
from suites.records import edge, verdict
from suites.unseen import unseen

from streams.contract.classified import Unseen
from streams.core.alias import widest
from streams.core.aliaser import ALIKE_MAX, KNOWN_MAX, Aliaser
from streams.core.fingerprint import fingerprint
from streams.core.groups import EDGES_MAX
from streams.core.nearest import KNOWN_MAX as NEAREST_MAX
from streams.core.sharing import VERDICTS_MAX

ROUNDS = 3
T = TypeVar("T")


def some(number: int, words: int, chance: random.Random) -> list[Unseen]:
    """Fingerprints of templates of so many words, of which some differ in one place."""
    heads = [" ".join(chance.choice(WORDS) for _ in range(words - 1)) for _ in range(max(1, number // 8))]
    texts = [f"{chance.choice(heads)} {''.join(chance.choices('bcdfghkmnp', k=9))}" for _ in range(number)]
    return [replace(unseen(0), fingerprint=fingerprint(origin="ci", message=text)) for text in texts]


def best(work: Callable[[], object]) -> float:
    """Milliseconds, the best of ROUNDS."""
    took = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        took.append((time.perf_counter() - begin) * 1000)
    return min(took)


def every(told: Callable[[T], None], those: Iterable[T]) -> None:
    """Tell of each."""
    for one in those:
        told(one)


def memory(work: Callable[[], object]) -> int:
    """Bytes that it leaves held."""
    tracemalloc.start()
    work()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held


async def longest_wait(in_thread: bool, forms: list[str]) -> float:
    """Milliseconds between two turns of a loop that compares."""
    longest, last, done = 0.0, time.perf_counter(), asyncio.Event()

    async def compare() -> None:
        for _ in range(5):
            if in_thread:
                await asyncio.to_thread(widest, forms)
            else:
                widest(forms)
                await asyncio.sleep(0)
        done.set()

    task = asyncio.create_task(compare())
    while not done.is_set():
        await asyncio.sleep(0.0005)
        now = time.perf_counter()
        longest, last = max(longest, (now - last) * 1000), now
    await task
    return longest


def main() -> None:
    chance = random.Random(5)
    for words in (10, 40):
        lot = some(ALIKE_MAX, words, chance)
        forms = [one.fingerprint.template for one in lot]
        took = best(partial(widest, forms))
        waits = [min(asyncio.run(longest_wait(way, forms)) for _ in range(ROUNDS)) for way in (False, True)]
        print(
            f"{words} words: {took:.1f} ms a lot of {ALIKE_MAX}; the loop waits {waits[0] / took:.2f} of it when it "
            f"compares itself, {waits[1] / took:.2f} when a thread does"
        )
    found = [one for words in range(5, 90) for one in some(KNOWN_MAX // 80, words, chance)]
    chars = sum(len(one.fingerprint.template) for one in found) / len(found)
    aliaser = Aliaser()
    grown = memory(lambda: aliaser.on_new(found))
    print(
        f"{len(aliaser)} fingerprints of {chars:.0f} characters: {grown / 2**20:.0f} MB, {grown / len(aliaser):.0f} B "
        f"each, the words of {NEAREST_MAX} among them"
    )
    edges = [(found[at].fingerprint.value, found[at + 1].fingerprint.value) for at in range(0, 2 * EDGES_MAX, 2)]
    grown = memory(lambda: every(aliaser.on_alias, (edge(one, other) for one, other in edges)))
    print(f"{aliaser.edges_held} edges: {grown / 2**20:.0f} MB, {grown / aliaser.edges_held:.0f} B each")
    given = [verdict(f"fp1.{number:026d}", "timeout") for number in range(VERDICTS_MAX)]
    copies = (replace(one, reason=f"because of {one.fingerprint}") for one in given)
    grown = memory(lambda: every(aliaser.sharing.on_verdict, copies))
    print(f"{VERDICTS_MAX} verdicts: {grown / 2**20:.0f} MB, {grown / VERDICTS_MAX:.0f} B each")
    took = best(lambda: [aliaser.near(one) for one in found[:: len(found) // 50]])
    print(f"{took / 50:.2f} ms for the neighbours of one")


if __name__ == "__main__":
    main()
