"""How long an agent took for cards before, for an estimate where it tells no progress of its own."""

from __future__ import annotations

from statistics import median

from spine.contracts.cards import CardStatus
from spine.documents import CARD_RUNS
from spine.ports import Documents

_LOOKED_AT = 20


async def expected_seconds(documents: Documents, agent: str) -> float | None:
    """The median of its latest runs that came to DONE; None before there are three."""
    where = {"agent": agent, "outcome.status": str(CardStatus.DONE)}
    found = await documents.find(CARD_RUNS, where, sort=[("created", -1)], limit=_LOOKED_AT)
    seconds = [float(one["outcome"]["result"].get("seconds") or 0.0) for one in found]
    return median(seconds) if len(seconds) >= 3 else None
