"""The kinds of blocks that Prefect's pages offer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.client.orchestration import PrefectClient

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


async def register_block_types(client: PrefectClient) -> None:
    """Make the server know every kind as it is declared now."""
    await asyncio.gather(*(_register(block, client) for block in BLOCKS))


async def _register(block: type[Block], client: PrefectClient) -> None:
    await block.aregister_type_and_schema(client=client)
