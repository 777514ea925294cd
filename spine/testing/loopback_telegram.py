"""A loopback Telegram: the Bot API as far as a bot that talks needs it, with Telegram's own error bodies.

`python -m spine.testing.loopback_telegram --port 0` prints its address; `GET /__calls` lists what came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from spine.message_parts import utf16_units
from spine.testing.loopback_api import ApiAnswer, ApiCall, LoopbackApi, options_of

_PATH = re.compile(r"/bot(?P<token>[^/]+)/(?P<method>\w+)")
_SERVED: Final = frozenset({"answerCallbackQuery", "setWebhook", "deleteWebhook", "sendChatAction"})


@dataclass(frozen=True, slots=True)
class SentText:
    """A message that arrived. `at` is seconds since 1970."""

    chat_id: int
    text: str
    message_id: int
    at: float
    thread: int | None = None
    business: str | None = None


class LoopbackTelegram(LoopbackApi):
    """`sent` keeps every message in order of arrival. `blocked` are chats that refuse; `tokens`, when given, the only
    bots there are."""

    def __init__(self, *, port: int = 0, delay: float = 0.0, tokens: frozenset[str] = frozenset()) -> None:
        super().__init__(port=port, delay=delay)
        self.tokens = tokens
        self.blocked: set[int] = set()
        self.sent: list[SentText] = []

    def texts(self, chat_id: int) -> list[str]:
        with self.lock:
            return [message.text for message in self.sent if message.chat_id == chat_id]

    def answer(self, call: ApiCall) -> ApiAnswer:
        found = _PATH.fullmatch(call.path)
        if found is None:
            return refusal(404, "Not Found")
        if self.tokens and found["token"] not in self.tokens:
            return refusal(401, "Unauthorized")
        method, body = found["method"], call.body if isinstance(call.body, dict) else {}
        if method == "sendMessage":
            return self._take(body, call.at)
        if method == "getMe":
            return _accepted({"id": 1, "is_bot": True, "first_name": "Loopback", "username": "loopback_bot"})
        return _accepted(True) if method in _SERVED else refusal(404, "Not Found: method not found")

    def _take(self, body: dict[str, Any], at: float) -> ApiAnswer:
        chat_id, text = body.get("chat_id"), body.get("text")
        if not isinstance(chat_id, int):
            return refusal(400, "Bad Request: chat not found")
        if chat_id in self.blocked:
            return refusal(403, "Forbidden: bot was blocked by the user")
        if not isinstance(text, str) or not text.strip():
            return refusal(400, "Bad Request: message text is empty")
        if utf16_units(text) > 4096:
            return refusal(400, "Bad Request: message is too long")
        made = SentText(
            chat_id,
            text,
            len(self.sent) + 1,
            at,
            body.get("message_thread_id"),
            body.get("business_connection_id"),
        )
        self.sent.append(made)
        chat = {"id": chat_id, "type": "private"}
        return _accepted({"message_id": made.message_id, "date": int(at), "chat": chat, "text": text})


def _accepted(result: Any) -> ApiAnswer:
    return ApiAnswer(body={"ok": True, "result": result})


def refusal(status: int, description: str, **parameters: Any) -> ApiAnswer:
    """An error as Telegram words it, such as `refusal(429, "Too Many Requests: retry after 3", retry_after=3)`."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return ApiAnswer(status, body | ({"parameters": parameters} if parameters else {}))


if __name__ == "__main__":
    LoopbackTelegram(**options_of("A loopback Telegram.")).serve()
