"""Summaries and follow-ups: found when they are due, done once, and never in the way of a message."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.check_followups import check_followups
from flows.check_summaries import check_summaries
from flows.health_check import health_check
from spine.chat_port import ChatRequest
from spine.contracts.conversations import AccountPolicy, Delivery, FollowupStatus, Platform
from spine.contracts.jobs import JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import CONVERSATIONS, FOLLOWUPS, JOBS
from spine.errors import ExternalServiceError, NotConfiguredError, PermanentError, RateLimitError
from spine.ports import ModelChoice
from spine.services import using
from spine.testing.scripted_chats import Scripted, UsesTools
from tasks.conversation import following_up
from tasks.conversation.following_up import start_due_followups
from tasks.conversation.summarizing import start_due_summaries
from tests.flows.conversation_world import ConversationWorld, open_world
from tests.flows.test_conversation_orders import RIBBONS, orders

NEVER_QUIET = {"quiet_from": "00:00", "quiet_until": "00:00"}


def clerk(request: ChatRequest, choice: ModelChoice) -> Scripted:
    if request.purpose == "conversation_summary":
        return "They spoke of ribbons."
    if request.purpose == "conversation_followup":
        return "Are you still there?"
    if "buy" in request.turns[-1].text:
        return UsesTools([("propose_order", RIBBONS)], "Noted.")
    return "Which colour do you like?"


async def jobs_on(world: ConversationWorld, queue: str) -> list[Any]:
    found = await world.services.documents.find(JOBS, {"queue": queue}, sort=[("created", 1)])
    return [await world.services.ledger.get(one["_id"]) for one in found]


# -- summaries -----------------------------------------------------------------------------------------------


async def test_a_session_that_became_long_is_summarised_at_once_and_keeps_its_newest_turns() -> None:
    world = await open_world(clerk, summarize_after_turns=8)
    for place in range(5):
        await world.say(f"Message number {place}")
    session, turns = await world.session(), await world.turns()
    assert (session.summary, session.summary_until, session.open_turns) == ("They spoke of ribbons.", 4, 6)
    assert [turn.archived for turn in turns] == [True] * 4 + [False] * 6
    assert [turn.seq for turn in turns] == list(range(1, 11))
    await world.say("And now?")
    request = world.chats.requests[-1]
    assert "They spoke of ribbons." in request.system
    assert len(request.turns) == 7


async def test_an_idle_session_is_summarised_whole_once_and_the_next_summary_includes_the_former() -> None:
    world = await open_world(clerk)
    await world.say("Hello you")
    later = utc_now() + timedelta(hours=25)
    assert (await start_due_summaries(world.services, utc_now()))["due"] == 0
    counts = await asyncio.gather(*(start_due_summaries(world.services, later) for _ in range(3)))
    assert sum(one["started"] for one in counts) == 1
    await world.shift_back("ana", utc_now() - timedelta(hours=25))
    (job,) = await jobs_on(world, "summarization")
    job = await world.run(job)
    assert job.result == {"covered": 2, "archived": 2, "open_turns": 0}

    await world.say("I am back")
    await world.shift_back("ana", utc_now() - timedelta(hours=25))
    with using(world.services):
        assert (await check_summaries())["started"] == 1
    (_, second) = await jobs_on(world, "summarization")
    await world.run(second)
    assert "They spoke of ribbons." in world.chats.requests[-1].turns[-1].text
    assert (await world.session()).summary_until == 4


async def test_of_more_than_a_model_is_shown_at_once_every_turn_gets_into_the_summary() -> None:
    def listener(request: ChatRequest, choice: ModelChoice) -> Scripted:
        return f"Summary {len(summaries())}." if request.purpose == "conversation_summary" else "I see."

    def summaries() -> list[str]:
        asked = [one for one in world.chats.requests if one.purpose == "conversation_summary"]
        return [one.turns[-1].text for one in asked]

    world = await open_world(listener, summarize_after_tokens=1_000_000)
    marks = [f"mark{place}" for place in range(7)]
    for mark in marks:
        await world.say("long " * 3_900 + mark)
    await world.shift_back("ana", utc_now() - timedelta(hours=25))
    await start_due_summaries(world.services, utc_now())
    (job,) = await jobs_on(world, "summarization")
    job = await world.run(job)
    assert job.result == {"covered": 14, "archived": 14, "open_turns": 0}
    told = summaries()
    assert [sum(mark in prompt for prompt in told) for mark in marks] == [1] * 7
    assert all(f"Summary {place}." in told[place] for place in range(1, len(told)))
    assert (await world.session()).summary == f"Summary {len(told)}."


async def test_a_message_that_comes_while_a_summary_is_written_stays_open() -> None:
    world = await open_world(clerk)
    await world.say("Hello you")
    await world.shift_back("ana", utc_now() - timedelta(hours=25))
    await start_due_summaries(world.services, utc_now())

    async def interrupted(request: ChatRequest, choice: ModelChoice) -> Scripted:
        if request.purpose == "conversation_summary":
            world.chats.script = clerk
            await world.say("One more thing")
        return clerk(request, choice)

    world.chats.script = interrupted
    (job,) = await jobs_on(world, "summarization")
    assert (await world.run(job)).status is JobStatus.SUCCESS
    session = await world.session()
    assert (session.summary_until, session.turns, session.open_turns) == (2, 4, 2)


async def test_without_a_model_a_summary_keeps_the_first_words_of_each_turn() -> None:
    world = await open_world(clerk, providers=())
    await world.say("I collect old ribbons from Cluj. They are mostly red.")
    await world.shift_back("ana", utc_now() - timedelta(hours=25))
    await start_due_summaries(world.services, utc_now())
    (job,) = await jobs_on(world, "summarization")
    await world.run(job)
    assert "Customer: I collect old ribbons from Cluj." in (await world.session()).summary


# -- follow-ups ----------------------------------------------------------------------------------------------


async def silent(world: ConversationWorld, hours: float = 25) -> None:
    await world.shift_back("ana", utc_now() - timedelta(hours=hours))


async def test_an_unanswered_question_is_followed_up_twice_at_most_and_each_once() -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("Hello you")
    assert (await start_due_followups(world.services, utc_now()))["due"] == 0
    for number in (1, 2, 3):
        await silent(world)
        counts = await asyncio.gather(*(start_due_followups(world.services, utc_now()) for _ in range(3)))
        assert sum(one["started"] for one in counts) == (1 if number < 3 else 0)
        for job in await jobs_on(world, "followups"):
            await asyncio.gather(world.run(job), world.run(job))
    assert world.sent == ["Which colour do you like?", "Are you still there?", "Are you still there?"]
    followups = await world.desk.followups("ana")
    assert [one.status for one in followups] == [FollowupStatus.SENT] * 2
    assert [turn.role for turn in await world.turns()] == ["user", "assistant", "followup", "followup"]


async def test_a_silence_begins_anew_when_the_person_writes() -> None:
    world = await open_world(clerk, **NEVER_QUIET, followup_limit=1)
    for _ in range(2):
        await world.say("Hello you")
        await silent(world)
        await start_due_followups(world.services, utc_now())
        for job in await jobs_on(world, "followups"):
            await world.run(job)
    assert world.sent.count("Are you still there?") == 2


async def test_a_follow_up_is_cancelled_when_the_person_writes_before_its_job_runs() -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("Hello you")
    await silent(world)
    await start_due_followups(world.services, utc_now())
    await world.say("Red")
    (job,) = await jobs_on(world, "followups")
    job = await world.run(job)
    assert job.result is not None and job.result["status"] == "cancelled"
    assert "Are you still there?" not in world.sent


async def test_a_follow_up_is_cancelled_when_the_person_writes_while_it_is_being_written() -> None:
    """The message is only received, not answered: it waits behind nothing."""
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("Hello you")
    await silent(world)
    await start_due_followups(world.services, utc_now())

    async def interrupted(request: ChatRequest, choice: ModelChoice) -> Scripted:
        await world.receive("Red")
        return clerk(request, choice)

    world.chats.script = interrupted
    (job,) = await jobs_on(world, "followups")
    job = await world.run(job)
    assert job.result is not None and job.result["status"] == "cancelled"
    assert world.sent == ["Which colour do you like?"]


async def test_a_follow_up_of_which_nobody_knows_whether_it_arrived_is_not_sent_again() -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("Hello you")
    await silent(world)
    world.messenger.refuse = lambda chat, text: ExternalServiceError("cut", service="telegram", delivered=None)
    await start_due_followups(world.services, utc_now())
    (job,) = await jobs_on(world, "followups")
    assert (await world.run(job)).status is JobStatus.SUCCESS
    assert (await world.turns())[-1].delivery is Delivery.AMBIGUOUS
    assert world.sent.count("Are you still there?") == 1


async def test_an_unconfirmed_order_is_shown_again_and_a_yes_to_the_follow_up_confirms_it() -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("I want to buy ribbons")
    await silent(world)
    await start_due_followups(world.services, utc_now())
    (job,) = await jobs_on(world, "followups")
    await world.run(job)
    assert "Total: 28.00 EUR" in world.sent[-1]
    await world.say("yes")
    (order,) = await orders(world)
    assert order.status == "created"


async def test_nobody_is_written_to_in_quiet_hours() -> None:
    now = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)  # 03:00 in Bucharest
    world = await open_world(clerk, time_zone="Europe/Bucharest")
    await world.say("Hello you")
    await world.shift_back("ana", now - timedelta(hours=40))
    assert (await start_due_followups(world.services, now))["due"] == 0
    assert (await start_due_followups(world.services, now + timedelta(hours=6)))["due"] == 1


@pytest.mark.parametrize(("hours", "due"), [(22.5, 0), (23.5, 1), (24.5, 0)])
async def test_manychat_is_followed_up_inside_of_its_day_or_not_at_all(hours: float, due: int) -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("Hello you", platform="manychat")
    await silent(world, hours)
    assert (await start_due_followups(world.services, utc_now()))["due"] == due


async def test_where_nothing_can_be_sent_nothing_is_followed_up() -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("Hello you", platform="api")
    await silent(world)
    with using(world.services):
        assert await check_followups() == {"looked_at": 0, "due": 0, "started": 0}
    assert await world.services.documents.count(FOLLOWUPS) == 0


# -- health --------------------------------------------------------------------------------------------------


async def test_the_health_check_asks_the_stores_and_fails_with_the_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await open_world()
    with using(world.services):
        told = await health_check()
        assert told["lane"] is None and set(told["here"]["reaches"]) == {"documents", "progress"}

        async def silent_store(*_: Any) -> Any:
            raise OSError("gone")

        monkeypatch.setattr(world.services.progress, "read", silent_store)
        with pytest.raises(ExternalServiceError, match=r"progress \(OSError\)"):
            await health_check()


async def test_counters_left_wrong_by_a_crash_are_right_after_the_next_message() -> None:
    world = await open_world(clerk)
    await world.say("Hello you")
    await world.services.documents.update(
        CONVERSATIONS, {"_id": "ana"}, set={"turns": 1, "open_turns": 1, "open_tokens": 7, "updated": iso(utc_now())}
    )
    await world.say("Red")
    session, turns = await world.session(), await world.turns()
    assert (session.turns, session.open_turns) == (4, 4)
    assert session.open_tokens == sum(turn.tokens for turn in turns)


async def test_a_follow_up_whose_send_was_put_off_waits_for_the_morning(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("Hello you")
    await silent(world)
    world.messenger.refuse = lambda chat, text: RateLimitError("slower", retry_after=1.0)
    await start_due_followups(world.services, utc_now())
    (job,) = await jobs_on(world, "followups")
    await world.run(job)
    world.messenger.refuse = lambda chat, text: None
    world.policy |= {"quiet_from": "00:00", "quiet_until": "23:59"}
    monkeypatch.setattr(following_up, "utc_now", lambda: datetime(2026, 3, 10, 1, 0, tzinfo=UTC))
    job = await world.run(job)
    assert (job.status, "Are you still there?" in world.sent) == (JobStatus.RETRY, False)


async def test_a_follow_up_to_somebody_who_blocked_us_is_due_no_longer_and_can_be_started_again() -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    await world.say("Hello you")
    await silent(world)
    world.messenger.refuse = lambda chat, text: PermanentError("Forbidden: bot was blocked by the user")
    await start_due_followups(world.services, utc_now())
    (job,) = await jobs_on(world, "followups")
    assert (await world.run(job)).status is JobStatus.FAILURE
    assert [one.status for one in await world.desk.followups("ana")] == [FollowupStatus.FAILED]
    world.messenger.refuse = lambda chat, text: None
    await world.run(await world.services.ledger.redrive(job.job_id))
    assert [one.status for one in await world.desk.followups("ana")] == [FollowupStatus.SENT]


@pytest.mark.parametrize("start", [start_due_followups, start_due_summaries])
async def test_an_account_that_is_set_up_wrongly_keeps_nothing_from_the_others(start: Any) -> None:
    world = await open_world(clerk, **NEVER_QUIET)
    for session, account in (("ana", "broken"), ("bob", "good")):
        await world.say("Hello you", session_id=session, account=account)
        await world.shift_back(session, utc_now() - timedelta(hours=40))
    known = world.services.account_policy

    def policy_of(platform: Platform, account: str) -> AccountPolicy:
        if account == "broken":
            raise NotConfiguredError("There is no time zone Europe/Bukarest.", what=account)
        return known(platform, account)

    world.services.account_policy = policy_of
    assert (await start(world.services, utc_now()))["started"] == 1
