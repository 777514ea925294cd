"""A stack without a queue: messages are answered by the process that takes them, still in order and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from deployments.dispatching import InPlaceDispatch
from deployments.in_place import InPlaceStarter
from deployments.job_handler import JobHandler
from deployments.live_lane.sessions import LiveSessions
from spine.contracts.conversations import Dispatched, MessageRequest
from spine.contracts.jobs import Usage
from spine.documents import ensure_indexes
from spine.errors import ConflictError, ExternalServiceError, InvalidInputError, PermanentError
from spine.jobs import describe
from spine.services import Services
from spine.settings import Settings
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels


class InPlace:
    """The gateway's own part of a stack without a queue; `answer` stands in for the agent."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.heard: list[str] = []
        self.seconds = 0.0
        self.error: Exception | None = None
        self.dispatch: InPlaceDispatch

    async def answer(self, job_id: str) -> None:
        job = await self.services.ledger.begin(job_id, "gateway:1")
        assert job is not None
        await asyncio.sleep(self.seconds)
        text = job.params["message"]["text"]
        self.heard.append(text)
        if self.error is not None:
            await self.services.ledger.fail(job, describe(self.error), Usage())
        else:
            await self.services.ledger.succeed(job, {"text": f"re: {text}"}, Usage())

    async def say(self, text: str, session: str = "s1", key: str | None = None) -> Dispatched:
        return await self.dispatch(MessageRequest(session_id=session, user_message=text), key)


@pytest.fixture
async def place() -> AsyncIterator[InPlace]:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    services = Services(Settings(), documents, MemoryProgressLog(), ScriptedModels(), MemoryPages(), None)
    made = InPlace(services)
    async with LiveSessions(services, made.answer) as sessions:
        starter = InPlaceStarter(JobHandler(services), sessions)
        made.dispatch = InPlaceDispatch(documents, services.ledger, starter, patience=2.0)
        yield made


async def test_the_reply_comes_with_the_call(place: InPlace) -> None:
    told = await place.say("hello")
    assert (told.queued, told.response) == (False, "re: hello")
    assert told.job_id == told.task_id


async def test_messages_of_a_session_are_answered_in_the_order_in_which_they_came(place: InPlace) -> None:
    place.seconds = 0.02
    calls: list[asyncio.Task[Dispatched]] = []
    for number in range(5):
        calls.append(asyncio.create_task(place.say(str(number))))
        await asyncio.sleep(0.003)
    replies = [told.response for told in await asyncio.gather(*calls)]
    assert place.heard == ["0", "1", "2", "3", "4"]
    assert replies == [f"re: {number}" for number in range(5)]


async def test_the_same_key_gives_the_same_reply_without_another_run(place: InPlace) -> None:
    first, second = await place.say("hello", key="k"), await place.say("hello", key="k")
    assert (first.job_id, first.response) == (second.job_id, second.response)
    assert place.heard == ["hello"]
    for text, session in (("something else", "s1"), ("hello", "s2")):
        with pytest.raises(ConflictError):
            await place.say(text, session, key="k")


@pytest.mark.parametrize(
    ("error", "heard"),
    [
        pytest.param(ExternalServiceError("the model is away"), ExternalServiceError, id="a passing fault"),
        pytest.param(InvalidInputError("no such persona"), PermanentError, id="a permanent one"),
    ],
)
async def test_a_message_that_could_not_be_answered_says_why(
    place: InPlace, error: Exception, heard: type[Exception]
) -> None:
    place.error = error
    with pytest.raises(heard, match=str(error)):
        await place.say("hello")


async def test_a_message_whose_turn_takes_long_is_told_as_queued_and_still_answered(place: InPlace) -> None:
    place.seconds = 0.2
    place.dispatch._patience = 0.01  # pyright: ignore[reportPrivateUsage]
    told = await place.say("hello")
    assert (told.queued, told.response) == (True, None)
    await asyncio.sleep(0.3)
    assert (await place.services.ledger.get(told.job_id)).result == {"text": "re: hello"}
