"""A session's mailbox: its oldest open job decides, and one living holder at a time may run it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from spine.contracts.jobs import Job, JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, SESSION_LEASES
from spine.jobs import JobLedger
from spine.mailbox import SessionMailbox, Step, next_step, session_to_itself
from spine.ports import Documents

NOW = datetime.fromisoformat("2026-01-31T12:00:00+00:00")
LATER = NOW + timedelta(seconds=30)
HOUR = timedelta(hours=1)
EARLIER = NOW - timedelta(seconds=30)
S = JobStatus


@pytest.fixture
def mailbox(documents: Documents) -> SessionMailbox:
    return SessionMailbox(documents)


# the oldest open job → when it may run; the later ones wait for it
STEPS = [
    pytest.param(S.PENDING, None, None, None, id="a new message runs now"),
    pytest.param(S.RETRY, EARLIER, None, None, id="a retry that is due runs now"),
    pytest.param(S.RETRY, None, None, None, id="a message that was given back runs now"),
    pytest.param(S.RETRY, LATER, None, LATER, id="a retry that is not due blocks the session until then"),
    pytest.param(S.STARTED, None, LATER, LATER + timedelta(seconds=2.5), id="a running message blocks until its lease"),
    pytest.param(S.PROGRESS, None, LATER, LATER + timedelta(seconds=2.5), id="the same with progress"),
    pytest.param(
        S.PROGRESS, None, NOW + HOUR, LATER + timedelta(seconds=2.5), id="a lease far ahead: its clock was put back"
    ),
    pytest.param(S.RETRY, NOW + HOUR, None, None, id="a retry far ahead, which none is: it runs now"),
]


@pytest.mark.parametrize(("status", "run_after", "lease", "at"), STEPS)
def test_the_oldest_open_job_decides(
    status: JobStatus, run_after: datetime | None, lease: datetime | None, at: datetime | None
) -> None:
    job = Job(
        job_id="j",
        pipeline="conversation",
        subject_id="s",
        idempotency_key="k",
        status=status,
        run_after=run_after,
        lease_until=lease,
    )
    assert next_step(job, NOW) == Step(job, at)


def test_an_empty_mailbox_asks_for_nothing() -> None:
    assert next_step(None, NOW) == Step()


async def put(ledger: JobLedger, session: str, number: int) -> Job:
    job, _ = await ledger.create("conversation", session, queue="llm", idempotency_key=f"{session}:{number}")
    return job


async def test_messages_come_in_the_order_of_arrival_and_those_that_ended_make_way(
    documents: Documents, mailbox: SessionMailbox
) -> None:
    ledger = JobLedger(documents)
    first, second, third = [await put(ledger, "s1", number) for number in range(3)]
    await put(ledger, "s2", 1)
    for number, job in enumerate((first, second, third)):
        moment = iso(NOW + timedelta(milliseconds=number))
        await documents.update(JOBS, {"_id": job.job_id}, set={"created": moment})
    looked: list[str] = []
    for ending in (S.SUCCESS, S.DEAD, S.REVOKED):
        step = await mailbox.look("s1")
        assert step.job is not None and step.at is None
        looked.append(step.job.job_id)
        await documents.update(JOBS, {"_id": step.job.job_id}, set={"status": str(ending)})
    assert looked == [first.job_id, second.job_id, third.job_id]
    assert await mailbox.look("s1") == Step()


async def test_a_redriven_message_comes_after_those_that_wait(documents: Documents, mailbox: SessionMailbox) -> None:
    ledger = JobLedger(documents)
    old, new = await put(ledger, "s1", 1), await put(ledger, "s1", 2)
    for number, job in enumerate((old, new)):
        moment = iso(NOW + timedelta(milliseconds=number))
        await documents.update(JOBS, {"_id": job.job_id}, set={"created": moment})
    await documents.update(JOBS, {"_id": old.job_id}, set={"status": str(S.DEAD)})
    await ledger.redrive(old.job_id)
    step = await mailbox.look("s1")
    assert step.job is not None and step.job.job_id == new.job_id


async def test_other_jobs_about_the_session_are_not_in_its_mailbox(
    documents: Documents, mailbox: SessionMailbox
) -> None:
    await JobLedger(documents).create("conversation", "s1", queue="summarization")
    assert await mailbox.look("s1") == Step()
    assert await mailbox.waiting() == []


async def test_a_session_has_one_holder_until_it_is_given_back(documents: Documents, mailbox: SessionMailbox) -> None:
    other = SessionMailbox(documents)
    await mailbox.say_alive()
    await other.say_alive()
    assert await mailbox.take("s1") is None
    refused = await other.take("s1")
    assert refused is not None and refused > utc_now()
    await mailbox.give_back("s1")
    assert await other.take("s1") is None


async def test_nobody_gives_back_what_another_holds(documents: Documents, mailbox: SessionMailbox) -> None:
    await mailbox.say_alive()
    await mailbox.take("s1")
    await SessionMailbox(documents).give_back("s1")
    assert await SessionMailbox(documents).take("s1") is not None


async def test_a_holder_that_fell_silent_loses_its_sessions_to_one_other(documents: Documents) -> None:
    dead = SessionMailbox(documents, lease=timedelta(seconds=-1))
    await dead.say_alive()
    assert not dead.is_alive
    assert await dead.take("s1") is None
    alive = [SessionMailbox(documents) for _ in range(3)]
    for one in alive:
        await one.say_alive()
    assert [await one.take("s1") is None for one in alive] == [True, False, False]


async def test_a_dead_holder_that_spoke_by_a_clock_which_was_put_back_since_keeps_nothing(documents: Documents) -> None:
    dead, alive = SessionMailbox(documents, lease=timedelta(hours=1)), SessionMailbox(documents)
    await dead.say_alive()
    await alive.say_alive()
    await dead.take("s1")
    assert await alive.take("s1") is None


async def test_two_holders_of_one_session_begin_no_message_twice_and_none_out_of_order(documents: Documents) -> None:
    ledger = JobLedger(documents)
    first, second = [await put(ledger, "s1", number) for number in range(2)]
    one, other = SessionMailbox(documents), SessionMailbox(documents)
    for holder in (one, other):
        looked = (await holder.look("s1")).job
        assert looked is not None and looked.job_id == first.job_id
    assert await ledger.begin(first.job_id, "lane:1") is not None
    assert await ledger.begin(first.job_id, "lane:2") is None
    step = await other.look("s1")
    assert step.job is not None and step.job.job_id == first.job_id and step.at is not None
    assert second.created > first.created


async def test_a_holder_that_ends_leaves_nothing_behind(documents: Documents, mailbox: SessionMailbox) -> None:
    await mailbox.say_alive()
    await mailbox.take("s1")
    await mailbox.take("s2")
    await mailbox.withdraw()
    assert not mailbox.is_alive
    assert await documents.count(SESSION_LEASES) == 0


async def test_what_the_long_dead_have_left_is_removed_and_what_the_living_hold_is_not(
    documents: Documents, mailbox: SessionMailbox
) -> None:
    dead = SessionMailbox(documents, lease=timedelta(minutes=-5))
    await dead.say_alive()
    await dead.take("s1")
    await mailbox.say_alive()
    await mailbox.take("s2")
    await mailbox.forget_the_dead()
    left = await documents.find(SESSION_LEASES)
    assert {one["_id"] for one in left} == {mailbox.holder, "session:s2"}


async def test_a_session_named_like_a_holder_is_only_a_session(documents: Documents, mailbox: SessionMailbox) -> None:
    await mailbox.say_alive()
    assert await mailbox.take(mailbox.holder) is None
    await mailbox.give_back(mailbox.holder)
    assert await SessionMailbox(documents).take("s1") is None
    assert await documents.count(SESSION_LEASES, {"_id": mailbox.holder}) == 1


async def test_who_runs_a_message_outside_the_lanes_waits_for_a_lane_and_keeps_the_lanes_out(
    documents: Documents, mailbox: SessionMailbox
) -> None:
    await mailbox.say_alive()
    await mailbox.take("s1")
    entered, leave = asyncio.Event(), asyncio.Event()

    async def by_hand() -> None:
        async with session_to_itself(documents, "s1"):
            entered.set()
            await leave.wait()

    running = asyncio.create_task(by_hand())
    async with session_to_itself(documents, "s2"):
        assert not entered.is_set(), "another session is free"
    async with asyncio.timeout(20):
        while await documents.count(SESSION_LEASES) < 3:  # the lane, its session, and who waits for it
            await asyncio.sleep(0.01)
        assert not entered.is_set()
        await mailbox.give_back("s1")
        await entered.wait()
        assert await mailbox.take("s1") is not None
        leave.set()
        await running
    assert await mailbox.take("s1") is None


async def test_those_who_run_messages_of_a_session_outside_the_lanes_come_in_the_order_of_asking(
    documents: Documents,
) -> None:
    came: list[int] = []

    async def by_hand(number: int) -> None:
        async with session_to_itself(documents, "s1"):
            came.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(by_hand(number) for number in range(4)))
    assert came == [0, 1, 2, 3]
    assert await documents.count(SESSION_LEASES) == 0
