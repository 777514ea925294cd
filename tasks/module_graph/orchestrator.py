"""The graph in Python: start a job, look at it, see the queues. From plain code and from coroutines."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, ParamSpec, TypeVar

from spine.contracts.graphs import GraphJob, GraphSubmission, QueueState
from spine.contracts.jobs import Job
from spine.errors import InvalidInputError
from spine.progress import announce_state
from spine.services import Services, using
from tasks.module_graph.run import desk_of
from tasks.module_graph.shelf import DeclaredGraphs
from tasks.opening import open_run_services

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_GRAPH: Final = "customer-question"

RunHere = Callable[[Job], Awaitable[Any]]
"""Runs a leased job in this process, where there is no queue to give it to."""


def from_anywhere(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Any]:
    """Called from plain code: the result. Called inside a running event loop: an awaitable of it."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        work = function(*args, **kwargs)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(work)
        return work

    return call


class GraphOrchestrator:
    """Starts and shows graph jobs of the stack that the environment names (`millrace env`).

    Without a queue (`MILLRACE_REDIS_URL` unset) `submit` runs the job in this process before it returns. Each method
    works from plain code, and inside an event loop when it is awaited. Nothing stays open between two calls.
    """

    def __init__(self, run_here: RunHere) -> None:
        self._run_here = run_here

    @from_anywhere
    async def submit(self, graph: str | None = None, start_module: str | None = None, **input: Any) -> str:
        """Start a job and return its id.

        Without `graph` it is `customer-question`, or with a `start_module` that this one does not have, the only
        graph that has it. Raises `NotFoundError` or `InvalidInputError` before anything is stored.
        """
        async with open_run_services() as services:
            name = graph or _graph_with(services, start_module)
            submission = GraphSubmission(input=input, start_module=start_module)
            _, job = await desk_of(services).submit(name, submission)
            await self._begin(services, job)
            return job.job_id

    @from_anywhere
    async def status(self, job_id: str) -> GraphJob:
        """How the job stands, module by module. Raises `NotFoundError`."""
        async with open_run_services() as services:
            return await desk_of(services).job(job_id)

    @from_anywhere
    async def list_queues(self) -> dict[str, QueueState]:
        """`queue:<module>` of every module of every graph → how many jobs wait for it and how many are in it."""
        async with open_run_services() as services:
            return await desk_of(services).queues()

    async def _begin(self, services: Services, job: Job) -> None:
        if services.starter is not None:
            await announce_state(services.progress, job, "queued")
            await services.starter.start(job)
            return
        leased = await services.ledger.begin(job.job_id, services.worker)
        if leased is not None:
            with using(services):
                await self._run_here(leased)


def _graph_with(services: Services, module: str | None) -> str:
    shelf = DeclaredGraphs(services.settings)
    if module is None or module in shelf.get(DEFAULT_GRAPH).modules:
        return DEFAULT_GRAPH
    having = [one.name for one in shelf.listed() if module in one.modules]
    if len(having) != 1:
        told = f"{', '.join(having)} have" if having else "no graph has"
        raise InvalidInputError(f"Name the graph: {told} a module {module!r}.")
    return having[0]
