"""A request of ManyChat as a message: External Requests, Dynamic Blocks, full contact data, and what is built on them.

ManyChat lets whoever draws the flow write the request's body, so the same facts stand in several places.
"""

from __future__ import annotations

from typing import Any

from spine.contracts.conversations import InboundMessage
from spine.idempotency import digest
from spine.inbound.reading import (
    Heard,
    Ignored,
    Reading,
    cut_text,
    identifier_at,
    inner,
    language_of,
    moment_at,
    short_text_at,
    text_at,
)

_TEXTS = (
    ("last_input_text",),
    ("subscriber", "last_input_text"),
    ("contact", "last_input_text"),
    ("message", "text"),
    ("text",),
    ("message",),
)
_MESSAGE_IDS = (("message", "id"), ("message", "platform_msg_id"), ("message_id",))
_MOMENTS = (
    ("message", "timestamp"),
    ("last_interaction",),
    ("subscriber", "last_interaction"),
    ("contact", "last_interaction"),
    ("timestamp",),
)
_NO_CONTACT = ("", "0", "null", "undefined", "none", "nan")
"""What programs between ManyChat and us write for an id that they do not have: not one contact of that name."""
_EVENTS_WITHOUT_WORDS = ("new_subscriber", "tag_added", "tag_removed", "subscriber_updated", "order_created")


def read_request(payload: dict[str, Any], account: str) -> Reading:
    """The message in a request to the account; `Ignored` where there is none.

    `message_id` is ManyChat's own where the body carries one, else made of contact, words and time of the last
    interaction; it stays empty where the body tells no time, since the same words may well come twice.
    """
    person = _person(payload)
    contact, (text, cut) = _contact_id(payload, person), cut_text(_first_text(payload))
    if inner(payload, "message", "direction") == "outbound":
        return Ignored("outbound")
    if "{{" in contact or text.startswith("{{"):
        return Ignored("unexpanded_template")
    if not contact:
        return Ignored("unknown")
    if not text:
        return Ignored(_event(payload) or "without_text")
    return Heard(
        InboundMessage(
            session_id=f"manychat:{account}:{contact}",
            platform="manychat",
            account=account,
            chat_id=contact,
            user_id=contact,
            message_id=_message_id(payload, contact, text),
            text=text,
            cut=cut,
            user_name=_name(person),
            language=_language(person),
            sent_at=_moment(payload),
        )
    )


def _person(payload: dict[str, Any]) -> dict[str, Any]:
    """The contact's fields: under `subscriber` or `contact`, or the body itself."""
    nested = (inner(payload, name) for name in ("subscriber", "contact"))
    return next((one for one in nested if isinstance(one, dict) and one), payload)


def _contact_id(payload: dict[str, Any], person: dict[str, Any]) -> str:
    named = (identifier_at(person, "id"), identifier_at(payload, "subscriber_id"), identifier_at(payload, "id"))
    found = (*named, identifier_at(person, "key").removeprefix("user:"))
    return next((one for one in found if one.casefold() not in _NO_CONTACT), "")


def _first_text(payload: dict[str, Any]) -> str:
    found = (text_at(payload, *path) for path in _TEXTS)
    return next((text for text in found if text.strip()), "")


def _message_id(payload: dict[str, Any], contact: str, text: str) -> str:
    own = next((id for path in _MESSAGE_IDS if (id := identifier_at(payload, *path))), "")
    moment = _moment(payload)
    return own or (f"at-{digest(contact, text, moment.isoformat())}" if moment else "")


def _moment(payload: dict[str, Any]) -> Any:
    return next((moment for path in _MOMENTS if (moment := moment_at(payload, *path))), None)


def _event(payload: dict[str, Any]) -> str:
    named = text_at(payload, "event") or text_at(payload, "event_type")
    return named if named in _EVENTS_WITHOUT_WORDS else ""


def _name(person: dict[str, Any]) -> str:
    parts = (short_text_at(person, part, most=100) for part in ("first_name", "last_name"))
    return short_text_at(person, "name") or " ".join(part for part in parts if part)


def _language(person: dict[str, Any]) -> str:
    code = language_of(text_at(person, "locale"))
    return code if code != "und" else language_of(text_at(person, "language"))
