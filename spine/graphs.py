"""Graphs for those who give them work: starting a job, its way through the graph, the queues of the modules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from spine.contracts.graphs import (
    Graph,
    GraphJob,
    GraphRun,
    GraphSubmission,
    GraphSummary,
    ModuleState,
    ModuleStatus,
    ModuleView,
    QueueState,
    SinkState,
    queue_of,
)
from spine.contracts.jobs import FINAL_STATUSES, RUNNING_STATUSES, Job, JobStatus
from spine.contracts.timestamps import utc_now
from spine.documents import GRAPH_JOBS, JOBS
from spine.errors import ConflictError, DuplicateError, InvalidInputError, NotFoundError
from spine.idempotency import digest, new_id
from spine.input_schemas import misfits
from spine.jobs import JobLedger, from_document
from spine.ports import Document, Documents
from spine.strict_json import same_json

MODULE_GRAPH: Final = "module_graph"
QUEUE: Final = "graphs"
_MAX_ATTEMPTS: Final = 5
_ACTIVE: Final = [str(status) for status in JobStatus if status not in FINAL_STATUSES]


class GraphShelf(Protocol):
    """The declared graphs. Reading one never runs the code of a module."""

    def listed(self) -> list[GraphSummary]: ...

    def get(self, name: str) -> Graph:
        """The graph as it is declared now. `NotFoundError` without one, `InvalidInputError` for one that is wrong."""
        ...


class NoGraphs:
    """The shelf where nothing is declared."""

    def listed(self) -> list[GraphSummary]:
        return []

    def get(self, name: str) -> Graph:
        raise NotFoundError(f"There is no graph {name!r}.")


class GraphDesk:
    """Runs in `graph_jobs`, their jobs in `ledger`. Holds nothing between calls."""

    def __init__(self, documents: Documents, ledger: JobLedger, shelf: GraphShelf) -> None:
        self._documents = documents
        self._ledger = ledger
        self._shelf = shelf

    async def submit(
        self, name: str, submission: GraphSubmission, *, idempotency_key: str | None = None
    ) -> tuple[GraphRun, Job]:
        """The stored run and its job; a known key gives those it made.

        Raises `NotFoundError` for a graph or start module that is not there, `InvalidInputError` for input that does
        not fit the graph, `ConflictError` when the key was used for something else.
        """
        run = await self.store(name, submission, idempotency_key=idempotency_key)
        job, _ = await self._ledger.create(
            MODULE_GRAPH,
            run.run_id,
            idempotency_key=f"graph:{run.run_id}",
            params={"graph": name, "run_id": run.run_id},
            queue=QUEUE,
            max_attempts=_MAX_ATTEMPTS,
        )
        return run, job

    async def store(self, name: str, submission: GraphSubmission, *, idempotency_key: str | None = None) -> GraphRun:
        """Store the run without starting anything."""
        graph = self._shelf.get(name)
        start = _start(graph, submission)
        if submission.start_module is None:
            check_input(graph, submission.input)
        sink = submission.sink or graph.sink
        run = GraphRun(
            run_id=f"grj_{digest(name, idempotency_key)}" if idempotency_key else new_id("grj"),
            graph=graph,
            start=start,
            input=submission.input,
            sink=SinkState(name=sink) if sink else None,
        )
        try:
            await self._documents.insert(GRAPH_JOBS, run_document(run))
        except DuplicateError:
            known = await self.run(run.run_id)
            asked, before = run.sink and run.sink.name, known.sink and known.sink.name
            if (known.start, before) != (run.start, asked) or not same_json(known.input, run.input):
                raise ConflictError("This Idempotency-Key was used for another graph job.") from None
            return known
        return run

    async def run(self, run_id: str) -> GraphRun:
        document = await self._documents.get(GRAPH_JOBS, run_id)
        if document is None:
            raise NotFoundError(f"There is no graph job {run_id}.")
        return run_from(document)

    async def job(self, job_id: str, graph: str | None = None) -> GraphJob:
        """How the job stands, module by module. `NotFoundError` when it is none of this graph."""
        job = await self._ledger.get(job_id)
        if job.pipeline != MODULE_GRAPH or graph not in (None, job.params.get("graph")):
            raise NotFoundError(f"Job {job_id} is no job of {f'graph {graph}' if graph else 'a graph'}.")
        return shown(job, await self.run(job.subject_id))

    async def queues(self) -> dict[str, QueueState]:
        """`queue:<module>` of every module of every graph, with how many jobs wait for it and are in it."""
        queues: dict[str, QueueState] = {}
        for summary in self._shelf.listed():
            for module in summary.modules:
                queue = queues.setdefault(queue_of(module), _empty(module))
                queue.graphs.append(summary.name)
        for document in await self._active_runs():
            _count(run_from(document), queues)
        return queues

    async def job_queues(self) -> dict[str, QueueState]:
        """The queues of jobs, of all pipelines, that hold something."""
        queues: dict[str, QueueState] = {}
        for job in await self._documents.find(JOBS, {"status": {"$in": _ACTIVE}}):
            queue = queues.setdefault(job["queue"], QueueState(queue=job["queue"]))
            running = JobStatus(job["status"]) in RUNNING_STATUSES
            queue.running += running
            queue.waiting += not running
        return queues

    async def _active_runs(self) -> list[Document]:
        jobs = await self._documents.find(JOBS, {"pipeline": MODULE_GRAPH, "status": {"$in": _ACTIVE}})
        subjects = [job["subject_id"] for job in jobs]
        return await self._documents.find(GRAPH_JOBS, {"_id": {"$in": subjects}}) if subjects else []

    async def latest(self, graph: str, limit: int = 20) -> list[Job]:
        """The graph's newest jobs."""
        found = await self._documents.find(JOBS, {"params.graph": graph}, sort=[("created", -1)], limit=limit)
        return [from_document(document) for document in found]


def check_input(graph: Graph, given: Mapping[str, Any]) -> None:
    """Raise `InvalidInputError` that names what in the input does not fit the graph's schema."""
    if graph.input is None:
        return
    try:
        wrong = misfits(graph.input, given)
    except (InvalidInputError, ValueError) as error:  # the latter for what no JSON holds, in a call from Python
        raise InvalidInputError(f"The input of graph {graph.name} cannot be checked: {error}.") from None
    if wrong:
        raise InvalidInputError(f"The input does not fit graph {graph.name}: {'; '.join(wrong)}.")


def shown(job: Job, run: GraphRun) -> GraphJob:
    return GraphJob(
        **job.model_dump(include={"job_id", "status", "progress", "current_step", "attempts", "created"}),
        run_id=run.run_id,
        graph=run.graph.name,
        input=run.input,
        declaration=run.graph,
        modules={name: _module_view(name, run, job) for name in run.graph.modules},
        result=run.result if job.status is JobStatus.SUCCESS else None,
        error=job.error if job.status is not JobStatus.SUCCESS else None,
        sink=run.sink,
        started=job.started,
        finished=job.finished,
    )


def _module_view(name: str, run: GraphRun, job: Job) -> ModuleView:
    state = run.modules.get(name, ModuleState())
    if job.status.is_final and state.status in (ModuleStatus.RUNNING, ModuleStatus.READY):
        state = state.model_copy(update={"status": ModuleStatus.WAITING, "started": None})  # its process went away
    ended = state.finished or (utc_now() if state.status is ModuleStatus.RUNNING else None)
    seconds = round((ended - state.started).total_seconds(), 3) if ended and state.started else None
    return ModuleView(**state.model_dump(), seconds=seconds, queue=queue_of(name))


def _start(graph: Graph, submission: GraphSubmission) -> list[str]:
    if submission.start_module is None:
        return graph.start
    if submission.start_module not in graph.modules:
        raise InvalidInputError(
            f"Graph {graph.name} has no module {submission.start_module!r}; it has {', '.join(graph.modules)}."
        )
    return [submission.start_module]


def _empty(module: str) -> QueueState:
    return QueueState(queue=queue_of(module), module=module)


def _count(run: GraphRun, queues: dict[str, QueueState]) -> None:
    """A job that no process has taken yet waits for the modules it starts with."""
    states = run.modules or {name: ModuleState(status=ModuleStatus.READY) for name in run.start}
    for name, state in states.items():
        queue = queues.setdefault(queue_of(name), _empty(name))
        queue.waiting += state.status is ModuleStatus.READY
        queue.running += state.status is ModuleStatus.RUNNING


def run_document(run: GraphRun) -> Document:
    """`graph_name` is what lists are found by. The input's schema is kept as text: its keys (`$defs`, `^a.b$`) are none
    that a document may have."""
    fields = run.model_dump(mode="json")
    if run.graph.input is not None:
        fields["graph"]["input"] = json.dumps(run.graph.input)
    return {"_id": fields.pop("run_id"), "graph_name": run.graph.name, **fields}


def run_from(document: Document) -> GraphRun:
    fields = dict(document)
    fields.pop("graph_name", None)
    schema = fields["graph"].get("input")
    if isinstance(schema, str):
        fields["graph"] = {**fields["graph"], "input": json.loads(schema)}
    return GraphRun(run_id=fields.pop("_id"), **fields)
