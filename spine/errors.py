"""Every error that Millrace raises on purpose.

    MillraceError
    ├── RetryableError                 trying again later may help
    │   ├── RateLimitError             .retry_after (seconds or None), .service
    │   ├── ExternalServiceError       .service, .status, .delivered
    │   │   └── ModelsUnavailableError .attempts: no model of the chain answered
    │   ├── DatabaseError
    │   ├── AgentInterruptedError      .exit_code: a coding agent ended in a way that is worth another try
    │   └── TimeLimitError             .limit_seconds
    └── PermanentError                 .error_code: trying again gives the same answer
        ├── InvalidInputError
        ├── NotFoundError
        ├── ConflictError
        │   └── DuplicateError         a unique index refused the document
        ├── BlockedUrlError            .url
        ├── PageTooLargeError          .limit_bytes
        ├── CaptchaError
        ├── NotABookError
        ├── AuthenticationError        .service: a credential was refused
        ├── ContextLengthError         the prompt is longer than the model can read
        ├── ContentFilteredError       the provider refused to answer
        ├── InvalidModelOutputError    .attempts: the answers stayed invalid after re-asks
        ├── BudgetExceededError
        ├── NotConfiguredError         .what: a setting or block is missing
        ├── AgentFailedError           .exit_code: a coding agent or the verification of its work failed
        └── JobCancelledError

Foreign errors (httpx, pymongo, sqlite3, openai, …) are translated to these at the adapter
that met them. The first line of an error's docstring is its default message; details are attributes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from spine.error_texts import writable


class MillraceError(Exception):
    """Something went wrong in Millrace."""

    retryable: ClassVar[bool] = False
    error_code: str = "error"

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = writable(message) if message else (type(self).__doc__ or "").strip().splitlines()[0]
        self.details = details
        super().__init__(self.message)
        for name, value in details.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.details))


def _rebuild(kind: type[MillraceError], message: str, details: dict[str, Any]) -> MillraceError:
    return kind(message, **details)


class RetryableError(MillraceError):
    """A passing fault: trying again later may help."""

    retryable = True
    error_code = "retryable"


class RateLimitError(RetryableError):
    """The service asks for fewer calls."""

    error_code = "rate_limited"
    retry_after: float | None = None  # seconds, as the service said it
    service: str = ""


class ExternalServiceError(RetryableError):
    """An outside service failed or could not be reached."""

    error_code = "external_service"
    service: str = ""
    status: int | None = None
    delivered: bool | None = False
    """Of a request that changes something: False when it did nothing, None when nobody knows."""


class ModelsUnavailableError(ExternalServiceError):
    """No model of the provider chain could be reached."""

    error_code = "models_unavailable"
    attempts: list[dict[str, Any]]


class DatabaseError(RetryableError):
    """The document store failed."""

    error_code = "database"


class TimeLimitError(RetryableError):
    """The work did not end within its time limit; what is finished is kept and it can be resumed."""

    error_code = "time_limit"
    limit_seconds: float = 0.0


class AgentInterruptedError(RetryableError):
    """The agent ended in a way that is worth another try."""

    error_code = "agent_interrupted"
    exit_code: int | None = None


class PermanentError(MillraceError):
    """Trying again would give the same answer."""

    error_code = "permanent"


class InvalidInputError(PermanentError):
    """The input does not fit what is asked for."""

    error_code = "invalid_input"


class NotFoundError(PermanentError):
    """There is no such thing."""

    error_code = "not_found"


class ConflictError(PermanentError):
    """The request does not fit the present state."""

    error_code = "conflict"


class DuplicateError(ConflictError):
    """A document with the same unique key is stored already."""

    error_code = "duplicate"


class BlockedUrlError(PermanentError):
    """The address is not allowed to be fetched."""

    error_code = "blocked_url"
    url: str = ""


class PageTooLargeError(PermanentError):
    """The page is larger than the limit."""

    error_code = "page_too_large"
    limit_bytes: int = 0


class CaptchaError(PermanentError):
    """The site answered with a captcha or a block page instead of the content."""

    error_code = "captcha"


class NotABookError(PermanentError):
    """The page describes something that is not a book."""

    error_code = "not_a_book"


class AuthenticationError(PermanentError):
    """The service refused the credential."""

    error_code = "authentication"
    service: str = ""


class ContextLengthError(PermanentError):
    """The prompt is longer than the model can read."""

    error_code = "context_length"


class ContentFilteredError(PermanentError):
    """The provider refused to answer this prompt."""

    error_code = "content_filtered"


class InvalidModelOutputError(PermanentError):
    """The model's answers stayed invalid after re-asks."""

    error_code = "invalid_model_output"
    attempts: list[dict[str, Any]]


class BudgetExceededError(PermanentError):
    """The next model call would spend more than the budget allows."""

    error_code = "budget_exceeded"


class NotConfiguredError(PermanentError):
    """A setting or a block that this needs is missing."""

    error_code = "not_configured"
    what: str = ""


class AgentFailedError(PermanentError):
    """The agent did not do what its card asks for."""

    error_code = "agent_failed"
    exit_code: int | None = None


class JobCancelledError(PermanentError):
    """The job was cancelled."""

    error_code = "cancelled"
