"""Sending through Telegram's Bot API."""

from __future__ import annotations

import re
from typing import Any

from pydantic import SecretStr

from spine.adapters.account_answers import answer_error, unreadable
from spine.adapters.account_wire import AccountWire, WireAnswer
from spine.adapters.part_sending import send_parts
from spine.contracts.accounts import TELEGRAM_API
from spine.errors import AuthenticationError, MillraceError, NotConfiguredError, PermanentError
from spine.message_parts import message_parts, utf16_units
from spine.messaging_port import Receipt
from spine.telegram_address import TelegramAddress

SERVICE = "Telegram"
LONGEST = 4096
"""UTF-16 units of one message."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,100}(?::[A-Za-z0-9_-]{1,200})?")


class TelegramMessenger:
    """`spine.messaging_port.Messenger` of one bot. Its connections live until `close`; texts go out as plain text."""

    def __init__(self, token: SecretStr, api_url: str = TELEGRAM_API, *, timeout: float = 20.0) -> None:
        secret = token.get_secret_value().strip()
        if not _TOKEN.fullmatch(secret):
            raise NotConfiguredError(
                "A Telegram bot token looks like 123456:ABC-DEF…, as @BotFather gave it.", what="TELEGRAM_BOT_TOKEN"
            )
        self._secret = secret
        self._wire = AccountWire(api_url, SERVICE, timeout=timeout)

    async def send(self, chat_id: str, text: str) -> Receipt:
        address = TelegramAddress.read(chat_id)
        return await send_parts(
            message_parts(text, LONGEST, utf16_units), lambda part: self._send_part(address, part), SERVICE
        )

    async def close(self) -> None:
        await self._wire.close()

    async def _send_part(self, address: TelegramAddress, text: str) -> str:
        answer = await self._post(address, text)
        moved_to = _parameter(answer, "migrate_to_chat_id")
        if answer.status == 400 and isinstance(moved_to, int):
            # The group became a supergroup: Telegram keeps no redirect, but it names the new chat.
            answer = await self._post(TelegramAddress(moved_to, address.thread, address.business), text)
        if answer.status != 200 or answer.body.get("ok") is False:
            raise self._refusal(answer)
        result = answer.body.get("result")
        if not isinstance(result, dict) or "message_id" not in result:
            raise unreadable(SERVICE, answer)
        return str(result["message_id"])

    async def _post(self, address: TelegramAddress, text: str) -> WireAnswer:
        return await self._wire.post(f"/bot{self._secret}/sendMessage", {**address.fields(), "text": text})

    def _refusal(self, answer: WireAnswer) -> MillraceError:
        said = str(answer.body.get("description") or "").replace(self._secret, "***")
        if answer.status in (401, 404):
            return AuthenticationError(
                "Telegram does not know this bot: its token is wrong or was revoked.", service=SERVICE
            )
        if answer.status == 403:
            return PermanentError(f"The chat cannot be written to any more: {said or 'the person left it'}.")
        wait = _parameter(answer, "retry_after")
        return answer_error(answer, SERVICE, said, retry_after=float(wait) if isinstance(wait, int | float) else None)


def _parameter(answer: WireAnswer, name: str) -> Any:
    parameters = answer.body.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None
