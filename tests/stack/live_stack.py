"""A whole stack that talks: its model and its Telegram are loopback servers, and everything in between is real."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from spine.adapters.docket_queue import DocketQueue
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.contracts.conversations import InboundMessage
from spine.contracts.jobs import Job
from spine.conversations import ConversationDesk
from spine.errors import ExternalServiceError
from spine.jobs import JobLedger
from spine.ports import Documents
from spine.testing.loopback_telegram import LoopbackTelegram
from spine.testing.openai_server import Answer, Call, OpenAiServer
from tests.stack.whole_stack import WholeStack

TOKEN = "123456:loopback-token-of-a-test"


@dataclass
class LiveStack:
    """Opened by `up`, ended by `close`. `model_seconds` may be changed at any time."""

    home: Path
    model_seconds: float = 1.0
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.telegram = LoopbackTelegram()
        self.model = OpenAiServer(self._answer)
        self.stack: WholeStack | None = None

    def _answer(self, call: Call) -> Answer:
        return Answer(text=f"re: {call.prompt}", delay=self.model_seconds)

    def up(self) -> WholeStack:
        self.telegram.start()
        self.model.start()
        self.stack = WholeStack(
            self.home,
            GROQ_API_KEY="key-of-a-test",
            GROQ_BASE_URL=self.model.base_url,
            TELEGRAM_BOT_TOKEN=TOKEN,
            TELEGRAM_WEBHOOK_SECRET="secret-of-a-test",
            TELEGRAM_API_URL=self.telegram.url,
            **self.environment,
        )
        self.stack.command("up", "--no-demo")
        return self.stack

    def close(self) -> None:
        if self.stack is not None:
            self.stack.close()
        self.model.close()
        self.telegram.close()

    def exported(self) -> dict[str, str]:
        """What `millrace env` tells a shell."""
        assert self.stack is not None
        lines = self.stack.command("env").stdout.splitlines()
        exports = (shlex.split(line)[1].partition("=") for line in lines if line.startswith("export "))
        return {name: value for name, _, value in exports}


@dataclass
class Person:
    """Somebody who writes to the bot, and what came back, in order."""

    chat_id: int
    written: list[str] = field(default_factory=list[str])


class Sender:
    """Stores messages and hands them to the queue as the webhook of the gateway does."""

    def __init__(self, documents: Documents, queue: DocketQueue) -> None:
        self.documents = documents
        self._queue = queue
        self._desk = ConversationDesk(documents, JobLedger(documents))
        self.people: dict[int, Person] = {}

    async def write(self, chat_id: int, number: int, account: str = "default") -> Job:
        """Message `number` of a chat; the same number again is a duplicate delivery."""
        text = f"message {number} of chat {chat_id}"
        person = self.people.setdefault(chat_id, Person(chat_id))
        message = InboundMessage(
            session_id=f"telegram:{account}:{chat_id}",
            platform="telegram",
            account=account,
            chat_id=str(chat_id),
            user_id=str(chat_id),
            message_id=str(number),
            text=text,
        )
        job, new = await self._desk.receive(message)
        if new:
            person.written.append(text)
        with suppress(ExternalServiceError):  # a queue that is away: the sweeper hands the job over
            await self._queue.start(job)
        return job

    async def write_all(self, chats: Iterable[int], messages: int, pause: float = 0.0) -> list[Job]:
        """`messages` from each chat, chats in turns."""
        jobs: list[Job] = []
        for number in range(messages):
            jobs += await asyncio.gather(*(self.write(chat, number) for chat in chats))
            await asyncio.sleep(pause)
        return jobs

    async def close(self) -> None:
        await self._queue.close()
        await self.documents.close()

    def expected(self) -> dict[int, list[str]]:
        return {chat: [f"re: {text}" for text in person.written] for chat, person in self.people.items()}


def open_sender(home: Path, redis_url: str) -> Sender:
    return Sender(open_sqlite_documents(home / "documents.sqlite3"), DocketQueue(redis_url))
