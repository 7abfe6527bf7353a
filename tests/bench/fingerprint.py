"""Fingerprints and redactions a second on one core, beside xxh3_128 over the same texts in the same run.

unseen: a word of random letters in each text; same shape: other digits; repeated: equal text.
stages_us: where an unseen text's microseconds go; known words: a text whose words were all seen before.
redact: texts without a credential, other digits in each; hostile: the worst of some texts of 64 KB, in milliseconds.
Times are of the processor, so that other programs on the machine change them less.
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
from streams.core.ids import hashed
from streams.core.redact import redact
from streams.core.template.mask import measured
from streams.core.template.shapes import Shapes

LETTERS = "abcdefghijklmnopqrstuvwxyz"
HOSTILE_CHARS = 64 * 1024
HOSTILE = (
    "a",
    "a.",
    "1:",
    "=",
    "key=",
    "sk-",
    "eyJ",
    "://",
    "-----BEGIN ",
    "#1 0x1 in f\n",
    "\n",
    "\x1b[0m",
    "%20",
    "AbC1",
)


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
        start = time.process_time()
        for text in batch:
            call(text)
        best = min(best, (time.process_time() - start) / len(batch))
    return 1 / best


def worst_ms(call: Callable[[str], object], rnd: random.Random) -> tuple[float, str]:
    """The longest time of one call on a hostile text, and what the text repeats."""
    made = {unit: (unit * HOSTILE_CHARS)[:HOSTILE_CHARS] for unit in HOSTILE}
    made["random"] = "".join(chr(rnd.randrange(32, 127)) for _ in range(HOSTILE_CHARS))
    return max((1e3 / rate(call, [[text + " "], [text + "  "]]), unit) for unit, text in made.items())


def stages(rounds: dict[str, list[list[str]]]) -> dict[str, float]:
    """Microseconds a text in each stage of a text whose shape no cache holds, in the order in which they run."""
    shapes: Shapes[str] = Shapes(1000)
    known = 1e6 / rate(measured, rounds["same_shape"])
    templates = [[measured(text).template for text in batch] for batch in rounds["same_shape"]]
    return {
        "look_for_the_shape": round(1e6 / rate(shapes.get, rounds["unseen"]), 1),
        "mask_known_words": round(known, 1),
        "mask_the_new_word": round(1e6 / rate(measured, rounds["unseen_too"]) - known, 1),
        "hash": round(1e6 / rate(lambda text: hashed(text.encode()), templates), 1),
        "remember_the_shape": round(1e6 / rate(lambda text: shapes.put(text, (), text), rounds["unseen"]), 1),
    }


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
            "unseen_too": [[text.replace(" ", f" {fresh()} ", 1) for text in base] for _ in range(4)],
            "same_shape": [[re.sub(r"\d", lambda _: rnd.choice("0123456789"), t) for t in base] for _ in range(4)],
            "repeated": [[(text + " ")[:-1] for text in base] for _ in range(4)],
        }
        call = Fingerprinter().text
        result: dict[str, object] = {"texts": label, "bytes_mean": round(sum(map(len, base)) / len(base))}
        yardstick = rate(lambda text: xxhash.xxh3_128_digest(text.encode()), rounds["repeated"])
        for name in ("unseen", "same_shape", "repeated"):
            per_s = rate(call, rounds[name])
            result |= {f"{name}_per_s": round(per_s), f"{name}_cost_in_xxh3_128": round(yardstick / per_s, 1)}
        per_s = rate(redact, rounds["same_shape"])
        result |= {"redact_us": round(1e6 / per_s, 1), "redact_cost_in_xxh3_128": round(yardstick / per_s, 1)}
        print(json.dumps(result))
        print(json.dumps({"texts": label, "stages_us": stages(rounds)}))
    for name, called in (("fingerprint", lambda text: Fingerprinter().text(text)), ("redact", redact)):
        ms, unit = worst_ms(called, rnd)
        print(json.dumps({"hostile": name, "worst_ms": round(ms, 1), "repeats": unit}))


if __name__ == "__main__":
    main()
