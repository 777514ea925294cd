"""The pages of the links are read while the shop's page is: neither needs the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from spine.contracts.jobs import JobStatus
from spine.contracts.submissions import SubmissionStatus
from spine.errors import CaptchaError
from spine.ports import FetchedPage
from spine.testing.memory_pages import MemoryPages
from tests.flows.conftest import CIRCLE, REVIEW, SHOP, World

MakeWorld = Callable[..., Any]
LINKS = {CIRCLE, REVIEW}


class PagesWithHold(MemoryPages):
    """The page `held` is answered once all of `until` were asked for."""

    def __init__(self, world: World, held: str, until: set[str]) -> None:
        super().__init__(world.pages)
        self._held, self._until = held, until
        self._asked = asyncio.Event()
        world.services.pages = self

    async def fetch(self, url: str, **how: Any) -> FetchedPage:
        if self._until <= {*self.fetched, url}:
            self._asked.set()
        if url == self._held:
            self.fetched.append(url)
            await asyncio.wait_for(self._asked.wait(), 20)
            self.fetched.remove(url)
        return await super().fetch(url, **how)


async def test_the_links_are_read_while_the_shop_has_not_answered_yet(make_world: MakeWorld) -> None:
    world: World = await make_world()
    pages = PagesWithHold(world, SHOP, until=LINKS)
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS, job.error
    assert sorted(pages.fetched) == sorted([SHOP, *LINKS]), "each page is fetched once"
    assert submission.stages["additional_links_scrape"].status == "completed"


async def test_a_link_that_cannot_be_read_ahead_is_left_out_in_its_own_stage(make_world: MakeWorld) -> None:
    world: World = await make_world(site={CIRCLE: CaptchaError("The circle asks for a captcha.")})
    PagesWithHold(world, SHOP, until=LINKS)
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS, job.error
    assert "asks for a captcha" in submission.stages["additional_links_scrape"].note
    said = [(event.current_step, event.message) for event in await world.services.progress.read(job.job_id)]
    assert [step for step, message in said if "was left out" in message] == ["additional_links_scrape"]


async def test_a_shop_that_refuses_ends_the_review_without_waiting_for_a_link(make_world: MakeWorld) -> None:
    world: World = await make_world(site={SHOP: CaptchaError("The shop asks for a captcha.")})
    PagesWithHold(world, REVIEW, until={"https://never.example/"})
    submission, job = await world.submit()
    job = await asyncio.wait_for(world.run(job), 15)
    submission = await world.desk.get(submission.submission_id)
    assert "captcha" in submission.errors[-1].message and submission.errors[-1].step == "amazon_scrape"
    assert "additional_links_scrape" not in submission.stages
    assert submission.status is not SubmissionStatus.READY_FOR_REVIEW


@pytest.mark.parametrize("stage", ["summarize_additional_links", "article_generation"])
async def test_a_rerun_from_a_later_stage_reads_no_link(make_world: MakeWorld, stage: str) -> None:
    world: World = await make_world()
    submission, _ = await world.review()
    pages = MemoryPages(world.pages)
    world.services.pages = pages
    _, job = await world.reviews.retry_step(submission.submission_id, stage, {})
    assert (await world.run(job)).status is JobStatus.SUCCESS
    assert not LINKS & set(pages.fetched)
