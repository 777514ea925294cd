"""ManyChat's dynamic block, version 2: how texts are given to it, as an answer or through its API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from spine.message_parts import message_parts

LONGEST: Final = 2_000
"""Characters of one message. Messenger allows 2,000 and Instagram 1,000."""

_LONGEST_BY_CHANNEL: Final = {"instagram": 1_000}
MOST_MESSAGES: Final = 10


def dynamic_block(texts: Sequence[str], channel: str = "facebook") -> dict[str, Any]:
    """The texts in order, or an answer that shows nothing. Messenger's blocks name no type."""
    content: dict[str, Any] = {} if channel == "facebook" else {"type": channel}
    content["messages"] = [{"type": "text", "text": text} for text in texts[:MOST_MESSAGES]]
    return {"version": "v2", "content": content}


def block_of(text: str, channel: str = "facebook") -> dict[str, Any]:
    """One reply as a block; what does not fit into ten messages is left out with an ellipsis."""
    parts = message_parts(text, longest(channel))
    if len(parts) > MOST_MESSAGES:
        last = parts[MOST_MESSAGES - 1][: longest(channel) - 2]
        parts = [*parts[: MOST_MESSAGES - 1], f"{last} …"]
    return dynamic_block(parts, channel)


def longest(channel: str) -> int:
    return _LONGEST_BY_CHANNEL.get(channel, LONGEST)
