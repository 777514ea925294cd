"""50 reviews given at once, beside as many serial chains on a Celery worker of the same concurrency.

One pipeline lane with its 4 places stands against one worker with its 4 processes; both reach for the same world, in
which every model call takes one second. Memory is that of the processes that run reviews (pages that several share
count once): the lane, and the worker with its children. Processor time is given for those, and for everything that
runs on each side: the whole stack, and the worker with Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.frame.figures import RATIO, Effort, Figure, Note, Outcome, at_least
from benchmarks.frame.turns import Turns, take_turns
from benchmarks.peers.celery_worker import CONCURRENCY, NOT_INSTALLED, celery_worker, is_installed
from benchmarks.review_speed import CALLS, LINKS, MODEL_SECONDS, review
from benchmarks.surroundings.outside_world import World, outside_world
from benchmarks.surroundings.own_stack import own_stack, processes_of, redis_of
from benchmarks.surroundings.processes import Processes, cpu_seconds, tree, watching
from tests.stack.whole_stack import FINAL, WholeStack

_CROWD = "50 reviews at once, 1 s a model call"
FIGURES = (
    Figure(_CROWD, "reviews/min against Celery with the same concurrency", RATIO, at_least(2)),
    Figure(_CROWD, "less memory for those that run them than Celery", RATIO, at_least(1)),
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """One turn of a side, for each review."""

    seconds: float
    cpu: float
    cpu_of_all: float
    peak: float
    """Bytes of all processes that run reviews, at a time; not for each."""


def bench(effort: Effort) -> Outcome:
    if not is_installed():
        return Outcome(missing={figure.name: NOT_INSTALLED for figure in FIGURES})
    number = effort.size(50, 6)
    with (
        outside_world(MODEL_SECONDS) as world,
        own_stack("--lanes", "1", **world.environment) as stack,
        celery_worker("benchmarks.peers.celery_reviews", redis_of(stack, 1)) as worker,
    ):
        chains = _chains(world, number)
        redis = [process for process in processes_of(stack) if "redis-server" in process.name()]
        review(stack, world)
        turns = take_turns(
            effort.reps,
            lambda: _turn(
                number,
                world,
                lambda: _reviews(stack, world, number),
                lambda: [stack.lane()],
                lambda: processes_of(stack),
            ),
            lambda: _turn(number, world, chains, lambda: tree(worker), lambda: [*tree(worker), *redis]),
        )
    return _told(turns)


def _told(turns: Turns[Crowd]) -> Outcome:
    names = ("lane", "Celery worker")
    notes: list[Note] = []
    for what, unit, of in _SHOWN:
        notes += [Note(f"{what}: {name}", value, unit) for name, value in zip(names, turns.middle(of), strict=True)]
    values = {
        FIGURES[0].name: turns.ratio(lambda crowd: crowd.seconds),
        FIGURES[1].name: turns.ratio(lambda crowd: crowd.peak),
    }
    return Outcome(values, notes=notes)


_SHOWN: tuple[tuple[str, str, Callable[[Crowd], float]], ...] = (
    ("reviews a minute", "", lambda crowd: 60 / crowd.seconds),
    ("processor time for each review, of those that run it", "s", lambda crowd: crowd.cpu),
    ("processor time for each review, of everything on its side", "s", lambda crowd: crowd.cpu_of_all),
    ("peak memory of those that run reviews", "MB", lambda crowd: crowd.peak / 2**20),
    (f"peak memory for each of {CONCURRENCY} reviews at a time", "MB", lambda crowd: crowd.peak / 2**20 / CONCURRENCY),
)


def _turn(number: int, world: World, work: Callable[[], None], runners: Processes, everything: Processes) -> Crowd:
    began, before = time.perf_counter(), cpu_seconds(everything())
    with watching(runners) as watch:
        work()
    seconds, cpu_of_all = time.perf_counter() - began, cpu_seconds(everything()) - before
    assert (asked := world.calls()) == number * CALLS, f"{asked} model calls instead of {number * CALLS}"
    return Crowd(seconds / number, watch.cpu / number, cpu_of_all / number, watch.peak)


def _reviews(stack: WholeStack, world: World, number: int) -> None:
    made = [stack.submit(world.product, other_links=world.links(LINKS))["job_id"] for _ in range(number)]
    waiting = set(made)
    while waiting:
        time.sleep(0.5)
        # Asked for in one request: a watcher of its own for each would cost the lane's machine more than the lane.
        jobs = stack.http.get("/api/jobs", params={"pipeline": "book_review", "limit": 200}).raise_for_status().json()
        ended = {job["job_id"]: job["status"] for job in jobs["items"] if job["status"] in FINAL}
        lost = {job_id for job_id in waiting if ended.get(job_id, "SUCCESS") != "SUCCESS"}
        assert not lost, f"{len(lost)} reviews ended without success"
        waiting -= ended.keys()


def _chains(world: World, number: int) -> Callable[[], None]:
    from benchmarks.peers.celery_reviews import review as start_chain

    def run() -> None:
        started = [start_chain(f"{world.url}/v1", world.product, world.links(LINKS)) for _ in range(number)]
        for result in started:
            assert result.get(timeout=3600) >= 600

    return run
