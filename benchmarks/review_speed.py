"""One review with 8 links on an idle stack: against the waits that nobody can avoid, and against a serial chain.

Every model call takes one second, and every page is on loopback. The critical path of a review's external waits is
then five model calls, one after the other: bibliographies (all links at once), summaries (all at once), research,
brief, article. The same stack then reruns the review from `article_generation`, and the whole rerun is held against
that stage's own time in the same run, as its record says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from benchmarks.frame.figures import RATIO, Effort, Figure, Note, Outcome, at_least, at_most
from benchmarks.frame.turns import Turns, take_turns
from benchmarks.peers.celery_worker import NOT_INSTALLED, celery_worker, is_installed
from benchmarks.surroundings.outside_world import World, outside_world
from benchmarks.surroundings.own_stack import own_stack, redis_of
from tests.stack.whole_stack import WholeStack

LINKS = 8
MODEL_SECONDS = 1.0
ROUNDS = 5  # model calls on the critical path
CALLS = 2 * LINKS + 3
_REST = 2.0  # seconds; what a review leaves Prefect's server to record is not the rerun's to wait for

_REVIEW = f"review, {LINKS} links, 1 s a model call"
_RERUN = "rerun from article_generation"
FIGURES = (
    Figure(_REVIEW, "wall ÷ critical path of the external waits", RATIO, at_most(1.15)),
    Figure(_REVIEW, "faster than the serial Celery chain", RATIO, at_least(3)),
    Figure(_RERUN, "wall ÷ that stage alone", RATIO, at_most(1.2)),
)


@dataclass(frozen=True, slots=True)
class Rerun:
    """Seconds of the whole rerun, and of its one stage."""

    whole: float
    stage: float


def bench(effort: Effort) -> Outcome:
    with outside_world(MODEL_SECONDS) as world, own_stack("--lanes", "1", **world.environment) as stack:
        review(stack, world)  # the lane imports what it needs, once in its life
        reruns: list[Rerun] = []
        turns = _against_chain(effort.reps, stack, world, reruns) if is_installed() else None
        ours = turns.ours if turns else [_one(stack, world, reruns) for _ in range(effort.reps)]
    path = ROUNDS * MODEL_SECONDS
    values = {
        FIGURES[0].name: median(ours) / path,
        FIGURES[2].name: median(one.whole / one.stage for one in reruns),
    }
    notes = [
        Note("wall of a review, median", median(ours), "s"),
        Note("wall of a rerun, median", median(one.whole for one in reruns), "s"),
        Note("its stage alone, median", median(one.stage for one in reruns), "s"),
    ]
    if turns is None:
        return Outcome(values, {FIGURES[1].name: NOT_INSTALLED}, notes)
    notes.append(Note("wall of the serial Celery chain, median", median(turns.peers), "s"))
    return Outcome({**values, FIGURES[1].name: turns.ratio(float)}, notes=notes)


def _against_chain(reps: int, stack: WholeStack, world: World, reruns: list[Rerun]) -> Turns[float]:
    with celery_worker("benchmarks.peers.celery_reviews", redis_of(stack, 1)):
        from benchmarks.peers.celery_reviews import review as start_chain

        def chain() -> float:
            began = time.perf_counter()
            assert start_chain(f"{world.url}/v1", world.product, world.links(LINKS)).get(timeout=300) >= 600
            return _checked(time.perf_counter() - began, world)

        chain()  # its processes open their connections
        return take_turns(reps, lambda: _one(stack, world, reruns), chain)


def _one(stack: WholeStack, world: World, reruns: list[Rerun]) -> float:
    wall, submission_id = review(stack, world)
    reruns.append(_rerun(stack, submission_id))
    assert world.calls() == 1, "a rerun of the last stage asks the model once"
    return wall


def review(stack: WholeStack, world: World) -> tuple[float, str]:
    """Seconds from the submission to the job's end, both as the caller sees them, and the submission's id."""
    began = time.perf_counter()
    made = stack.submit(world.product, other_links=world.links(LINKS))
    wall = _ended(stack, made["job_id"]) - began
    return _checked(wall, world), made["submission_id"]


def _checked(wall: float, world: World) -> float:
    """A run that asked again, or left a link out, is not the run that is timed."""
    assert (asked := world.calls()) == CALLS, f"{asked} model calls instead of {CALLS}"
    return wall


def _rerun(stack: WholeStack, submission_id: str) -> Rerun:
    time.sleep(_REST)
    began = time.perf_counter()
    answer = stack.http.post(f"/tasks/{submission_id}/retry_step", json={"stage": "article_generation"})
    whole = _ended(stack, answer.raise_for_status().json()["job_id"]) - began
    record = stack.http.get(f"/submissions/{submission_id}").json()["stages"]["article_generation"]
    return Rerun(whole, (_moment(record["finished"]) - _moment(record["started"])))


def _ended(stack: WholeStack, job_id: str) -> float:
    """The clock when the WebSocket told the job's end."""
    last = stack.events(job_id)[-1]
    assert last["status"] == "SUCCESS", last
    return time.perf_counter()


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
