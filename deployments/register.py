"""What a stack needs before its first job: its documents with their seeds, and the block of the place of results.

What people find in Prefect's pages is registered meanwhile, by `deployments.deploying`. Every step finds what is there
already; running it twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from pydantic import SecretStr

from blocks.stage_results import StageResults
from deployments.stack.environment import RESULTS_BLOCK
from deployments.stack.step_process import log_on_stderr
from spine.documents import ensure_indexes
from spine.migration_steps import STEPS
from spine.migrations import migrate
from spine.services import open_documents
from spine.settings import Settings, settings
from tasks.book_review.configuration import seed
from tasks.conversation.configuration import seed as seed_conversation
from tasks.module_graph.questions.prompts import seed as seed_questions

_logger = logging.getLogger("millrace.register")


RESULT_TTL = timedelta(days=7)
QUICK_TO_NOTICE = "socket_timeout=3&socket_connect_timeout=2"
"""Without these a Redis that is away costs each task a quarter of a minute."""


async def register() -> None:
    """Prepare the documents and the place of results that the environment names."""
    config = settings()
    await asyncio.gather(_seed_documents(config), _save_results_block(config))


async def _seed_documents(config: Settings) -> None:
    documents = open_documents(config)
    try:
        await ensure_indexes(documents)
        for step in await migrate(documents, STEPS):
            _logger.info("documents: version %d, %s", step.number, step.name)
        seeded = [*await seed(documents), *await seed_conversation(documents), *await seed_questions(documents)]
        for added in seeded:
            _logger.info("added %s", added)
    finally:
        await documents.close()


async def _save_results_block(config: Settings) -> None:
    if config.redis_url is None:
        return
    url = config.redis_url.get_secret_value()
    block = StageResults(
        connection_url=SecretStr(f"{url}{'&' if '?' in url else '?'}{QUICK_TO_NOTICE}"),
        key_ttl=int(RESULT_TTL.total_seconds()),
    )
    await block.save(RESULTS_BLOCK, overwrite=True)  # pyright: ignore[reportGeneralTypeIssues]


def run() -> None:
    """What the set-up step of a stack does, with its log on stderr."""
    log_on_stderr()
    asyncio.run(register())
