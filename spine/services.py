"""The one place that builds the real services; every part is replaceable.

Services belong to one event loop and live as long as the block that opened them (`open_services`): a lane's
process, a gateway's process, or one flow run that was called without any of these.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial

from spine.accounts import default_policy, policy_of
from spine.adapters.account_clients import AccountClients
from spine.adapters.agent_runner import ProcessAgentRunner
from spine.adapters.card_workdirs import CardWorkdirs
from spine.adapters.chromium_browser import ChromiumBrowser
from spine.adapters.guarded_callback import posting_callbacks
from spine.adapters.guarded_http import GuardedHttpFetcher, guarded_client
from spine.adapters.model_chat import PydanticAiChats
from spine.adapters.model_prices import price_usd
from spine.adapters.model_wire import ModelWire
from spine.adapters.models import PydanticAiModels
from spine.adapters.passages import Passages
from spine.adapters.research_access import open_research
from spine.agents_port import AgentRunner
from spine.budget import PriceOf
from spine.chat_chain import ExtractiveChats
from spine.chat_port import Chats
from spine.contracts.conversations import AccountPolicy
from spine.credentials import ENVIRONMENT, Credentials, Refresh, nothing_to_refresh
from spine.documents import ensure_indexes
from spine.evaluated_shell import require_no_other_stack
from spine.jobs import LEASE, JobLedger
from spine.lease_port import LeaseKeeper
from spine.messaging_port import Crms, Messengers, no_crm, no_messenger
from spine.passages_port import OpenPassages, no_passages
from spine.ports import Documents, JobStarter, Models, PageFetcher, ProgressLog
from spine.provider_keys import NamedCredentials, no_named_credentials
from spine.publishing_port import OpenSite, PublishingSite, SiteLogin
from spine.research_port import ResearchSource
from spine.saved_agents import FindAgent, no_saved_agents
from spine.settings import Settings, settings
from spine.sink_port import PostCallback, SinkAddress, no_sink, post_nowhere
from spine.step_times import StepTimes
from spine.testing.memory_progress import MemoryProgressLog
from spine.workdirs_port import Workdirs


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
    chats: Chats = field(default_factory=ExtractiveChats)
    """The same models in conversations, with tools."""
    price: PriceOf = price_usd
    named_credentials: NamedCredentials = no_named_credentials
    refresh_credentials: Refresh = nothing_to_refresh
    """Looks the saved credentials up now, where what was read up to 15 s ago is not enough."""
    starter: JobStarter | None = None
    """Hands jobs to the lanes; None without a queue: then whoever needs a job run runs it itself."""
    open_site: OpenSite = lambda: None
    """A client of the site to publish on, which the caller closes; None while no site is configured."""
    searches: Callable[[], list[ResearchSource]] = list
    """Search providers that have a key now."""
    messengers: Messengers = no_messenger
    crm: Crms = no_crm
    account_policy: Callable[[str, str], AccountPolicy] = default_policy
    """How an account of a platform converses."""
    agents: AgentRunner = field(default_factory=ProcessAgentRunner)
    saved_agent: FindAgent = no_saved_agents
    sink: Callable[[str], SinkAddress | None] = no_sink
    """The saved receiver of graph results of this name; None when none is saved."""
    post_callback: PostCallback = post_nowhere
    passages: OpenPassages = no_passages
    """Embeddings, vectors and keywords of personas; opened with the first call."""
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    lease: timedelta = LEASE
    """How long jobs that run with these services are believed alive."""
    keeper: LeaseKeeper | None = None
    """Renews their leases; None: each job's own loop does."""

    @property
    def workdirs(self) -> Workdirs:
        """Where cards are worked on, below `MILLRACE_HOME`."""
        return CardWorkdirs(self.settings.home)

    @property
    def sources(self) -> list[ResearchSource]:
        """Every research source that can be asked now."""
        return [*self.research, *self.searches()]

    @property
    def ledger(self) -> JobLedger:
        return JobLedger(self.documents, self.lease)

    @cached_property
    def step_times(self) -> StepTimes:
        """What the steps of earlier jobs took."""
        return StepTimes(self.documents)


_active: ContextVar[Services | None] = ContextVar("millrace_services", default=None)


def current_services() -> Services:
    """The services of the surrounding block; tasks call this, never a global."""
    services = _active.get()
    if services is None:
        raise RuntimeError("no services are open here; enter spine.services.open_services() first")
    return services


def services_in_use() -> Services | None:
    """Those that surround the caller; None outside of any."""
    return _active.get()


@contextmanager
def using(services: Services) -> Generator[Services]:
    """Make `services` the current ones inside the block."""
    token = _active.set(services)
    try:
        yield services
    finally:
        _active.reset(token)


@asynccontextmanager
async def open_services(
    given: Settings | None = None, credentials: Credentials = ENVIRONMENT
) -> AsyncGenerator[Services]:
    """The surrounding services when there are some, else real ones that are closed at the end of the block.

    `NotConfiguredError` in a shell that repeats the `millrace env` of another home's stack.
    """
    if given is None and (surrounding := services_in_use()) is not None:
        yield surrounding
        return
    config = given or settings()
    if given is None:
        require_no_other_stack(config.home)
    async with AsyncExitStack() as stack:
        services = await _build(config, credentials, stack)
        with using(services):
            yield services


async def _build(config: Settings, credentials: Credentials, stack: AsyncExitStack) -> Services:
    documents = open_documents(config)
    stack.push_async_callback(documents.close)
    await ensure_indexes(documents)
    allow = config.allow_private_hosts
    pages = GuardedHttpFetcher(allow=allow)
    stack.push_async_callback(pages.close)
    browser = ChromiumBrowser(executable=config.browser, allow=allow)
    stack.push_async_callback(browser.close)
    wire = ModelWire()
    models = PydanticAiModels(credentials.model, wire=wire)  # which closes the wire
    stack.push_async_callback(models.close)
    research, searches = open_research(allow, credentials.search, stack)
    passages = Passages(config)
    stack.push_async_callback(passages.close)
    clients = AccountClients(credentials.accounts)
    stack.push_async_callback(clients.close)
    return Services(
        settings=config,
        documents=documents,
        progress=_open_progress(config, stack),
        models=models,
        chats=PydanticAiChats(wire, credentials.model),
        pages=pages,
        browser=browser,
        research=research,
        searches=searches,
        open_site=lambda: _open_site(credentials.site()),
        named_credentials=credentials.named,
        refresh_credentials=credentials.refresh,
        saved_agent=credentials.agent,
        starter=_open_starter(config, stack),
        messengers=clients.messenger,
        crm=clients.crm,
        account_policy=partial(policy_of, credentials.accounts),
        sink=credentials.sink,
        post_callback=_posting_callbacks(stack, allow),
        passages=passages,
    )


def open_documents(config: Settings) -> Documents:
    """MongoDB when `MILLRACE_MONGO_URL` is set, else SQLite in `MILLRACE_HOME`."""
    if config.mongo_url is not None:
        from spine.adapters.mongo_documents import open_mongo_documents

        return open_mongo_documents(config.mongo_url.get_secret_value())
    from spine.adapters.sqlite_documents import open_sqlite_documents

    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_sqlite_documents(config.documents_path)


def _open_progress(config: Settings, stack: AsyncExitStack) -> ProgressLog:
    if config.redis_url is None:
        return MemoryProgressLog()
    from spine.adapters.redis_client import open_redis
    from spine.adapters.redis_progress import RedisProgressLog

    redis = open_redis(config.redis_url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    return RedisProgressLog(redis)


def _open_starter(config: Settings, stack: AsyncExitStack) -> JobStarter | None:
    if config.redis_url is None or not config.queue_enabled:
        return None
    from spine.adapters.docket_queue import DocketQueue

    queue = DocketQueue(config.redis_url.get_secret_value())
    stack.push_async_callback(queue.close)
    return queue


def _open_site(login: SiteLogin | None) -> PublishingSite | None:
    if login is None:
        return None
    from spine.adapters.wordpress import WordPressRest

    return WordPressRest(login)


def _posting_callbacks(stack: AsyncExitStack, allow: frozenset[str]) -> PostCallback:
    client = guarded_client(allow, timeout=15.0)
    stack.push_async_callback(client.aclose)
    return posting_callbacks(client)
