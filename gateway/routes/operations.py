"""How the stack is, and the tickets that stand in for a login."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gateway.dependencies import Caller, Parts, caller_of
from gateway.health import HealthReport, Liveness
from gateway.metrics import CONTENT_TYPE
from gateway.tickets import TICKET_SECONDS, issue_ticket

router = APIRouter(tags=["operations"])


class Ticket(BaseModel):
    """Opens one WebSocket (`/ws/tasks?ticket=…`) or one login (`/login?ticket=…`)."""

    ticket: str
    expires_in: Literal[60] = Field(default=TICKET_SECONDS, description="seconds")


@router.get("/health", summary="Liveness for anyone, every dependency for whoever has a token")
async def health(request: Request, parts: Parts, response: Response) -> HealthReport | Liveness:
    """503 when nothing can be accepted (the document store is away), else 200."""
    report = await parts.health.report(parts.hub.watchers)
    if report.status == "unhealthy":
        response.status_code = 503
    return report if caller_of(request) else Liveness(status=report.status)


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(parts: Parts) -> Response:
    return Response(await parts.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


@router.post("/api/tickets", summary="A one-use ticket for a WebSocket or a login link")
async def make_ticket(parts: Parts, caller: Caller) -> Ticket:
    return Ticket(ticket=issue_ticket(parts.signer, caller))
