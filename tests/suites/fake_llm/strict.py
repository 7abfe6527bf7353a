"""Whether a request is one that the real interface takes. Strict: what is not known is refused.

The rules are those of the two public interfaces in November 2026; `Refused` says status, type and message as they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

API_VERSION = "2023-06-01"
NEW = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
"""No sampling settings, no prefill; they think unless told not to."""
OLD = ("claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-sonnet-4-5")
OPENAI = ("gpt-6-luna", "gpt-4o-mini")
MAX_TOKENS = 64_000

_MESSAGES = frozenset(
    "model max_tokens messages system metadata stop_sequences stream temperature top_p top_k thinking tools "
    "tool_choice output_config cache_control service_tier diagnostics container inference_geo speed".split()
)
_CHAT = frozenset(
    "model messages max_tokens max_completion_tokens response_format temperature top_p n stream stop seed "
    "reasoning_effort user metadata store service_tier logprobs presence_penalty frequency_penalty verbosity".split()
)
_SCHEMA = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "description"}


@dataclass
class Refused(Exception):
    """What the interface answers instead."""

    status: int
    kind: str
    message: str
    code: str = ""


def wrong(message: str) -> Refused:
    return Refused(400, "invalid_request_error", message)


def check_messages(body: Any, headers: Mapping[str, str], *, key: str, counting: bool = False) -> None:
    """Raises: Refused, when Anthropic's interface would not take this request."""
    _check_key(headers, key, names=("authorization", "x-api-key"), kind="authentication_error")
    if not headers.get("anthropic-version"):
        raise wrong("anthropic-version: header is required")
    if headers["anthropic-version"] < API_VERSION:
        raise wrong(f"anthropic-version: {headers['anthropic-version']!r} is not a valid version")
    _check_fields(body, _MESSAGES, required={"model", "messages"} | (set() if counting else {"max_tokens"}))
    model = body["model"]
    if model not in NEW + OLD:
        raise Refused(404, "not_found_error", f"model: {model}")
    if not counting:
        _check_tokens(body["max_tokens"], "max_tokens")
    _check_turns(body["messages"], roles=("user", "assistant"))
    if model in NEW:
        for name in ("temperature", "top_p", "top_k"):
            if name in body:
                raise wrong(f"{name}: not supported by {model}")
        if body["messages"][-1]["role"] == "assistant":
            raise wrong(f"messages: prefill is not supported by {model}")
    _check_system(body.get("system", ""))
    _check_output(body, model)


def _check_output(body: Mapping[str, Any], model: str) -> None:
    output = body.get("output_config", {})
    if not isinstance(output, dict) or set(output) - {"effort", "format"}:
        raise wrong("output_config: extra inputs are not permitted")
    effort = output.get("effort")
    if effort is not None and (model in OLD or effort not in {"low", "medium", "high", "xhigh", "max"}):
        raise wrong(f"output_config.effort: {effort!r} is not supported by {model}")
    if "format" in output:
        shape = output["format"]
        if not isinstance(shape, dict) or set(shape) != {"type", "schema"} or shape["type"] != "json_schema":
            raise wrong("output_config.format: type json_schema and schema are expected")
        check_schema(shape["schema"], "output_config.format.schema")
    thinking = body.get("thinking")
    if thinking is not None:
        if not isinstance(thinking, dict) or thinking.get("type") not in {"enabled", "disabled", "adaptive"}:
            raise wrong("thinking.type: enabled, disabled or adaptive are expected")
        if thinking["type"] == "disabled" and effort in {"xhigh", "max"}:
            raise wrong(f"thinking: cannot be disabled at effort {effort}")
        if thinking["type"] == "enabled" and "budget_tokens" not in thinking:
            raise wrong("thinking.budget_tokens: field required")


def check_chat(body: Any, headers: Mapping[str, str], *, key: str, takes: str, limit: str, models: bool) -> None:
    """Raises: Refused, when a chat completions interface would not take this request.

    `takes` is the most it knows of response formats (json_schema, json_object, plain); `limit` the one name of the
    bound that it knows, or empty for what OpenAI itself does; `models` whether only OpenAI's own are there.
    """
    _check_key(headers, key, names=("authorization",), kind="invalid_request_error", code="invalid_api_key")
    _check_fields(body, _CHAT, required={"model", "messages"})
    model = body["model"]
    if models and model not in OPENAI:
        raise Refused(404, "invalid_request_error", f"The model {model!r} does not exist", "model_not_found")
    bounds = [name for name in ("max_tokens", "max_completion_tokens") if name in body]
    if len(bounds) > 1:
        raise wrong("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    for name in bounds:
        _check_tokens(body[name], name)
        if limit not in {"", name} or (not limit and name == "max_tokens" and str(model).startswith("gpt-6")):
            raise Refused(400, "invalid_request_error", f"Unsupported parameter: {name!r}", "unsupported_parameter")
    if str(model).startswith("gpt-6") and body.get("temperature", 1) != 1:
        raise Refused(400, "invalid_request_error", "Unsupported value: 'temperature'", "unsupported_value")
    if "reasoning_effort" in body and not (models and str(model).startswith("gpt-6")):
        raise Refused(400, "invalid_request_error", "Unrecognized request argument: reasoning_effort")
    _check_turns(body["messages"], roles=("system", "user", "assistant", "developer"))
    _check_format(body, takes)


def _check_format(body: Mapping[str, Any], takes: str) -> None:
    shape = body.get("response_format")
    if shape is None:
        return
    kind = shape.get("type") if isinstance(shape, dict) else None
    if kind not in {"json_schema", "json_object", "text"}:
        raise wrong("response_format.type: not known")
    if (takes == "json_object" and kind == "json_schema") or (takes == "plain" and kind != "text"):
        raise wrong(f"response_format of type {kind!r} is not supported by this server")
    if kind == "json_schema":
        told = shape.get("json_schema")
        if not isinstance(told, dict) or set(told) - {"name", "schema", "strict", "description"} or "name" not in told:
            raise wrong("response_format.json_schema: name and schema are expected")
        check_schema(told.get("schema"), "response_format.json_schema.schema")
    elif kind == "json_object" and "json" not in str(body["messages"]).lower():
        raise wrong("'messages' must contain the word 'json' to use 'response_format' of type 'json_object'")


def check_schema(schema: Any, place: str) -> None:
    """Raises: Refused, when a schema has more than structured outputs enforce."""
    if not isinstance(schema, dict):
        raise wrong(f"{place}: an object is expected")
    if unknown := set(schema) - _SCHEMA:
        raise wrong(f"{place}: {sorted(unknown)} are not supported")
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise wrong(f"{place}.additionalProperties: must be false")
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            raise wrong(f"{place}.required: every property is expected")
        for name, inner in schema.get("properties", {}).items():
            check_schema(inner, f"{place}.properties.{name}")
    if schema.get("type") == "array":
        check_schema(schema.get("items"), f"{place}.items")


def _check_key(headers: Mapping[str, str], key: str, *, names: tuple[str, ...], kind: str, code: str = "") -> None:
    given = [headers[name].removeprefix("Bearer ") for name in names if name in headers]
    if not given or any(one != key for one in given if key) or not all(given):
        raise Refused(401, kind, f"invalid key: {given[0] if given else 'none'}", code)


def _check_fields(body: Any, known: frozenset[str], *, required: set[str]) -> None:
    if not isinstance(body, dict):
        raise wrong("the body must be an object")
    if missing := required - set(body):
        raise wrong(f"{', '.join(sorted(missing))}: field required")
    if unknown := set(body) - known:
        raise wrong(f"{', '.join(sorted(unknown))}: extra inputs are not permitted")


def _check_tokens(number: Any, name: str) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_TOKENS:
        raise wrong(f"{name}: a whole number from 1 to {MAX_TOKENS} is expected")


def _check_turns(turns: Any, *, roles: tuple[str, ...]) -> None:
    if not isinstance(turns, list) or not turns:
        raise wrong("messages: at least one message is expected")
    for number, turn in enumerate(turns):
        if not isinstance(turn, dict) or set(turn) - {"role", "content", "name"} or turn.get("role") not in roles:
            raise wrong(f"messages.{number}: role and content are expected")
        if not isinstance(turn.get("content"), str | list) or not turn["content"]:
            raise wrong(f"messages.{number}.content: text is expected")


def _check_system(system: Any) -> None:
    if isinstance(system, str):
        return
    if not isinstance(system, list):
        raise wrong("system: text or blocks are expected")
    for number, block in enumerate(system):
        if not isinstance(block, dict) or set(block) - {"type", "text", "cache_control"} or block.get("type") != "text":
            raise wrong(f"system.{number}: a block of text is expected")
        cache = block.get("cache_control")
        if cache is not None and (cache.get("type") != "ephemeral" or cache.get("ttl", "5m") not in {"5m", "1h"}):
            raise wrong(f"system.{number}.cache_control: not known")
