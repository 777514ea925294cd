"""Flows run for real under Prefect's test server; the world behind the ports is in memory."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL

from deployments.demo_site import pages as demo_pages
from deployments.job_handler import JobHandler
from spine.contracts.jobs import Job
from spine.contracts.submissions import Submission, SubmitRequest
from spine.documents import ensure_indexes
from spine.review_jobs import ReviewJobs
from spine.services import Services, using
from spine.settings import Settings
from spine.submissions import ReviewDesk
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels
from tests.flows.prefect_for_tests import prefect_for_tests

SHOP = "https://shop.example/dp/1940021316"
CIRCLE = "https://circle.example/books/tide-clock"
REVIEW = "https://pages.example/a-clock-that-buys-time"


_servers: list[str] = []
"""The one that runs in this process: of two that are nested, Prefect records task runs now here, now there."""


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Generator[None]:
    """Prefect's test server, the same for every folder of tests that takes over this fixture."""
    if _servers:
        yield
        return
    with prefect_for_tests():
        _servers.append(str(PREFECT_API_URL.value()))
        yield
        _servers.clear()


@dataclass
class World:
    """One stack in memory: submit something, run its job here, look at what is stored."""

    services: Services
    models: ScriptedModels
    pages: dict[str, Any]
    desk: ReviewDesk
    handler: JobHandler = field(init=False)

    def __post_init__(self) -> None:
        self.handler = JobHandler(self.services)

    @property
    def reviews(self) -> ReviewJobs:
        return ReviewJobs(self.services.documents, self.services.ledger)

    async def submit(self, **fields: Any) -> tuple[Submission, Job]:
        asked = {"amazon_url": SHOP, "goodreads_url": CIRCLE, "other_links": [REVIEW], **fields}
        return await self.reviews.submit(SubmitRequest.model_validate(asked))

    async def run(self, job: Job) -> Job:
        with using(self.services):
            await self.handler(job.job_id)
        return await self.services.ledger.get(job.job_id)

    async def review(self, **fields: Any) -> tuple[Submission, Job]:
        """A submission run to its end."""
        submission, job = await self.submit(**fields)
        job = await self.run(job)
        return await self.desk.get(submission.submission_id), job


@pytest.fixture
def demo_world() -> dict[str, bytes]:
    site = demo_pages()
    return {SHOP: site["product.html"], CIRCLE: site["community.html"], REVIEW: site["review.html"]}


@pytest.fixture
async def make_world(demo_world: dict[str, bytes]) -> Callable[..., Any]:
    async def make(models: ScriptedModels | None = None, **pages: Any) -> World:
        documents = MemoryDocuments()
        await ensure_indexes(documents)
        site: dict[str, Any] = {**demo_world, **pages.pop("site", {})}
        models = models or ScriptedModels(providers=())
        services = Services(
            settings=Settings(),
            documents=documents,
            progress=MemoryProgressLog(),
            models=models,
            pages=MemoryPages(site),
            browser=None,
            worker="lane:test",
        )
        return World(services, models, site, ReviewDesk(documents, services.ledger))

    return make
