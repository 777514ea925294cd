"""What the status of an HTTP answer means to us: a page, a pause, or a failure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from spine.errors import ExternalServiceError, MillraceError, RateLimitError

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` (a number or an HTTP date) asks to wait; None when it says nothing."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def status_error(
    status: int, headers: Mapping[str, str], *, service: str, accept_errors: bool = False
) -> MillraceError | None:
    """The error that an answer amounts to, None when its body is to be read. Header names in lower case.

    429, and 503 with `Retry-After`, are `RateLimitError` whether or not error pages are wanted.
    """
    wait = retry_after_seconds(headers.get("retry-after"))
    if status == 429 or (status == 503 and wait is not None):
        return RateLimitError(f"{service} asks for fewer calls (HTTP {status}).", retry_after=wait, service=service)
    if status >= 400 and not accept_errors:
        return ExternalServiceError(f"{service} answered with HTTP {status}.", service=service, status=status)
    return None
