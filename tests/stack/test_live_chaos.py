"""Something dies in the middle of 500 messages: every one is answered, in order, none twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from spine.contracts.conversations import Delivery
from spine.contracts.jobs import JobStatus
from spine.documents import JOBS
from spine.effects import count_ambiguous
from spine.ports import Documents
from tests.conftest import until
from tests.stack.live_stack import LiveStack, open_sender
from tests.stack.whole_stack import WholeStack

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(900)]

CHATS = range(101, 201)
MESSAGES = 5
WITHIN = 400.0
"""Seconds, on a machine that does other things as well."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    made = LiveStack(tmp_path_factory.mktemp("live") / "home", model_seconds=0.5)
    made.up()
    yield made
    made.close()


def kill_lanes(stack: WholeStack) -> None:
    for lane in stack.lanes("live"):
        lane.kill()


def kill_redis(stack: WholeStack) -> None:
    """It runs with none of the stack's environment: the supervisor's child of that name is ours."""
    supervisor = next(process for process in stack.processes() if "supervise" in process.cmdline())
    redis = [child for child in supervisor.children() if "redis-server" in " ".join(child.cmdline())]
    assert redis, "the stack runs no Redis of its own"
    redis[0].kill()


def kill_prefect(stack: WholeStack) -> None:
    for process in stack.processes():
        if "prefect" in " ".join(process.cmdline()) and "server" in " ".join(process.cmdline()):
            process.kill()


# who dies → how many replies may be in doubt afterwards, and from which chat on the test writes
DEATHS = [
    pytest.param(kill_lanes, 2, 0, id="both lanes"),  # one for each kill
    pytest.param(kill_redis, 0, 10_000, id="Redis"),
    pytest.param(kill_prefect, 0, 20_000, id="the Prefect server"),
]


@pytest.mark.parametrize(("kill", "in_doubt", "offset"), DEATHS)
async def test_every_message_is_answered_in_order_and_once(
    live: LiveStack, kill: Callable[[WholeStack], None], in_doubt: int, offset: int
) -> None:
    assert live.stack is not None
    sender = open_sender(live.home, live.exported()["MILLRACE_REDIS_URL"])
    doubtful_before, heard_before = await count_ambiguous(sender.documents), len(live.telegram.sent)
    chats = [offset + chat for chat in CHATS]

    writing = asyncio.create_task(sender.write_all(chats, MESSAGES, pause=0.3))
    await until(lambda: len(live.telegram.sent) - heard_before >= len(chats), within=WITHIN)
    kill(live.stack)
    died = time.monotonic()
    jobs = await writing
    await until(lambda: all_ended(sender.documents), within=WITHIN)
    print(f"all answered {time.monotonic() - died:.1f} s after the kill")

    ended = [await sender.documents.get(JOBS, job.job_id) for job in jobs]
    results = [job for job in ended if job is not None]
    assert Counter(job["status"] for job in results) == {"SUCCESS": len(chats) * MESSAGES}
    doubtful = [job for job in results if job["result"]["delivery"] == Delivery.AMBIGUOUS]
    assert len(doubtful) <= in_doubt
    assert await count_ambiguous(sender.documents) - doubtful_before == len(doubtful)
    unsure = {f"re: {job['params']['message']['text']}" for job in doubtful}
    for chat, expected in sender.expected().items():
        heard = live.telegram.texts(chat)
        assert heard in (expected, [text for text in expected if text not in unsure]), chat
    await sender.close()


async def all_ended(documents: Documents) -> bool:
    ended = [str(status) for status in JobStatus if status.is_final]
    return not await documents.count(JOBS, {"status": {"$nin": ended}, "queue": "llm"})
