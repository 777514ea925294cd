"""What a provider's refusal means, as a table of recorded and worded answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spine.adapters.model_errors import error_from_answer, error_from_exception, redact, retry_after_seconds
from spine.errors import (
    AuthenticationError,
    ContentFilteredError,
    ContextLengthError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotConfiguredError,
    RateLimitError,
    TimeLimitError,
)

RECORDED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "llm" / "errors"

# file → error, seconds to wait
RECORDED_RULES: dict[str, tuple[type[MillraceError], float | None]] = {
    "anthropic_400_context_length": (ContextLengthError, None),
    "anthropic_400_effort": (InvalidInputError, None),
    "anthropic_429_input_tokens_quote": (RateLimitError, None),
    "anthropic_auth_error": (AuthenticationError, None),
    "azure_429_context_length": (RateLimitError, 1.0),  # Azure calls an overlong prompt a rate limit
    "azure_auth_error": (AuthenticationError, None),
    "deepseek_400_context_length": (ContextLengthError, None),
    "deepseek_auth_error": (AuthenticationError, None),
    "gemini_auth_error": (AuthenticationError, None),  # a 400
    "groq_400_tool_use_failed": (InvalidInputError, None),
    "groq_404_suggestion": (NotConfiguredError, None),
    "groq_429_tpd_quote": (RateLimitError, 578.016),  # "try again in 9m38.016s"
    "groq_429_tpm_quote": (RateLimitError, 50.597142857),
    "mistral_429_1300_quote": (RateLimitError, None),
    "mistral_auth_error": (AuthenticationError, None),
    "mistral_capacity_quote": (RateLimitError, None),
    "openai_400_context_length": (ContextLengthError, None),
    "openai_400_context_length_quote": (ContextLengthError, None),
    "openai_400_unsupported_system_role": (InvalidInputError, None),
    "openai_404_model_chat": (NotConfiguredError, None),
    "openai_responses_400": (InvalidInputError, None),
    "openrouter_429": (RateLimitError, None),
    "openrouter_429_2": (RateLimitError, None),
    "perplexity_400_context_length": (ContextLengthError, None),
}

NO_ERROR = {"openai_responses_500"}  # a complete answer of status 200, whatever its name says


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded provider answers are not on this machine")
class TestRecordedAnswers:
    @pytest.mark.parametrize("wrapped", [True, False], ids=["as sent", "without the outer error"])
    @pytest.mark.parametrize(("name", "expected"), RECORDED_RULES.items(), ids=RECORDED_RULES)
    def test_each_is_the_error_it_stands_for(
        self, name: str, expected: tuple[type[MillraceError], float | None], wrapped: bool
    ) -> None:
        """OpenAI's SDK hands over what is inside `error`; the others the whole body, or its text."""
        response = json.loads((RECORDED / f"{name}.json").read_text())["response"]
        body = response["body"] if wrapped else response["body"].get("error", json.dumps(response["body"]))
        error = error_from_answer("openai", response["status"]["code"], _flat(response["headers"]), body)
        kind, wait = expected
        assert type(error) is kind
        assert getattr(error, "retry_after", None) == (None if wait is None else pytest.approx(wait))
        assert error.message.startswith("openai: ")
        assert len(error.message) < 400

    def test_every_recorded_refusal_is_in_the_table(self) -> None:
        assert {path.stem for path in RECORDED.glob("*.json")} == set(RECORDED_RULES) | NO_ERROR


def _flat(headers: dict[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else ", ".join(value) for name, value in headers.items()}


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


# name → status, headers, body, error, attributes
WORDED_RULES: dict[str, tuple[int, dict[str, str], object, type[MillraceError], dict[str, Any]]] = {
    "a rate limit passes after its wait": (
        429,
        {"retry-after": "7"},
        said("Rate limit reached", code="rate_limit_exceeded"),
        RateLimitError,
        {"retry_after": 7.0, "retryable": True, "service": "openai"},
    ),
    "an exhausted quota is a 429 that no wait cures": (
        429,
        {"Retry-After": "7"},
        said("You exceeded your current quota, please check your plan", code="insufficient_quota"),
        AuthenticationError,
        {"retryable": False, "error_code": "insufficient_quota"},
    ),
    "so is Anthropic's empty balance": (
        400,
        {},
        said("Your credit balance is too low to access the Anthropic API.", type="invalid_request_error"),
        AuthenticationError,
        {"error_code": "insufficient_quota"},
    ),
    "and a plain 402": (402, {}, {"error": "Payment Required"}, AuthenticationError, {}),
    "an overload that names a wait is a rate limit": (
        503,
        {"Retry-After": "2"},
        said("busy"),
        RateLimitError,
        {"retry_after": 2.0},
    ),
    "an overload that names none is a fault of the service": (
        529,
        {},
        said("Overloaded", type="overloaded_error"),
        ExternalServiceError,
        {"status": 529, "retryable": True},
    ),
    "a proxy's error page is a fault of the service": (
        502,
        {},
        "<html><head><style>p{}</style></head><body><h1>Bad Gateway</h1></body></html>",
        ExternalServiceError,
        {"status": 502, "message": "openai: Bad Gateway"},
    ),
    "an empty body is told by its status": (500, {}, None, ExternalServiceError, {"message": "openai: status 500"}),
    "a redirect is not followed": (302, {}, "", ExternalServiceError, {"status": 302}),
    "Azure's content filter": (
        400,
        {},
        said(
            "The response was filtered",
            code="content_filter",
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
        ContentFilteredError,
        {"retryable": False},
    ),
    "a moderated prompt": (403, {}, said("Your input was flagged by moderation"), ContentFilteredError, {}),
    "a forbidden model": (403, {}, said("Project has no access"), AuthenticationError, {"service": "openai"}),
    "a request that is too large": (413, {}, said("Request too large for model"), ContextLengthError, {}),
    "a server that has no tools": (
        400,
        {},
        said("llama2 does not support tools"),
        InvalidInputError,
        {"refuses_tools": True},
    ),
    "a field that is not taken": (
        422,
        {},
        {"detail": [{"loc": ["body", "temperature"], "msg": "Input should be less than 1"}]},
        InvalidInputError,
        {"message": "openai: Input should be less than 1", "refuses_tools": False},
    ),
}


@pytest.mark.parametrize(("status", "headers", "body", "kind", "attributes"), WORDED_RULES.values(), ids=WORDED_RULES)
def test_a_refusal_is_the_error_it_stands_for(
    status: int, headers: dict[str, str], body: object, kind: type[MillraceError], attributes: dict[str, Any]
) -> None:
    error = error_from_answer("openai", status, headers, body)
    assert type(error) is kind
    assert {name: getattr(error, name) for name in attributes} == attributes


NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)

WAITS: dict[str, tuple[dict[str, str], str, float | None]] = {
    "seconds": ({"Retry-After": "1.5"}, "", 1.5),
    "milliseconds": ({"retry-after-ms": "250"}, "", 0.25),
    "the longer of the two": ({"retry-after-ms": "0", "retry-after": "1"}, "", 1.0),
    "a date": ({"Retry-After": "Sat, 31 Jan 2026 12:00:30 GMT"}, "", 30.0),
    "a date that has passed": ({"Retry-After": "Sat, 31 Jan 2026 11:00:00 GMT"}, "", 0.0),
    "words with hours": ({}, "Please try again in 1h2m3s.", 3723.0),
    "words with milliseconds": ({}, "Please try again in 320ms. Visit…", 0.32),
    "a header before words": ({"Retry-After": "3"}, "try again in 9m", 3.0),
    "nonsense": ({"Retry-After": "soon"}, "", None),
    "a negative number": ({"Retry-After": "-5"}, "", None),
    "nothing": ({}, "Please retry shortly", None),
}


@pytest.mark.parametrize(("headers", "message", "seconds"), WAITS.values(), ids=WAITS)
def test_a_wait_is_read_wherever_it_is_said(headers: dict[str, str], message: str, seconds: float | None) -> None:
    found = retry_after_seconds(headers, message, now=NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


KEY = 'canary"key/with+odd=characters'

LEAKS = {
    "as it is": f"Incorrect API key provided: {KEY}.",
    "inside JSON": json.dumps({"authorization": KEY}),
    "inside an address": "GET /v1?key=canary%22key%2Fwith%2Bodd%3Dcharacters",
    "another OpenAI key": "sk-proj-abcdefgh12345678 is wrong",
    "another Groq key": "bad key gsk_abcdefgh12345678",
    "a bearer header": "Authorization: Bearer abcdefgh12345678",
    "a password in an address": "cannot connect to http://user:abcdefgh12345678@host/v1",
}


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_a_key_is_taken_out_of_every_text(text: str) -> None:
    clean = redact(text, [KEY])
    assert "[hidden]" in clean
    assert "canary" not in clean
    assert "abcdefgh12345678" not in clean


def test_a_key_is_taken_out_before_a_long_message_is_cut() -> None:
    """A cut through the key would leave half of it."""
    error = error_from_answer("groq", 401, {}, said("x" * 290 + KEY), secrets=[KEY])
    assert "canary" not in error.message


class ModelConnectionError(Exception):
    """Stands for the SDK's."""


class UserError(Exception):
    """Stands for pydantic-ai's."""


class UnexpectedModelBehavior(Exception):
    """Stands for pydantic-ai's."""


EXCEPTIONS: dict[str, tuple[Exception, type[MillraceError]]] = {
    "our own time limit": (TimeoutError(), TimeLimitError),
    "a refused connection": (ConnectionRefusedError(), ExternalServiceError),
    "the SDK's connection error": (ModelConnectionError("boom"), ExternalServiceError),
    "a wrong setting": (UserError("Set the key"), NotConfiguredError),
    "a missing package": (ImportError("no module named groq"), NotConfiguredError),
    "an answer that cannot be read": (UnexpectedModelBehavior("3 validation errors"), ExternalServiceError),
    "anything else": (KeyError("choices"), ExternalServiceError),
}


@pytest.mark.parametrize(("foreign", "kind"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_a_foreign_error_is_translated_and_left_behind(foreign: Exception, kind: type[MillraceError]) -> None:
    error = error_from_exception("groq", foreign, timeout_seconds=5)
    assert type(error) is kind
    assert "groq" in error.message
    assert error.__cause__ is None
    assert error.__context__ is None
