"""A gateway on in-memory twins, in this process or behind a real server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from gateway.app import create_app
from gateway.context import GatewayContext
from gateway.tickets import MemoryTicketStore
from spine.ai_config import resolve_step
from spine.contracts.jobs import Job, JobError, Usage
from spine.contracts.pipelines import PipelineConfig, StepConfig, StepType
from spine.contracts.progress import ProgressEvent
from spine.contracts.texts import Article, Claim, DraftArticle, ExaminedText
from spine.documents import PIPELINE_CONFIGS, SUBMISSIONS, ensure_indexes
from spine.errors import BlockedUrlError, ExternalServiceError
from spine.jobs import JobLedger
from spine.presence import LaneStatus
from spine.stored_reviews import add_revision
from spine.submissions import STAGES, ReviewDesk
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_presence import MemoryPresence
from spine.testing.memory_progress import MemoryProgressLog

TOKEN = "a-token-for-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BOOK_URL = "https://shop.example/books/the-salt-road"


@dataclass
class RecordingStarter:
    """A `JobStarter` that starts nothing; `down` makes it a queue that does not answer."""

    started: list[Job] = field(default_factory=list[Job])
    down: bool = False

    async def start(self, job: Job) -> None:
        if self.down:
            raise ExternalServiceError("The queue did not take the job.", service="redis")
        self.started.append(job)


def refuse_private(url: str) -> None:
    if "127.0.0.1" in url or "localhost" in url:
        raise BlockedUrlError(f"{url} is not a public address", url=url)


async def resolve_without_prompts(pipeline: PipelineConfig) -> list[Any]:
    return [resolve_step(step, None, None) for step in pipeline.steps]


@dataclass
class Desk:
    """What a test works with: the application and the twins behind it."""

    context: GatewayContext
    app: FastAPI
    documents: MemoryDocuments
    progress: MemoryProgressLog
    starter: RecordingStarter
    presence: MemoryPresence

    def client(self, *, token: str | None = TOKEN, **options: Any) -> httpx.AsyncClient:
        """A client of the application in this process; `token=None` is a stranger."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://gateway.test", headers=headers, **options)

    async def submission(self, **request: Any) -> dict[str, str]:
        async with self.client() as client:
            answer = await client.post("/submit", json={"amazon_url": BOOK_URL, **request})
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def finish(self, job_id: str, **outcome: Any) -> Job:
        """Run the job to its success."""
        job = await self.context.ledger.begin(job_id, "lane-1")
        assert job is not None
        ended = await self.context.ledger.succeed(job, outcome, Usage())
        assert ended is not None
        return ended

    async def fail(self, job_id: str) -> Job:
        job = await self.context.ledger.begin(job_id, "lane-1")
        assert job is not None
        error = JobError(error_class="CaptchaError", message="The shop asked for a captcha.", step="amazon_scrape")
        ended = await self.context.ledger.fail(job, error, Usage())
        assert ended is not None
        return ended

    async def article(self, submission_id: str, **fields: Any) -> Article:
        """An article that waits for a decision."""
        stored = await add_revision(
            self.context.documents,
            Article(
                **{
                    "article_id": "",
                    "submission_id": submission_id,
                    "title": "The Salt Road",
                    "content": "## About the book\n\nIt has **312** pages and was printed in 1871.",
                    "word_count": 9,
                    "claims": [Claim(text="1871", kind="date", supported=False, sentence="printed in 1871.")],
                    **fields,
                }
            ),
        )
        await self.documents.update(SUBMISSIONS, {"_id": submission_id}, set={"status": "ready_for_review"})
        return stored

    async def tell(self, job_id: str, *percents: float, type: str = "progress", **fields: Any) -> None:
        for percent in percents:
            await self.progress.publish(ProgressEvent(type=type, job_id=job_id, progress=percent, **fields))


TEMPLATE = PipelineConfig(
    slug="book-review",
    name="Book review",
    version="2.0",
    steps=[
        StepConfig(id=stage, type=StepType.LLM, optional=stage == "publishing", provider="groq") for stage in STAGES
    ],
)


async def _examined(submission_id: str, draft: DraftArticle) -> ExaminedText:
    return ExaminedText(word_count=len(draft.content.split()))


async def open_desk(**changes: Any) -> Desk:
    """A desk; `changes` are fields of the context. It holds nothing that needs closing."""
    documents, progress = MemoryDocuments(), MemoryProgressLog()
    starter, presence = RecordingStarter(), MemoryPresence()
    await ensure_indexes(documents)
    await documents.upsert(PIPELINE_CONFIGS, {"_id": TEMPLATE.slug, **TEMPLATE.model_dump(mode="json")})
    await presence.announce(LaneStatus(name="pipelines", worker="host:1", concurrency=4))
    ledger = JobLedger(documents)
    context = GatewayContext(
        documents=documents,
        ledger=ledger,
        desk=ReviewDesk(documents, ledger),
        progress=progress,
        starter=starter,
        presence=presence,
        tickets=MemoryTicketStore(),
        admin_token=SecretStr(TOKEN),
        session_key=SecretStr("a-session-key-for-tests"),
        check_url=refuse_private,
        examine=_examined,
        resolve_steps=resolve_without_prompts,
        probes={"documents": documents.ping},
        version="1.2.3",
    )
    context = replace(context, **changes)
    return Desk(context, create_app(context), documents, progress, starter, presence)


@asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The application behind a real server on a free port (or the one that was free before); gives `host:port`."""
    # Named as TCP, so that asyncio switches Nagle's algorithm off; else small answers take 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # a server that cannot start ends its task
        assert not task.done(), task
        await asyncio.sleep(0.005)
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


async def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    """Wait for the condition; fails when it does not come true in time."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)
