"""The edges of Millrace, each a small Protocol. Adapters implement them; `spine.testing` has in-memory twins.

Nothing here opens a connection. An implementation raises only `spine.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from spine.contracts.jobs import Job, Usage
from spine.contracts.progress import ProgressEvent

Document = dict[str, Any]
"""A JSON object with its key under `_id`. Moments are stored as text (see `contracts.timestamps`)."""

Where = Mapping[str, Any]
"""`{path: value}` for equality or `{path: {"$op": value}}` with $eq $ne $gt $gte $lt $lte $in $nin $exists.

Paths are dotted (`error.class`) and do not look into lists. `None` matches null and absent. All conditions must hold.
"""

Sort = Sequence[tuple[str, int]]
"""`[(path, 1 | -1), …]`; `_id` may be a path. Ties are broken by `_id` ascending."""


class Documents(Protocol):
    """Stored documents, by collection. SQLite and MongoDB implement it; one contract suite runs on all."""

    async def get(self, collection: str, id: str) -> Document | None: ...

    async def find(
        self, collection: str, where: Where | None = None, *, sort: Sort | None = None, limit: int = 0, skip: int = 0
    ) -> list[Document]:
        """Documents that match; `limit=0` means all of them."""
        ...

    async def insert(self, collection: str, document: Document) -> str:
        """Store a new document (an `_id` is made when absent); `DuplicateError` when a unique key is taken."""
        ...

    async def upsert(self, collection: str, document: Document) -> None:
        """Store the document under its `_id`, whatever was there before."""
        ...

    async def update(
        self,
        collection: str,
        where: Where,
        *,
        set: Mapping[str, Any] | None = None,
        inc: Mapping[str, int | float] | None = None,
        push: Mapping[str, Any] | None = None,
        unset: Sequence[str] = (),
        sort: Sort | None = None,
    ) -> Document | None:
        """Change the first match in one atomic step and return it as it is afterwards; None when nothing matches.

        This is also how work is claimed: two callers never both match the same state.
        """
        ...

    async def delete(self, collection: str, where: Where) -> int: ...

    async def count(self, collection: str, where: Where | None = None) -> int: ...

    async def ensure_index(self, collection: str, paths: Sequence[str], *, unique: bool = False) -> None:
        """Create the (compound) index if it is missing. Unique ignores documents that lack the first path."""
        ...

    async def ensure_tally(self, collection: str, paths: Sequence[str]) -> None:
        """Let `count` by values at these paths ($eq, $in) cost the same however many documents there are, where the
        store can do that. The paths hold few different values, as a status does."""
        ...

    async def ping(self) -> None:
        """Return when the store answers; `DatabaseError` otherwise."""
        ...

    async def close(self) -> None: ...


class ProgressLog(Protocol):
    """Where progress events are kept for a day and announced."""

    async def publish(self, event: ProgressEvent) -> ProgressEvent:
        """Store and announce; returns the event with its `seq`. Never raises: progress degrades, work goes on."""
        ...

    async def publish_many(self, events: Sequence[ProgressEvent]) -> list[ProgressEvent]:
        """The same for several events of one job (at least one, in order) in one step."""
        ...

    async def read(self, job_id: str, since: int = 0, limit: int = 1000) -> list[ProgressEvent]:
        """Events with `seq` > since, in order."""
        ...

    def announcements(self) -> AsyncIterator[ProgressEvent | None]:
        """Every event of every job, after a None that says: I listen now, and may have missed what came before. One
        more None stands where a lost connection was taken up again."""
        ...


class JobStarter(Protocol):
    """Hands a stored job to whatever runs it. Starting the same attempt twice runs it once."""

    async def start(self, job: Job) -> None: ...


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A response body as it came, after redirects."""

    url: str
    final_url: str
    status: int
    content: bytes
    content_type: str = ""
    fetched_by: str = "http"  # http | browser


class PageFetcher(Protocol):
    """Fetches outside addresses under the URL guard.

    Raises `BlockedUrlError`, `PageTooLargeError`, `TimeLimitError`, `ExternalServiceError`, `RateLimitError`
    (429, 503 with Retry-After). Other 4xx/5xx are `ExternalServiceError` with `.status`, except that a body
    sent with an error status is returned when `accept_errors` is true (block pages are read by the parser).
    """

    async def fetch(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        max_bytes: int = 10_000_000,
        accept_errors: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedPage: ...

    async def close(self) -> None: ...


T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One link of a provider chain."""

    provider: str  # openai | groq | mistral | claude | openai-compatible | extractive
    model_id: str
    temperature: float = 0.7
    max_tokens: int = 2500
    timeout_seconds: float = 60.0
    credential: str | None = None  # name of the block; None: environment


@dataclass(frozen=True, slots=True)
class ModelRequest(Generic[T]):
    """A question with a typed answer.

    `check` looks at a valid answer and returns what is wrong with it (then the model is asked again) or None.
    `extractive` gives the answer that needs no model; a request without it cannot be answered extractively.
    """

    purpose: str
    system: str
    prompt: str
    output_type: type[T]
    extractive: Callable[[], T] | None = None
    check: Callable[[T], str | None] | None = None
    max_reasks: int = 2


@dataclass(frozen=True, slots=True)
class ModelReply(Generic[T]):
    """An answer with its provenance. `attempts` has one entry per provider tried:
    `{provider, model, outcome: ok|failed, error_class, message, seconds, calls, input_tokens, output_tokens, reasks,
    cost_usd}`; `calls` are the requests that were sent, re-asks included, `cost_usd` is None for an unknown price."""

    output: T
    provider: str
    model_id: str
    usage: Usage
    seconds: float
    attempts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    fallback_reason: str | None = None


class Models(Protocol):
    """Answers typed questions along a provider chain."""

    async def answer(self, request: ModelRequest[T], chain: Sequence[ModelChoice]) -> ModelReply[T]:
        """First valid answer of the chain. Raises `ModelsUnavailableError` when at least one link failed for a
        passing reason, else `InvalidModelOutputError`, both with `.attempts`."""
        ...

    def available(self) -> list[str]:
        """Providers that have a key now, in the fallback order (extractive excluded)."""
        ...
