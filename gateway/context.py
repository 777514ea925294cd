"""What the gateway is given: it builds none of it and never imports what runs the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr

from gateway.limits import BodyLimits
from gateway.tickets import TicketStore
from spine.contracts.pipelines import PipelineConfig, Prompt, ResolvedStep
from spine.jobs import JobLedger
from spine.ports import Documents, JobStarter, ProgressLog
from spine.presence import Presence
from spine.submissions import STAGES, ReviewDesk

Probe = Callable[[], Awaitable[object]]
"""Returns when the dependency answers, raises when it does not. Cut off after `PROBE_SECONDS`."""

WorkerList = Callable[[], Awaitable[list[dict[str, Any]]]]
"""Prefect's own workers, `{name, pool, status, last_seen}` each."""


async def _no_workers() -> list[dict[str, Any]]:
    return []


def _accept_prompt(_: Prompt) -> None:
    return None


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
    count_words: Callable[[str], int]
    resolve_steps: Callable[[PipelineConfig], Awaitable[Sequence[ResolvedStep]]]
    check_prompt: Callable[[Prompt], None] = _accept_prompt
    """Raises `InvalidInputError` for a prompt that its purpose cannot use."""
    probes: Mapping[str, Probe] = field(default_factory=dict[str, Probe])
    """By dependency: redis, prefect, documents, vectors. One that is missing is shown as disabled."""
    workers: WorkerList = _no_workers
    version: str = "0"
    execution_mode: Literal["queue", "in-place"] = "queue"
    stages: tuple[str, ...] = STAGES
    limits: BodyLimits = field(default_factory=BodyLimits)
