"""What the answers of account APIs have in common: which of them are errors, and of which kind."""

from __future__ import annotations

from spine.adapters.account_wire import WireAnswer
from spine.errors import (
    AuthenticationError,
    ExternalServiceError,
    MillraceError,
    PermanentError,
    RateLimitError,
)
from spine.http_status import retry_after_seconds

_SHOWN = 200
_WAITED_IN_VAIN = frozenset({408, 504})


def answer_error(
    answer: WireAnswer, service: str, said: str = "", *, retry_after: float | None = None
) -> MillraceError:
    """The error that a refusing answer amounts to. Nothing was done, unless `delivered` of it is None: a gateway that
    waited in vain cannot say what the service behind it did, nor can a failure that the service does not explain.

    `said` is the service's own explanation, which must hold no secret.
    """
    told = told_of(said)
    status = answer.status
    if status == 429:
        wait = retry_after if retry_after is not None else retry_after_seconds(answer.retry_after)
        return RateLimitError(f"{service} asks for fewer calls.", retry_after=wait, service=service)
    if status in (401, 407):
        return AuthenticationError(f"{service} refused the key{told}.", service=service)
    if status in (408, 425) or status >= 500 or status < 400:
        unknown = status in _WAITED_IN_VAIN or (status >= 500 and status != 503 and not said)
        return ExternalServiceError(
            f"{service} failed (HTTP {status}){told}.",
            service=service,
            status=status,
            delivered=None if unknown else False,
        )
    return PermanentError(f"{service} refused it (HTTP {status}){told}.")


def told_of(said: str) -> str:
    """A service's explanation as it ends a sentence of ours; empty when it gave none."""
    return f": {' '.join(said.split())[:_SHOWN]}" if said else ""


def unreadable(service: str, answer: WireAnswer) -> ExternalServiceError:
    """It said yes in words that cannot be read: what it did is not known."""
    return ExternalServiceError(
        f"{service} did not answer in its own format (HTTP {answer.status}).",
        service=service,
        status=answer.status,
        delivered=None,
    )
