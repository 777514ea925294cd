"""Conversations in a lane: in order, one at a time, fair, and nothing forgotten."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from deployments.live_lane import sessions as sessions_module
from deployments.live_lane.sessions import LiveSessions
from spine.account_limits import AccountLimits
from spine.contracts.conversations import CONVERSATION, AccountPolicy
from spine.contracts.jobs import Job, JobStatus, Usage
from spine.documents import JOBS, SESSION_LEASES, ensure_indexes
from spine.errors import DatabaseError, ExternalServiceError
from spine.jobs import describe
from spine.mailbox import SessionMailbox
from spine.services import Services
from spine.settings import Settings
from spine.testing.memory_account_limits import MemoryAccountLimits
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels
from tests.conftest import until


class Desk:
    """Takes messages in, and answers them as a lane would; `said` is what was answered, in order."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.said: list[str] = []
        self.by_session: dict[str, list[int]] = defaultdict(list)
        self.at_once: dict[str, int] = defaultdict(int)
        self.most_at_once: dict[str, int] = defaultdict(int)
        self.seconds = 0.0
        self.slow: set[str] = set()
        self.hold = asyncio.Event()
        self.faults: dict[str, list[Exception]] = defaultdict(list)

    async def put(self, session: str, number: int, account: str = "default") -> Job:
        message = {"session_id": session, "platform": "telegram", "account": account, "number": number}
        job, _ = await self.services.ledger.create(
            CONVERSATION,
            session,
            queue="llm",
            params={"task": "process_and_respond", "message": message},
            idempotency_key=f"{session}:{number}",
        )
        await asyncio.sleep(0.001)  # two messages of a millisecond have no order
        return job

    async def answer(self, job_id: str) -> None:
        ledger = self.services.ledger
        job = await ledger.begin(job_id, self.services.worker)
        if job is None:
            return
        message = job.params["message"]
        account = message["account"]
        self.at_once[account] += 1
        self.most_at_once[account] = max(self.most_at_once[account], self.at_once[account])
        if account in self.slow:
            await self.hold.wait()
        await asyncio.sleep(self.seconds)
        self.at_once[account] -= 1
        if self.faults[job_id]:
            await ledger.retry_later(job, describe(self.faults[job_id].pop(0)), 0.05)
            return
        self.said.append(job.subject_id)
        self.by_session[job.subject_id].append(message["number"])
        await ledger.succeed(job, {}, Usage())

    async def all_ended(self) -> bool:
        open_jobs = [s for s in map(str, JobStatus) if not JobStatus(s).is_final]
        return not await self.services.documents.count(JOBS, {"status": {"$in": open_jobs}})


@pytest.fixture
async def services() -> Services:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    return Services(Settings(), documents, MemoryProgressLog(), ScriptedModels(), MemoryPages(), None, worker="live:1")


@pytest.fixture
def desk(services: Services) -> Desk:
    return Desk(services)


@pytest.fixture
async def lane(services: Services, desk: Desk) -> AsyncIterator[LiveSessions]:
    async with LiveSessions(services, desk.answer, width=20) as made:
        yield made


async def test_each_session_is_answered_in_order_and_sessions_go_side_by_side(desk: Desk, lane: LiveSessions) -> None:
    desk.seconds = 0.01
    for number in range(5):
        for session in range(10):
            lane.offer(await desk.put(f"s{session}", number))
    await until(desk.all_ended)
    assert desk.by_session == {f"s{session}": [0, 1, 2, 3, 4] for session in range(10)}
    assert desk.most_at_once["default"] > 1


async def test_a_message_that_is_announced_many_times_is_answered_once(desk: Desk, lane: LiveSessions) -> None:
    job = await desk.put("s1", 1)
    await asyncio.gather(*(lane.notify(job.job_id) for _ in range(20)))
    await until(desk.all_ended)
    await lane.notify(job.job_id)
    assert desk.said == ["s1"]


async def test_what_was_stored_while_no_lane_ran_is_found_at_the_start(services: Services, desk: Desk) -> None:
    for number in range(3):
        await desk.put("s1", number)
    async with LiveSessions(services, desk.answer):
        await until(desk.all_ended)
    assert desk.by_session["s1"] == [0, 1, 2]


async def test_one_announcement_is_enough_for_all_that_waits_in_the_session(desk: Desk, lane: LiveSessions) -> None:
    jobs = [await desk.put("s1", number) for number in range(3)]
    lane.offer(jobs[2])
    await until(desk.all_ended)
    assert desk.by_session["s1"] == [0, 1, 2]


async def test_a_message_that_tries_again_later_holds_back_the_ones_after_it(desk: Desk, lane: LiveSessions) -> None:
    first = await desk.put("s1", 1)
    desk.faults[first.job_id] = [ExternalServiceError("busy"), ExternalServiceError("busy")]
    lane.offer(first)
    lane.offer(await desk.put("s1", 2))
    await until(desk.all_ended)
    assert desk.by_session["s1"] == [1, 2]
    assert (await desk.services.ledger.get(first.job_id)).attempts == 3


async def test_a_message_that_is_given_up_lets_the_next_ones_go_on(desk: Desk, lane: LiveSessions) -> None:
    first = await desk.put("s1", 1)
    desk.faults[first.job_id] = [ExternalServiceError("down") for _ in range(3)]
    lane.offer(first)
    lane.offer(await desk.put("s1", 2))
    await until(desk.all_ended)
    assert desk.by_session["s1"] == [2]
    assert (await desk.services.ledger.get(first.job_id)).status is JobStatus.DEAD


async def test_a_redriven_message_is_answered_once_after_those_that_came_before(desk: Desk, lane: LiveSessions) -> None:
    first = await desk.put("s1", 1)
    desk.faults[first.job_id] = [ExternalServiceError("down") for _ in range(3)]
    lane.offer(first)
    lane.offer(await desk.put("s1", 2))
    await until(desk.all_ended)
    lane.offer(await desk.services.ledger.redrive(first.job_id))
    await lane.notify(first.job_id)
    await until(desk.all_ended)
    assert desk.by_session["s1"] == [2, 1]


async def test_a_slow_tenant_keeps_to_its_share_and_others_go_past_it(services: Services, desk: Desk) -> None:
    services.account_policy = lambda platform, account: AccountPolicy(concurrency=5)
    desk.slow = {"slow"}
    async with LiveSessions(services, desk.answer, width=10) as lane:
        for number in range(30):
            lane.offer(await desk.put(f"slow-{number}", 1, "slow"))
        for number in range(30):
            lane.offer(await desk.put(f"quick-{number}", 1, "quick"))
        await until(lambda: len([one for one in desk.said if one.startswith("quick")]) == 30)
        assert desk.most_at_once["slow"] == 5
        assert not [one for one in desk.said if one.startswith("slow")]
        desk.hold.set()
        await until(desk.all_ended)


async def test_a_message_that_is_cancelled_while_it_waits_to_try_again_ends(desk: Desk, lane: LiveSessions) -> None:
    job = await desk.put("s1", 1)
    await desk.services.documents.update(JOBS, {"_id": job.job_id}, set={"cancel_requested": True, "status": "RETRY"})
    lane.offer(job)
    lane.offer(await desk.put("s1", 2))
    await until(desk.all_ended)
    assert (await desk.services.ledger.get(job.job_id)).status is JobStatus.REVOKED
    assert desk.by_session["s1"] == [2]


async def test_a_store_that_fails_for_a_moment_delays_and_loses_nothing(
    desk: Desk, lane: LiveSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "AFTER_A_FAULT", 0.02)
    look, failures = SessionMailbox.look, [DatabaseError("busy"), DatabaseError("busy")]

    async def looking(self: SessionMailbox, session_id: str) -> object:
        if failures:
            raise failures.pop()
        return await look(self, session_id)

    monkeypatch.setattr(SessionMailbox, "look", looking)
    lane.offer(await desk.put("s1", 1))
    await until(desk.all_ended)
    assert desk.by_session["s1"] == [1]


async def test_two_lanes_never_serve_one_session_at_the_same_time(services: Services, desk: Desk) -> None:
    desk.seconds = 0.002
    running: set[str] = set()

    async def answer(job_id: str) -> None:
        session = (await services.ledger.get(job_id)).subject_id
        assert session not in running
        running.add(session)
        await desk.answer(job_id)
        running.discard(session)

    async with AsyncExitStack() as stack:
        lanes = [await stack.enter_async_context(LiveSessions(services, answer, width=5)) for _ in range(2)]
        for number in range(10):
            for session in range(5):
                job = await desk.put(f"s{session}", number)
                for lane in lanes:
                    lane.offer(job)
        await until(desk.all_ended, within=20)
    assert desk.by_session == {f"s{session}": list(range(10)) for session in range(5)}


@pytest.mark.parametrize(
    ("policy", "at_most"),
    [
        pytest.param(AccountPolicy(concurrency=1), 1, id="one at a time"),
        pytest.param(AccountPolicy(concurrency=3), 3, id="three at a time"),
        pytest.param(AccountPolicy(concurrency=2, rate_per_minute=3_000), 2, id="with a rate"),
    ],
)
async def test_two_lanes_together_keep_to_the_limits_of_an_account(
    services: Services, desk: Desk, policy: AccountPolicy, at_most: int
) -> None:
    services.account_policy = lambda platform, account: policy
    desk.seconds, shared = 0.01, MemoryAccountLimits()
    async with AsyncExitStack() as stack:
        lanes = [
            await stack.enter_async_context(LiveSessions(services, desk.answer, width=10, shared=shared))
            for _ in range(2)
        ]
        for number in range(2):
            for session in range(12):
                lanes[session % 2].offer(await desk.put(f"s{session}", number))
        await until(desk.all_ended, within=20)
    assert desk.most_at_once["default"] == at_most
    assert desk.by_session == {f"s{session}": [0, 1] for session in range(12)}


async def test_a_lane_that_cannot_ask_for_shared_limits_keeps_them_by_itself(services: Services, desk: Desk) -> None:
    class Away(MemoryAccountLimits):
        async def admit(self, account: str, session_id: str, limits: AccountLimits) -> float:
            raise ExternalServiceError("Redis does not answer.", service="redis")

    services.account_policy = lambda platform, account: AccountPolicy(concurrency=2)
    desk.seconds = 0.005
    async with LiveSessions(services, desk.answer, width=10, shared=Away()) as lane:
        for session in range(8):
            lane.offer(await desk.put(f"s{session}", 1))
        await until(desk.all_ended)
    assert desk.most_at_once["default"] == 2


async def test_a_lane_takes_over_the_sessions_of_one_that_died(services: Services, desk: Desk) -> None:
    dead = SessionMailbox(services.documents, lease=timedelta(seconds=0.3))
    await dead.say_alive()
    await dead.take("s1")
    async with LiveSessions(services, desk.answer) as lane:
        lane.offer(await desk.put("s1", 1))
        await until(desk.all_ended)
    assert desk.by_session["s1"] == [1]


async def test_a_lane_that_ends_begins_nothing_more_and_leaves_no_lease(services: Services, desk: Desk) -> None:
    desk.slow = {"default"}
    async with LiveSessions(services, desk.answer, width=1) as lane:
        lane.offer(await desk.put("s1", 1))
        lane.offer(await desk.put("s2", 1))
        await until(lambda: desk.at_once["default"] == 1)
        lane.pause()
        desk.hold.set()
    assert desk.said == ["s1"]
    assert await services.documents.count(SESSION_LEASES) == 0
