"""Cards: the board, and one card with its run, its checks and what its agent writes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.card_logs import LogEntry, archived_page
from gateway.card_views import CardListing, CardView, card_view, cards_page
from gateway.context import GatewayContext
from gateway.dependencies import Context
from gateway.listing import Cursor, given
from gateway.pages.rendering import page
from spine.card_runs import CardRuns
from spine.cards import RETRYABLE, CardDesk
from spine.contracts.cards import CardStatus

router = APIRouter(include_in_schema=False)

BOARD: Final = (
    CardStatus.PENDING,
    CardStatus.IN_PROGRESS,
    CardStatus.BLOCKED,
    CardStatus.FAILED,
    CardStatus.DONE,
)
"""The columns of the board, on the way that a card takes."""

STARTABLE: Final = (CardStatus.PENDING, CardStatus.BLOCKED)
"""What a run of the backlog takes."""

IN_A_COLUMN = 15
PAGE_SIZE = 50
ARCHIVED_LINES = 500
_Squad = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True, slots=True)
class CardActions:
    """Which buttons make sense now; the server decides again when one is pressed."""

    run: bool
    retry: bool
    force: bool
    cancel: bool


@router.get("/cards")
async def cards(
    request: Request, context: Context, status: str = "", squad: _Squad = "", cursor: Cursor = None
) -> Response:
    """The board; with a status one long list of it, in pages."""
    chosen = next((known for known in CardStatus if known == status), None)
    shown = [chosen] if chosen else BOARD
    limit = PAGE_SIZE if chosen else IN_A_COLUMN
    columns = await asyncio.gather(*(_column(context, one, squad, limit, cursor if chosen else None) for one in shown))
    return page(
        request,
        "cards.html",
        columns=list(zip(shown, columns, strict=True)),
        startable=any(one in STARTABLE and column.total for one, column in zip(shown, columns, strict=True)),
        total=sum(column.total for column in columns),
        first=cursor is None or chosen is None,
        status=str(chosen or ""),
        statuses=BOARD,
        squad=squad,
    )


async def _column(
    context: GatewayContext, status: CardStatus, squad: str, limit: int, cursor: str | None
) -> CardListing:
    where: dict[str, Any] = given(status=str(status), squad=squad or None)
    return await cards_page(context.documents, where, limit=limit, cursor=cursor)


@router.get("/card/{card_id}")
async def card(card_id: str, request: Request, context: Context) -> Response:
    stored = await CardDesk(context.documents, context.ledger).get(card_id)
    view = await card_view(context.documents, stored)
    return page(request, "card.html", view=view, actions=card_actions(view), archived=await _archived(context, view))


def card_actions(view: CardView) -> CardActions:
    # A card that was defined anew after its run waits for one, whatever that run came to.
    if view.run is None or (view.run.status.is_final and view.status in STARTABLE):
        return CardActions(run=True, retry=False, force=False, cancel=False)
    ended, again = view.run.status.is_final, view.run.status in RETRYABLE
    return CardActions(run=False, retry=again, force=not again, cancel=not ended)


async def _archived(context: GatewayContext, view: CardView) -> list[LogEntry]:
    """The end of the complete log, once the live lines are gone; nothing while they are there."""
    if view.run is None or not view.run.status.is_final or await context.progress.read(view.run.job_id, 0, 1):
        return []
    run = await CardRuns(context.documents).get(view.run.job_id)
    return (await archived_page(run, context.read_archive, None, ARCHIVED_LINES)).items if run else []
