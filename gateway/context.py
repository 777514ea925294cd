"""What the gateway is given: it builds none of it and never imports what runs the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from gateway.card_logs import ArchivedLine, ReadArchive
from gateway.limits import BodyLimits
from gateway.tickets import TicketStore
from spine.accounts import Accounts, EnvironmentAccounts
from spine.contracts.conversations import Dispatched, MessageRequest
from spine.contracts.personas import CollectionName
from spine.contracts.pipelines import PipelineConfig, Prompt, ResolvedStep
from spine.contracts.retrieval import SearchHit
from spine.contracts.texts import DraftArticle, ExaminedText
from spine.errors import NotConfiguredError
from spine.graphs import GraphShelf, NoGraphs
from spine.jobs import JobLedger
from spine.live_queues import LIVE_QUEUES
from spine.ports import Documents, JobStarter, ProgressLog
from spine.presence import Presence
from spine.review_jobs import ReviewJobs
from spine.submissions import STAGES, ReviewDesk
from spine.vectors_port import Filter

Probe = Callable[[], Awaitable[object]]
"""Returns when the dependency answers, raises when it does not. Cut off after `PROBE_SECONDS`."""

DispatchMessage = Callable[[MessageRequest, str | None], Awaitable[Dispatched]]
"""Answers or queues a message, once for each idempotency key."""

WorkerList = Callable[[], Awaitable[list[dict[str, Any]]]]
"""Prefect's own workers, `{name, pool, status, last_seen}` each."""


async def _no_workers() -> list[dict[str, Any]]:
    return []


async def _nothing_missing() -> str | None:
    return None


async def _unseen_credentials() -> None:
    return None


def _no_prefect_page(_: str) -> str | None:
    return None


async def _no_passages(search: PassageSearch) -> list[SearchHit]:
    raise NotConfiguredError("No vector store is configured here.", what="vectors")


def _accept_prompt(_: Prompt) -> None:
    return None


def _no_archive(log: str) -> Sequence[ArchivedLine]:
    raise FileNotFoundError(log)


@dataclass(frozen=True, slots=True)
class PassageSearch:
    """A question to a persona's collections; `where` filters by metadata."""

    persona_id: str
    question: str
    collections: Sequence[CollectionName]
    limit: int
    where: Filter


@dataclass(frozen=True, kw_only=True)
class GatewayContext:
    """The services of one gateway process. They live longer than the application and are closed by who made them."""

    documents: Documents
    ledger: JobLedger
    desk: ReviewDesk
    progress: ProgressLog
    starter: JobStarter
    presence: Presence
    tickets: TicketStore
    admin_token: SecretStr
    session_key: SecretStr
    check_url: Callable[[str], object]
    """Raises `BlockedUrlError` for an address that may not be fetched. Resolves no name, so it is quick."""
    examine: Callable[[str, DraftArticle], Awaitable[ExaminedText]]
    """Holds the text of a submission's article against the facts. Raises `NotFoundError` before its review."""
    resolve_steps: Callable[[PipelineConfig], Awaitable[Sequence[ResolvedStep]]]
    check_prompt: Callable[[Prompt], None] = _accept_prompt
    """Raises `InvalidInputError` for a prompt that its purpose cannot use."""
    saved_credentials: Callable[[], Awaitable[Mapping[str, str | None] | None]] = _unseen_credentials
    """Names of saved language-model credentials with their providers, no keys; None where they cannot be seen."""
    publishing_gap: Callable[[], Awaitable[str | None]] = _nothing_missing
    """What has to be configured before an approved article can be published; None when nothing is missing."""
    prefect_run_address: Callable[[str], str | None] = _no_prefect_page
    """Where a person sees a flow run in Prefect's own pages; None where they cannot be reached."""
    personas_dir: Path = Path("personas")
    """Where the sources of personas lie."""
    search_passages: Callable[[PassageSearch], Awaitable[Sequence[SearchHit]]] = _no_passages
    probes: Mapping[str, Probe] = field(default_factory=dict[str, Probe])
    """By dependency: redis, prefect, documents, vectors. One that is missing is shown as disabled."""
    workers: WorkerList = _no_workers
    read_archive: ReadArchive = _no_archive
    """The compressed log of a card's attempt."""
    version: str = "0"
    execution_mode: Literal["queue", "in-place"] = "queue"
    stages: tuple[str, ...] = STAGES
    graphs: GraphShelf = field(default_factory=NoGraphs)
    """The declared graphs; reading one runs no code of a module."""
    limits: BodyLimits = field(default_factory=BodyLimits)
    accounts: Accounts = field(default_factory=EnvironmentAccounts)
    """Whose webhooks are taken, asked with every request."""
    dispatch_message: DispatchMessage | None = None
    """None: messages go to the queue."""
    queues: tuple[str, ...] = tuple(queue.name for queue in LIVE_QUEUES)
    """The queues that are declared, served or not."""

    @property
    def reviews(self) -> ReviewJobs:
        """Starts reviews, and runs them again."""
        return ReviewJobs(self.documents, self.ledger)
