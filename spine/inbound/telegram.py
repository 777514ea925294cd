"""A Telegram update as a message (Bot API, `Update`)."""

from __future__ import annotations

from typing import Any, Final

from spine.contracts.conversations import InboundMessage
from spine.inbound.reading import (
    Heard,
    Ignored,
    Reading,
    cut_text,
    identifier_at,
    inner,
    language_of,
    moment_at,
    number_at,
    short_text_at,
    text_at,
)
from spine.inbound.telegram_content import content_text
from spine.inbound.telegram_references import reference_notes
from spine.message_notes import FORWARDED
from spine.telegram_address import TelegramAddress

UPDATE_KINDS: Final = frozenset(
    {
        "message", "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
        "edited_business_message", "deleted_business_messages", "message_reaction", "message_reaction_count",
        "inline_query", "chosen_inline_result", "callback_query", "shipping_query", "pre_checkout_query",
        "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member", "chat_join_request",
        "chat_boost", "removed_chat_boost",
    }
)  # fmt: skip
"""The kinds that are counted by name; what Telegram may add later is counted as `unknown`."""

_EDITED: Final = {"edited_message": "message", "edited_business_message": "business_message"}
_ANONYMOUS_ADMIN: Final = 1087968824
"""The user in whose name Telegram shows administrators of a group who write anonymously."""


def read_update(update: dict[str, Any], bot: str) -> Reading:
    """The message in an update of the account `bot`.

    Served are messages, their edits (as a message that says so), messages to a connected business account, and
    pressed buttons, whose data is the text. Everything else is `Ignored` by its kind.
    """
    kind = next((name for name in update if name in UPDATE_KINDS), "unknown")
    if kind == "callback_query":
        return _pressed(update, bot)
    if kind in ("message", "business_message", *_EDITED):
        return _said(update, bot, kind)
    return Ignored(kind)


def _said(update: dict[str, Any], bot: str, kind: str) -> Reading:
    message = inner(update, kind)
    text = content_text(message)
    if not _is_by_a_person(message, kind):
        return Ignored("not_by_a_person")
    if not text:
        return Ignored("service_message" if isinstance(message, dict) else "malformed")
    if kind in _EDITED:
        # A live location is edited with every step.
        if not (text_at(message, "text") or text_at(message, "caption")):
            return Ignored(kind)
        text = f"[edited] {text}"
    if _is_forwarded(message):
        text = f"{FORWARDED} {text}"
    return _heard(update, bot, message, " ".join([*reference_notes(message), text]), sender=inner(message, "from"))


def _pressed(update: dict[str, Any], bot: str) -> Reading:
    """A button under one of our messages; Telegram shows it as pressed until the query is answered."""
    query = inner(update, "callback_query")
    data, query_id, sender = text_at(query, "data"), identifier_at(query, "id"), inner(query, "from")
    answer = {"method": "answerCallbackQuery", "callback_query_id": query_id} if query_id else None
    if not data.strip():  # a game's button
        return Ignored("callback_query", answer)
    message = inner(query, "message")
    # A message that was sent by way of an inline query is in a chat that we are not told; the person's own is.
    place = message if isinstance(message, dict) else {"chat": {"id": number_at(sender, "id")}}
    return _heard(update, bot, place, data, sender=sender, answer=answer)


def _heard(
    update: dict[str, Any],
    bot: str,
    message: Any,
    text: str,
    *,
    sender: Any,
    answer: dict[str, Any] | None = None,
) -> Reading:
    update_id, address = number_at(update, "update_id"), _address(message)
    kept, cut = cut_text(text)
    if update_id is None or address is None or not kept:
        return Ignored("malformed")
    return Heard(
        InboundMessage(
            session_id=f"telegram:{bot}:{address}",
            platform="telegram",
            account=bot,
            chat_id=str(address),
            user_id=identifier_at(sender, "id"),
            message_id=str(update_id),
            text=kept,
            cut=cut,
            user_name=_name(sender),
            language=language_of(text_at(sender, "language_code")),
            sent_at=moment_at(message, "edit_date") or moment_at(message, "date"),
        ),
        answer,
    )


def _address(message: Any) -> TelegramAddress | None:
    """Where an answer goes; a topic of a forum is a conversation of its own."""
    chat = number_at(message, "chat", "id")
    if chat is None:
        return None
    # Outside of forums, `message_thread_id` only says which message was replied to.
    thread = number_at(message, "message_thread_id") if inner(message, "is_topic_message") is True else None
    return TelegramAddress(chat, thread, identifier_at(message, "business_connection_id", most=60))


def _is_by_a_person(message: Any, kind: str) -> bool:
    """Not a bot's (two bots would talk forever), a channel's, nor what the owner of a business account says."""
    if inner(message, "is_automatic_forward") is True:
        return False
    sender = number_at(message, "from", "id")
    if "business" in kind:
        return sender == number_at(message, "chat", "id")
    return inner(message, "from", "is_bot") is not True or sender == _ANONYMOUS_ADMIN


def _is_forwarded(message: Any) -> bool:
    """Also as the Bot API before 7.0 says it, which a server of one's own may still speak."""
    return isinstance(inner(message, "forward_origin"), dict) or number_at(message, "forward_date") is not None


def _name(sender: Any) -> str:
    names = (short_text_at(sender, part, most=100) for part in ("first_name", "last_name"))
    return " ".join(name for name in names if name)[:200]
