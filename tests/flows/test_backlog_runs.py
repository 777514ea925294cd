"""A backlog from its loading to its summary: bounded, ordered, resumed, cancelled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from spine.agents_port import AgentTask
from spine.contracts.cards import CardStatus
from spine.contracts.jobs import Job, JobStatus
from spine.documents import CARDS, JOBS
from spine.errors import ConflictError, InvalidInputError
from spine.services import using
from spine.testing.scripted_agents import Play
from tests.conftest import until
from tests.flows.card_world import CardWorld, card_world
from tests.flows.test_book_review import MakeWorld

DIAMOND: list[str | dict[str, Any]] = [
    {"card_id": "d", "depends_on": ["b", "c"], "priority": 9},
    {"card_id": "b", "depends_on": ["a"]},
    {"card_id": "c", "depends_on": ["a"], "priority": 8},
    "a",
]


def order_of(backlog: CardWorld) -> list[str]:
    """Cards in the order in which their agents began."""
    return [task.workdir.parent.name for task in backlog.agents.tasks]


async def test_every_card_runs_after_what_it_depends_on(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load(*DIAMOND)
    job = await backlog.run_backlog(mode="sequence")
    assert job.status is JobStatus.SUCCESS and job.result is not None
    assert (job.result["total"], job.result["done"]) == (4, 4)
    assert order_of(backlog) == ["a", "c", "b", "d"] and backlog.agents.most_at_once == 1


@pytest.mark.parametrize(
    ("mode", "width", "handed_over"),
    [
        pytest.param("sequence", 3, ["a", "c", "b", "d", "e"], id="sequence: one by one"),
        pytest.param("dependencies", 1, ["a", "c", "b", "d", "e"], id="one place"),
        pytest.param("dependencies", 2, ["ae", "cb", "d"], id="two places"),
        pytest.param("parallel", 9, ["a", "cb", "de"], id="parallel: nobody overtakes the one that waits"),
        pytest.param("groups", 9, ["ae", "cb", "d"], id="wave by wave"),
    ],
)
async def test_a_lane_is_handed_no_more_cards_than_may_run(
    make_world: MakeWorld, mode: str, width: int, handed_over: list[str]
) -> None:
    backlog = await card_world(make_world)
    starter = IdleStarter()
    backlog.world.services.starter = starter
    await backlog.load(*DIAMOND, "e")
    job, _ = await backlog.backlogs.accept(_order(mode=mode, concurrency=width))
    running = backlog.running(job)
    for together in handed_over:
        await until(lambda: len(starter.taken) == len(together), within=30)  # noqa: B023
        assert {*starter.cards()} == {*together}
        await starter.finish_all(backlog)
    ended = await running
    assert ended.result is not None and ended.result["done"] == 5


@dataclass
class IdleStarter:
    """A queue that takes jobs and gives them to nobody."""

    taken: list[Job] = field(default_factory=list[Job])

    async def start(self, job: Job) -> None:
        self.taken.append(job)

    def cards(self) -> list[str]:
        return [job.subject_id for job in self.taken]

    async def finish_all(self, backlog: CardWorld) -> None:
        """Be the lane, without running anything."""
        taken, self.taken = self.taken, []
        for job in taken:
            begun = await backlog.world.services.ledger.begin(job.job_id, "lane:other")
            assert begun is not None
            await backlog.desk.note(begun, CardStatus.DONE)
            await backlog.world.services.ledger.succeed(begun, {}, begun.usage)


async def test_a_card_whose_dependency_failed_is_blocked_with_that_reason_and_the_others_go_on(
    make_world: MakeWorld,
) -> None:
    def choose(task: AgentTask, number: int) -> Play:
        return Play(code=1 if task.workdir.parent.name == "a" and number == 1 else 0)

    backlog = await card_world(make_world, choose=choose)
    await backlog.load("a", {"card_id": "b", "depends_on": ["a"]}, {"card_id": "d", "depends_on": ["b"]}, "e")
    job = await backlog.run_backlog()
    assert job.status is JobStatus.SUCCESS and job.result is not None
    counts = {name: job.result[name] for name in ("total", "done", "failed", "blocked")}
    assert counts == {"total": 4, "done": 1, "failed": 1, "blocked": 2}
    reasons = {item["card_id"]: item["reason"] for item in job.result["items"]}
    assert reasons["b"] == "depends on a, which is FAILED" and reasons["d"].startswith("depends on b, which is BLOCKED")
    assert (await backlog.desk.get("d")).status is CardStatus.BLOCKED
    # The failed one is mended; a second run takes up what was blocked.
    card, _ = await backlog.run("a")
    assert card.status is CardStatus.DONE
    job = await backlog.run_backlog()
    assert job.result is not None and (job.result["total"], job.result["done"]) == (2, 2)


async def test_a_card_may_not_begin_before_what_it_depends_on(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load(*DIAMOND)
    with pytest.raises(ConflictError, match="depends on a, which is PENDING"):
        await backlog.desk.run("b")
    await backlog.desk.run("b", force=True)


async def test_only_the_cards_of_the_squad_run_and_what_they_need_elsewhere_blocks(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load(
        {"card_id": "a", "squad": "web"}, {"card_id": "b", "squad": "web", "depends_on": ["c"]}, {"card_id": "c"}
    )
    job = await backlog.run_backlog(squad="web")
    assert job.result is not None
    assert [(item["card_id"], item["status"]) for item in job.result["items"]] == [("a", "DONE"), ("b", "BLOCKED")]
    assert job.result["items"][1]["reason"] == "depends on c, which is PENDING and no part of this run"


async def test_a_backlog_with_nothing_to_run_is_refused(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    with pytest.raises(ConflictError, match="PENDING"):
        await backlog.run_backlog()


async def test_a_run_whose_process_was_lost_goes_on_where_it_was(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, Play(), Play(seconds=60), Play())
    await backlog.load("a", "b", "c")
    job, _ = await backlog.backlogs.accept(_order(concurrency=1))
    killed = backlog.running(job)
    await until(lambda: len(backlog.agents.tasks) == 2, within=30)
    for task in list(backlog.world.handler.running.values()):
        task.cancel()
    await killed
    for child in (await backlog.backlogs.children(job)).values():
        if not child.status.is_final:
            await backlog.lose_process(child)
    ended = await backlog.world.run(await backlog.lose_process(job))
    assert ended.status is JobStatus.SUCCESS and ended.result is not None and ended.result["done"] == 3
    assert order_of(backlog) == ["a", "b", "b", "c"] and not backlog.agents.twice_at_once
    assert await backlog.world.services.documents.count(JOBS, {"pipeline": "card_execution"}) == 3


async def test_a_cancelled_backlog_ends_what_runs_and_begins_nothing_more(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, Play(seconds=60))
    await backlog.load(*"abcd")
    job, _ = await backlog.backlogs.accept(_order(concurrency=2))
    running = backlog.running(job)
    await until(lambda: len(backlog.agents.running) == 2, within=30)
    await backlog.world.services.ledger.cancel(job.job_id)
    ended = await running
    assert ended.status is JobStatus.REVOKED
    await until(lambda: not backlog.agents.running, within=30)
    assert len(backlog.agents.tasks) == 2
    statuses = {one.subject_id: one.status for one in (await backlog.backlogs.children(job)).values()}
    assert {*statuses.values()} <= {JobStatus.REVOKED, JobStatus.RETRY}


async def test_a_card_whose_dependency_is_taken_up_again_meanwhile_is_blocked_and_the_others_go_on(
    make_world: MakeWorld,
) -> None:
    backlog = await card_world(make_world)
    starter = backlog.world.services.starter = IdleStarter()
    await backlog.load("a")
    await backlog.run("a")
    await backlog.load({"card_id": "first", "priority": 9}, {"card_id": "b", "depends_on": ["a"]}, {"card_id": "last"})
    job, _ = await backlog.backlogs.accept(_order(mode="sequence"))
    running = backlog.running(job)
    await until(lambda: starter.cards() == ["first"], within=30)
    await backlog.load({"card_id": "a", "title": "Do it better"})
    await starter.finish_all(backlog)
    await until(lambda: starter.cards() == ["last"] or running.done(), within=30)
    await starter.finish_all(backlog)
    ended = await running
    assert ended.status is JobStatus.SUCCESS and ended.result is not None, ended.error
    assert (ended.result["done"], ended.result["blocked"], ended.result["failed"]) == (2, 1, 0)
    stands = await backlog.desk.get("b")
    assert stands.status is CardStatus.BLOCKED and "depends on a, which is PENDING" in stands.reason


async def test_the_flow_runs_from_python_with_no_lane(make_world: MakeWorld) -> None:
    from flows.run_backlog import run_backlog

    backlog = await card_world(make_world)
    await backlog.load("a", {"card_id": "b", "depends_on": ["a"]}, "c")
    with using(backlog.world.services):
        result = await run_backlog(card_ids=["a", "b"])
    assert (result.total, result.done) == (2, 2)


# -- loading ---------------------------------------------------------------------------------------------------------


async def test_loading_again_changes_nothing_and_a_new_definition_is_to_be_done_again(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load("a", "b")
    await backlog.run("a")
    await backlog.load("a", {"card_id": "b", "priority": 9})
    assert (await backlog.desk.get("a")).status is CardStatus.DONE
    assert (await backlog.desk.get("b")).priority == 9
    await backlog.load({"card_id": "a", "title": "Do it better"})
    card = await backlog.desk.get("a")
    assert (card.status, card.title) == (CardStatus.PENDING, "Do it better") and card.job_id is not None


async def test_a_cycle_through_stored_cards_is_refused_and_stores_nothing(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load("a", {"card_id": "b", "depends_on": ["a"]}, {"card_id": "c", "depends_on": ["b"]})
    with pytest.raises(InvalidInputError, match=r"wait for each other: a → c → b → a|b → a → c → b|c → b → a → c"):
        await backlog.load({"card_id": "a", "depends_on": ["c"]}, "d")
    assert (await backlog.desk.get("a")).depends_on == []
    assert await backlog.world.services.documents.count(CARDS) == 3


def _order(**fields: Any) -> Any:
    from spine.contracts.cards import BacklogOrder

    return BacklogOrder.model_validate(fields)
