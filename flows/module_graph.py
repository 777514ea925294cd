"""A job walks a declared graph of modules."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from prefect import flow
from prefect.runtime import flow_run

from spine.contracts.graphs import GraphResult, GraphSubmission
from spine.contracts.jobs import Job
from spine.errors import MillraceError
from tasks.job_run import assigned
from tasks.module_graph import orchestrator
from tasks.module_graph.run import given_job, run_graph_job
from tasks.opening import open_run_services


def name_of_run() -> str:
    """`customer-question grj_…`, for the list of flow runs."""
    given = flow_run.get_parameters()
    return f"{given.get('graph') or 'graph'} {given.get('run_id') or ''}".strip()[:120]


@flow(name="module_graph", flow_run_name=name_of_run, persist_result=False)
async def module_graph(
    graph: str | None = None,
    input: dict[str, Any] | None = None,
    start_module: str | None = None,
    sink: str | None = None,
    run_id: str | None = None,
) -> GraphResult:
    """Walk a graph with an input, or go on with a run that is stored.

    Works with no server running as well: `await module_graph("customer-question", {"username": …, …})`.

    Args:
        graph: The declared graph; `millrace graph list` shows them.
        input: What the first module is given.
        start_module: Begin at this module instead of where the graph begins.
        sink: Name of the saved `Graph Sink` that the result is sent to.
        run_id: A stored run, grj_…, whose finished modules are not run again.
    """
    submission = GraphSubmission(input=input or {}, start_module=start_module, sink=sink)
    async with open_run_services() as services:
        job = await given_job(services, graph, submission, run_id)
        return await run_graph_job(services, job)


async def _run_here(job: Job) -> None:
    """Run a leased job in this process; how it ended, also when it failed, stands in its record."""
    with assigned(job):
        try:
            await cast(Any, module_graph)(**job.params)
        except MillraceError:
            return


GraphOrchestrator = partial(orchestrator.GraphOrchestrator, _run_here)
"""`GraphOrchestrator()` starts and shows graph jobs; see `tasks.module_graph.orchestrator`."""

submit = GraphOrchestrator().submit
status = GraphOrchestrator().status
list_queues = GraphOrchestrator().list_queues
