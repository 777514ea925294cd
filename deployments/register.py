"""What a fresh stack needs before its first job: seeds, blocks, the work pool, limits and automations.

Every step finds what is there already; running it twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import timedelta

from blocks.agent_command import AgentCommand
from blocks.crm_account import CrmAccount
from blocks.document_database import DocumentDatabase
from blocks.graph_sink import GraphSink
from blocks.language_model import LanguageModelCredentials
from blocks.manychat_account import ManyChatAccount
from blocks.search_provider import SearchProvider
from blocks.telegram_bot import TelegramBot
from blocks.webhook_source import WebhookSource
from blocks.wordpress_site import WordPressSite
from deployments.automations import create_automations
from deployments.deploying import deploy_all
from deployments.prefect_address import WORK_POOL
from deployments.stack.environment import RESULTS_BLOCK
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
BLOCKS = (
    LanguageModelCredentials,
    WordPressSite,
    SearchProvider,
    DocumentDatabase,
    AgentCommand,
    TelegramBot,
    ManyChatAccount,
    CrmAccount,
    WebhookSource,
    GraphSink,
)
QUICK_TO_NOTICE = "socket_timeout=3&socket_connect_timeout=2"
"""Without these a Redis that is away costs each task a quarter of a minute."""


async def register() -> None:
    """Prepare the documents and the Prefect server that the environment names."""
    config = settings()
    await asyncio.gather(_seed_documents(config), _prepare_prefect(config))


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


async def _prepare_prefect(config: Settings) -> None:
    await asyncio.gather(
        _save_results_block(config), _register_block_types(), _create_work_pool(), create_automations()
    )
    if await deploy_all(config.home / "prefect" / "deployed"):
        _logger.info("registered the deployments of prefect.yaml")


async def _save_results_block(config: Settings) -> None:
    from pydantic import SecretStr

    from blocks.stage_results import StageResults  # with all of Redis behind it

    if config.redis_url is None:
        return
    url = config.redis_url.get_secret_value()
    block = StageResults(
        connection_url=SecretStr(f"{url}{'&' if '?' in url else '?'}{QUICK_TO_NOTICE}"),
        key_ttl=int(RESULT_TTL.total_seconds()),
    )
    await block.save(RESULTS_BLOCK, overwrite=True)  # pyright: ignore[reportGeneralTypeIssues]


async def _register_block_types() -> None:
    for block in BLOCKS:
        await block.register_type_and_schema()  # pyright: ignore[reportGeneralTypeIssues]


async def _create_work_pool() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    async with get_client() as client:
        try:
            await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        except ObjectAlreadyExists:
            return


def run() -> None:
    """What the set-up step of a stack does, with its log on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(register())


if __name__ == "__main__":
    run()
