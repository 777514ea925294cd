"""Messages through the live lane, beside the same work in Celery with the original settings.

    .venv/bin/python -m benchmarks.conversation_throughput [--rounds N] [--noops N]

One whole stack, one loopback model that thinks for a second, one loopback Telegram, and one Celery worker (prefork 4,
prefetch 1, late acknowledgement) on the stack's own Redis. They take turns. A message of ours leaves a job, two turns
of a transcript, an effect record, progress events and a task run in Prefect, in the order of its session; Celery's
leaves nothing and keeps no order.

Prints, per round: seconds until 200 messages of 100 sessions are answered; jobs per second that do nothing; and,
idle, milliseconds from the webhook to the begin of its handler. Celery's begin with the process that sends its task:
no web server stands before it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from redis.asyncio import Redis

from benchmarks._celery_peer import CeleryPeer, celery_peer, has_celery
from benchmarks.frame.figures import RATIO, Effort, Figure, Note, Outcome, at_least, at_most
from benchmarks.frame.turns import Turns, quantile
from benchmarks.peers.celery_worker import NOT_INSTALLED
from benchmarks.surroundings.bare_lane import bare_lane
from benchmarks.surroundings.light_client import LightClient
from benchmarks.webhook_acks import WEBHOOK, Acks, steady_acks, telegram_headers, telegram_update
from spine.adapters.docket_queue import DocketQueue
from spine.contracts.conversations import TaskName
from spine.conversations import ConversationDesk
from spine.documents import JOBS
from spine.jobs import JobLedger
from tests.stack.live_stack import AT_ONCE, TOKEN, LiveStack, Sender, open_sender

SESSIONS, MESSAGES = 100, 2
_SECRET = "secret-of-a-test"
_BETWEEN = 0.2  # seconds
_PATIENCE = 300.0
_RATE, _WARM_UP = 200, 40  # webhooks

_IDLE, _ACKS = "webhook → handler start, idle", "webhook ack under 200 req/s, processing running, model 1 s"
FIGURES = (
    Figure(_IDLE, "p50", "ms", at_most(10)),
    Figure(_IDLE, "p95", "ms", at_most(25)),
    Figure(_ACKS, "p95", "ms", at_most(50)),
    Figure(_ACKS, "errors", "requests", at_most(0)),
    Figure("200 messages, 1 s model", "against Celery, concurrency 4", RATIO, at_least(10)),
    Figure("no-op tasks, queue only", "tasks/s against Celery", RATIO, at_least(0.35)),
)


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
        queue, turns = DocketQueue(self.redis_url), asyncio.Semaphore(AT_ONCE)

        async def start() -> None:
            async with turns:
                job, _ = await desk.start(TaskName.PING, "bench", {})
                await queue.start(job)

        began = time.perf_counter()
        await asyncio.gather(*(start() for _ in range(number)))
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
        async with LightClient(str(self.live.stack.http.base_url)) as client:
            for update in range(number):
                heard = len(self.live.telegram.sent)
                body = telegram_update(900_000 + update, 77, "Hello")
                began = time.time()
                status, answer = await client.post(WEBHOOK, body, telegram_headers(_SECRET))
                assert status == 200, answer
                await _until(lambda heard=heard: len(self.live.telegram.sent) > heard)
                job = await JobLedger(self.sender.documents).get(json.loads(answer)["job_id"])
                assert job.started is not None
                found.append((job.started.timestamp() - began) * 1000)
                await asyncio.sleep(_BETWEEN)
        return found

    async def their_starts(self, number: int) -> list[float]:
        """The same from the moment that a process is told to send a task; the first, which connects, is left out."""
        found: list[float] = []
        redis = Redis.from_url(self.redis_url)
        with self.peer.sender() as send:
            for task in range(number + 1):
                key, began = f"begun:{task}", time.time()
                send(json.dumps(["begun", [key]]))
                while (begun := await redis.getdel(key)) is None:  # noqa: ASYNC110 - it begins in another process
                    await asyncio.sleep(0.005)
                found.append((float(begun) - began) * 1000)
                await asyncio.sleep(_BETWEEN)
        await redis.aclose()
        return found[1:]


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the messages were not answered in time")
        await asyncio.sleep(0.005)


@dataclass
class Measured:
    """What the turns gave: seconds for the messages, jobs and tasks a second, milliseconds for starts and acks."""

    messages: Turns[float] = field(default_factory=lambda: Turns([], []))
    noops: Turns[float] = field(default_factory=lambda: Turns([], []))
    bare_noops: list[float] = field(default_factory=list[float])
    starts: list[float] = field(default_factory=list[float])
    their_starts: list[float] = field(default_factory=list[float])
    acks: Acks = field(default_factory=Acks)

    @property
    def queue_only(self) -> float:
        """Tasks a second through the bare lane ÷ Celery's."""
        return median(own / peer for own, peer in zip(self.bare_noops, self.noops.peers, strict=True))


def bench(effort: Effort) -> Outcome:
    if not has_celery():
        return Outcome(missing={figure.name: NOT_INSTALLED for figure in FIGURES})
    found = _measured(effort.reps, effort.size(500, 100), effort.size(10, 2))
    acks = [seconds * 1000 for seconds in found.acks.took]
    values = {
        f"{_IDLE}: p50": quantile(found.starts, 0.5),
        f"{_IDLE}: p95": quantile(found.starts, 0.95),
        f"{_ACKS}: p95": quantile(acks, 0.95),
        "errors": float(found.acks.wrong),
        FIGURES[4].name: found.messages.ratio(float),
        FIGURES[5].name: found.queue_only,
    }
    return Outcome(values, notes=list(_notes(found)))


def _notes(found: Measured) -> Iterator[Note]:
    for name, seconds in zip(("live lane", "Celery"), found.messages.middle(float), strict=True):
        yield Note(f"{SESSIONS * MESSAGES} messages: {name}", seconds, "s")
    for name, rate in zip(("whole jobs, with row and ledger", "Celery"), found.noops.middle(float), strict=True):
        yield Note(f"no-op: {name}", rate, "/s")
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        yield Note(f"idle, Celery from send to begin of its task: {name}", quantile(found.their_starts, share), "ms")
    yield Note("no-op: whole jobs against Celery", found.noops.ratio(lambda rate: 1 / rate), RATIO)
    yield Note("no-op: tasks, queue only", median(found.bare_noops), "/s")


async def _measure(bench: Bench, rounds: int, noops: int, ack_seconds: float) -> Measured:
    found = Measured()
    assert bench.live.stack is not None
    with bare_lane(bench.live.exported()) as bare:
        for _ in range(rounds):
            found.messages.ours.append(await bench.our_messages())
            found.messages.peers.append(await bench.their_messages())
            found.noops.ours.append(await bench.our_noops(noops))
            found.bare_noops.append(await bare.noops(noops))
            found.noops.peers.append(await bench.their_noops(noops))
    found.starts = await bench.starts(30)
    found.their_starts = await bench.their_starts(30)
    address = str(bench.live.stack.http.base_url)
    await steady_acks(address, rate=20, count=_WARM_UP, secret=_SECRET)
    found.acks = await steady_acks(address, _RATE, int(_RATE * ack_seconds), secret=_SECRET)
    return found


async def _run(live: LiveStack, folder: Path, rounds: int, noops: int, ack_seconds: float) -> Measured:
    redis_url = live.exported()["MILLRACE_REDIS_URL"]
    sender = open_sender(live.home, redis_url)
    telegram = f"{live.telegram.url}/bot{TOKEN}/sendMessage"
    with celery_peer(folder / "celery", redis_url, live.model.base_url, telegram) as peer:
        await asyncio.sleep(5)  # both are warm before either is measured
        found = await _measure(Bench(live, sender, redis_url, peer), rounds, noops, ack_seconds)
    await sender.close()
    return found


def _measured(rounds: int, noops: int, ack_seconds: float) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        live = LiveStack(Path(folder) / "home", model_seconds=1.0)
        try:
            live.up()
            return asyncio.run(_run(live, Path(folder), rounds, noops, ack_seconds))
        finally:
            live.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--noops", type=int, default=500)
    options, _ = parser.parse_known_args()
    if not has_celery():
        print(f"skipped: {NOT_INSTALLED}")
        return
    found = _measured(options.rounds, options.noops, 10.0)
    for note in _notes(found):
        print(f"{note.name}: {note.value:.4g} {note.unit}")
    print(f"webhook to begin of its handler: p50 {quantile(found.starts, 0.5):.0f} ms", end="")
    print(f", p95 {quantile(found.starts, 0.95):.0f} ms")


if __name__ == "__main__":
    main()
