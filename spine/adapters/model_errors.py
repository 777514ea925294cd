"""What a provider's refusal means: any status, headers and body, or any SDK exception, to one of `spine.errors`.

Pure. Bodies differ by provider and by year; what decides is, in order, an exhausted account, the status, and the
words of the message. A key never passes: `redact` takes out the ones that are known and whatever looks like one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from spine.adapters.redaction import HIDDEN, without_secrets
from spine.errors import (
    AuthenticationError,
    ContentFilteredError,
    ContextLengthError,
    ExternalServiceError,
    InvalidInputError,
    InvalidModelOutputError,
    MillraceError,
    NotConfiguredError,
    RateLimitError,
    TimeLimitError,
)

_MAX_MESSAGE = 300

_KEY_SHAPES = re.compile(
    r"\b(?:sk|gsk|pk|rk|xai|nvapi)[-_][\w*.-]{8,}"  # OpenAI, Anthropic, Groq and their kin
    r"|(?i:\bbearer\s+)[\w.~+/=-]{8,}"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"  # a password inside an address
)
_QUOTA = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|exceeded your current quota|credit balance is too low"
    r"|billing_(error|hard_limit)|out of credits|payment required",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    r"api[_ -]?key (is )?(not valid|invalid|incorrect|expired)|(invalid|incorrect) (x-)?api[_ -]?key|api_key_invalid",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context_length|context (length|window)|too_many_prompt_tokens|prompt is too long|too many (input |prompt )?tokens"
    r"|length of all messages|reduce the length|maximum (context|prompt)|input is too long|request too large",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[_ -]?(filter|policy|management)|responsibleai|moderation|flagged|safety (system|settings)",
    re.IGNORECASE,
)
_NO_TOOLS = re.compile(r"\btools?\b|tool_(use|choice)|function[_ ]call", re.IGNORECASE)
_WAIT_WORDS = re.compile(r"(?:try again|retry) (?:in|after) ((?:[\d.]+ ?(?:ms|[hms])[a-z]*\s*)+)", re.IGNORECASE)
_WAIT_PART = re.compile(r"(?<![\d.])([\d.]++) ?(ms|h|m|s)", re.IGNORECASE)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def error_from_answer(
    service: str,
    status: int,
    headers: Mapping[str, str],
    body: object,
    *,
    secrets: Sequence[str] = (),
    now: datetime | None = None,
) -> MillraceError:
    """The error that a refused request stands for.

    `headers` in any case; `body` parsed JSON or text; `now` (UTC) places a Retry-After that is a date. A request
    that the provider will never take is permanent; a rate limit, an overload and a server fault pass.
    `InvalidInputError.refuses_tools` tells that the request may go through without tools.
    """
    said = _parsed(body)
    full = redact(describe(said), secrets)
    message = _shortened(full) or f"status {status}"
    signs = f"{_codes(said)} {full}"
    wait = retry_after_seconds(headers, full, now=now)
    if status == 402 or (status in (400, 403, 429) and _QUOTA.search(signs)):
        return AuthenticationError(
            f"{service}: the account has no quota left: {message}",
            service=service,
            status=status,
            error_code="insufficient_quota",
        )
    if status == 429 or (status in (503, 529) and wait is not None):
        return RateLimitError(f"{service}: {message}", service=service, status=status, retry_after=wait)
    if status in (408, 409, 425) or status >= 500 or status < 400:
        return ExternalServiceError(f"{service}: {message}", service=service, status=status)
    return _permanent(service, status, message, signs)


def _permanent(service: str, status: int, message: str, signs: str) -> MillraceError:
    told = f"{service}: {message}"
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(signs)):
        return ContextLengthError(told, service=service, status=status)
    if _FILTERED.search(signs):
        return ContentFilteredError(told, service=service, status=status)
    if status in (401, 403) or _BAD_KEY.search(signs):
        return AuthenticationError(told, service=service, status=status)
    if status == 404:
        return NotConfiguredError(told, what=f"a model of {service}", service=service, status=status)
    return InvalidInputError(told, service=service, status=status, refuses_tools=bool(_NO_TOOLS.search(signs)))


def error_from_exception(
    service: str, error: Exception, *, timeout_seconds: float, secrets: Sequence[str] = ()
) -> MillraceError:
    """The error that an exception of an SDK, of pydantic-ai or of the network stands for; it keeps no link to it."""
    if (refused := _refused(error)) is not None:
        return InvalidModelOutputError(f"{service}: {refused.message}")
    if (status := getattr(error, "status_code", None)) is not None:
        headers = cast("Mapping[str, str]", getattr(error, "headers", None) or {})
        return error_from_answer(service, int(status), headers, getattr(error, "body", None), secrets=secrets)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"TimeoutError", "ModelTimeoutError", "ModelRequestTimeout", "TimeoutException", "APITimeoutError"}:
        return TimeLimitError(
            f"{service} did not answer within {timeout_seconds:g} s", limit_seconds=timeout_seconds, service=service
        )
    if kinds & {"ModelConnectionError", "APIConnectionError", "TransportError", "OSError"}:
        return ExternalServiceError(f"the connection to {service} failed", service=service)
    if "ContentFilterError" in kinds:
        return ContentFilteredError(f"{service} refused to answer", service=service)
    if "UserError" in kinds or isinstance(error, ImportError):
        return NotConfiguredError(
            f"{service} cannot be used: {_shortened(redact(describe(str(error)), secrets))}", what=service
        )
    return ExternalServiceError(
        f"{service} sent something that is not a model's answer ({type(error).__name__})", service=service
    )


def _refused(error: BaseException | None) -> InvalidModelOutputError | None:
    """What our own client said about the answer: the SDKs take it for a failed connection."""
    while error is not None and not isinstance(error, InvalidModelOutputError):
        error = error.__cause__
    return error


def describe(body: object) -> str:
    """The provider's own words in one line, whatever shape they come in; empty when it says nothing."""
    said = _parsed(body)
    words = [_without_markup(said)] if isinstance(said, str) else _words(said)
    return " ".join(" — ".join(dict.fromkeys(words)).split())


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """`text` without the given secrets in any form, and without what looks like a key."""
    return _KEY_SHAPES.sub(HIDDEN, without_secrets(text, secrets))


def retry_after_seconds(headers: Mapping[str, str], message: str = "", *, now: datetime | None = None) -> float | None:
    """How long the service asks to wait: the longer of its headers, else its words; None when it does not say."""
    named = {name.lower(): value for name, value in headers.items()}
    waits = [
        _number(named.get("retry-after-ms"), 0.001),
        _number(named.get("retry-after"), 1.0),
        _until(named.get("retry-after"), named.get("date"), now),
    ]
    given = [wait for wait in waits if wait is not None]
    return max(given) if given else _wait_in_words(message)


def _number(value: str | None, unit: float) -> float | None:
    try:
        seconds = float(value) * unit if value is not None else None
    except ValueError:
        return None
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None


def _until(value: str | None, sent: str | None, now: datetime | None) -> float | None:
    moment, start = _date(value), now or _date(sent) or datetime.now(UTC)
    return max(0.0, (moment - start).total_seconds()) if moment else None


def _date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _wait_in_words(message: str) -> float | None:
    """`Please try again in 9m38.016s` is 578.016."""
    found = _WAIT_WORDS.search(message)
    if found is None:
        return None
    parts = [(_number(amount, _SECONDS[unit.lower()])) for amount, unit in _WAIT_PART.findall(found[1])]
    return sum(part for part in parts if part is not None)


def _parsed(body: object) -> object:
    """Some SDKs hand over the body as text or bytes."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _without_markup(text: str) -> str:
    """A proxy's error page is HTML; its text is enough."""
    return re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)


def _shortened(line: str) -> str:
    """Always after `redact`: half a key is still a key."""
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"


def _words(body: object) -> Iterator[str]:
    """The texts under error, message, msg, detail and metadata.raw."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for item in cast("list[object]", body):
            yield from _words(item)
    elif isinstance(body, Mapping):
        fields = cast("Mapping[str, Any]", body)
        for name in ("error", "message", "msg", "detail", "metadata", "raw"):
            yield from _words(fields.get(name))


def _codes(body: object) -> str:
    """The machine-readable words of a body: its codes, types and reasons."""
    if isinstance(body, list):
        return " ".join(_codes(item) for item in cast("list[object]", body))
    if not isinstance(body, Mapping):
        return ""
    fields = cast("Mapping[str, Any]", body)
    own = [str(fields[name]) for name in ("code", "type", "status", "reason") if fields.get(name) is not None]
    nested = [_codes(fields.get(name)) for name in ("error", "details", "innererror", "metadata")]
    return " ".join([*own, *filter(None, nested)])
