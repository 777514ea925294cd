"""Jobs of a two-module graph through a lane, beside the same two stages as a Celery chain.

    .venv/bin/python -m benchmarks.graph_throughput [--jobs N] [--paced N] [--rounds N]

One whole stack and one Celery worker (prefork 4, prefetch 1, late acknowledgement, results in Redis) stand beside each
other and take turns. A burst gives all jobs at once: jobs per second from the first submission to the last end. The
paced run gives 10 jobs a second: from a job's submission to its end, as each side records them. Each is done with
stages that do nothing, and with stages that wait for 0.1 s as for a model.

What the figures compare is not the same work: a graph job leaves a durable record of each module, progress events and
task runs in Prefect; a chain leaves its last result in Redis.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.frame.figures import RATIO, Effort, Figure, Note, Outcome, at_least
from benchmarks.frame.turns import take_turns
from benchmarks.peers.celery_worker import NOT_INSTALLED
from deployments.stack.environment import load_environment
from deployments.stack.home import Home
from spine.contracts.graphs import GraphSubmission
from spine.documents import JOBS
from spine.graphs import GraphDesk
from spine.services import open_services
from tasks.module_graph.shelf import DeclaredGraphs
from tests.stack.whole_stack import WholeStack

_RATE = 10.0

_MODULE = """
import asyncio
from tasks.module_graph.worker import ModuleWorker

class {name}(ModuleWorker):
    async def process(self, data):
        await asyncio.sleep(data.wait)
        return {{"seen": {value}}}
"""

_CELERY = """
import os, time
from celery import Celery

app = Celery("stages", broker=os.environ["STAGES_REDIS"], backend=os.environ["STAGES_REDIS"])
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, result_expires=3600)

@app.task
def first(wait):
    time.sleep(wait)
    return wait

@app.task
def second(wait):
    time.sleep(wait)
    return 2
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one round."""

    per_second: float
    p50: float
    p95: float


Submit = Callable[[int, float, float], Awaitable[list[tuple[float, float]]]]
"""`(jobs, per second or 0 for all at once, seconds that each stage waits)` to each job's begin and end."""


# -- the lane --------------------------------------------------------------------------------------------------------


def declare(home: Path) -> None:
    for folder in ("modules", "graphs"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "modules" / "stages.py").write_text(
        _MODULE.format(name="First", value=1) + _MODULE.format(name="Second", value=2)
    )
    (home / "graphs" / "two.yaml").write_text("modules: {first: [second], second: []}\n")


async def through_lane(jobs: int, rate: float, wait: float) -> list[tuple[float, float]]:
    async with open_services() as services:
        starter = services.starter
        assert starter is not None
        desk = GraphDesk(services.documents, services.ledger, DeclaredGraphs(services.settings))

        callers = asyncio.Semaphore(20)

        async def submit(number: int) -> str:
            await asyncio.sleep(number / rate if rate else 0)
            async with callers:
                _, job = await desk.submit("two", GraphSubmission(input={"wait": wait}))
                await starter.start(job)
            return job.job_id

        ids = await asyncio.gather(*(submit(number) for number in range(jobs)))
        unfinished = {"_id": {"$in": ids}, "finished": None}
        while await services.documents.count(JOBS, unfinished):  # noqa: ASYNC110 - it ends in another process
            await asyncio.sleep(0.2)
        found = await services.documents.find(JOBS, {"_id": {"$in": ids}})
        lost = [job for job in found if job["status"] != "SUCCESS"]
        assert not lost, lost[:1]
        return [(_moment(job["created"]), _moment(job["finished"])) for job in found]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


# -- Celery ----------------------------------------------------------------------------------------------------------


@contextmanager
def celery_worker(folder: Path, redis_url: str) -> Generator[Any]:
    """A worker for the block; gives its application."""
    (folder / "stages.py").write_text(_CELERY)
    os.environ["STAGES_REDIS"] = redis_url
    sys.path.insert(0, str(folder))
    import stages  # pyright: ignore[reportMissingImports]

    command = [sys.executable, "-m", "celery", "-A", "stages", "worker", "-c", "4", "-l", "WARNING"]
    worker = subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)})
    try:
        stages.first.delay(0).get(timeout=60)
        yield stages
    finally:
        worker.terminate()
        worker.wait(30)


def through_celery(stages: Any) -> Submit:
    async def submit(jobs: int, rate: float, wait: float) -> list[tuple[float, float]]:
        return await asyncio.to_thread(_chains, stages, jobs, rate, wait)

    return submit


def _chains(stages: Any, jobs: int, rate: float, wait: float) -> list[tuple[float, float]]:
    from celery import chain

    began, given = time.time(), []
    for number in range(jobs):
        time.sleep(max(0.0, began + number / rate - time.time()) if rate else 0)
        given.append((time.time(), chain(stages.first.s(wait), stages.second.si(wait)).apply_async()))
    spans = []
    patience = time.monotonic() + 120
    for start, result in given:
        while not result.ready():  # asked for: what is only announced was missed once, and `get` waited for its timeout
            assert time.monotonic() < patience, "Celery does not finish its chains"
            time.sleep(0.02)
        spans.append((start, result.date_done.timestamp()))
    return spans


# -- comparing -------------------------------------------------------------------------------------------------------


def figures(spans: list[tuple[float, float]]) -> Figures:
    took = [end - begin for begin, end in spans]
    whole = max(end for _, end in spans) - min(begin for begin, _ in spans)
    return Figures(len(spans) / whole, median(took), quantiles(took, n=20)[-1])


async def compare(sides: dict[str, Submit], jobs: int, paced: int, rounds: int) -> None:
    for wait in (0.0, 0.1):
        for what, count, rate in (("burst", jobs, 0.0), ("paced", paced, _RATE)):
            seen: dict[str, list[Figures]] = {name: [] for name in sides}
            for _ in range(rounds):
                for name, submit in sides.items():
                    seen[name].append(figures(await submit(count, rate, wait)))
            for name, found in seen.items():
                middle = [median(getattr(one, part) for one in found) for part in ("per_second", "p50", "p95")]
                rate_told = f"{middle[0]:7.1f} jobs/s" if not rate else " " * 14
                print(
                    f"{what}, {count} jobs, stages of {wait:.1f} s, {name:7}: {rate_told}  "
                    f"p50 {middle[1] * 1000:7.0f} ms  p95 {middle[2] * 1000:7.0f} ms",
                    flush=True,
                )


@contextmanager
def both_sides() -> Generator[dict[str, Submit]]:
    """The lane of a stack of its own and, where Celery is installed, its worker beside it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        declare(home)
        stack = WholeStack(home)
        try:
            stack.command("up", "--no-demo")
            os.environ.update(load_environment(Home(home)))
            if find_spec("celery") is None:
                yield {"lane": through_lane}
                return
            with celery_worker(Path(folder), os.environ["MILLRACE_REDIS_URL"]) as stages:
                yield {"lane": through_lane, "celery": through_celery(stages)}
        finally:
            stack.close()


_SIDES = ("lane", "Celery chain")
FIGURES = (Figure("graph jobs, two modules of 0.1 s", "jobs/s against a Celery chain", RATIO, at_least(1)),)


def bench(effort: Effort) -> Outcome:
    with both_sides() as sides:
        if "celery" not in sides:
            return Outcome(missing={FIGURES[0].name: NOT_INSTALLED})

        def burst(side: str) -> Figures:
            return figures(asyncio.run(_spans(sides[side], effort.size(1000, 40))))

        turns = take_turns(effort.reps, lambda: burst("lane"), lambda: burst("celery"))
    rates, waits = turns.middle(lambda one: one.per_second), turns.middle(lambda one: one.p95)
    notes = [Note(f"jobs in a burst: {side}", rate, "/s") for side, rate in zip(_SIDES, rates, strict=True)]
    notes += [Note(f"p95 in a burst: {side}", wait, "s") for side, wait in zip(_SIDES, waits, strict=True)]
    return Outcome({FIGURES[0].name: turns.ratio(lambda one: 1 / one.per_second)}, notes=notes)


async def _spans(submit: Submit, jobs: int) -> list[tuple[float, float]]:
    return await submit(jobs, 0.0, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--paced", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked, _ = parser.parse_known_args()
    with both_sides() as sides:
        if "celery" not in sides:
            print(f"only the lane is measured: {NOT_INSTALLED}")
        asyncio.run(compare(sides, asked.jobs, asked.paced, asked.rounds))


if __name__ == "__main__":
    main()
