"""Where in Telegram an answer goes; as the `chat_id` of a message: `<chat>[:<topic>][@<business connection>]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from spine.errors import InvalidInputError

_WRITTEN = re.compile(r"(?P<chat>-?[0-9]{1,19})(?::(?P<thread>[0-9]{1,19}))?(?:@(?P<business>[^\s@]{1,100}))?")


@dataclass(frozen=True, slots=True)
class TelegramAddress:
    """A chat, a topic in it, or a customer's chat with a business account that the bot answers for."""

    chat: int
    thread: int | None = None
    business: str = ""

    def __str__(self) -> str:
        thread = f":{self.thread}" if self.thread is not None else ""
        return f"{self.chat}{thread}{'@' + self.business if self.business else ''}"

    @classmethod
    def read(cls, text: str) -> Self:
        """`InvalidInputError` for what is none."""
        found = _WRITTEN.fullmatch(text.strip())
        if found is None:
            raise InvalidInputError("A Telegram chat_id is a number such as 123456 or -1001234567890.")
        thread = found["thread"]
        return cls(int(found["chat"]), int(thread) if thread else None, found["business"] or "")

    def fields(self) -> dict[str, int | str]:
        """The fields of `sendMessage` that name it."""
        made: dict[str, int | str] = {"chat_id": self.chat}
        if self.thread is not None:
            made["message_thread_id"] = self.thread
        if self.business:
            made["business_connection_id"] = self.business
        return made
