"""What a Telegram message refers to without saying it: the words that it replies to or quotes, and its links."""

from __future__ import annotations

from typing import Any, Final

from spine.inbound.reading import inner, text_at
from spine.inbound.telegram_content import content_text
from spine.message_notes import LINK, REPLY_TO, reference

_LONGEST_WORDS: Final = 300
_LONGEST_LINK: Final = 2_000
_MOST_LINKS: Final = 10


def reference_notes(message: Any) -> list[str]:
    """`[in reply to: the words]` and `[link: the address]` for each address that stands behind words of the text."""
    notes = [reference(REPLY_TO, _referred_to(message), _LONGEST_WORDS)]
    return [note for note in [*notes, *(reference(LINK, link, _LONGEST_LINK) for link in _links(message))] if note]


def _referred_to(message: Any) -> str:
    """What the person chose of a message, else all of it. A message of another chat comes with its media alone."""
    quoted = text_at(message, "quote", "text")
    if quoted.strip():
        return quoted
    return content_text(inner(message, "reply_to_message")) or content_text(inner(message, "external_reply"))


def _links(message: Any) -> list[str]:
    """Addresses that the text does not show. Brackets, with which a note ends, are written as addresses write them."""
    found = inner(message, "entities") or inner(message, "caption_entities")
    entities = found if isinstance(found, list) else []
    links = [text_at(one, "url").strip() for one in entities if text_at(one, "type") == "text_link"]
    shown = [link.replace("[", "%5B").replace("]", "%5D") for link in links if len(link) <= _LONGEST_LINK]
    return list(dict.fromkeys(shown))[:_MOST_LINKS]
