"""The two clients over the fake server; apart from `asking.py`, because what they stand on takes seconds to import."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import SecretStr
from suites.asking import Time
from suites.fake_llm.server import FakeLlm

from agents.clients.asking import Provider
from agents.clients.claude import Claude
from agents.clients.openai_chat import OpenaiChat

KEY = "fake-key-for-tests-canary"


def claude(fake: FakeLlm, time: Time, *, llm: str = "claude-haiku-5-5", key: str = KEY) -> Claude:
    return Claude(
        llm=llm, key=SecretStr(key), base_url=fake.url, clock=time.clock, wall_clock=lambda: time.now_ms() / 1000
    )


def openai_chat(fake: FakeLlm, time: Time, *, llm: str = "gpt-6-luna", key: str = KEY) -> OpenaiChat:
    return OpenaiChat(llm=llm, key=SecretStr(key), base_url=f"{fake.url}/v1", wall_clock=lambda: time.now_ms() / 1000)


PROVIDERS: dict[str, Callable[..., Provider]] = {"claude": claude, "openai_chat": openai_chat}
