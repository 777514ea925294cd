"""A forgotten conversation: nothing of the person is left in any store, nothing is answered or sent again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from spine.adapters.redis_progress import RedisProgressLog
from spine.chat_port import ChatRequest
from spine.contracts.conversations import Forgotten, WebhookEvent
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.timestamps import utc_now
from spine.conversations import order_from
from spine.documents import CONVERSATIONS, FOLLOWUPS, INDEXES, JOBS, ORDERS, USAGE
from spine.errors import ConflictError, PermanentError
from spine.forgetting import forget, name_without_person
from spine.mailbox import SessionMailbox
from spine.ports import Documents, ModelChoice
from spine.testing.scripted_chats import Scripted, UsesTools
from tasks.conversation.following_up import start_due_followups
from tests.flows.conversation_world import ConversationWorld, open_world
from tests.flows.test_conversation_memory import NEVER_QUIET
from tests.flows.test_conversation_orders import RIBBONS

ANA = "telegram:shop:4242"
NAME, WORD, CONTACT = "Zenobia", "xylograph", "zenobia@example.com"
PERSON = {"session_id": ANA, "chat_id": "4242", "user_id": "4242", "user_name": NAME}
OF_ANA = [NAME.lower(), WORD, "4242"]


def clerk(request: ChatRequest, choice: ModelChoice) -> Scripted:
    """Says the person's words back, whatever it is asked for."""
    said = request.turns[-1].text
    if "buy" in said and request.purpose == "conversation_reply":
        named = {"customer_name": NAME, "customer_contact": CONTACT, "note": f"a {WORD}"}
        return UsesTools([("propose_order", RIBBONS | named)], f"A {WORD} for {NAME}.")
    return f"{NAME}, you spoke of a {WORD}?"


@pytest.fixture
async def world(documents: Documents, redis: Redis) -> ConversationWorld:
    return await open_world(
        clerk, documents=documents, progress=RedisProgressLog(redis), summarize_after_turns=4, **NEVER_QUIET
    )


async def everything(documents: Documents, redis: Redis) -> str:
    """All that is stored anywhere, in small letters."""
    stored = [f"{one}: {document}" for one in INDEXES for document in await documents.find(one)]
    async for key in redis.scan_iter():
        kind = await redis.type(key)
        stored.append(f"{key}: {await (redis.xrange(key) if kind == b'stream' else redis.get(key))}")
    return "\n".join(stored).lower()


async def forgotten(world: ConversationWorld, session_id: str = ANA) -> Forgotten:
    services = world.services
    return await forget(services.documents, services.ledger, services.progress, session_id)


async def open_jobs(world: ConversationWorld, **where: object) -> list[Job]:
    waiting = {"status": {"$in": ["PENDING", "RETRY"]}, **where}
    found = await world.services.documents.find(JOBS, waiting, sort=[("created", 1)])
    return [await world.services.ledger.get(one["_id"]) for one in found]


async def lived_through(world: ConversationWorld) -> None:
    """A conversation with everything: an order in the CRM, one that waits, one that a job gave up, a summary, a
    follow-up that is planned, a refused send, an event of a webhook source."""
    for text in (f"I want to buy a {WORD}", "yes"):
        await world.say(text, **PERSON)
    asked = {"session_id": ANA, "user_message": f"My {WORD}?"}
    event = WebhookEvent(
        source="shop",
        webhook_id="w",
        event="said",
        pipeline="conversation",
        params=asked,
        payload=f'{{"of": "{NAME}"}}',
    )
    await world.desk.receive_event(event)
    for _ in range(4):
        for job in await open_jobs(world):
            await world.run(job)
    world.messenger.refuse = lambda chat, text: PermanentError(f"{NAME} does not want a {WORD}")
    await world.run(await world.receive(f"Is my {WORD} there?", **PERSON))
    world.messenger.refuse = lambda chat, text: None
    await world.say(f"I want to buy one more {WORD}", **PERSON)
    for job in await open_jobs(world):
        await world.run(job)
    await start_due_followups(world.services, utc_now() + timedelta(hours=25))


async def test_nothing_of_the_person_is_left_in_any_collection_or_in_redis(
    world: ConversationWorld, documents: Documents, redis: Redis
) -> None:
    await lived_through(world)
    kept = await world.say("Hello", session_id="other", chat_id="7", message_id="other:1")
    before = await everything(documents, redis)
    assert all(word in before for word in OF_ANA)
    assert await documents.count(FOLLOWUPS, {"session_id": ANA, "status": "due"}) == 1
    jobs = await documents.count(JOBS)

    gone = await forgotten(world)
    after = await everything(documents, redis)
    assert [word for word in OF_ANA if word in after.replace(kept.text.lower(), "")] == []
    assert (gone.followups, gone.orders, gone.orders_kept, gone.jobs) == (1, 1, 1, jobs - 1)
    assert await documents.count(JOBS) == jobs
    [order] = [order_from(one) for one in await documents.find(ORDERS)]
    assert (order.crm_order_id, order.proposal.total) == ("crm-1", "28.00")
    assert await documents.count(USAGE, {"submission_id": name_without_person(ANA)}) > 0
    assert [turn.text for turn in await world.turns("other")] == ["Hello", kept.text]
    assert await forgotten(world) == Forgotten(turns=0, followups=0, orders=0, orders_kept=0, jobs=0)


async def test_nothing_is_sent_afterwards_and_a_repeated_message_is_not_answered_again(
    world: ConversationWorld,
) -> None:
    await lived_through(world)
    await forgotten(world)
    sent, written = len(world.sent), world.written
    assert await open_jobs(world) == []
    assert (await start_due_followups(world.services, utc_now() + timedelta(hours=30)))["started"] == 0
    world.written = 0
    for _ in range(written):  # each message as its platform delivered it
        job = await world.receive("yes", **PERSON)
        assert job.status.is_final and job.result is None and "message" not in job.params
        await world.run(job)
        if job.status is not JobStatus.SUCCESS:
            with pytest.raises(ConflictError):
                await world.services.ledger.redrive(job.job_id)
    assert len(world.sent) == sent
    assert await world.services.documents.count(CONVERSATIONS, {"_id": ANA}) == 0


async def test_the_next_message_of_the_person_begins_anew(world: ConversationWorld) -> None:
    for life in range(2):
        asked = len(world.chats.requests)
        for text in ("Good day", "What is new?", "And else?", f"I want to buy a {WORD}"):
            await world.say(text, **PERSON)
        first = world.chats.requests[asked]
        assert [turn.text for turn in first.turns] == ["Good day"] and WORD not in first.system
        assert [turn.seq for turn in await world.turns(ANA)] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert (await world.session(ANA)).summary, "it was taken for that of the life before"
        await world.say("yes", **PERSON)
        assert [order.crm_order_id for order in await world.desk.orders(ANA)] == [f"crm-{life + 1}"]
        assert (await forgotten(world)).orders_kept == 1
    assert await world.services.documents.count(CONVERSATIONS) == 0


async def test_a_message_that_waits_or_is_answered_is_not_lost(world: ConversationWorld) -> None:
    await world.say("Hello", **PERSON)
    waiting = await world.receive("And now?", **PERSON)
    before = await world.turns(ANA)
    with pytest.raises(ConflictError, match=waiting.job_id):
        await forgotten(world)
    assert await world.services.ledger.begin(waiting.job_id, "lane:other")
    with pytest.raises(ConflictError, match="STARTED"):
        await forgotten(world)
    assert await world.turns(ANA) == before and (await world.session(ANA)).user_name == NAME


async def test_a_lane_that_holds_the_session_is_waited_for_and_one_that_comes_waits(world: ConversationWorld) -> None:
    await world.say("Hello", **PERSON)
    lane = SessionMailbox(world.services.documents)
    await lane.say_alive()
    assert await lane.take(ANA) is None
    with pytest.raises(ConflictError, match="being answered"):
        await forgotten(world)
    await lane.give_back(ANA)
    await forgotten(world)
    assert await lane.take(ANA) is None, "it was given back"


async def test_a_removal_that_was_cut_off_is_finished_by_the_next(
    world: ConversationWorld, documents: Documents, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived_through(world)
    with monkeypatch.context() as broken:
        broken.setattr(world.services.progress, "forget", _away)
        with pytest.raises(ConnectionError):
            await forgotten(world)
    assert await documents.count(CONVERSATIONS, {"_id": ANA}) == 0
    assert (await forgotten(world)).jobs > 0
    after = await everything(documents, redis)
    assert [word for word in OF_ANA if word in after] == []


async def _away(job_ids: list[str]) -> int:
    raise ConnectionError


async def test_of_two_who_ask_at_once_both_leave_nothing(world: ConversationWorld) -> None:
    await lived_through(world)
    ended = await asyncio.gather(*(forgotten(world) for _ in range(4)), return_exceptions=True)
    assert all(isinstance(one, Forgotten | ConflictError) for one in ended)
    assert sum(one.orders_kept for one in ended if isinstance(one, Forgotten)) == 1


async def test_sessions_and_sources_of_other_kinds_are_left_alone(world: ConversationWorld) -> None:
    """A source's jobs are named `webhook:<source>`, which a caller of the API may name a session too."""
    await world.say("Hello", **(PERSON | {"session_id": "webhook:shop"}))
    event = WebhookEvent(source="shop", webhook_id="w", event="said", pipeline="x", params={}, payload='{"of": "Bo"}')
    job, _ = await world.desk.receive_event(event)
    await forgotten(world, "webhook:shop")
    assert (await world.services.ledger.get(job.job_id)).params["event"]["payload"] == '{"of": "Bo"}'
