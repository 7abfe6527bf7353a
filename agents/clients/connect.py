"""Settings -> the llm to ask, or what stands in its place."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr

from agents.clients.asking import Asking, Provider, pace_of
from agents.clients.claude import Claude
from agents.llm import Budget, Llm, NoLlm, Price, price_of
from streams.contract.errors import ConfigurationError
from streams.contract.telemetry import LogEvent, Observer
from streams.settings import Settings

log_event: structlog.stdlib.BoundLogger = structlog.get_logger()

NO_KEY = "no key"
NO_SECRET = SecretStr("not-needed")
"""What a server of one's own is told in place of a key; the libraries insist on one."""


@dataclass(frozen=True, slots=True)
class _Choice:
    api_format: str
    llm: str
    key: SecretStr
    base_url: str | None


def connect(settings: Settings, *, observer: Observer | None = None) -> Llm:
    """The llm that the settings name, with the real clock and real chance; says once who it is, or that there is none.

    Call it in the event loop that asks.

    Raises: ConfigurationError when its price is not known, or the extra `openai` is missing.
    """
    choice = _choice(settings)
    if choice is None:
        log_event.warning(
            LogEvent.LLM_MISSING,
            reason="neither ANTHROPIC_API_KEY nor OPENAI_API_KEY is set: verdicts come from status, rules and people",
        )
        return NoLlm(NO_KEY)
    price = _price(settings, choice)
    asking = Asking(
        _provider(choice),
        price=price,
        budget=Budget(
            dollars_per_hour=settings.llm_dollars_per_hour,
            dollars_per_day=settings.llm_dollars_per_day,
            calls_per_minute=settings.rpm_max,
        ),
        pace=pace_of(settings.rpm_max),
        clock=time.monotonic,
        sleep=asyncio.sleep,
        draw=random.random,
        observer=observer,
    )
    log_event.info(
        LogEvent.LLM_READY,
        llm=choice.llm,
        endpoint=urlsplit(choice.base_url).netloc if choice.base_url else choice.api_format,
        dollars_per_hour=settings.llm_dollars_per_hour,
        dollars_per_day=settings.llm_dollars_per_day,
        calls_per_minute=settings.rpm_max,
    )
    return asking


def _choice(settings: Settings) -> _Choice | None:
    """Anthropic's key is preferred. A key goes to its own maker, or to the address that was set beside it."""
    base_url = settings.api_base_url.rstrip("/") or None
    keys = {"anthropic": settings.anthropic_api_key, "openai": settings.openai_api_key}
    names = {"anthropic": settings.anthropic_model, "openai": settings.openai_model}
    api_format = settings.api_format or ("openai" if not keys["anthropic"] and keys["openai"] else "anthropic")
    key = keys[api_format]
    if key is None and base_url:
        # The earlier CI system sent its one key to whatever address was set.
        key = settings.anthropic_api_key or settings.openai_api_key or NO_SECRET
    return None if key is None else _Choice(api_format, names[api_format], key, base_url)


def _price(settings: Settings, choice: _Choice) -> Price | None:
    """The price for whatever answers; None: by the name that answers.

    A gateway may answer under another name than it was asked by: then the price is that of the name that was set.
    """
    if settings.llm_price:
        read, written, *cached = map(float, settings.llm_price.split(","))
        return Price(read, written, cached[0] if cached else None)
    price = price_of(choice.llm)
    return price if choice.base_url else None


def _provider(choice: _Choice) -> Provider:
    if choice.api_format == "anthropic":
        return Claude(
            llm=choice.llm, key=choice.key, base_url=choice.base_url, clock=time.monotonic, wall_clock=time.time
        )
    try:
        from agents.clients.openai_chat import OpenaiChat  # an extra, which most do without
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"API_FORMAT=openai needs the package {error.name!r}: pip install 'faultline[openai]'"
        ) from None
    return OpenaiChat(llm=choice.llm, key=choice.key, base_url=choice.base_url, wall_clock=time.time)
