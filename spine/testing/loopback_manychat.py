"""A loopback ManyChat: its API as far as sending needs it, with ManyChat's own error bodies.

`python -m spine.testing.loopback_manychat --port 0` prints its address; `GET /__calls` lists what came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spine.testing.loopback_api import ApiAnswer, ApiCall, LoopbackApi, options_of


@dataclass(frozen=True, slots=True)
class SentContent:
    """A dynamic block that arrived for a contact. `at` is seconds since 1970."""

    subscriber_id: str
    texts: tuple[str, ...]
    channel: str | None
    at: float


class LoopbackManyChat(LoopbackApi):
    """`sent` keeps every block in order of arrival. `silent` are contacts whose last message is older than a day;
    `key`, when given, is the only one accepted."""

    def __init__(self, *, port: int = 0, delay: float = 0.0, key: str | None = None) -> None:
        super().__init__(port=port, delay=delay)
        self.key = key
        self.silent: set[str] = set()
        self.sent: list[SentContent] = []

    def texts(self, subscriber_id: str) -> list[str]:
        with self.lock:
            return [text for block in self.sent if block.subscriber_id == subscriber_id for text in block.texts]

    def answer(self, call: ApiCall) -> ApiAnswer:
        if self.key is not None and call.headers.get("authorization") != f"Bearer {self.key}":
            return refusal(401, "Wrong token")
        if call.path != "/fb/sending/sendContent":
            return refusal(404, "Not found")
        return self._take(call.body if isinstance(call.body, dict) else {}, call.at)

    def _take(self, body: dict[str, Any], at: float) -> ApiAnswer:
        contact = str(body.get("subscriber_id") or "")
        content: dict[str, Any] = (body.get("data") or {}).get("content") or {}
        messages: list[dict[str, Any]] = content.get("messages") or []
        if not contact or not messages or len(messages) > 10 or not all(one.get("text") for one in messages):
            return refusal(400, "Validation error", messages=[{"message": "Wrong dynamic message format"}])
        if contact in self.silent:
            told = "This message is sent outside of the allowed window of 24 hours"
            return refusal(400, "Validation error", code=3011, messages=[{"message": told}])
        self.sent.append(SentContent(contact, tuple(one["text"] for one in messages), content.get("type"), at))
        return ApiAnswer(body={"status": "success"})


def refusal(status: int, message: str, code: int | None = None, **details: Any) -> ApiAnswer:
    """An error as ManyChat words it."""
    body: dict[str, Any] = {"status": "error", "message": message}
    body |= {"code": code} if code is not None else {}
    return ApiAnswer(status, body | ({"details": details} if details else {}))


if __name__ == "__main__":
    LoopbackManyChat(**options_of("A loopback ManyChat.")).serve()
