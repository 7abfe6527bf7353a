"""Which language model the settings name, with which key, at which address and price."""

from __future__ import annotations

import asyncio
import builtins
import json
from typing import Any

import pytest
from structlog.testing import capture_logs
from suites.asking import QUESTION

from agents.clients.asking import Asking
from agents.clients.claude import Claude
from agents.clients.connect import connect
from agents.clients.openai_chat import OpenaiChat
from agents.llm import LlmClosed, NoLlm, UnknownPrice, Usage
from streams.contract.errors import ConfigurationError
from streams.contract.telemetry import LogEvent
from streams.settings import Settings

ANTHROPIC = {"ANTHROPIC_API_KEY": "sk-ant-canary-1"}
OPENAI = {"OPENAI_API_KEY": "sk-openai-canary-2"}
GATEWAY = {"API_BASE_URL": "http://gateway.internal:4000/v1/"}


def connected(environ: dict[str, str]) -> tuple[Any, list[Any]]:
    """The llm, and what was said."""
    with capture_logs() as logs:
        llm = connect(Settings.read(environ))
    return llm, list(logs)


CHOICES: dict[str, tuple[dict[str, str], type, str, str, str]] = {
    # name: environment, client, llm, key, address
    "Anthropic's key": (ANTHROPIC, Claude, "claude-haiku-5-5", "canary-1", "api.anthropic.com"),
    "OpenAI's key": (OPENAI, OpenaiChat, "gpt-6-luna", "canary-2", "api.openai.com"),
    "both keys: Anthropic's": (ANTHROPIC | OPENAI, Claude, "claude-haiku-5-5", "canary-1", "api.anthropic.com"),
    "both keys and a format": (
        ANTHROPIC | OPENAI | {"API_FORMAT": "openai"},
        OpenaiChat,
        "gpt-6-luna",
        "canary-2",
        "api.openai.com",
    ),
    "another llm": (
        ANTHROPIC | {"ANTHROPIC_MODEL": "claude-sonnet-5-5"},
        Claude,
        "claude-sonnet-5-5",
        "canary-1",
        "api.anthropic.com",
    ),
    "a gateway and nothing else": (
        GATEWAY | {"API_FORMAT": "openai"},
        OpenaiChat,
        "gpt-6-luna",
        "not-needed",
        "gateway.internal:4000",
    ),
    "a gateway with the earlier system's one key": (
        GATEWAY | ANTHROPIC | {"API_FORMAT": "openai"},
        OpenaiChat,
        "gpt-6-luna",
        "canary-1",
        "gateway.internal:4000",
    ),
    "a gateway that speaks Anthropic's": (GATEWAY, Claude, "claude-haiku-5-5", "not-needed", "gateway.internal:4000"),
}


@pytest.mark.parametrize(("environ", "client", "llm", "key", "address"), CHOICES.values(), ids=CHOICES)
def test_the_settings_name_one_llm(environ: dict[str, str], client: type, llm: str, key: str, address: str) -> None:
    asking, logs = connected(environ)
    assert isinstance(asking, Asking)
    provider: Any = asking._provider
    assert (type(provider), provider.llm) == (client, llm)
    assert provider._client.api_key.endswith(key)
    assert address in str(provider._client.base_url)
    assert provider._client.max_retries == 0
    (line,) = logs
    assert (line["event"], line["llm"]) == (LogEvent.LLM_READY, llm)
    shown = json.dumps(logs, default=repr) + repr(asking) + repr(provider) + repr(vars(provider)["_key"])
    assert "canary" not in shown


@pytest.mark.parametrize(
    "environ",
    [{}, OPENAI | {"API_FORMAT": "anthropic"}, ANTHROPIC | {"API_FORMAT": "openai"}],
    ids=["no key", "a key of another maker", "and the other way round"],
)
def test_without_the_key_that_belongs_there_nobody_is_asked_and_it_is_said_once(environ: dict[str, str]) -> None:
    llm, logs = connected(environ)
    assert isinstance(llm, NoLlm)
    assert [line["event"] for line in logs] == [LogEvent.LLM_MISSING]
    with pytest.raises(LlmClosed, match="no key"):
        asyncio.run(llm.ask(QUESTION))


def test_an_llm_without_a_price_is_refused_at_the_start_with_the_way_out() -> None:
    environ = ANTHROPIC | {"ANTHROPIC_MODEL": "claude-next"}
    with pytest.raises(UnknownPrice, match="FAULTLINE_LLM_PRICE"):
        connected(environ)
    llm, _ = connected(environ | {"FAULTLINE_LLM_PRICE": "1,5"})
    assert llm._price.dollars(Usage(input_tokens=1_000_000, output_tokens=1_000_000)) == 6.0
    llm, _ = connected(environ | {"FAULTLINE_LLM_PRICE": "1,5,0.1"})
    assert llm._price.dollars(Usage(cached_tokens=1_000_000)) == pytest.approx(0.1)


def test_a_gateway_that_answers_under_another_name_is_priced_by_the_name_that_was_set() -> None:
    llm, _ = connected(GATEWAY | {"API_FORMAT": "openai"})
    assert llm._price is not None
    asked, _ = connected(OPENAI)
    assert asked._price is None, "at its maker's the name in the answer decides"


def test_without_the_extra_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "agents.clients.openai_chat":
            raise ModuleNotFoundError("No module named 'openai'", name="openai")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigurationError, match=r"pip install 'faultline\[openai\]'"):
        connected(OPENAI)


def test_the_limits_of_the_settings_hold() -> None:
    environ = {"FAULTLINE_LLM_DOLLARS_PER_HOUR": "0.25", "FAULTLINE_LLM_DOLLARS_PER_DAY": "2", "MAX_RPM": "7"}
    llm, (line,) = connected(ANTHROPIC | environ)
    assert (line["dollars_per_hour"], line["dollars_per_day"], line["calls_per_minute"]) == (0.25, 2.0, 7)
    assert (llm._budget._hour.dollars_max, llm._budget._day.dollars_max, llm._budget._calls_max) == (0.25, 2.0, 7)
