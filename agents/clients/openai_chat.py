"""Chat completions of OpenAI, and of the gateways and local servers that speak them. Needs the extra `openai`.

Gateways differ in what they take. A part of the request that one refuses is left out from then on, in the order of
`Form`: how the answer's shape is asked for goes from a schema to "some JSON" to nothing. A form that once was answered
is kept: a later 400 is then about the question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import openai
import structlog
from openai.types.chat import ChatCompletion
from pydantic import SecretStr

from agents.clients import faults
from agents.clients.asking import READ_S, End, Reply
from agents.clients.faults import CallFailed, Way, told
from agents.llm import Question, Usage
from streams.contract.telemetry import LogEvent

log_event: structlog.stdlib.BoundLogger = structlog.get_logger()

Shape = Literal["json_schema", "json_object", "plain"]
_SHAPE_AFTER: Final[Mapping[Shape, Shape]] = {"json_schema": "json_object", "json_object": "plain"}


@dataclass(frozen=True, slots=True)
class Form:
    """What requests have in them."""

    shape: Shape
    limit: Literal["max_completion_tokens", "max_tokens"]
    effort: bool

    def less(self, message: str) -> Form | None:
        """The next form to try when this one was refused with that message; None when nothing is left to change."""
        if self.effort and ("reasoning" in message or "effort" in message):
            return replace(self, effort=False)
        if self.limit == "max_completion_tokens" and "max_completion_tokens" in message:
            return replace(self, limit="max_tokens")
        if self.shape in _SHAPE_AFTER:
            return replace(self, shape=_SHAPE_AFTER[self.shape])
        if self.limit == "max_completion_tokens":
            return replace(self, limit="max_tokens")
        return None


class OpenaiChat:
    """One llm behind chat completions. Sends single requests; `asking` does the rest."""

    def __init__(self, *, llm: str, key: SecretStr, base_url: str | None, wall_clock: Callable[[], float]) -> None:
        """`wall_clock` is what dates in headers are held against."""
        self._llm = llm
        self._key = key
        self._wall_clock = wall_clock
        # Only OpenAI itself is known to take an effort, and only llms that reason.
        is_reasoning = base_url is None and not llm.startswith("gpt-4")
        self._form = Form("json_schema", "max_completion_tokens", effort=is_reasoning)
        self._answered = False
        self._client = openai.AsyncOpenAI(
            api_key=key.get_secret_value(),
            base_url=base_url or "https://api.openai.com/v1",
            max_retries=0,
            timeout=READ_S,
        )

    def __repr__(self) -> str:
        return f"OpenaiChat({self._llm})"

    @property
    def llm(self) -> str:
        """The name that is asked for."""
        return self._llm

    @property
    def form(self) -> Form:
        """What requests have in them by now."""
        return self._form

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def send(self, question: Question) -> Reply:
        """One request. Raises: CallFailed."""
        form = self._form
        try:
            completion = await self._client.chat.completions.create(**self._request(question, form))
        except openai.APIStatusError as error:
            raise self._fault(error, form) from None  # the cause holds the request with its headers
        except openai.APITimeoutError:
            raise CallFailed(Way.RETRY, "no answer in time", may_be_billed=True) from None
        except openai.APIConnectionError as error:
            raise faults.unreached(str(self._client.base_url), error.__cause__ or error) from None
        except openai.OpenAIError as error:
            raise CallFailed(Way.RETRY, f"no answer ({type(error).__name__})", may_be_billed=True) from None
        except (ValueError, RecursionError):  # of the JSON reader: no JSON, no UTF-8, or without a bottom
            raise CallFailed(Way.RETRY, "status 200 without readable JSON in it", may_be_billed=True) from None
        reply = _reply(completion, asked=self._llm)
        self._answered = True
        return reply

    def _request(self, question: Question, form: Form) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._llm,
            "messages": [
                {"role": "system", "content": question.instructions},
                {"role": "user", "content": question.document},
            ],
            form.limit: question.max_tokens,
        }
        if form.effort:
            request["reasoning_effort"] = "none"
        if form.shape == "json_schema":
            named = {"name": "answer", "strict": True, "schema": dict(question.schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": named}
        elif form.shape == "json_object":
            request["response_format"] = {"type": "json_object"}
        return request

    def _fault(self, error: openai.APIStatusError, form: Form) -> CallFailed:
        body = error.body if isinstance(error.body, dict) else {}
        message = str(body.get("message") or "")
        fault = faults.of_status(
            error.status_code,
            code=str(error.code or ""),
            kind=str(error.type or ""),
            message=message,
            headers=error.response.headers,
            now_s=self._wall_clock(),
            secret=self._key.get_secret_value(),
            key_name="OPENAI_API_KEY",
        )
        if fault.way is not Way.GIVE_UP or error.status_code not in {400, 422}:
            return fault
        if form != self._form:  # another question has found out meanwhile
            return CallFailed(Way.ADAPTED, fault.reason)
        less = None if self._answered else form.less(f"{message} {error.param or ''}")
        if less is None:
            return fault
        left_out = form.shape if less.shape != form.shape else form.limit if less.limit != form.limit else "effort"
        log_event.warning(LogEvent.LLM_ADAPTED, llm=told(self._llm), left_out=left_out, reason=fault.reason)
        self._form = less
        return CallFailed(Way.ADAPTED, fault.reason)


def _reply(completion: object, *, asked: str) -> Reply:
    """The answer of a completion, whose shape the library does not check.

    Raises: CallFailed.
    """
    if not isinstance(completion, ChatCompletion):
        raise CallFailed(Way.RETRY, "status 200 without a completion in it", may_be_billed=True)
    choices: object = completion.choices
    if not isinstance(choices, list) or not choices or getattr(choices[0], "message", None) is None:
        raise CallFailed(Way.RETRY, "status 200 with a completion that has no choice", may_be_billed=True)
    choice = choices[0]
    used, details = completion.usage, getattr(completion.usage, "prompt_tokens_details", None)
    cached = _number(getattr(details, "cached_tokens", 0))
    written = _number(getattr(details, "cache_write_tokens", 0))
    read = _number(getattr(used, "prompt_tokens", 0))
    usage = Usage(
        input_tokens=max(0, read - cached - written),  # here the cached ones are part of the whole
        cached_tokens=cached,
        cache_written_tokens=written,
        output_tokens=_number(getattr(used, "completion_tokens", 0)),
    )
    content = getattr(choice.message, "content", None)
    end = End.COMPLETE
    if choice.finish_reason == "content_filter" or getattr(choice.message, "refusal", None):
        end = End.REFUSED
    elif choice.finish_reason == "length":
        end = End.CUT_OFF
    llm: object = completion.model
    text = content if isinstance(content, str) else ""
    return Reply(text, llm if isinstance(llm, str) and llm else asked, usage, end)


def _number(count: object) -> int:
    return count if isinstance(count, int) and count > 0 else 0
