"""A message on its way in, the session it belongs to, the reply on its way out, follow-ups and orders."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from spine.contracts.personas import PersonaId
from spine.contracts.timestamps import Timestamp, utc_now

CONVERSATION = "conversation"
"""The pipeline of every job of a conversation; `params["task"]` is its `TaskName`."""

MAX_TEXT = 20_000
"""Characters of one message that are kept; platforms allow 4,096 (Telegram) and 2,000 (ManyChat)."""

Platform = Literal["telegram", "manychat", "api", "web", "cli"]
"""`telegram` and `manychat` are sent to; a reply on the others is read by who asked, from its job."""


def _no_way_up(name: str) -> str:
    if name in (".", ".."):
        raise ValueError("a session needs another name: in an address this one leads elsewhere")
    return name


SessionId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$"),
    AfterValidator(_no_way_up),
]
AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class TaskName(StrEnum):
    """What a job of the pipeline does; also the name of its Prefect task."""

    PROCESS_MESSAGE = "process_message"
    PROCESS_AND_RESPOND = "process_and_respond"
    SEND_RESPONSE = "send_response"
    SUMMARIZE_SESSION = "summarize_session"
    SEND_FOLLOWUP = "send_followup"
    CREATE_CRM_ORDER = "create_crm_order"
    HANDLE_WEBHOOK = "handle_webhook"
    PING = "ping"
    WORKER_HEALTH_CHECK = "worker_health_check"


class InboundMessage(BaseModel):
    """One message of a person, from whichever platform it came; the `message` of a job's params."""

    model_config = ConfigDict(frozen=True)

    session_id: SessionId
    platform: Platform
    account: AccountName = "default"
    chat_id: str = Field(default="", max_length=200, description="where the reply goes")
    user_id: str = Field(default="", max_length=200)
    message_id: str = Field(default="", max_length=200, description="the platform's own id, unique within the account")
    text: str = Field(max_length=MAX_TEXT)
    cut: bool = Field(default=False, description="the text was longer than `MAX_TEXT`")
    user_name: str = Field(default="", max_length=200)
    language: str = Field(default="und", description="as the platform says, ISO 639-1; und when it does not")
    persona_id: PersonaId | None = None
    sent_at: Timestamp | None = Field(default=None, description="as the platform says")
    received_at: Timestamp = Field(default_factory=utc_now)


class MessageRequest(BaseModel):
    """The body of `POST /api/messages`."""

    model_config = ConfigDict(extra="forbid")

    session_id: SessionId
    user_message: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
    platform: Platform = "api"
    chat_id: str = Field(default="", max_length=200)
    account: AccountName = "default"
    persona_id: PersonaId | None = None
    fire_and_forget: bool = Field(
        default=True,
        description="true: the reply is also sent to `chat_id` on the platform; false: it is only kept, and read "
        "from the job's result",
    )


class Dispatched(BaseModel):
    """What became of a message that was handed over: queued, or answered in place."""

    queued: bool
    trace_id: str
    task_id: str = Field(description="the job; its result holds the reply")
    job_id: str = Field(description="the same as `task_id`")
    response: str | None = Field(default=None, description="the reply, when it was answered in place")


class WebhookEvent(BaseModel):
    """A verified event of a webhook source with the rule that it met; `params["event"]` of a `handle_webhook` job."""

    model_config = ConfigDict(frozen=True)

    source: AccountName
    webhook_id: str = Field(max_length=200, description="as the sender signed it; unique within the source")
    event: str = Field(max_length=200, description="its type")
    pipeline: str
    params: dict[str, Any] = Field(description="of the rule, with its templates")
    payload: str = Field(description="the body as JSON text, as stores do not take every key")
    received_at: Timestamp = Field(default_factory=utc_now)


class Delivery(StrEnum):
    """What is known about a reply that was to be sent."""

    KEPT = "kept"  # not meant to be sent: who asked reads it from the job
    SENT = "sent"
    INLINE = "inline"  # went out as the answer to the webhook itself
    AMBIGUOUS = "ambiguous"  # the process died between the send and its record: sent or not, never sent again


class Reply(BaseModel):
    """The result of a message's job."""

    text: str
    delivery: Delivery = Delivery.KEPT
    provider: str = ""
    model_id: str = ""
    passages: list[str] = Field(default_factory=list[str], description="ids of the persona passages that it rests on")
    order_id: str | None = Field(default=None, description="an order that was proposed or confirmed with it")
    open_question: bool = Field(default=False, description="the reply asks the person something")
    note: str = Field(default="", description="what it had to do without, such as the persona's passages; for us")


class Turn(BaseModel):
    """One entry of a transcript; stored in `messages`, ordered by `seq` within its session."""

    message_id: str
    session_id: SessionId
    seq: int = Field(description="from 1, without gaps, in the order in which the session was processed")
    role: Literal["user", "assistant", "followup"]
    text: str
    job_id: str = ""
    delivery: Delivery | None = Field(
        default=None, description="of what we said; null until it is known to have arrived"
    )
    ahead: list[str] = Field(
        default_factory=list[str],
        description="with an order: jobs of messages that were there before it went out, so none of them answers it",
    )
    tokens: int = 0
    archived: bool = Field(default=False, description="covered by the session's summary; kept for reading")
    reply: Reply | None = Field(default=None, description="of what we said: where it comes from")
    created: Timestamp = Field(default_factory=utc_now)


class Session(BaseModel):
    """A conversation with one person; stored in `conversations` under its id."""

    session_id: SessionId
    platform: Platform
    account: AccountName = "default"
    chat_id: str = ""
    user_id: str = ""
    user_name: str = ""
    language: str = "und"
    persona_id: PersonaId | None = None
    summary: str = ""
    summary_until: int = Field(default=0, description="`seq` of the last turn that the summary covers")
    turns: int = Field(default=0, description="`seq` of the newest turn")
    open_turns: int = Field(default=0, description="turns that the summary does not cover")
    open_tokens: int = 0
    open_question: bool = False
    pending_order_id: str | None = Field(default=None, description="proposed and not yet confirmed")
    followups_sent: int = Field(default=0, description="since the person last wrote")
    last_user_at: Timestamp | None = None
    last_reply_at: Timestamp | None = None
    created: Timestamp = Field(default_factory=utc_now)
    updated: Timestamp = Field(default_factory=utc_now)


class Forgotten(BaseModel):
    """What was taken out when a conversation was forgotten; all zero when there was nothing left to take."""

    turns: int
    followups: int
    orders: int = Field(description="that no CRM had")
    orders_kept: int = Field(description="that a CRM has: their number and amounts stay, the customer's words do not")
    jobs: int = Field(description="records that stay without the person's words, to know a repeated message by")


class AccountPolicy(BaseModel):
    """How one account (a bot, a page) converses. No secret."""

    model_config = ConfigDict(frozen=True)

    persona_id: PersonaId | None = None
    instructions: str = Field(default="", max_length=8_000, description="added to the agent's prompt")
    pipeline_id: str = Field(default="conversation", description="the pipeline configuration whose models answer")
    concurrency: int = Field(default=100, ge=1, le=1_000, description="messages of the account answered at once")
    rate_per_minute: int = Field(default=0, ge=0, description="messages begun per minute; 0: no limit")
    summarize_after_turns: int = Field(default=40, ge=4)
    summarize_after_tokens: int = Field(default=6_000, ge=200)
    summarize_after_idle_hours: float = Field(default=24.0, gt=0)
    followup_after_hours: float = Field(default=24.0, gt=0)
    followup_limit: int = Field(default=2, ge=0, le=10)
    time_zone: str = Field(default="UTC", description="IANA name, for quiet hours")
    quiet_from: str = Field(default="21:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    quiet_until: str = Field(default="09:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    still_working: str = Field(default="", max_length=500, description="said at the soft limit; empty: a default text")
    crm: str | None = Field(default=None, description="CRM account of confirmed orders; `default` if none is named")


class FollowupStatus(StrEnum):
    DUE = "due"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Followup(BaseModel):
    """A message that goes out when a conversation stays silent; stored in `followups`."""

    followup_id: str
    session_id: SessionId
    number: int = Field(ge=1, description="of this silence")
    reason: Literal["open_question", "unconfirmed_order"]
    due: Timestamp
    status: FollowupStatus = FollowupStatus.DUE
    text: str = ""
    job_id: str | None = None
    created: Timestamp = Field(default_factory=utc_now)
    finished: Timestamp | None = None


class OrderStatus(StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    CREATED = "created"
    REJECTED = "rejected"
    FAILED = "failed"


class OrderItem(BaseModel):
    sku: str = Field(default="", max_length=100)
    name: str = Field(min_length=1, max_length=300)
    quantity: int = Field(ge=1, le=10_000)
    unit_price: str = Field(description="decimal text such as 12.50")


class OrderProposal(BaseModel):
    """What the agent may propose; code checks it and the customer confirms it before anything is created."""

    items: list[OrderItem] = Field(min_length=1, max_length=100)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    total: str = Field(description="decimal text; must equal the sum of the items")
    customer_name: str = Field(min_length=1, max_length=200)
    customer_contact: str = Field(min_length=3, max_length=200, description="e-mail or telephone")
    note: str = Field(default="", max_length=1_000)


class Order(BaseModel):
    """Stored in `orders`. One order in the CRM per confirmation."""

    order_id: str
    session_id: SessionId
    proposal: OrderProposal
    customer_id: str = Field(default="", description="`user_id` of who ordered: in a group only they can confirm")
    status: OrderStatus = OrderStatus.PROPOSED
    confirmed_by: str | None = Field(default=None, description="message with which the customer confirmed")
    crm: str | None = None
    crm_order_id: str | None = None
    error: str | None = None
    created: Timestamp = Field(default_factory=utc_now)
    updated: Timestamp = Field(default_factory=utc_now)


def message_params(task: TaskName, message: InboundMessage) -> dict[str, Any]:
    """The params of a job that answers `message`."""
    return {"task": str(task), "message": message.model_dump(mode="json")}
