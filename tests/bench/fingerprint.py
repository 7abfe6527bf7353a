"""Fingerprints a second on one core, beside xxh3_128 over the same texts in the same run.

unseen: a word of random letters in each text; same shape: other digits; repeated: equal text.
Run: make bench, or python tests/bench/fingerprint.py
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import xxhash
from suites.load import WORDS, problems

from streams.core.fingerprint import Fingerprinter

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def texts(rnd: random.Random, number: int, words: int) -> list[str]:
    forms = problems(300)
    out = []
    for _ in range(number):
        filling = " ".join(f"{rnd.choice(WORDS)}={rnd.randrange(10**5)}" for _ in range(words))
        out.append(f"{rnd.choice(forms).format(n=rnd.randrange(10**6))} {filling}")
    return out


def rate(call: Callable[[str], object], made: list[list[str]]) -> float:
    """Calls a second, the best round; each round has texts of its own, made outside the clock."""
    best = float("inf")
    for batch in made:
        start = time.perf_counter()
        for text in batch:
            call(text)
        best = min(best, (time.perf_counter() - start) / len(batch))
    return 1 / best


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rnd = random.Random(1)
    for label, words, number in (("300 B", 22, 4000), ("4 KB", 320, 400)):
        base = texts(rnd, number, words)

        def fresh() -> str:
            return "".join(rnd.choice(LETTERS) for _ in range(9))

        rounds = {
            "unseen": [[text.replace(" ", f" {fresh()} ", 1) for text in base] for _ in range(4)],
            "same_shape": [[re.sub(r"\d", lambda _: rnd.choice("0123456789"), t) for t in base] for _ in range(4)],
            "repeated": [[(text + " ")[:-1] for text in base] for _ in range(4)],
        }
        call = Fingerprinter().text
        result: dict[str, object] = {"texts": label, "bytes_mean": round(sum(map(len, base)) / len(base))}
        yardstick = rate(lambda text: xxhash.xxh3_128_digest(text.encode()), rounds["repeated"])
        for name, made in rounds.items():
            per_s = rate(call, made)
            result |= {f"{name}_per_s": round(per_s), f"{name}_cost_in_xxh3_128": round(yardstick / per_s, 1)}
        print(json.dumps(result))


if __name__ == "__main__":
    main()
