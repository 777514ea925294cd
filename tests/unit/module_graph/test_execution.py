"""Any graph, any fault, any kill: every module after its parents, once, with the results of a plain evaluation."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spine.contracts.graphs import Graph, GraphRun
from spine.documents import GRAPH_JOBS
from spine.errors import ConflictError, ExternalServiceError, PermanentError
from spine.graphs import run_document, run_from
from spine.testing.memory_documents import MemoryDocuments
from tasks.module_graph.conditions import holds
from tasks.module_graph.declaration import graph_of
from tasks.module_graph.execution import GraphExecution
from tasks.module_graph.store import RunStore, take_over

SIZES = settings(max_examples=60, deadline=None)


class Killed(BaseException):
    """The process is gone: nothing after this line happens."""


@st.composite
def graphs(draw: st.DrawFn, conditions: bool = True) -> Graph:
    """Connected graphs of 1 to 50 modules, with joins of both kinds and conditions on some ways."""
    size = draw(st.integers(1, 50))
    rng = random.Random(draw(st.integers(0, 2**32)))
    names = [f"m{number}" for number in range(size)]
    rules: dict[str, dict[str, Any]] = {name: {"to": [], "join": rng.choice(["all", "any"])} for name in names}
    for number in range(1, size):
        for parent in {rng.randrange(number) for _ in range(rng.choice([1, 1, 2, 3]))}:
            when = rng.choice([None, "value % 2 == 0", "value >= 0"]) if conditions else None
            when = {"value % 2 == 0": "even == true"}.get(when or "", when)
            rules[names[parent]]["to"].append({"to": names[number], "when": when})
    shuffled = dict(sorted(rules.items(), key=lambda _: rng.random()))
    return graph_of({"start": "m0", "modules": {"m0": rules["m0"], **shuffled}}, "random")


def output_of(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the modules of these tests make: their number and the sum of what led to them."""
    value = int(name[1:]) + sum(part["value"] for key, part in data.items() if isinstance(part, dict))
    return {"value": value, "even": value % 2 == 0}


def plainly(graph: Graph) -> dict[str, dict[str, Any] | None]:
    """The same graph evaluated by the book: in order of the numbers, None for what is skipped."""
    made: dict[str, dict[str, Any] | None] = {}
    for name in sorted(graph.modules, key=lambda each: int(each[1:])):
        ways = [(parent, edge) for parent, rules in graph.modules.items() for edge in rules.to if edge.to == name]
        led: dict[str, Any] = {}
        for parent, edge in ways:
            output = made[parent]
            if output is not None and (edge.when is None or holds(edge.when, output)):
                led[parent] = output
        enough = not ways or (led if graph.modules[name].join == "any" else len(led) == len(ways))
        made[name] = output_of(name, led) if enough else None
    return made


@dataclass
class Process:
    """A process that runs modules, fails as it is told and dies when it is time."""

    documents: MemoryDocuments
    rng: random.Random
    fail: float = 0.0
    die_after: int | None = None
    began: list[str] = field(default_factory=list[str])
    ended: list[str] = field(default_factory=list[str])

    def breathe(self) -> None:
        """Dies when it is time, and stays dead: what comes after reaches no store."""
        if self.die_after is not None:
            self.die_after -= 1
            if self.die_after < 0:
                raise Killed

    async def update(self, *args: Any, **changes: Any) -> Any:
        """The store as this process reaches it."""
        self.breathe()
        return await self.documents.update(*args, **changes)

    async def run_module(self, name: str, round: int, data: Mapping[str, Any]) -> dict[str, Any]:
        self.breathe()
        self.began.append(name)
        for _ in range(self.rng.randrange(4)):
            await asyncio.sleep(0)
        if self.rng.random() < self.fail:
            raise self.rng.choice([PermanentError("no"), ExternalServiceError("away", service="x")])
        self.ended.append(name)
        self.breathe()
        return output_of(name, data)

    async def tell(self, percent: float, module: str, message: str) -> None:
        self.breathe()

    async def attempt(self, run_id: str) -> GraphRun:
        run = await take_over(self.documents, run_id)
        store: Any = self
        await GraphExecution(run, RunStore(store, run), self.run_module, self.tell).finish()
        return run_from((await self.documents.get(GRAPH_JOBS, run_id)) or {})


async def stored(graph: Graph) -> MemoryDocuments:
    documents = MemoryDocuments()
    await documents.insert(GRAPH_JOBS, run_document(GraphRun(run_id="grj_1", graph=graph, start=graph.start)))
    return documents


def outputs(run: GraphRun) -> dict[str, dict[str, Any] | None]:
    return {name: run.modules[name].output for name in run.graph.modules}


@SIZES
@given(graph=graphs(), seed=st.integers())
async def test_every_module_runs_once_after_its_parents_with_the_results_of_a_plain_evaluation(
    graph: Graph, seed: int
) -> None:
    process = Process(await stored(graph), random.Random(seed))

    run = await process.attempt("grj_1")

    assert outputs(run) == plainly(graph)
    assert set(Counter(process.began).values()) <= {1}
    for place, name in enumerate(process.began):
        parents = [parent for parent in graph.parents(name) if parent in process.began]
        assert set(parents) <= set(process.began[:place])


@SIZES
@given(graph=graphs(), seed=st.integers(), life=st.integers(1, 40))
async def test_a_job_outlives_the_death_of_its_process_at_any_point(graph: Graph, seed: int, life: int) -> None:
    documents, rng = await stored(graph), random.Random(seed)
    began: Counter[str] = Counter()
    deaths = 0
    while True:
        process = Process(documents, rng, die_after=life + deaths)
        try:
            run = await process.attempt("grj_1")
            break
        except Killed:
            deaths += 1
        finally:
            began.update(process.began)

    assert outputs(run) == plainly(graph)
    assert all(count <= 1 + deaths for count in began.values())


@SIZES
@given(graph=graphs(), seed=st.integers())
async def test_after_faults_the_job_goes_on_and_runs_nothing_again_that_had_ended(graph: Graph, seed: int) -> None:
    documents, rng = await stored(graph), random.Random(seed)
    ended: list[str] = []
    for _ in range(400):
        process = Process(documents, rng, fail=0.3)
        try:
            run = await process.attempt("grj_1")
            break
        except (PermanentError, ExternalServiceError):
            failed = [state.error for state in (await the_run(documents)).modules.values() if state.error]
            assert failed and all(error.step for error in failed)
        finally:
            ended += process.ended
    else:
        raise AssertionError("it never came to its end")

    assert outputs(run) == plainly(graph)
    assert set(Counter(ended).values()) <= {1}


async def the_run(documents: MemoryDocuments) -> GraphRun:
    return run_from((await documents.get(GRAPH_JOBS, "grj_1")) or {})


async def test_a_process_that_was_given_up_writes_nothing_more() -> None:
    documents = await stored(graph_of({"m0": ["m1"], "m1": []}, "line"))
    late = await take_over(documents, "grj_1")
    await Process(documents, random.Random(1)).attempt("grj_1")
    before = await documents.get(GRAPH_JOBS, "grj_1")

    process = Process(documents, random.Random(1))
    try:
        await GraphExecution(late, RunStore(documents, late), process.run_module, process.tell).finish()
    except ConflictError:
        assert process.began == []
    assert await documents.get(GRAPH_JOBS, "grj_1") == before
