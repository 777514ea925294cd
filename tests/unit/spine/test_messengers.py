"""Sending to Telegram and ManyChat over their real wire: what is known after each kind of failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from spine.adapters.manychat_messenger import ManyChatMessenger
from spine.adapters.telegram_messenger import TelegramMessenger
from spine.errors import (
    AuthenticationError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotConfiguredError,
    PermanentError,
    RateLimitError,
)
from spine.testing import loopback_manychat, loopback_telegram
from spine.testing.loopback_api import ApiAnswer, ApiCall
from spine.testing.loopback_manychat import LoopbackManyChat
from spine.testing.loopback_telegram import LoopbackTelegram

TOKEN = "123456:THE-TOKEN-OF-THE-BOT"


async def refused(server: LoopbackTelegram, answer: ApiAnswer, text: str = "Hello") -> MillraceError:
    server.fault = lambda call: answer
    messenger = TelegramMessenger(SecretStr(TOKEN), server.url, timeout=0.5)
    with pytest.raises(MillraceError) as found:
        await messenger.send("42", text)
    await messenger.close()
    return found.value


async def test_a_text_arrives_in_its_chat() -> None:
    with LoopbackTelegram(tokens=frozenset({TOKEN})) as server:
        messenger = TelegramMessenger(SecretStr(TOKEN), server.url)
        receipt = await messenger.send("-100:5", "Bună ziua <b>& 😀")
        await messenger.send("42@connection", "to a customer")
        await messenger.close()
    first, second = server.sent
    assert (first.chat_id, first.thread, first.text) == (-100, 5, "Bună ziua <b>& 😀")
    assert (second.chat_id, second.business) == (42, "connection")
    assert receipt.message_ids == ("1",)


async def test_a_long_text_arrives_whole_in_parts_that_telegram_takes() -> None:
    text = " ".join(f"Sentence number {number} is here 😀." for number in range(500))
    with LoopbackTelegram() as server:
        messenger = TelegramMessenger(SecretStr(TOKEN), server.url)
        receipt = await messenger.send("42", text)
        await messenger.close()
    assert len(receipt.message_ids) == len(server.sent) > 3
    assert " ".join(server.texts(42)) == text


@pytest.mark.parametrize(
    ("answer", "kind", "delivered"),
    [
        pytest.param(loopback_telegram.refusal(400, "Bad Request: chat not found"), PermanentError, None, id="400"),
        pytest.param(
            loopback_telegram.refusal(403, "Forbidden: bot was blocked by the user"), PermanentError, None, id="403"
        ),
        pytest.param(loopback_telegram.refusal(401, "Unauthorized"), AuthenticationError, None, id="401"),
        pytest.param(loopback_telegram.refusal(404, "Not Found"), AuthenticationError, None, id="404"),
        pytest.param(
            loopback_telegram.refusal(429, "Too Many Requests", retry_after=7), RateLimitError, None, id="429"
        ),
        pytest.param(loopback_telegram.refusal(502, "Bad Gateway"), ExternalServiceError, False, id="502"),
        pytest.param(loopback_telegram.refusal(504, "Gateway Timeout"), ExternalServiceError, None, id="504"),
        pytest.param(ApiAnswer(502, "<html>Bad Gateway</html>"), ExternalServiceError, None, id="502 of a gateway"),
        pytest.param(ApiAnswer(503, "<html>Unavailable</html>"), ExternalServiceError, False, id="503 of a gateway"),
        pytest.param(ApiAnswer(body="<html>ok</html>"), ExternalServiceError, None, id="an answer without sense"),
        pytest.param(ApiAnswer(breaks=True), ExternalServiceError, None, id="broken off before"),
        pytest.param(ApiAnswer(breaks=True, done=True), ExternalServiceError, None, id="broken off after"),
        pytest.param(ApiAnswer(delay=2.0), ExternalServiceError, None, id="no answer in time"),
    ],
)
async def test_every_failure_says_whether_something_was_sent(
    answer: ApiAnswer, kind: type[MillraceError], delivered: bool | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackTelegram() as server:
        error = await refused(server, answer)
    assert type(error) is kind
    assert getattr(error, "delivered", None) is delivered
    assert getattr(error, "retry_after", None) == (7 if kind is RateLimitError else None)
    assert "THE-TOKEN" not in caplog.text + error.message + repr(error.details) + repr(error.__cause__)


async def test_without_a_connection_nothing_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackTelegram() as server:
        address = server.url
    messenger = TelegramMessenger(SecretStr(TOKEN), address)
    with pytest.raises(ExternalServiceError) as found:
        await messenger.send("42", "Hello")
    assert found.value.delivered is False and "THE-TOKEN" not in caplog.text + found.value.message


def later_calls(answer: ApiAnswer, times: int) -> Callable[[ApiCall], ApiAnswer | None]:
    """A fault of so many calls after the first."""
    seen = 0

    def fault(call: ApiCall) -> ApiAnswer | None:
        nonlocal seen
        seen += 1
        return answer if 1 < seen <= 1 + times else None

    return fault


async def test_a_later_part_is_tried_again_and_the_first_is_not_repeated() -> None:
    with LoopbackTelegram() as server:
        server.fault = later_calls(loopback_telegram.refusal(429, "slower", retry_after=0), times=2)
        messenger = TelegramMessenger(SecretStr(TOKEN), server.url)
        await messenger.send("42", "a" * 4096 + "b" * 10)
        await messenger.close()
    assert server.texts(42) == ["a" * 4096, "b" * 10]


async def test_a_text_that_was_half_sent_is_never_begun_anew() -> None:
    with LoopbackTelegram() as server:
        server.fault = later_calls(loopback_telegram.refusal(400, "Bad Request"), times=9)
        messenger = TelegramMessenger(SecretStr(TOKEN), server.url)
        with pytest.raises(ExternalServiceError, match="1 of the 2 parts") as found:
            await messenger.send("42", "a" * 4096 + "b" * 10)
        await messenger.close()
    assert found.value.delivered is None


async def test_a_group_that_became_a_supergroup_is_followed() -> None:
    with LoopbackTelegram() as server:
        moved = loopback_telegram.refusal(400, "group chat was upgraded", migrate_to_chat_id=-1009)
        server.fault = lambda call: moved if call.body["chat_id"] == -9 else None
        messenger = TelegramMessenger(SecretStr(TOKEN), server.url)
        await messenger.send("-9", "Hello")
        await messenger.close()
    assert server.texts(-1009) == ["Hello"]


@pytest.mark.parametrize(("chat_id", "text"), [("somewhere", "Hello"), ("", "Hello"), ("42", " \n")])
async def test_what_cannot_be_sent_is_not_tried(chat_id: str, text: str) -> None:
    with LoopbackTelegram() as server:
        messenger = TelegramMessenger(SecretStr(TOKEN), server.url)
        with pytest.raises(InvalidInputError):
            await messenger.send(chat_id, text)
    assert server.count == 0


@pytest.mark.parametrize("token", ["", "12 34", "../../evil", "123:a/b?c"])
def test_a_token_that_is_none_is_not_put_into_an_address(token: str) -> None:
    with pytest.raises(NotConfiguredError):
        TelegramMessenger(SecretStr(token))


def test_a_token_never_crosses_the_internet_in_the_clear() -> None:
    with pytest.raises(NotConfiguredError, match="https"):
        TelegramMessenger(SecretStr(TOKEN), "http://api.telegram.org")


async def test_many_sends_share_connections() -> None:
    with LoopbackTelegram(delay=0.01) as server:
        messenger = TelegramMessenger(SecretStr(TOKEN), server.url)
        await asyncio.gather(*(messenger.send(str(chat), "Hello") for chat in range(1, 101)))
        await messenger.close()
    assert {message.chat_id for message in server.sent} == set(range(1, 101))


async def test_manychat_gets_a_dynamic_block_of_the_pages_channel() -> None:
    with LoopbackManyChat(key="page-key") as server:
        messenger = ManyChatMessenger(SecretStr("page-key"), server.url, "instagram")
        await messenger.send("123", "a" * 900 + " " + "b" * 900)
        await messenger.close()
    assert [(block.subscriber_id, block.channel) for block in server.sent] == [("123", "instagram")] * 2
    assert server.texts("123") == ["a" * 900, "b" * 900]


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        pytest.param(None, PermanentError, "24 hours", id="outside of the window"),
        pytest.param(loopback_manychat.refusal(401, "Wrong token"), AuthenticationError, "key", id="another key"),
        pytest.param(ApiAnswer(429, {}, {"Retry-After": "3"}), RateLimitError, "fewer", id="too many"),
        pytest.param(loopback_manychat.refusal(500, "oops"), ExternalServiceError, "500", id="a failure there"),
        pytest.param(ApiAnswer(200, {"status": "error", "message": "no"}), PermanentError, "no", id="a polite no"),
        pytest.param(ApiAnswer(200, {"what": 1}), ExternalServiceError, "format", id="an answer without sense"),
    ],
)
async def test_manychats_refusals_are_told_apart(
    answer: ApiAnswer | None, kind: type[MillraceError], told: str
) -> None:
    with LoopbackManyChat() as server:
        server.silent.add("123")
        server.fault = lambda call: answer
        messenger = ManyChatMessenger(SecretStr("page-key"), server.url)
        with pytest.raises(kind, match=told) as found:
            await messenger.send("123", "Hello")
        await messenger.close()
    assert type(found.value) is kind and "page-key" not in str(found.value)
