"""One attempt of a graph job: the run that was stored, walked to its end inside the job's own bookkeeping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prefect.runtime import flow_run as prefect_flow_run

from spine.contracts.graphs import GraphResult, GraphRun, GraphSubmission, ModuleStatus
from spine.contracts.jobs import Job
from spine.errors import InvalidInputError
from spine.graphs import MODULE_GRAPH, QUEUE, GraphDesk
from spine.idempotency import stage_key
from spine.services import Services
from tasks.failed_attempts import Backoff
from tasks.job_run import JobRun, TimeLimits, adopt_job, assigned_job, job_run
from tasks.module_graph.execution import GraphExecution
from tasks.module_graph.shelf import DeclaredGraphs
from tasks.module_graph.steps import deliver_result, task_for
from tasks.module_graph.store import RunStore, take_over
from tasks.module_graph.worker import ModuleContext

_BACKOFF: Final = Backoff(first=5.0, longest=120.0)
"""After a passing fault that outlasted its module's own retries. Without a queue nobody would begin the next one."""


def desk_of(services: Services) -> GraphDesk:
    return GraphDesk(services.documents, services.ledger, DeclaredGraphs(services.settings))


async def given_job(services: Services, graph: str | None, submission: GraphSubmission, run_id: str | None) -> Job:
    """The job that the lane assigned; else one for the stored run of this id, or for a new run of the graph."""
    if job := assigned_job():
        return job
    desk = desk_of(services)
    if run_id is not None:
        run = await desk.run(run_id)
    elif graph is not None:
        run = await desk.store(graph, submission, idempotency_key=prefect_flow_run.get_id())
    else:
        raise InvalidInputError("Give the name of a graph, or the run_id of a stored run.")
    params = {"graph": run.graph.name, "run_id": run.run_id}
    return await adopt_job(
        services.ledger, services.worker, pipeline=MODULE_GRAPH, subject_id=run.run_id, params=params, queue=QUEUE
    )


async def run_graph_job(services: Services, job: Job) -> GraphResult:
    """Walk the leased job's graph from where the last attempt left it, then deliver the result.

    It needs a surrounding Prefect flow run, its own or a longer one, in which the modules are tasks.
    """
    run = await take_over(services.documents, job.subject_id)
    limit = run.graph.time_limit
    backoff = _BACKOFF if services.starter is not None else None
    async with job_run(services, job, TimeLimits(soft=limit * 0.9, hard=limit), backoff) as attempt:
        result = run.result
        if result is None:
            walk = GraphExecution(run, RunStore(services.documents, run), _modules_of(run, job), attempt.progress)
            result = await walk.finish()
        if run.sink is not None and run.sink.delivered is None:
            await _deliver(attempt, run)
        ended = GraphResult(job_id=job.job_id, graph=run.graph.name, result=result, skipped=_skipped(run))
        attempt.result = ended.model_dump(mode="json", exclude={"job_id"})
    return ended


def _modules_of(run: GraphRun, job: Job) -> Any:
    """How a module is run: as a task whose result is kept under the job, the module, its round and its input."""

    async def run_module(name: str, round: int, data: Mapping[str, Any]) -> dict[str, Any]:
        rules = run.graph.modules[name]
        context = ModuleContext(job_id=job.job_id, run_id=run.run_id, graph=run.graph.name, module=name, round=round)
        key = stage_key(run.run_id, name, round, data=data)
        return await task_for(name, rules)(key, context, data, rules.isolation, rules.timeout)

    return run_module


async def _deliver(attempt: JobRun, run: GraphRun) -> None:
    assert run.sink is not None
    attempt.current_step = "sink"
    await deliver_result(run.run_id, attempt.job.job_id, run.sink.name)


def _skipped(run: GraphRun) -> list[str]:
    return [name for name, state in run.modules.items() if state.status is ModuleStatus.SKIPPED]
