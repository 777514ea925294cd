"""Declared graphs, their jobs and the queues of their modules."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, Field

from gateway.dependencies import Context
from gateway.listing import Listing
from gateway.problems import ProblemError
from gateway.starting import hand_over
from spine.contracts.graphs import GraphJob, GraphSubmission, GraphSummary
from spine.contracts.jobs import JobStatus
from spine.errors import ConflictError
from spine.graph_pictures import MEDIA_TYPES, PictureFormat, picture_of
from spine.graphs import GraphDesk

router = APIRouter(prefix="/api", tags=["graphs"])

_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}, "text/vnd.mermaid": {}, "text/vnd.graphviz": {}}}
}


class GraphStarted(BaseModel):
    """A graph job that was accepted."""

    job_id: str
    run_id: str = Field(
        description="the run's record; the job's `subject_id`", examples=["grj_0193f0a2b4c1d2e3f4a5b6c7"]
    )
    graph: str
    status: JobStatus


@router.get("/graphs", summary="List the declared graphs")
async def list_graphs(context: Context) -> Listing[GraphSummary]:
    """All of them on one page. One that cannot be used has `error`."""
    items = context.graphs.listed()
    return Listing[GraphSummary](items=items, total=len(items))


@router.get("/graphs/{name}", summary="One graph, or its picture", response_class=Response, responses=_PICTURE)
async def get_graph(name: str, context: Context, format: Annotated[PictureFormat, Query()] = "json") -> Response:
    """As it is declared now: JSON with `nodes` and `edges`, Mermaid, or Graphviz. No module's code is run for it."""
    picture = picture_of(context.graphs.get(name), format)
    return Response(picture, headers={"Content-Type": MEDIA_TYPES[format]})


@router.post("/graphs/{name}/jobs", status_code=202, summary="Start a job of a graph")
async def start_job(
    name: str,
    submission: GraphSubmission,
    context: Context,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="the same key again gives the job it made")
    ] = None,
) -> GraphStarted:
    """`start_module` begins in the middle: modules that do not come after it are left out. 422 where the input does
    not fit the graph."""
    try:
        run, job = await _desk(context).submit(name, submission, idempotency_key=idempotency_key)
    except ConflictError as error:
        raise ProblemError(422, "idempotency_key_reused", error.message) from error
    await hand_over(context, job)
    return GraphStarted(job_id=job.job_id, run_id=run.run_id, graph=name, status=job.status)


@router.get("/graphs/{name}/jobs/{job_id}", summary="A job of a graph, module by module")
async def get_job(name: str, job_id: str, context: Context) -> GraphJob:
    return await _desk(context).job(job_id, graph=name)


def _desk(context: Context) -> GraphDesk:
    return GraphDesk(context.documents, context.ledger, context.graphs)
