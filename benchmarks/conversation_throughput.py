"""Messages through the live lane, beside the same work in Celery with the original settings.

    .venv/bin/python -m benchmarks.conversation_throughput [--rounds N] [--noops N]

One whole stack, one loopback model that thinks for a second, one loopback Telegram, and one Celery worker (prefork 4,
prefetch 1, late acknowledgement) on the stack's own Redis. They take turns. A message of ours leaves a job, two turns
of a transcript, an effect record, progress events and two task runs in Prefect, in the order of its session; Celery's
leaves nothing and keeps no order.

Prints, per round: seconds until 200 messages of 100 sessions are answered; jobs per second that do nothing; and,
idle, milliseconds from the webhook to the begin of its handler.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

from redis.asyncio import Redis

from benchmarks._celery_peer import CeleryPeer, celery_peer, has_celery
from spine.adapters.docket_queue import DocketQueue
from spine.contracts.conversations import TaskName
from spine.conversations import ConversationDesk
from spine.documents import JOBS
from spine.jobs import JobLedger
from tests.stack.live_stack import TOKEN, LiveStack, Sender, open_sender

SESSIONS, MESSAGES = 100, 2
_SECRET = "secret-of-a-test"
_PATIENCE = 300.0


class Bench:
    """One stack and one peer, measured in turns."""

    def __init__(self, live: LiveStack, sender: Sender, redis_url: str, peer: CeleryPeer) -> None:
        self.live = live
        self.sender = sender
        self.redis_url = redis_url
        self.peer = peer
        self._chat = 1_000

    # -- 200 messages ------------------------------------------------------------------------------------

    async def our_messages(self) -> float:
        chats, heard = self._chats(), len(self.live.telegram.sent)
        began = time.perf_counter()
        await self.sender.write_all(chats, MESSAGES)
        await self._answered(heard)
        seconds = time.perf_counter() - began
        expected = self.sender.expected()
        assert all(self.live.telegram.texts(chat) == expected[chat] for chat in chats), "a session is out of order"
        return seconds

    async def their_messages(self) -> float:
        chats, heard = self._chats(), len(self.live.telegram.sent)
        lines = [json.dumps(["process_and_respond", [chat, str(n)]]) for n in range(MESSAGES) for chat in chats]
        began = time.perf_counter()
        await asyncio.to_thread(self.peer.send, lines)
        await self._answered(heard)
        return time.perf_counter() - began

    def _chats(self) -> range:
        self._chat += SESSIONS
        return range(self._chat, self._chat + SESSIONS)

    async def _answered(self, before: int) -> None:
        await _until(lambda: len(self.live.telegram.sent) - before >= SESSIONS * MESSAGES)

    # -- jobs that do nothing ----------------------------------------------------------------------------

    async def our_noops(self, number: int) -> float:
        """Whole `ping` jobs: row, lease, task run, progress, result."""
        desk = ConversationDesk(self.sender.documents, JobLedger(self.sender.documents))
        queue = DocketQueue(self.redis_url)
        began = time.perf_counter()
        jobs = [(await desk.start(TaskName.PING, "bench", {}))[0] for _ in range(number)]
        await asyncio.gather(*(queue.start(job) for job in jobs))
        open_jobs = {"subject_id": "bench", "finished": None}
        while await self.sender.documents.count(JOBS, open_jobs):  # noqa: ASYNC110 - it ends in another process
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - began
        await queue.close()
        return number / seconds

    async def their_noops(self, number: int) -> float:
        counter = f"noops:{time.time()}"
        redis = Redis.from_url(self.redis_url)
        began = time.perf_counter()
        await asyncio.to_thread(self.peer.send, [json.dumps(["noop", [counter]])] * number)
        while int(await redis.get(counter) or 0) < number:  # noqa: ASYNC110 - it ends in another process
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - began
        await redis.aclose()
        return number / seconds

    # -- one by one --------------------------------------------------------------------------------------

    async def starts(self, number: int) -> list[float]:
        """Milliseconds from the moment a webhook is sent to the begin of its handler, one after the other."""
        assert self.live.stack is not None
        found: list[float] = []
        for update in range(number):
            heard = len(self.live.telegram.sent)
            began = time.time()
            answer = await asyncio.to_thread(self._post_update, 900_000 + update)
            await _until(lambda heard=heard: len(self.live.telegram.sent) > heard)
            job = await JobLedger(self.sender.documents).get(answer)
            assert job.started is not None
            found.append((job.started.timestamp() - began) * 1000)
            await asyncio.sleep(0.2)
        return found

    def _post_update(self, update: int) -> str:
        assert self.live.stack is not None
        sender = {"id": 77, "is_bot": False, "first_name": "Ana"}
        message = {"message_id": update, "date": int(time.time()), "chat": {"id": 77, "type": "private"}}
        body = {"update_id": update, "message": {**message, "from": sender, "text": "Hello"}}
        answer = self.live.stack.http.post(
            "/webhooks/telegram/default", json=body, headers={"X-Telegram-Bot-Api-Secret-Token": _SECRET}
        )
        return str(answer.raise_for_status().headers["X-Job-Id"])


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the messages were not answered in time")
        await asyncio.sleep(0.005)


async def _measure(bench: Bench, rounds: int, noops: int) -> None:
    ours, theirs, our_rate, their_rate = list[float](), list[float](), list[float](), list[float]()
    for _ in range(rounds):
        ours.append(await bench.our_messages())
        theirs.append(await bench.their_messages())
        our_rate.append(await bench.our_noops(noops))
        their_rate.append(await bench.their_noops(noops))
    starts = await bench.starts(30)
    print(f"{SESSIONS * MESSAGES} messages of {SESSIONS} sessions, model 1 s (median of {rounds}):")
    print(f"  live lane {median(ours):6.1f} s   Celery {median(theirs):6.1f} s   {median(theirs) / median(ours):.1f} ×")
    print(f"jobs that do nothing, {noops} at once (median of {rounds}):")
    ratio = median(our_rate) / median(their_rate)
    print(f"  live lane {median(our_rate):6.0f} /s  Celery {median(their_rate):6.0f} /s  {ratio:.2f} ×")
    print(f"webhook to begin of its handler: p50 {median(starts):.0f} ms, p95 {quantiles(starts, n=20)[-1]:.0f} ms")
    print(f"measured at {datetime.now():%Y-%m-%d %H:%M}")


async def _run(live: LiveStack, folder: Path, rounds: int, noops: int) -> None:
    redis_url = live.exported()["MILLRACE_REDIS_URL"]
    sender = open_sender(live.home, redis_url)
    telegram = f"{live.telegram.url}/bot{TOKEN}/sendMessage"
    with celery_peer(folder / "celery", redis_url, live.model.base_url, telegram) as peer:
        await asyncio.sleep(5)  # both are warm before either is measured
        await _measure(Bench(live, sender, redis_url, peer), rounds, noops)
    await sender.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--noops", type=int, default=500)
    options, _ = parser.parse_known_args()
    if not has_celery():
        print("skipped: Celery is not installed (uv pip install --group bench)")
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        live = LiveStack(Path(folder) / "home", model_seconds=1.0)
        try:
            live.up()
            asyncio.run(_run(live, Path(folder), options.rounds, options.noops))
        finally:
            live.close()


if __name__ == "__main__":
    main()
