"""The one place that builds the real services; every part is replaceable.

Services belong to one event loop and live as long as the block that opened them (`open_services`): a lane's
process, a gateway's process, or one flow run that was called without any of these.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from spine.adapters.chromium_browser import ChromiumBrowser
from spine.adapters.guarded_http import GuardedHttpFetcher
from spine.adapters.models import PydanticAiModels
from spine.documents import ensure_indexes
from spine.jobs import JobLedger
from spine.ports import Documents, Models, PageFetcher, ProgressLog
from spine.research_port import ResearchSource
from spine.settings import Settings, settings
from spine.testing.memory_progress import MemoryProgressLog


@dataclass
class Services:
    """What flows, tasks and the gateway reach the world through."""

    settings: Settings
    documents: Documents
    progress: ProgressLog
    models: Models
    pages: PageFetcher
    browser: PageFetcher | None
    research: list[ResearchSource] = field(default_factory=list[ResearchSource])
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")

    @property
    def ledger(self) -> JobLedger:
        return JobLedger(self.documents)


_active: ContextVar[Services | None] = ContextVar("millrace_services", default=None)


def current_services() -> Services:
    """The services of the surrounding block; tasks call this, never a global."""
    services = _active.get()
    if services is None:
        raise RuntimeError("no services are open here; enter spine.services.open_services() first")
    return services


@contextmanager
def using(services: Services) -> Iterator[Services]:
    """Make `services` the current ones inside the block."""
    token = _active.set(services)
    try:
        yield services
    finally:
        _active.reset(token)


@asynccontextmanager
async def open_services(given: Settings | None = None) -> AsyncIterator[Services]:
    """The surrounding services when there are some, else real ones that are closed at the end of the block."""
    surrounding = _active.get()
    if surrounding is not None and given is None:
        yield surrounding
        return
    async with AsyncExitStack() as stack:
        services = await _build(given or settings(), stack)
        with using(services):
            yield services


async def _build(config: Settings, stack: AsyncExitStack) -> Services:
    documents = open_documents(config)
    stack.push_async_callback(documents.close)
    await ensure_indexes(documents)
    allow = config.allow_private_hosts
    pages = GuardedHttpFetcher(allow=allow)
    stack.push_async_callback(pages.close)
    browser = ChromiumBrowser(executable=config.browser, allow=allow)
    stack.push_async_callback(browser.close)
    models = PydanticAiModels(find_credential)
    stack.push_async_callback(models.close)
    return Services(
        settings=config,
        documents=documents,
        progress=await _open_progress(config, stack),
        models=models,
        pages=pages,
        browser=browser,
        research=research_sources(pages),
    )


def open_documents(config: Settings) -> Documents:
    """MongoDB when `MILLRACE_MONGO_URL` is set, else SQLite in `MILLRACE_HOME`."""
    if config.mongo_url is not None:
        from spine.adapters.mongo_documents import open_mongo_documents

        return open_mongo_documents(config.mongo_url.get_secret_value())
    from spine.adapters.sqlite_documents import open_sqlite_documents

    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_sqlite_documents(config.documents_path)


async def _open_progress(config: Settings, stack: AsyncExitStack) -> ProgressLog:
    if config.redis_url is None:
        return MemoryProgressLog()
    from spine.adapters.redis_progress import RedisProgressLog

    redis = open_redis(config)
    stack.push_async_callback(redis.aclose)
    return RedisProgressLog(redis)
