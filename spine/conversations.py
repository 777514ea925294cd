"""The desk of conversations: taking a message in, and reading a session, its transcript, follow-ups and orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from spine.contracts.conversations import (
    CONVERSATION,
    Followup,
    InboundMessage,
    MessageRequest,
    Order,
    Session,
    TaskName,
    Turn,
    WebhookEvent,
    message_params,
)
from spine.contracts.jobs import Job
from spine.contracts.timestamps import utc_now
from spine.documents import CONVERSATIONS, FOLLOWUPS, MESSAGES, ORDERS, Page, page_of
from spine.errors import NotFoundError
from spine.field_errors import FieldError, refuse
from spine.idempotency import effect_key, webhook_task_id
from spine.inline_replies import inline_params
from spine.jobs import JobLedger
from spine.live_queues import LIMITS
from spine.ports import Document, Documents

MAX_ATTEMPTS = 3
SENT_TO = frozenset({"telegram", "manychat"})
"""Platforms to which replies are sent; on the others they are read from the job."""


class ConversationDesk:
    """Sessions in `documents`, their jobs in `ledger`. Holds nothing between calls."""

    def __init__(self, documents: Documents, ledger: JobLedger) -> None:
        self._documents = documents
        self._ledger = ledger

    # -- taking in ---------------------------------------------------------------------------------------

    async def receive(
        self,
        message: InboundMessage,
        task: TaskName = TaskName.PROCESS_AND_RESPOND,
        *,
        idempotency_key: str | None = None,
        trace_id: str = "",
        inline_for: timedelta | None = None,
    ) -> tuple[Job, bool]:
        """The stored job of the message and whether it is new; one durable insert, so it may be acked at once.

        A message of a platform is known by its id within the account; an `idempotency_key` counts instead. With
        `inline_for` the caller waits that long to carry the reply itself (`spine.inline_replies`).
        """
        params: dict[str, Any] = message_params(task, message)
        if inline_for is not None:
            params |= inline_params(utc_now() + inline_for)
        return await self.start(
            task, message.session_id, params, idempotency_key=idempotency_key or message_key(message), trace_id=trace_id
        )

    async def receive_event(self, event: WebhookEvent) -> tuple[Job, bool]:
        """The stored job that does what a webhook's rule says, and whether it is new; acked like a message."""
        key = webhook_task_id(event.source, event.webhook_id, "", "webhook")
        params = {"event": event.model_dump(mode="json")}
        return await self.start(TaskName.HANDLE_WEBHOOK, f"webhook:{event.source}", params, idempotency_key=key)

    async def start(
        self,
        task: TaskName,
        subject_id: str,
        params: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        trace_id: str = "",
    ) -> tuple[Job, bool]:
        """The stored job of any task of the pipeline, on the task's own queue, and whether it is new."""
        return await self._ledger.create(
            CONVERSATION,
            subject_id,
            idempotency_key=idempotency_key,
            params={"task": str(task), **params},
            queue=LIMITS[task].name,
            max_attempts=MAX_ATTEMPTS,
            trace_id=trace_id,
        )

    # -- reading -----------------------------------------------------------------------------------------

    async def find(self, session_id: str) -> Session | None:
        document = await self._documents.get(CONVERSATIONS, session_id)
        return session_from(document) if document is not None else None

    async def get(self, session_id: str) -> Session:
        session = await self.find(session_id)
        if session is None:
            raise NotFoundError(f"There is no conversation {session_id}.")
        return session

    async def sessions(self, *, limit: int = 50, cursor: str | None = None, **where: Any) -> Page:
        """Sessions that match, the one with the latest change first."""
        return await page_of(self._documents, CONVERSATIONS, where, sort=[("updated", -1)], limit=limit, cursor=cursor)

    async def transcript(self, session_id: str, *, limit: int = 50, cursor: str | None = None) -> Page:
        """The session's turns, the newest first, those that the summary covers included."""
        where = {"session_id": session_id}
        return await page_of(self._documents, MESSAGES, where, sort=[("seq", -1)], limit=limit, cursor=cursor)

    async def followups(self, session_id: str, limit: int = 50) -> list[Followup]:
        """The newest first."""
        found = await self._documents.find(FOLLOWUPS, {"session_id": session_id}, sort=[("created", -1)], limit=limit)
        return [followup_from(document) for document in found]

    async def orders(self, session_id: str, limit: int = 50) -> list[Order]:
        """The newest first."""
        found = await self._documents.find(ORDERS, {"session_id": session_id}, sort=[("created", -1)], limit=limit)
        return [order_from(document) for document in found]


def message_of(request: MessageRequest) -> InboundMessage:
    """The message of somebody who calls us instead of being called."""
    return InboundMessage(
        session_id=request.session_id,
        platform=request.platform,
        account=request.account,
        chat_id=request.chat_id,
        user_id=request.chat_id,
        text=request.user_message,
        persona_id=request.persona_id,
    )


def task_of(request: MessageRequest) -> TaskName:
    """A reply goes out where the platform is sent to and the caller does not wait for it."""
    sent = request.fire_and_forget and request.platform in SENT_TO
    return TaskName.PROCESS_AND_RESPOND if sent else TaskName.PROCESS_MESSAGE


def is_of(job: Job, request: MessageRequest) -> bool:
    """Whether the job is this message's; otherwise its idempotency key was used for another one."""
    message = job.params.get("message") or {}
    return (message.get("session_id"), message.get("text")) == (request.session_id, request.user_message)


def check_request(request: MessageRequest) -> None:
    """`InvalidInputError` for a reply that would have nowhere to go."""
    if task_of(request) is TaskName.PROCESS_AND_RESPOND and not request.chat_id:
        refuse([FieldError("chat_id", f"must say where on {request.platform} the reply goes")])


def message_key(message: InboundMessage) -> str | None:
    """The idempotency key of a message's job: the same delivery gives the same one; None when it has no id."""
    if not message.message_id:
        return None
    return webhook_task_id(message.platform, f"{message.account}:{message.message_id}", message.user_id)


def reply_key(job_id: str) -> str:
    """The key in the effect ledger of the reply to a message: however often its job runs, it is sent once."""
    return effect_key(job_id, "reply")


def session_document(session: Session) -> Document:
    return _document(session.model_dump(mode="json"), "session_id")


def session_from(document: Document) -> Session:
    return Session(**_fields(document, "session_id"))


def turn_document(turn: Turn) -> Document:
    return _document(turn.model_dump(mode="json"), "message_id")


def turn_from(document: Document) -> Turn:
    return Turn(**_fields(document, "message_id"))


def followup_document(followup: Followup) -> Document:
    return _document(followup.model_dump(mode="json"), "followup_id")


def followup_from(document: Document) -> Followup:
    return Followup(**_fields(document, "followup_id"))


def order_document(order: Order) -> Document:
    return _document(order.model_dump(mode="json"), "order_id")


def order_from(document: Document) -> Order:
    return Order(**_fields(document, "order_id"))


def _document(fields: dict[str, Any], id: str) -> Document:
    return {"_id": fields.pop(id), **fields}


def _fields(document: Document, id: str) -> dict[str, Any]:
    fields = dict(document)
    return {id: fields.pop("_id"), **fields}
