"""Faults carried out on a stack that runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import psutil
from redis.asyncio import Redis
from redis.exceptions import RedisError
from websockets.asyncio.client import connect

from tests.chaos.catalogue import HOUR, KILLABLE
from tests.chaos.load import Load
from tests.chaos.plan import Round, Strike
from tests.chaos.small_disk import filled, locked
from tests.chaos.target import Target, until
from tests.chaos.verdict import FINAL

BACK_TO_WORK = 30.0
"""Seconds within which work whose worker and flow were killed has to be taken up again."""


@dataclass
class Attack:
    """Carries out a round's blows. `blows` counts those that hit something, `told` what was hit."""

    target: Target
    load: Load
    blows: int = 0
    told: list[str] = field(default_factory=list[str])
    back_to_work: float | None = None

    async def carry_out(self, round: Round) -> None:
        """All blows at their moments; what they stopped goes on again before this returns."""
        act = self._acts()[round.fault.kind]
        for strike in round.strikes:
            await asyncio.sleep(strike.at if round.fault.kind != "stages" else 0)
            await act(round.fault.aim, strike)

    def _acts(self) -> dict[str, Callable[[str, Strike], Awaitable[None]]]:
        return {
            "none": self._nothing,
            "kill": self._kill,
            "kill-some": self._kill_some,
            "stages": self._kill_at_a_stage,
            "flush": self._flush,
            "empty": self._empty,
            "bounce": self._bounce,
            "freeze": self._freeze,
            "worker-and-flow": self._kill_worker_and_flow,
            "poison": self._poison,
            "disk": self._fill_the_disk,
            "read-only": self._lock_the_home,
            "files": self._take_the_files,
            "memory": self._take_the_memory,
            "greed": self._greed,
            "clock": self._move_the_clock,
            "clock-kill": self._kill_at_a_wrong_time,
            "upgrade": self._upgrade,
        }

    async def _nothing(self, aim: str, strike: Strike) -> None:
        """The round of comparison."""

    async def _kill(self, aim: str, strike: Strike) -> None:
        for pid in await self.target.pids(aim):
            self._end(pid, aim)

    async def _kill_some(self, aim: str, strike: Strike) -> None:
        """Three parts within a moment; which, the plan's number says."""
        parts, first = [*KILLABLE], int(strike.choice * len(KILLABLE))
        chosen = [parts[(first + 3 * place) % len(parts)] for place in range(3)]
        for part in chosen:
            await self._kill(part, strike)

    async def _kill_at_a_stage(self, aim: str, strike: Strike) -> None:
        """A review of its own for each blow, so that none loses more attempts than it has."""
        stages = aim.split(",")
        stage = stages[len(self.told) % len(stages)]
        book = self.load.number * 1000 + 900 + len(self.told)
        job_id = await self.load.review(book)
        reached = await self._reaches(job_id, stage)
        if not reached:
            self.told.append(f"the review {book} ended without {stage}")
            return
        await self._kill("lane-pipelines", strike)
        await until(lambda: self._has_ended(job_id), within=120)

    async def _flush(self, aim: str, strike: Strike) -> None:
        with suppress(RedisError):
            async with Redis.from_url(self.target.redis_url()) as redis:
                await redis.flushall()
                self._hit("FLUSHALL")

    async def _empty(self, aim: str, strike: Strike) -> None:
        """What a fail-over to a replica without data looks like from here: another process, nothing in it."""
        await self._flush(aim, strike)
        await self._kill("redis", strike)

    async def _bounce(self, aim: str, strike: Strike) -> None:
        """Away for a moment, once killed and once stopped."""
        if strike.choice < 0.5:
            await self._kill(aim, strike)
        else:
            await self._freeze(aim, strike)

    async def _freeze(self, aim: str, strike: Strike) -> None:
        """Connections stay open and nothing comes through them, as when the network between two machines is cut."""
        frozen = [process for pid in await self.target.pids(aim) for process in _tree(pid)]
        self._signal(frozen, signal.SIGSTOP)
        self._hit(f"{aim} stopped for {strike.lasts:.1f} s")
        try:
            await asyncio.sleep(strike.lasts)
        finally:
            self._signal(frozen, signal.SIGCONT)

    async def _kill_worker_and_flow(self, aim: str, strike: Strike) -> None:
        """A run that Prefect's worker started loses both; the time until the job is at work again is measured."""
        job_id = await self._deployment_run()
        if job_id is None:
            self.told.append("the worker started no flow")
            return
        for pid in await self.target.pids("worker"):
            for process in _tree(pid):
                self._end(process.pid, "worker" if process.pid == pid else "process of the flow")
        self.blows = 1
        died = time.monotonic()
        if await until(lambda: self._is_tried_again(job_id), within=BACK_TO_WORK * 3, every=0.2):
            self.back_to_work = round(time.monotonic() - died, 1)

    async def _poison(self, aim: str, strike: Strike) -> None:
        await self.load.poisoned("poisoned")
        self._hit("poison")

    async def _greed(self, aim: str, strike: Strike) -> None:
        """The kernel kills the lane at each attempt; how often is read from the kernel."""
        before = self.target.memory.kills
        job_id = await self.load.poisoned("greedy")
        await until(lambda: self._has_ended(job_id), within=200)
        for _ in range(self.target.memory.kills - before):
            self._hit("killed by the kernel for its memory")

    async def _fill_the_disk(self, aim: str, strike: Strike) -> None:
        with filled(self.target.home) as written:
            self._hit(f"disk full for {strike.lasts:.1f} s")
            assert written, "the disk of the stack took nothing even before"
            await asyncio.sleep(strike.lasts)

    async def _lock_the_home(self, aim: str, strike: Strike) -> None:
        with locked(self.target.home) as is_locked:
            self._hit(f"home read-only for {strike.lasts:.1f} s")
            assert is_locked, "the home took a file although it was locked"
            await asyncio.sleep(strike.lasts)

    async def _move_the_clock(self, aim: str, strike: Strike) -> None:
        with self.target.clock.moved(int(aim)):
            self._hit(f"clock moved by {int(aim):+d} s for {strike.lasts:.1f} s")
            await asyncio.sleep(strike.lasts)

    async def _kill_at_a_wrong_time(self, aim: str, strike: Strike) -> None:
        """What the lane leaves behind is dated an hour ahead, once of the wrong clock and once of the right one."""
        ahead = strike.choice < 0.5
        with self.target.clock.moved(HOUR if ahead else -HOUR):
            await asyncio.sleep(strike.lasts if ahead else 0.5)
            await self._kill(aim, strike)
            await asyncio.sleep(0 if ahead else strike.lasts)

    async def _upgrade(self, aim: str, strike: Strike) -> None:
        """The store back and forward again, new code, then each process that runs it replaced by a fresh one."""
        for words in (["--to", "0"], []):
            await asyncio.to_thread(self.target.stack.command, "migrate", *words)
        self._hit("migrated back and forward")
        self.target.roll_out(self.load.number + 1)
        for part in ("lane-pipelines", "lane-live", "gateway"):
            for old in (before := await self.target.pids(part)):
                os.kill(old, signal.SIGTERM)
                replaced = partial(self._is_replaced, part, old, len(before))
                assert await until(replaced, within=90), f"{part} stayed"
                self._hit(f"{part} replaced")

    async def _is_replaced(self, part: str, old: int, number: int) -> bool:
        found = await self.target.healthy_pids(part)
        return len(found) >= number and old not in found

    async def _take_the_files(self, aim: str, strike: Strike) -> None:
        """Let the process open no file and no connection beyond those that it has."""
        await self._limit(aim, strike, "file", psutil.RLIMIT_NOFILE, lambda process: process.num_fds())

    async def _take_the_memory(self, aim: str, strike: Strike) -> None:
        """Let the process have no more memory than it has."""
        await self._limit(aim, strike, "memory", psutil.RLIMIT_AS, lambda process: process.memory_info().vms)

    async def _limit(
        self, aim: str, strike: Strike, what: str, limit: int, used: Callable[[psutil.Process], int]
    ) -> None:
        limited: list[tuple[psutil.Process, tuple[int, int]]] = []
        for pid in await self.target.pids(aim):
            process = psutil.Process(pid)
            before = process.rlimit(limit)
            process.rlimit(limit, (used(process), before[1]))
            limited.append((process, before))
            self._hit(f"no {what} left for {aim} for {strike.lasts:.1f} s")
        await asyncio.sleep(strike.lasts)
        for process, before in limited:
            with suppress(psutil.NoSuchProcess):
                process.rlimit(limit, before)

    # -- how it is done ------------------------------------------------------------------------------------

    def _end(self, pid: int, what: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self._hit(f"killed {what}")

    def _hit(self, told: str) -> None:
        self.blows += 1
        self.told.append(told)

    @staticmethod
    def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    async def _deployment_run(self) -> str | None:
        """A review started from its deployment; the id of its job, once it is at work."""
        book = self.load.number * 1000 + 800
        await asyncio.to_thread(self._prefect_run, book)
        found: list[str] = []

        async def begun() -> bool:
            jobs = await self.target.get("/api/jobs", pipeline="book_review", limit=20) or {"items": []}
            found[:] = [job["job_id"] for job in jobs["items"] if f"/{book}/" in job["params"].get("amazon_url", "")]
            return bool(found) and any(job["status"] == "PROGRESS" for job in jobs["items"] if job["job_id"] in found)

        if not await until(begun, within=60, every=0.1):
            return None
        await self.load.adopt(book, found[0])
        return found[0]

    def _prefect_run(self, book: int) -> None:
        link = f"{self.target.outside.shop.url}/{book}/product.html"
        self.target.run(
            "-m", "prefect", "deployment", "run", "book_review/book-review", "--param", f"amazon_url={link}"
        )

    async def _reaches(self, job_id: str, stage: str) -> bool:
        """Watch the review as a browser does, until it says that the stage has begun."""
        address = f"ws://127.0.0.1:{self.target.stack.port}/ws/tasks?job={job_id}"
        headers = {"Authorization": self.target.http.headers["Authorization"]}
        async with connect(address, additional_headers=headers) as socket:
            async for frame in socket:
                event = json.loads(frame)
                if event.get("current_step") == stage:
                    return True
                if event["type"] == "state" and event["status"] in FINAL:
                    return False
        return False

    async def _has_ended(self, job_id: str) -> bool:
        job = await self.target.get(f"/api/jobs/{job_id}")
        return job is None or job["status"] in FINAL

    async def _is_tried_again(self, job_id: str) -> bool:
        job = await self.target.get(f"/api/jobs/{job_id}")
        return job is not None and job["attempts"] > 1


def _tree(pid: int) -> list[psutil.Process]:
    """The process and what it started: a Postgres serves each connection from a process of its own."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
