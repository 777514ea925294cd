"""The stack's own chores: books that are read again, leftovers that go, jobs that are counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments.runners import runner_for
from flows.cleanup_old_results import cleanup_old_results
from flows.maintenance import maintenance
from flows.refresh_books import refresh_books
from spine.contracts.books import BookMetadata, Money
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.progress import ProgressEvent
from spine.contracts.submissions import SubmitRequest
from spine.contracts.texts import Article
from spine.contracts.timestamps import iso, utc_now
from spine.documents import ARTICLES, BOOKS, JOBS, USAGE
from spine.errors import CaptchaError
from spine.services import using
from spine.stored_reviews import add_revision
from tasks.book_review.product_page import parse_product_page
from tests.flows.conftest import SHOP, World

MakeWorld = Callable[..., Any]
DEARER, BARRED, SAME, DRAFT = (f"https://shop.example/dp/{name}" for name in ("dearer", "barred", "same", "draft"))


async def reviewed(world: World, url: str, status: str = "published", **facts: Any) -> str:
    """A submission with a book as its review left it; its article has this status."""
    submission = await world.reviews.accept(SubmitRequest(amazon_url=url))
    id = submission.submission_id
    page, _ = parse_product_page(world.pages[SHOP], SHOP)
    metadata = page.model_copy(update=facts).model_dump(mode="json")
    source = {"source": "amazon", "url": url, "value": metadata}
    await world.services.documents.upsert(
        BOOKS, {"_id": id, "submission_id": id, "metadata": metadata, "sources": [source]}
    )
    article = Article(article_id="", submission_id=id, title="On it", content="Text", word_count=1, made_from="key")
    await add_revision(world.services.documents, article.model_copy(update={"status": status}))
    return id


async def only_job(world: World) -> Job:
    (document,) = await world.services.documents.find(JOBS, sort=[("created", -1)], limit=1)
    return await world.services.ledger.get(document["_id"])


async def test_published_books_are_read_again_and_what_changed_is_flagged(
    make_world: MakeWorld, demo_world: dict[str, bytes]
) -> None:
    page = demo_world[SHOP]
    pages = {DEARER: page, SAME: page, DRAFT: page, BARRED: CaptchaError("the shop shows a captcha")}
    world: World = await make_world(site=pages)
    cheap = Money(amount=1.0, currency="USD")
    dearer = await reviewed(world, DEARER, price_book=cheap)
    barred, same, draft = (
        await reviewed(world, BARRED),
        await reviewed(world, SAME),
        await reviewed(world, DRAFT, "approved"),
    )
    with using(world.services):
        told = await refresh_books(concurrency=2)
    assert told == {"books": 3, "read": 2, "failed": 1, "changed": 1, "newly_changed": 1}

    documents = world.services.documents
    books = {id: await documents.get(BOOKS, id) or {} for id in (dearer, barred, same, draft)}
    flagged = books[dearer]["refreshed"]
    assert len(flagged["flags"]) == 1 and flagged["flags"][0].startswith("price_book was 1.00 USD, is ")
    assert BookMetadata.model_validate(flagged["metadata"]).title and flagged["read"]
    assert books[dearer]["metadata"]["price_book"] == cheap.model_dump()
    assert (books[barred]["refreshed"]["error"]["class"], books[barred]["refreshed"]["flags"]) == ("CaptchaError", [])
    assert (books[same]["refreshed"]["flags"], books[same]["refreshed"]["error"]) == ([], None)
    assert "refreshed" not in books[draft]

    job = await only_job(world)
    assert (job.pipeline, job.subject_id, job.status) == ("maintenance", "refresh_books", JobStatus.SUCCESS)
    assert job.result == told
    events = await world.services.progress.read(job.job_id)
    assert "captcha" in " ".join(event.message for event in events) and events[-1].status == "SUCCESS"

    with using(world.services):
        assert (await refresh_books())["books"] == 0
        again = await refresh_books(skip_hours=0)
    assert (again["changed"], again["newly_changed"]) == (1, 0)


def _age(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("content")
    moment = (utc_now() - timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))
    return path


async def _leave_behind(world: World, storage: Path) -> dict[str, Any]:
    """One old thing of each kind, and a young one beside it."""
    services, ledger = world.services, world.services.ledger
    logs = services.settings.home / "logs"
    files = [_age(storage / "old", 30), _age(logs / "lane.log.1", 30)]
    kept = [_age(storage / "young", 1), _age(logs / "lane.log", 30), _age(logs / "lane.log.2", 1)]
    jobs: list[str] = []
    for finished in (utc_now() - timedelta(days=2), utc_now()):
        job, _ = await ledger.create("book_review", "sub_x")
        await services.documents.update(JOBS, {"_id": job.job_id}, set={"status": "SUCCESS", "finished": iso(finished)})
        await services.progress.publish(ProgressEvent(type="log", job_id=job.job_id, message="done"))
        jobs.append(job.job_id)
    id = await reviewed(world, SHOP, status="ready_for_review")
    for number in range(2, 9):
        newest = await world.desk.article(id)
        await add_revision(world.services.documents, newest.model_copy(update={"made_from": f"key {number}"}))
    for article in await services.documents.find(ARTICLES):
        await services.documents.update(ARTICLES, {"_id": article["_id"]}, set={"created": "2020-01-01T00:00:00.000Z"})
    await services.documents.insert(USAGE, {"_id": "ask:0", "key": "ask:0", "day": "2020-01-01"})
    return {"files": files, "kept": kept, "jobs": jobs, "submission": id}


async def test_leftovers_are_told_in_a_dry_run_then_removed_and_nothing_else_is(
    make_world: MakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "storage"
    monkeypatch.setattr("tasks.maintenance.cleanup.results_folder", lambda: storage)
    world: World = await make_world()
    left = await _leave_behind(world, storage)
    counts = {"result files": 1, "progress streams": 1, "rotated logs": 1, "article revisions": 2, "card logs": 0}

    with using(world.services):
        told = await cleanup_old_results(dry_run=True)
    assert {kind: one["found"] for kind, one in told["kinds"].items()} == counts
    assert told["removed"] == 0 and all(path.exists() for path in left["files"])

    with using(world.services):
        told = await cleanup_old_results()
    assert {kind: one["removed"] for kind, one in told["kinds"].items()} == counts
    assert not any(path.exists() for path in left["files"]) and all(path.exists() for path in left["kept"])
    remaining = await world.services.documents.find(ARTICLES, sort=[("revision", 1)])
    assert [article["revision"] for article in remaining] == [1, 4, 5, 6, 7, 8]
    old, young = left["jobs"]
    assert not await world.services.progress.read(old) and await world.services.progress.read(young)
    assert await world.services.documents.count(USAGE) == 1
    job = await only_job(world)
    assert (job.pipeline, job.subject_id, job.result) == ("maintenance", "cleanup_old_results", told)


async def test_one_kind_that_cannot_be_cleaned_stops_no_other(
    make_world: MakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> Path:
        raise PermissionError("not yours")

    monkeypatch.setattr("tasks.maintenance.cleanup.results_folder", unreadable)
    world: World = await make_world()
    log = _age(world.services.settings.home / "logs" / "lane.log.1", 30)
    with using(world.services):
        told = await cleanup_old_results(policy={"log_days": 20})  # pyright: ignore[reportArgumentType]
    assert "not yours" in told["kinds"]["result files"]["problem"]
    assert told["kinds"]["rotated logs"]["removed"] == 1 and not log.exists()


async def test_jobs_are_counted_by_a_job_of_their_own(make_world: MakeWorld) -> None:
    world: World = await make_world()
    lost, _ = await world.services.ledger.create("book_review", "sub_1")
    await world.services.ledger.begin(lost.job_id, "a process that is gone")
    await world.services.documents.update(JOBS, {"_id": lost.job_id}, set={"lease_until": "2020-01-01T00:00:00.000Z"})
    with using(world.services):
        counts = await maintenance()
    assert (counts["STARTED"], counts["lost"], counts["overdue"]) == (2, 1, 0)
    assert (await only_job(world)).status is JobStatus.SUCCESS


async def test_a_chore_whose_process_was_lost_is_finished_by_a_lane(make_world: MakeWorld) -> None:
    world: World = await make_world()
    job, _ = await world.services.ledger.create(
        "maintenance", "cleanup_old_results", queue="maintenance", params={"dry_run": True, "policy": {"log_days": 3}}
    )
    job = await world.run(job)
    assert job.status is JobStatus.SUCCESS and job.result is not None and job.result["dry_run"] is True
    assert runner_for("maintenance")
