"""Sending through ManyChat's API."""

from __future__ import annotations

import json

from pydantic import SecretStr

from spine.adapters.account_answers import answer_error, unreadable
from spine.adapters.account_wire import AccountWire, WireAnswer
from spine.adapters.part_sending import send_parts
from spine.contracts.accounts import MANYCHAT_API
from spine.errors import ExternalServiceError, MillraceError, PermanentError
from spine.manychat_blocks import dynamic_block, longest
from spine.message_parts import message_parts
from spine.messaging_port import Receipt

SERVICE = "ManyChat"


class ManyChatMessenger:
    """`spine.messaging_port.Messenger` of one page. Its connections live until `close`."""

    def __init__(
        self, api_key: SecretStr, api_url: str = MANYCHAT_API, channel: str = "facebook", *, timeout: float = 20.0
    ) -> None:
        self._channel = channel
        authorization = {"Authorization": f"Bearer {api_key.get_secret_value().strip()}"}
        self._wire = AccountWire(api_url, SERVICE, headers=authorization, timeout=timeout)

    async def send(self, chat_id: str, text: str) -> Receipt:
        """`chat_id` is the contact's id. ManyChat gives no id of what it sends."""
        return await send_parts(
            message_parts(text, longest(self._channel)), lambda part: self._send_part(chat_id, part), SERVICE
        )

    async def close(self) -> None:
        await self._wire.close()

    async def _send_part(self, chat_id: str, text: str) -> str:
        body = {"subscriber_id": _contact(chat_id), "data": dynamic_block([text], self._channel)}
        answer = await self._wire.post("/fb/sending/sendContent", body)
        status = answer.body.get("status")
        if answer.status != 200 or status == "error":
            raise _refusal(answer)
        if status != "success":
            raise unreadable(SERVICE, answer)
        return ""


def _contact(chat_id: str) -> int | str:
    return int(chat_id) if chat_id.isdecimal() and chat_id.isascii() and len(chat_id) < 19 else chat_id


def _refusal(answer: WireAnswer) -> MillraceError:
    said = _explanation(answer)
    lowered = said.lower()
    if answer.status < 500 and ("24 hour" in lowered or "24-hour" in lowered or "window" in lowered):
        return PermanentError(
            "The contact wrote more than 24 hours ago; ManyChat lets nothing be sent until they write again."
        )
    if answer.status == 200:  # `status: error` in an answer that looks well
        return PermanentError(f"ManyChat refused it: {said or 'it gave no reason'}.")
    error = answer_error(answer, SERVICE, said)
    if isinstance(error, ExternalServiceError) or answer.status != 403:
        return error
    return PermanentError(f"ManyChat does not allow this: {said or 'the page or its plan may not use the API'}.")


def _explanation(answer: WireAnswer) -> str:
    """`message` with the first of its details; ManyChat's API repeats no key."""
    body = answer.body
    details = body.get("details")
    more = json.dumps(details, ensure_ascii=False)[:150] if details else ""
    return " ".join(part for part in (str(body.get("message") or ""), more) if part)
