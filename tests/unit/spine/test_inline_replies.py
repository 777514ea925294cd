"""A reply is carried by the request or by the lane, never by both, whatever the order in which they come."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from spine.contracts.conversations import InboundMessage
from spine.contracts.jobs import Job
from spine.conversations import ConversationDesk
from spine.documents import ensure_indexes
from spine.inline_replies import InlineReplies
from spine.jobs import JobLedger
from spine.testing.memory_documents import MemoryDocuments


async def waiting_job(documents: MemoryDocuments, seconds: float | None = 5.0, number: int = 0) -> Job:
    await ensure_indexes(documents)
    message = InboundMessage(session_id="manychat:page:9", platform="manychat", message_id=str(number), text="hi")
    inline = timedelta(seconds=seconds) if seconds is not None else None
    job, _ = await ConversationDesk(documents, JobLedger(documents)).receive(message, inline_for=inline)
    return job


async def test_a_reply_in_time_is_carried_by_the_request() -> None:
    documents = MemoryDocuments()
    job, replies = await waiting_job(documents), InlineReplies(documents, 0.005)
    taken, carried = await asyncio.gather(replies.take(job.job_id, 5), replies.deliver(job, "Hello"))
    assert (taken, carried) == ("Hello", True)
    assert await replies.deliver(job, "Hello")  # a redelivered job knows that it was


async def test_nobody_waits_for_a_message_that_did_not_ask_for_it() -> None:
    documents = MemoryDocuments()
    assert not await InlineReplies(documents).deliver(await waiting_job(documents, None), "Hello")


async def test_a_request_that_gave_up_leaves_the_reply_to_the_lane() -> None:
    documents = MemoryDocuments()
    job, replies = await waiting_job(documents), InlineReplies(documents, 0.005)
    assert await replies.take(job.job_id, 0.02) is None
    assert not await replies.deliver(job, "Hello")


async def test_a_request_whose_process_died_does_not_keep_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spine.inline_replies.TAKING_SECONDS", 0.02)
    documents = MemoryDocuments()
    job, replies = await waiting_job(documents, seconds=0.05), InlineReplies(documents, 0.005)
    assert not await replies.deliver(job, "Hello")
    assert await replies.take(job.job_id, 1) is None


async def test_a_job_that_failed_lets_the_request_go_at_once() -> None:
    documents = MemoryDocuments()
    job, replies = await waiting_job(documents), InlineReplies(documents, 0.005)
    await JobLedger(documents).cancel(job.job_id)
    async with asyncio.timeout(2):
        assert await replies.take(job.job_id, 60) is None


async def test_of_many_close_races_each_has_one_carrier() -> None:
    documents = MemoryDocuments()
    replies, chance = InlineReplies(documents, 0.001), random.Random(7)

    async def race(number: int) -> None:
        job = await waiting_job(documents, 0.05, number)

        async def lane() -> bool:
            await asyncio.sleep(chance.uniform(0.03, 0.06))
            return await replies.deliver(job, "Hello")

        taken, carried = await asyncio.gather(replies.take(job.job_id, 0.05), lane())
        assert (taken is not None) == carried

    await asyncio.gather(*(race(number) for number in range(100)))
