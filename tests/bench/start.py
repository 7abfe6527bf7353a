"""How long `faultline --help` takes beside an interpreter that does nothing, medians of the same run.

Run: make bench, or python tests/bench/start.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path


def median_s(command: list[str], rounds: int = 9) -> float:
    spent = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def main() -> None:
    bare = median_s([sys.executable, "-c", "pass"])
    ours = median_s([str(Path(sys.executable).with_name("faultline")), "--help"])
    print(json.dumps({"help_s": round(ours, 3), "bare_interpreter_s": round(bare, 3), "ratio": round(ours / bare, 1)}))


if __name__ == "__main__":
    main()
