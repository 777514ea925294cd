"""The live lane as a process: in order, once, through a kill -9 in the middle, and a calm end when it is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from spine.contracts.conversations import Delivery
from spine.contracts.jobs import JobStatus
from spine.documents import JOBS, SESSION_LEASES, ensure_indexes
from spine.effects import ambiguous_effects
from tests.conftest import until
from tests.flows.lane_under_test import LaneUnderTest
from tests.stack.live_stack import Sender

pytestmark = pytest.mark.timeout(240)

CHATS = range(101, 113)
MESSAGES = 3


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[LaneUnderTest]:
    made = LaneUnderTest(tmp_path / "home", model_seconds=0.3)
    yield made
    made.close()


@pytest.fixture
async def sender(lane: LaneUnderTest) -> AsyncIterator[Sender]:
    made = lane.sender()
    await ensure_indexes(made.documents)
    yield made
    await made.close()


async def all_ended(sender: Sender) -> bool:
    ended = [str(status) for status in JobStatus if status.is_final]
    return not await sender.documents.count(JOBS, {"status": {"$nin": ended}})


async def test_messages_are_answered_in_order_and_once_through_a_kill_and_a_calm_end(
    lane: LaneUnderTest, sender: Sender
) -> None:
    await sender.write_all(CHATS, MESSAGES)
    duplicates = [await sender.write(chat, 0) for chat in CHATS]
    assert len({job.job_id for job in duplicates}) == len(CHATS)
    lane.start()
    await until(lambda: len(lane.telegram.sent) >= len(CHATS) // 2, within=90)
    lane.kill()
    lane.start()
    await until(lambda: all_ended(sender), within=90)
    assert lane.stop() == 0, lane.log()

    jobs = await sender.documents.find(JOBS)
    assert Counter(job["status"] for job in jobs) == {"SUCCESS": len(CHATS) * MESSAGES}
    doubtful = [job for job in jobs if job["result"]["delivery"] == Delivery.AMBIGUOUS]
    assert len(doubtful) <= 1
    assert len(await ambiguous_effects(sender.documents)) == len(doubtful)
    unsure = {f"re: {job['params']['message']['text']}" for job in doubtful}
    for chat, expected in sender.expected().items():
        heard = lane.telegram.texts(chat)
        assert heard in (expected, [text for text in expected if text not in unsure])
    left = await sender.documents.find(SESSION_LEASES)
    assert len({one.get("holder", one["_id"]) for one in left}) <= 1, "only the one that was killed leaves anything"
