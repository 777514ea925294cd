"""The round that leaves no job behind: hands over what was acked and never started, and what lost its process."""

from __future__ import annotations

import asyncio
import logging

from deployments.runners import tell_subject
from spine.contracts.jobs import JobStatus
from spine.due_jobs import SweepTurns
from spine.errors import MillraceError
from spine.lease_watch import LeaseWatch
from spine.ports import JobStarter
from spine.presence import Presence
from spine.progress import announce_state
from spine.services import Services

_logger = logging.getLogger("millrace.sweeper")
EVERY_SECONDS = 2.0
_LAST_WORDS = {
    JobStatus.DEAD: "no attempt left; re-drive it from the dead-letter list",
    JobStatus.REVOKED: "cancelled; its process had stopped without a word",
}


async def sweep_forever(services: Services, presence: Presence, starter: JobStarter, holder: str) -> None:
    """Every lane runs this; one at a time does the work, and another takes over when it falls silent.

    All of them watch the leases, so that whoever takes over knows already which have stopped moving.
    """
    watch, turns = LeaseWatch(), SweepTurns()
    while True:
        try:
            if await presence.lead("sweeper", holder, EVERY_SECONDS * 3):
                await sweep_once(services, starter, watch, turns)
                await presence.tick()
            else:
                await services.ledger.lost(watch)
        except MillraceError as error:
            _logger.warning("the sweep was skipped: %s", error)
        await asyncio.sleep(EVERY_SECONDS)


async def sweep_once(
    services: Services, starter: JobStarter, watch: LeaseWatch | None = None, turns: SweepTurns | None = None
) -> int:
    """How many jobs were handed to the queue (those that were there already cost nothing)."""
    found = await services.ledger.sweep(watch, turns=turns)
    for job in found.dead:
        _logger.error("job %s (%s) is %s after %d attempts", job.job_id, job.pipeline, job.status, job.attempts)
        await announce_state(services.progress, job, _LAST_WORDS[job.status])
        await tell_subject(services, job)
    for job in found.restart:
        await starter.start(job)
    return len(found.restart)
