"""Anthropic's Messages, and gateways that speak it.

The answer's shape is asked for through `output_config`; thinking is off, because it is counted as output and a kind
needs none. The library's own retries are off: they wait as long as a server says, a day if it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import anthropic
import structlog
from anthropic.types import Message, OutputConfigParam, TextBlockParam
from pydantic import SecretStr

from agents.clients import faults
from agents.clients.asking import READ_S, End, Reply
from agents.clients.faults import CallFailed, Way, told
from agents.llm import Question, Usage
from streams.contract.telemetry import LogEvent

log_event: structlog.stdlib.BoundLogger = structlog.get_logger()

CACHED_FOR_S: Final = 300.0
"""How long the provider keeps a prefix that was marked."""
CACHED_CHARS_MIN: Final[Mapping[str, int]] = {
    "claude-haiku-5-5": 512 * 4,
    "claude-sonnet-5-5": 512 * 4,
    "claude-opus-5-5": 512 * 4,
}
"""The shortest prefix that is kept, at 4 characters a token. Others keep from 4,096 tokens on, longer than ours is."""
_REFUSALS: Final = frozenset({"refusal"})
_CUT_OFF: Final = frozenset({"max_tokens", "model_context_window_exceeded"})


class Claude:
    """One llm of Anthropic. Sends single requests; `asking` does the rest."""

    def __init__(
        self,
        *,
        llm: str,
        key: SecretStr,
        base_url: str | None,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        """`clock` never goes back, for the cache; `wall_clock` is what dates in headers are held against."""
        self._llm = llm
        self._key = key
        self._clock = clock
        self._wall_clock = wall_clock
        self._asked_at_s: float | None = None
        self._effort = True
        # The library says `Authorization: Bearer`, and gateways look for the header of the API's first days.
        headers = {"x-api-key": key.get_secret_value()} if base_url else None
        self._client = anthropic.AsyncAnthropic(
            api_key=key.get_secret_value(),
            base_url=base_url or "https://api.anthropic.com",
            max_retries=0,
            timeout=READ_S,
            default_headers=headers,
        )

    def __repr__(self) -> str:
        return f"Claude({self._llm})"

    @property
    def llm(self) -> str:
        """The name that is asked for."""
        return self._llm

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def send(self, question: Question) -> Reply:
        """One request. Raises: CallFailed."""
        effort = self._effort
        try:
            message = await self._client.messages.create(**self._request(question, effort=effort))
        except anthropic.APIStatusError as error:
            raise self._fault(error, effort=effort) from None  # the cause holds the request with its headers
        except anthropic.APITimeoutError:
            raise CallFailed(Way.RETRY, "no answer in time", may_be_billed=True) from None
        except anthropic.APIConnectionError as error:
            raise faults.unreached(str(self._client.base_url), error.__cause__ or error) from None
        except anthropic.AnthropicError as error:
            raise CallFailed(Way.RETRY, f"no answer ({type(error).__name__})", may_be_billed=True) from None
        except (ValueError, RecursionError):  # of the JSON reader: no JSON, no UTF-8, or without a bottom
            raise CallFailed(Way.RETRY, "status 200 without readable JSON in it", may_be_billed=True) from None
        return _reply(message, asked=self._llm)

    def _request(self, question: Question, *, effort: bool) -> dict[str, Any]:
        block = TextBlockParam(type="text", text=question.instructions)
        now_s = self._clock()
        is_soon = self._asked_at_s is not None and now_s - self._asked_at_s < CACHED_FOR_S
        self._asked_at_s = now_s
        # Writing costs a quarter more than reading, so a prefix is only marked when questions come in a row.
        if is_soon and len(question.instructions) >= CACHED_CHARS_MIN.get(self._llm, 4_096 * 4):
            block["cache_control"] = {"type": "ephemeral"}
        output = OutputConfigParam(format={"type": "json_schema", "schema": dict(question.schema)})
        if effort:
            output["effort"] = "low"
        return {
            "model": self._llm,
            "max_tokens": question.max_tokens,
            "system": [block],
            "messages": [{"role": "user", "content": question.document}],
            "output_config": output,
            "thinking": {"type": "disabled"},
        }

    def _fault(self, error: anthropic.APIStatusError, *, effort: bool) -> CallFailed:
        message = str(error.api_message or "")
        if error.status_code == 400 and effort and "effort" in message:  # llms before 5 take no effort
            if self._effort:
                log_event.warning(
                    LogEvent.LLM_ADAPTED, llm=told(self._llm), left_out="effort", reason=self._told(message)
                )
            self._effort = False
            return CallFailed(Way.ADAPTED, "effort is not taken")
        return faults.of_status(
            error.status_code,
            code=error.error_code or "",
            kind=str(error.type or ""),
            message=message,
            headers=error.response.headers,
            now_s=self._wall_clock(),
            secret=self._key.get_secret_value(),
            key_name="ANTHROPIC_API_KEY",
        )

    def _told(self, message: str) -> str:
        return told(message, secret=self._key.get_secret_value())


def _reply(message: object, *, asked: str) -> Reply:
    """The answer of a message. The library checks nothing: a page of HTML comes as a `str`, and fields may be missing.

    Raises: CallFailed.
    """
    if not isinstance(message, Message):
        raise CallFailed(Way.RETRY, "status 200 without a message in it", may_be_billed=True)
    content: object = message.content
    used: object = message.usage
    if not isinstance(content, list) or not isinstance(used, anthropic.types.Usage):
        raise CallFailed(Way.RETRY, "status 200 with a message that has no content", may_be_billed=True)
    usage = Usage(
        input_tokens=_number(used.input_tokens),
        cached_tokens=_number(used.cache_read_input_tokens),
        cache_written_tokens=_number(used.cache_creation_input_tokens),
        output_tokens=_number(used.output_tokens),
    )
    texts = [block.text for block in content if getattr(block, "type", "") == "text"]
    text = "".join(one for one in texts if isinstance(one, str))
    end = End.COMPLETE
    if message.stop_reason in _REFUSALS:
        end = End.REFUSED
    elif message.stop_reason in _CUT_OFF:
        end = End.CUT_OFF
    llm: object = message.model
    return Reply(text, llm if isinstance(llm, str) and llm else asked, usage, end)


def _number(count: object) -> int:
    return count if isinstance(count, int) and count > 0 else 0
