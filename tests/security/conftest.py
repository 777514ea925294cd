"""Hostile pages and canaries run through the same flows, worlds and Prefect server as the flow tests.

Canaries are set in the environment and in Prefect blocks; the stores are real, and every outside address leads to a
server on loopback.
"""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL
from pydantic import SecretStr
from redis.asyncio import Redis

from blocks.credentials import BlockCredentials, saved_values
from blocks.language_model import LanguageModelCredentials
from blocks.search_provider import SearchProvider
from blocks.wordpress_site import WordPressSite
from spine.adapters.guarded_http import guarded_client
from spine.adapters.guarded_post import post_for_json
from spine.adapters.models import PydanticAiModels
from spine.adapters.redis_progress import RedisProgressLog
from spine.adapters.research_sources import Tavily
from spine.adapters.wordpress import WordPressRest
from spine.documents import ensure_indexes
from spine.services import Services, open_documents
from spine.settings import settings
from spine.submissions import ReviewDesk
from spine.testing.loopback_site import LoopbackSite
from spine.testing.memory_pages import MemoryPages
from spine.testing.openai_server import OpenAiServer
from tasks.book_review.configuration import seed
from tests.flows.conftest import World, demo_world, make_world, prefect_server
from tests.security.canaries import CANARIES, IN_THE_ENVIRONMENT, refusing_site, repeating_search

__all__ = ["demo_world", "make_world", "prefect_server"]

TALKATIVE = ("millrace", "httpx", "httpcore", "httpx2", "httpcore2", "openai", "anthropic", "mistralai", "pydantic_ai")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in IN_THE_ENVIRONMENT:
        monkeypatch.setenv(name, CANARIES[name])
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    settings.cache_clear()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAiServer]:
    """Every provider's address leads here."""
    with OpenAiServer() as listening:
        for name in ("OPENAI", "GROQ"):
            monkeypatch.setenv(f"{name}_BASE_URL", listening.base_url)
        for name in ("MISTRAL", "ANTHROPIC"):
            monkeypatch.setenv(f"{name}_BASE_URL", listening.url)
        yield listening


@pytest.fixture
async def sites() -> AsyncIterator[LoopbackSite]:
    """A WordPress and a web search that repeat what they were sent."""
    async with LoopbackSite() as site:
        for path in ("posts", "media", "categories", "tags", "users/me"):
            site.respond(f"/wp-json/wp/v2/{path}", refusing_site)
        site.respond("/search", repeating_search)
        yield site


@pytest.fixture
async def saved(environment: None, server: OpenAiServer, sites: LoopbackSite) -> AsyncIterator[BlockCredentials]:
    """Credentials in Prefect, beside those in the environment; what other tests saved there is gone."""
    kinds = {kind.get_block_type_slug(): kind for kind in (LanguageModelCredentials, WordPressSite, SearchProvider)}
    for slug, values in (await saved_values(kinds)).items():
        for name in values:
            await kinds[slug].adelete(name)
    blocks: dict[str, Any] = {
        "openai": LanguageModelCredentials(
            provider="openai", api_key=SecretStr(CANARIES["BLOCK_OPENAI"]), base_url=server.base_url
        ),
        "groq": LanguageModelCredentials(
            provider="groq", api_key=SecretStr(CANARIES["BLOCK_GROQ"]), base_url=server.base_url
        ),
        "wordpress": WordPressSite(
            url=sites.url("/"), username="editor", application_password=SecretStr(CANARIES["BLOCK_WORDPRESS"])
        ),
        "search": SearchProvider(api_key=SecretStr(CANARIES["BLOCK_SEARCH"])),
    }
    for name, block in blocks.items():
        await block.save(f"canary-{name}", overwrite=True)
    async with BlockCredentials() as credentials:
        yield credentials
    for name, block in blocks.items():
        await type(block).delete(f"canary-{name}")


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """All that anybody logs; those who see requests and answers tell everything."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    levels = {name: logging.getLogger(name).level for name in TALKATIVE}
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG)
    for name in ("", "prefect"):
        logging.getLogger(name).addHandler(handler)
    yield written
    for name in ("", "prefect"):
        logging.getLogger(name).removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


# -- a stack of real stores ----------------------------------------------------------------------------------------


@pytest.fixture
async def world(
    saved: BlockCredentials,
    sites: LoopbackSite,
    redis: Redis,
    demo_world: dict[str, Any],
) -> AsyncIterator[World]:
    """Documents in SQLite, progress in Redis, models, search and WordPress over the wire with their credentials."""
    documents = open_documents(settings())
    await ensure_indexes(documents)
    await seed(documents)
    models, client = PydanticAiModels(saved.find), guarded_client(sites.allow, timeout=5)
    login, key = saved.site(), saved.search()
    assert login is not None and key is not None

    async def post_json(url: str, body: Any, headers: Any) -> Any:
        return await post_for_json(client, url, body, headers)

    services = Services(
        settings=settings(),
        documents=documents,
        progress=RedisProgressLog(redis),
        models=models,
        pages=MemoryPages(demo_world),
        browser=None,
        searches=lambda: [Tavily(post_json, key.get_secret_value(), sites.url("").rstrip("/"))],
        open_site=lambda: WordPressRest(login),
        named_credentials=saved.named,
        worker="lane:test",
    )
    yield World(services, models, demo_world, ReviewDesk(documents, services.ledger))  # type: ignore[arg-type]
    await models.close()
    await client.aclose()
    await documents.close()
