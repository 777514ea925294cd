"""What a Telegram message says, in words: its text, or a note on what it holds instead with its caption."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from spine.inbound.reading import inner, number_at, short_text_at, text_at

Describe = Callable[[Any], str]


def content_text(message: Any) -> str:
    """Text, or `[photo] the caption`; empty for service messages (somebody joined, a message was pinned, …)."""
    if said := text_at(message, "text"):
        return said
    note = next((f"[{_noted(name, inner(message, name))}]" for name in _NOTES if _has(message, name)), "")
    return " ".join(part for part in (note, text_at(message, "caption")) if part)


def _has(message: Any, name: str) -> bool:
    return isinstance(inner(message, name), dict | list)


def _noted(name: str, content: Any) -> str:
    label, describe = _NOTES[name]
    detail = describe(content) if describe else ""
    return f"{label}: {detail}" if detail else label


def _place(content: Any) -> str:
    latitude, longitude = inner(content, "latitude"), inner(content, "longitude")
    both = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (latitude, longitude))
    return f"{latitude}, {longitude}" if both else ""


def _venue(content: Any) -> str:
    parts = (short_text_at(content, "title"), short_text_at(content, "address"), _place(inner(content, "location")))
    return ", ".join(part for part in parts if part)


def _contact(content: Any) -> str:
    names = [short_text_at(content, part) for part in ("first_name", "last_name", "phone_number")]
    return " ".join(name for name in names if name)


def _dice(content: Any) -> str:
    value = number_at(content, "value")
    return " ".join(part for part in (short_text_at(content, "emoji"), str(value) if value else "") if part)


def _payment(content: Any) -> str:
    amount, currency = number_at(content, "total_amount"), short_text_at(content, "currency", most=3)
    return f"{amount} {currency} (smallest unit)" if amount is not None else ""


def _field(name: str) -> Describe:
    return lambda content: short_text_at(content, name)


# The order decides where a message carries several: an animation comes with a document, a venue with a location.
_NOTES: Final[dict[str, tuple[str, Describe | None]]] = {
    "photo": ("photo", None),
    "live_photo": ("live photo", None),
    "video": ("video", None),
    "animation": ("animation", None),
    "voice": ("voice message", None),
    "video_note": ("video message", None),
    "audio": ("audio", _field("title")),
    "document": ("document", _field("file_name")),
    "sticker": ("sticker", _field("emoji")),
    "venue": ("place", _venue),
    "location": ("location", _place),
    "contact": ("contact", _contact),
    "poll": ("poll", _field("question")),
    "dice": ("dice", _dice),
    "game": ("game", _field("title")),
    "invoice": ("invoice", _field("title")),
    "successful_payment": ("payment", _payment),
    "story": ("story", None),
    "paid_media": ("paid media", None),
    "checklist": ("checklist", _field("title")),
    "web_app_data": ("form", _field("data")),
}
