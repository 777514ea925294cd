"""A messenger that keeps what it is told to send: the twin of Telegram and ManyChat, for tests and dry runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from spine.errors import MillraceError
from spine.messaging_port import Receipt


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One call of `send` that came through."""

    chat_id: str
    text: str
    message_id: str


@dataclass
class MemoryMessenger:
    """`spine.messaging_port.Messenger` that lives as long as the object; `sent` is open to look at.

    `refuse` decides by chat and text which error a send ends with; with an `ExternalServiceError(delivered=None)` the
    message counts as sent although its sender does not know. `delay` is seconds before each answer.
    """

    refuse: Callable[[str, str], MillraceError | None] = lambda chat_id, text: None
    delay: float = 0.0
    sent: list[SentMessage] = field(default_factory=list[SentMessage])
    most_at_once: int = 0
    _sending: int = 0
    _ids: count[int] = field(default_factory=lambda: count(1))

    async def send(self, chat_id: str, text: str) -> Receipt:
        self._sending += 1
        self.most_at_once = max(self.most_at_once, self._sending)
        try:
            await asyncio.sleep(self.delay)
            return self._taken(chat_id, text)
        finally:
            self._sending -= 1

    async def close(self) -> None:
        return

    def texts(self, chat_id: str) -> list[str]:
        return [message.text for message in self.sent if message.chat_id == chat_id]

    def _taken(self, chat_id: str, text: str) -> Receipt:
        error = self.refuse(chat_id, text)
        if error is not None and getattr(error, "delivered", False) is not None:
            raise error
        message = SentMessage(chat_id, text, str(next(self._ids)))
        self.sent.append(message)
        if error is not None:
            raise error
        return Receipt((message.message_id,))
