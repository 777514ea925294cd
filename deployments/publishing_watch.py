"""Publishing what was approved before there was a site to publish on."""

from __future__ import annotations

import asyncio
import logging

from spine.contracts.submissions import SubmissionStatus
from spine.documents import SUBMISSIONS
from spine.errors import MillraceError
from spine.ports import JobStarter
from spine.presence import Presence
from spine.services import Services
from spine.submissions import ReviewDesk, publication_key

_logger = logging.getLogger("millrace.publishing")
EVERY_SECONDS = 15.0
AT_ONCE = 20


async def publish_waiting_forever(services: Services, presence: Presence, starter: JobStarter, holder: str) -> None:
    """Every lane runs this; one at a time looks."""
    while True:
        try:
            if await presence.lead("publishing", holder, EVERY_SECONDS * 3):
                await publish_waiting(services, starter)
        except MillraceError as error:
            _logger.warning("approved articles were not looked for: %s", error)
        await asyncio.sleep(EVERY_SECONDS)


async def publish_waiting(services: Services, starter: JobStarter) -> list[str]:
    """Start the publication of approved revisions that never had one; the ids of their submissions.

    A publication that failed is not started again from here: a person reads why and approves or retries.
    """
    if not await _has_site(services):
        return []
    desk, started = ReviewDesk(services.documents, services.ledger), list[str]()
    approved = {"status": str(SubmissionStatus.APPROVED)}
    for submission in await services.documents.find(SUBMISSIONS, approved, sort=[("created", 1)]):
        if len(started) == AT_ONCE:
            break
        article = await desk.article(submission["_id"])
        if await services.ledger.by_key(publication_key(article)):
            continue
        _, job = await desk.publish(submission["_id"])
        await starter.start(job)
        started.append(submission["_id"])
    return started


async def _has_site(services: Services) -> bool:
    site = services.open_site()
    if site is None:
        return False
    await site.close()
    return True
