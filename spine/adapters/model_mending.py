"""Filling in what small OpenAI-compatible servers leave out of a chat completion.

SDKs insist on ids, indexes, finish reasons and token counts, while the answer itself is all that is needed. An error
object inside a 200 (gateways do that) becomes the error response that it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

Json = dict[str, Any]

_LARGEST = 10**10
"""Of any number that counts here: no answer has as many tokens, and the second of that number is in 2286."""
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def mend(raw: bytes) -> tuple[int, Json] | None:
    """The status and body that the server should have sent; None leaves its response as it is."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    given = cast("Json", body)
    if given.get("choices"):
        return 200, mended_completion(given)
    return (_status_of(given["error"]), given) if given.get("error") else None


def mended_completion(body: Json) -> Json:
    """The completion with every field that the SDKs ask for."""
    return {
        **body,
        "id": str(body.get("id") or "chatcmpl"),
        "object": "chat.completion",
        "created": possible_count(body.get("created")),
        "model": str(body.get("model") or "unknown"),
        "choices": [_choice(place, choice) for place, choice in enumerate(body["choices"]) if _is_object(choice)],
        "usage": _usage(body.get("usage")),
    }


def _choice(place: int, choice: Json) -> Json:
    message = choice.get("message") or {"content": choice.get("text")}
    called = bool(message.get("tool_calls") or message.get("function_call"))
    finish = choice.get("finish_reason") or ("tool_calls" if called else "stop")
    return {**choice, "index": place, "finish_reason": finish, "message": _message(message)}


def _message(message: Json) -> Json:
    calls = message.get("tool_calls") or []
    if message.get("function_call"):  # the form before tools
        calls = [*calls, {"function": message["function_call"]}]
    mended = {name: value for name, value in message.items() if name not in ("tool_calls", "function_call")}
    if calls:
        mended["tool_calls"] = [_call(place, call) for place, call in enumerate(calls)]
    return {**mended, "role": "assistant", "content": _content(message.get("content"))}


def _call(place: int, call: Json) -> Json:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    written = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    named = {"name": str(function.get("name") or ""), "arguments": written}
    return {**call, "id": str(call.get("id") or f"call{place:05}"), "type": "function", "function": named}


def _content(content: object) -> object:
    """Text and lists of typed parts pass; an object is an answer that was not written down as text."""
    if content is None or isinstance(content, str):
        return content
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    if parts and all(_is_object(part) and "type" in part for part in parts):
        return parts
    return json.dumps(content)


def _usage(usage: Any) -> Json:
    """The counts alone: the SDKs fail over impossible details, which nobody here reads."""
    given: Json = usage if _is_object(usage) else {}
    return {name: possible_count(given.get(name)) for name in _COUNTS}


def _status_of(error: Any) -> int:
    code = error.get("code") if _is_object(error) else None
    status = possible_count(code)
    return status if 400 <= status < 600 else 502


def possible_count(value: object) -> int:
    """A whole number as a server gave it; 0 for what is none, is negative or beyond any count."""
    return int(value) if isinstance(value, int | float) and 0 <= value <= _LARGEST else 0


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)
