"""How each pipeline is started from a rule's parameters: its own request model checks them, its desk makes the job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spine.cards import CARD_EXECUTION, CardDesk
from spine.contracts.conversations import CONVERSATION, MessageRequest
from spine.contracts.graphs import GraphSubmission
from spine.contracts.jobs import Job
from spine.contracts.personas import IngestRequest, PersonaId
from spine.contracts.submissions import SubmitRequest
from spine.conversations import ConversationDesk, check_request, message_of, task_of
from spine.field_errors import field_errors, refuse
from spine.graphs import MODULE_GRAPH
from spine.personas import PERSONA_INGESTION, PersonaDesk
from spine.review_jobs import ReviewJobs
from spine.services import Services
from spine.submissions import BOOK_REVIEW
from tasks.module_graph.run import desk_of

Starter = Callable[[Services, Mapping[str, Any], str], Awaitable[Job]]
"""`(services, parameters, idempotency key)` to the stored job."""

M = TypeVar("M", bound=BaseModel)


class IngestionStart(IngestRequest):
    """The parameters of a rule that starts an ingestion."""

    persona_id: PersonaId


class CardStart(BaseModel):
    """The parameters of a rule that runs a card."""

    model_config = ConfigDict(extra="forbid")

    card_id: str = Field(min_length=1, max_length=200)
    agent: str | None = Field(default=None, max_length=100)


class GraphStart(BaseModel):
    """The parameters of a rule that gives a graph work."""

    model_config = ConfigDict(extra="forbid")

    graph: str = Field(min_length=1, max_length=100)
    start_module: str | None = Field(default=None, max_length=100)
    input: dict[str, Any] = Field(default_factory=dict[str, Any])


async def _book_review(services: Services, params: Mapping[str, Any], key: str) -> Job:
    reviews = ReviewJobs(services.documents, services.ledger)
    _, job = await reviews.submit(checked(SubmitRequest, params), idempotency_key=key)
    return job


async def _conversation(services: Services, params: Mapping[str, Any], key: str) -> Job:
    request = checked(MessageRequest, params)
    check_request(request)
    desk = ConversationDesk(services.documents, services.ledger)
    job, _ = await desk.receive(message_of(request), task_of(request), idempotency_key=key)
    return job


async def _persona_ingestion(services: Services, params: Mapping[str, Any], key: str) -> Job:
    start = checked(IngestionStart, params)
    request = IngestRequest(collections=start.collections, source=start.source)
    desk = PersonaDesk(services.documents, services.ledger)
    return (await desk.accept(start.persona_id, request, idempotency_key=key)).job


async def _card_execution(services: Services, params: Mapping[str, Any], key: str) -> Job:
    start = checked(CardStart, params)
    return await CardDesk(services.documents, services.ledger).run(start.card_id, start.agent, idempotency_key=key)


async def _module_graph(services: Services, params: Mapping[str, Any], key: str) -> Job:
    start = checked(GraphStart, params)
    submission = GraphSubmission(start_module=start.start_module, input=start.input)
    _, job = await desk_of(services).submit(start.graph, submission, idempotency_key=key)
    return job


STARTERS: Final[Mapping[str, Starter]] = {
    BOOK_REVIEW: _book_review,
    CONVERSATION: _conversation,
    PERSONA_INGESTION: _persona_ingestion,
    CARD_EXECUTION: _card_execution,
    MODULE_GRAPH: _module_graph,
}
"""Pipeline → how a rule starts it."""


def checked(model: type[M], params: Mapping[str, Any]) -> M:
    """The parameters as the pipeline takes them; `InvalidInputError` that names each that it does not."""
    try:
        return model.model_validate(dict(params))
    except ValidationError as error:
        refuse(field_errors(error, "params"))
        raise
