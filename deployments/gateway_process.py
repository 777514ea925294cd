"""The gateway's process: its application with the real services behind it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path

import httpx
import uvicorn
from pydantic import SecretStr

from blocks.accounts import BlockAccounts
from deployments.collector import set_aside_what_is_loaded
from deployments.lanes import all_queues
from deployments.prefect_address import flow_run_page, prefect_answers, prefect_client, prefect_workers
from deployments.prefect_credentials import saved_credentials, saved_values
from deployments.production import require_safe
from gateway.app import create_app
from gateway.bounded_head import BoundedHeadProtocol
from gateway.card_logs import ArchivedLine
from gateway.context import DispatchMessage, GatewayContext, PassageSearch, Probe
from gateway.tickets import MemoryTicketStore, TicketStore
from spine.adapters.agent_log import read_log
from spine.adapters.system_resolver import SystemResolver
from spine.contracts.pipelines import Credential, PipelineConfig, ResolvedStep
from spine.contracts.retrieval import SearchHit
from spine.errors import ExternalServiceError, NotConfiguredError
from spine.jobs import JobLedger
from spine.live_queues import LIVE_QUEUES
from spine.ports import Documents, JobStarter, ProgressLog
from spine.presence import Presence
from spine.publishing_port import NO_SITE
from spine.services import open_documents
from spine.settings import Settings, settings
from spine.submissions import ReviewDesk
from spine.testing.memory_presence import MemoryPresence
from spine.url_guard import UrlGuard
from tasks.book_review.configuration import resolved_steps
from tasks.book_review.examination import examine_edit
from tasks.book_review.prompts import check_template
from tasks.module_graph.shelf import DeclaredGraphs

GRACE_SECONDS = 5
_SITES = "wordpress-site"
"""`blocks.wordpress_site.WordPressSite`; importing it would bring all of Prefect along."""


def run() -> None:
    """Serve until SIGTERM; requests in flight get a few seconds to end."""
    require_safe(settings())
    asyncio.run(_serve(settings()))


async def _serve(config: Settings) -> None:
    async with open_context(config) as context:
        app = create_app(context)
        set_aside_what_is_loaded()
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=config.host,
                port=config.port,
                log_level="warning",
                access_log=False,
                server_header=False,
                http=BoundedHeadProtocol,
                timeout_graceful_shutdown=GRACE_SECONDS,
                ws_max_size=64 * 1024,
                ws_per_message_deflate=False,  # events are short: packing each for each watcher doubled its cost
            )
        )
        with _asked_to_end(server):
            await server.serve()


@contextmanager
def _asked_to_end(server: uvicorn.Server) -> Generator[None]:
    """Uvicorn raises the signal that ended it once more; without a handler the process would die of it there, before
    its services are closed and what runs in place is given back."""

    def ask(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def open_context(config: Settings) -> AsyncGenerator[GatewayContext]:
    """Everything that the gateway is handed; closed at the end of the block."""
    if config.token is None:
        raise NotConfiguredError("The gateway needs MILLRACE_TOKEN; `millrace up` makes one.", what="MILLRACE_TOKEN")
    async with AsyncExitStack() as stack:
        documents = open_documents(config)
        stack.push_async_callback(documents.close)
        probes: dict[str, Probe] = {"documents": documents.ping}
        progress, presence, tickets, starter, dispatch = await _open_messaging(config, probes, stack)
        prefect = await _open_prefect(probes, stack)
        await _probe_chroma(config, probes, stack)
        read_blocks = partial(saved_values, prefect) if prefect else None
        accounts = await stack.enter_async_context(BlockAccounts(read_blocks))
        ledger = JobLedger(documents)
        desk = ReviewDesk(documents, ledger)
        yield GatewayContext(
            documents=documents,
            ledger=ledger,
            desk=desk,
            progress=progress,
            starter=starter,
            dispatch_message=dispatch,
            presence=presence,
            tickets=tickets,
            admin_token=config.token,
            session_key=SecretStr(os.environ.get("MILLRACE_SESSION_KEY") or secrets.token_urlsafe(32)),
            check_url=UrlGuard(SystemResolver(), config.allow_private_hosts).check,
            examine=lambda submission_id, draft: examine_edit(documents, desk, submission_id, draft),
            resolve_steps=lambda pipeline: _resolved_steps(documents, pipeline, prefect),
            check_prompt=check_template,
            saved_credentials=lambda: providers_of_credentials(prefect),
            publishing_gap=lambda: _publishing_gap(prefect),
            prefect_run_address=flow_run_page,
            personas_dir=config.personas_dir,
            search_passages=_open_search(config, stack),
            probes=probes,
            read_archive=_archived_lines,
            workers=(lambda: prefect_workers(prefect)) if prefect else _no_workers,
            graphs=DeclaredGraphs(config),
            version=version("millrace"),
            execution_mode="queue" if config.queue_enabled else "in-place",
            accounts=accounts,
            queues=tuple(dict.fromkeys([*all_queues(), *(queue.name for queue in LIVE_QUEUES)])),
        )


def _archived_lines(log: str) -> Iterator[ArchivedLine]:
    return (ArchivedLine(line.at, line.stream, line.text) for line in read_log(Path(log)))


async def _publishing_gap(prefect: httpx.AsyncClient | None) -> str | None:
    """Without a saved site an approval waits. A Prefect server that is away says nothing of that: the job finds out."""
    if prefect is None:
        return NO_SITE
    try:
        saved = await saved_values(prefect, [_SITES], include_secrets=False)
    except ExternalServiceError:
        return None
    return None if saved[_SITES] else NO_SITE


async def _resolved_steps(
    documents: Documents, pipeline: PipelineConfig, prefect: httpx.AsyncClient | None
) -> list[ResolvedStep]:
    """A Prefect server that is away leaves the saved credentials out; the rest is shown."""
    saved: dict[str, Credential] = {}
    if prefect is not None:
        with suppress(ExternalServiceError):
            saved = await saved_credentials(prefect)
    return await resolved_steps(documents, pipeline, saved.get)


async def providers_of_credentials(prefect: httpx.AsyncClient | None) -> dict[str, str | None] | None:
    """None where nothing can be seen, also while the Prefect server is away."""
    if prefect is None:
        return None
    try:
        return {name: one.provider for name, one in (await saved_credentials(prefect)).items()}
    except ExternalServiceError:
        return None


async def _no_workers() -> list[dict[str, object]]:
    return []


async def _open_messaging(
    config: Settings, probes: dict[str, Probe], stack: AsyncExitStack
) -> tuple[ProgressLog, Presence, TicketStore, JobStarter, DispatchMessage | None]:
    """Progress, presence, tickets and the way to start jobs: through Redis, or inside this process without a queue."""
    if config.redis_url is None or not config.queue_enabled:
        return await _open_in_place(stack)
    from spine.adapters.docket_queue import DocketQueue
    from spine.adapters.redis_client import open_redis
    from spine.adapters.redis_presence import RedisPresence
    from spine.adapters.redis_progress import RedisProgressLog
    from spine.adapters.redis_tickets import RedisTicketStore

    url = config.redis_url.get_secret_value()
    redis, queue = open_redis(url), DocketQueue(url)
    stack.push_async_callback(redis.aclose)
    stack.push_async_callback(queue.close)

    async def redis_answers() -> None:
        await redis.ping()

    probes["redis"] = redis_answers
    return RedisProgressLog(redis), RedisPresence(redis), RedisTicketStore(redis), queue, None


async def _open_in_place(
    stack: AsyncExitStack,
) -> tuple[ProgressLog, Presence, TicketStore, JobStarter, DispatchMessage | None]:
    from deployments.dispatching import InPlaceDispatch
    from deployments.in_place import InPlaceStarter
    from deployments.job_handler import JobHandler
    from deployments.live_lane.sessions import LiveSessions
    from deployments.sweeper import sweep_forever
    from tasks.opening import open_run_services

    services = await stack.enter_async_context(open_run_services())
    services.worker = f"gateway@{services.worker}"
    handler, presence = JobHandler(services), MemoryPresence()
    sessions = await stack.enter_async_context(LiveSessions(services, handler))
    starter = InPlaceStarter(handler, sessions)
    stack.push_async_callback(starter.close)
    sweeping = asyncio.create_task(sweep_forever(services, presence, starter, services.worker))
    stack.callback(sweeping.cancel)
    dispatch = InPlaceDispatch(services.documents, services.ledger, starter)
    return services.progress, presence, MemoryTicketStore(), starter, dispatch


def _open_search(config: Settings, stack: AsyncExitStack) -> Callable[[PassageSearch], Awaitable[list[SearchHit]]]:
    """Searching, with nothing opened and no model loaded before the first question."""
    from spine.adapters.passages import Passages

    passages = Passages(config)
    stack.push_async_callback(passages.close)

    async def search(asked: PassageSearch) -> list[SearchHit]:
        from tasks.retrieval.persona_search import search_persona

        stores = await passages()
        return await search_persona(
            stores, asked.persona_id, asked.question, asked.collections, limit=asked.limit, where=asked.where
        )

    return search


async def _open_prefect(probes: dict[str, Probe], stack: AsyncExitStack) -> httpx.AsyncClient | None:
    client = prefect_client()
    if client is not None:
        await stack.enter_async_context(client)
        probes["prefect"] = lambda: prefect_answers(client)
    return client


async def _probe_chroma(config: Settings, probes: dict[str, Probe], stack: AsyncExitStack) -> None:
    if config.chroma_url is None:
        return
    address = config.chroma_url.rstrip("/")
    client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=5, trust_env=False))
    probes["vectors"] = lambda: _heartbeat(client)


async def _heartbeat(client: httpx.AsyncClient) -> None:
    try:
        (await client.get("/api/v2/heartbeat")).raise_for_status()
    except httpx.HTTPError as error:
        raise ExternalServiceError("Chroma does not answer.", service="chroma") from error
