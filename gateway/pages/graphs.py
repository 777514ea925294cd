"""Graphs: what is declared, its picture, and a job's way through it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.context import GatewayContext
from gateway.dependencies import Context
from gateway.pages.graph_drawing import HEIGHT, WIDTH, drawing_of
from gateway.pages.rendering import page
from spine.contracts.jobs import Job
from spine.graphs import GraphDesk

router = APIRouter(include_in_schema=False)
_JOBS = 20


@router.get("/graphs")
async def graphs(request: Request, context: Context) -> Response:
    return page(request, "graphs.html", graphs=context.graphs.listed())


@router.get("/graph/{name}")
async def graph(
    name: str, request: Request, context: Context, job: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The graph as it is declared now; with a job, as it was when that job was started, with its states."""
    desk = GraphDesk(context.documents, context.ledger, context.graphs)
    shown = await desk.job(job, graph=name) if job else None
    declared = shown.declaration if shown else context.graphs.get(name)
    return page(
        request,
        "graph.html",
        graph=declared,
        drawing=drawing_of(declared),
        node_width=WIDTH,
        node_height=HEIGHT,
        shown=shown,
        jobs=await _latest(context, name),
    )


async def _latest(context: GatewayContext, name: str) -> list[Job]:
    return await GraphDesk(context.documents, context.ledger, context.graphs).latest(name, _JOBS)
