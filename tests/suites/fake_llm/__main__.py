"""The fake llm as a process: `PYTHONPATH=tests:. python -m suites.fake_llm --port 8900 --journal asked.jsonl`.

Then `API_BASE_URL=http://127.0.0.1:8900 ANTHROPIC_API_KEY=fake-key-for-tests faultline classify`, or with
`API_FORMAT=openai API_BASE_URL=http://127.0.0.1:8900/v1`. Ends with SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from suites.fake_llm.server import fake_llm


async def serve(options: argparse.Namespace) -> None:
    """Until told to stop. The one line of output is the address."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with fake_llm(
        port=options.port,
        journal=options.journal,
        key=options.key,
        hostile=options.hostile,
        broken=options.broken,
        latency_s=options.latency_s,
        seed=options.seed,
        takes=options.takes,
    ) as fake:
        print(fake.url, flush=True)
        await stopping.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m suites.fake_llm", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--journal", type=Path, help="a file that gets one line of JSON for each request")
    parser.add_argument("--key", default="", help="the one good key; empty: any")
    parser.add_argument("--hostile", type=float, default=0.0, help="share of bad answers, 0 to 1")
    parser.add_argument("--broken", type=float, default=0.0, help="share of failing requests, 0 to 1")
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--takes", choices=("json_schema", "json_object", "plain"), default="json_schema")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
