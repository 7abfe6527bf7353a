"""What the alias layer costs: bytes a fingerprint, one comparison of a full lot, neighbours, and what a loop waits.

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
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from msgspec.structs import replace
from suites.load import WORDS
from suites.unseen import unseen

from streams.contract.classified import Unseen
from streams.core.alias import widest
from streams.core.aliaser import ALIKE_MAX, Aliaser
from streams.core.fingerprint import fingerprint

ROUNDS = 3
FINGERPRINTS = 5_000


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
    found = [one for words in range(5, 45) for one in some(FINGERPRINTS // 40, words, chance)]
    tracemalloc.start()
    aliaser = Aliaser()
    aliaser.on_new(found)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    chars = sum(len(one.fingerprint.template) for one in found) / len(found)
    took = best(lambda: [aliaser.near(one) for one in found[:: len(found) // 50]])
    print(f"{held / len(aliaser) / 1024:.1f} KB a fingerprint of {chars:.0f} characters, with its neighbours' index")
    print(f"{took / 50:.2f} ms for the neighbours of one among {len(aliaser)}")


if __name__ == "__main__":
    main()
