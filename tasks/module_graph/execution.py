"""Walking a graph: starts what may run, writes down what it made before anything that follows starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from spine.contracts.graphs import GraphRun, ModuleState, ModuleStatus
from spine.contracts.timestamps import utc_now
from spine.errors import InvalidInputError
from spine.jobs import describe
from tasks.module_graph.schedule import (
    Decision,
    Plan,
    data_for,
    decide,
    next_round,
    percent_done,
    plan_of,
    results,
    state_of,
    way_back,
)
from tasks.module_graph.slots import places
from tasks.module_graph.store import RunStore

GRACE_SECONDS: Final = 5.0
"""For a module that is being cancelled to end."""

RunModule = Callable[[str, int, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""`(module, round, its input)` to its output. Raises when the module has failed for good."""

Tell = Callable[[float, str, str], Awaitable[None]]
"""`(percent, module, what happened)`."""


@dataclass
class GraphExecution:
    """One attempt at a run. It lives as long as the attempt; what is to last is in the store."""

    run: GraphRun
    store: RunStore
    run_module: RunModule
    tell: Tell
    plan: Plan = field(init=False)
    _tasks: dict[asyncio.Task[dict[str, Any]], str] = field(default_factory=dict[asyncio.Task[dict[str, Any]], str])
    _failed: list[BaseException] = field(default_factory=list[BaseException])

    def __post_init__(self) -> None:
        self.plan = plan_of(self.run.graph, self.run.start)

    async def finish(self) -> dict[str, Any]:
        """Walk to the end of the graph; the outputs where it ended.

        When a module fails, those that run beside it end and are kept, nothing new starts, and its error is raised.
        """
        try:
            await self._advance({})
            while self._tasks:
                await self._take_in()
        finally:
            await self._stop()
        if self._failed:
            raise self._failed[0]
        assert self.run.result is not None
        return self.run.result

    async def _advance(self, changed: dict[str, ModuleState]) -> None:
        """Write down what changed together with what follows from it, the end too, then start what may run."""
        back: dict[str, int] = {}
        starting: list[str] = []
        while decision := self._decision():
            changed |= self._settle(decision)
            starting += decision.ready
            if decision.back is None:
                break
            source, target = decision.back
            back[way_back(source, target)] = self.run.back.get(way_back(source, target), 0) + 1
            self.run.back |= back
            self.run.modules |= (again := next_round(self.plan, self.run, source, target))
            changed |= again
        ended = not (starting or self._tasks or self._failed)
        if ended:
            self.run.result = results(self.plan, self.run)
        if changed or ended:
            await self.store.put(changed, back, **({"result": self.run.result} if ended else {}))
        for name in starting:
            self._start(name)

    def _decision(self) -> Decision | None:
        """None once something has failed: what ended is still written down, and nothing new starts."""
        if self._failed:
            return None
        try:
            return decide(self.plan, self.run)
        except InvalidInputError as error:  # a condition that does not fit the output it looks at
            self._failed.append(error)
            return None

    def _settle(self, decision: Decision) -> dict[str, ModuleState]:
        states = {name: self._with(name, status=ModuleStatus.SKIPPED) for name in decision.skipped}
        states |= {name: self._begun(name) for name in decision.ready}
        self.run.modules |= states
        return states

    def _begun(self, name: str) -> ModuleState:
        """One whose places are limited waits for its own."""
        if self._limit(name) is not None:
            return self._with(name, status=ModuleStatus.READY)
        return self._with(name, status=ModuleStatus.RUNNING, started=utc_now())

    def _with(self, name: str, **changes: Any) -> ModuleState:
        return state_of(self.run.modules, name).model_copy(update=changes)

    def _start(self, name: str) -> None:
        state, data = self.run.modules[name], data_for(self.plan, self.run, name)
        work = asyncio.create_task(self._in_its_place(name, state.round, data), name=f"module {name}")
        self._tasks[work] = name

    async def _in_its_place(self, name: str, round: int, data: Mapping[str, Any]) -> dict[str, Any]:
        limit = self._limit(name)
        if limit is None:
            return await self.run_module(name, round, data)
        async with places(self.run.graph.name, name, limit):
            self.run.modules[name] = self._with(name, status=ModuleStatus.RUNNING, started=utc_now())
            await self.store.put({name: self.run.modules[name]})
            return await self.run_module(name, round, data)

    def _limit(self, name: str) -> int | None:
        return self.run.graph.modules[name].concurrency

    async def _take_in(self) -> None:
        """Take in every module that has ended."""
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        changed: dict[str, ModuleState] = {}
        told: list[tuple[str, str]] = []
        for work in ended:
            name = self._tasks.pop(work)
            changed[name] = self.run.modules[name] = self._outcome(name, work)
            told.append((name, str(changed[name].status)))
        await self._advance(changed)
        for name, what in told:
            await self.tell(percent_done(self.plan, self.run), name, what)

    def _outcome(self, name: str, work: asyncio.Task[dict[str, Any]]) -> ModuleState:
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        if error is None:
            return self._with(name, status=ModuleStatus.DONE, output=work.result(), finished=utc_now())
        self._failed.append(error)
        return self._with(name, status=ModuleStatus.FAILED, error=describe(error, name), finished=utc_now())

    async def _stop(self) -> None:
        """Whoever ends the attempt from outside ends its modules too."""
        for work in self._tasks:
            work.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
