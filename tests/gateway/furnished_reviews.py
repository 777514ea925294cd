"""Reviews as a desk has them in the middle of the day: one at work, one that waits for a person, one that failed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from spine.contracts.books import BookMetadata, ConsolidatedBook, FieldProvenance, Money, SourcedValue
from spine.contracts.jobs import Usage
from spine.contracts.submissions import StageRecord
from spine.contracts.texts import Claim
from spine.contracts.timestamps import iso, utc_now
from spine.contracts.usage import UsageRecord
from spine.documents import BOOKS, SUBMISSIONS, USAGE
from spine.submissions import STAGES
from tests.gateway.gateway_desk import Desk

TITLES: Final = {"running": "Tides and Ledgers", "ready": "The Salt Road", "failed": "A Winter of Bridges"}
ARTICLE: Final = """## About the book

*The Salt Road* follows a caravan clerk who writes down what everybody owes. It has **312 pages**, was printed in
1871, and Harbour & Finch brought it back into print.

## What it is about

Every town on the road pays in salt, and every debt is older than the people who carry it. The clerk learns that the
ledger was begun by her grandmother, and that the last page is missing.

> The road remembers what the traveller would rather forget.

## Who may like it

Readers of slow, exact novels about work and memory; more than 40,000 of them have bought it.
"""
CLAIMS: Final = [
    Claim(text="312 pages", kind="number", supported=True, sentence="It has 312 pages"),
    Claim(text="1871", kind="date", supported=False, sentence="was printed in 1871"),
    Claim(text="40,000", kind="number", supported=False, sentence="more than 40,000 of them have bought it."),
]
BOOK: Final = ConsolidatedBook(
    metadata=BookMetadata(
        title=TITLES["ready"],
        authors=["Ilse Marrow"],
        isbn_13="9781940021317",
        price_book=Money(amount=24.5, currency="USD"),
        rating=4.4,
        pages=312,
        publisher="Harbour & Finch",
        publication_date="2023-03-14",
    ),
    provenance={
        "title": FieldProvenance(source="amazon", reason="amazon comes first, and goodreads agrees."),
        "authors": FieldProvenance(source="amazon", reason="amazon comes first, and goodreads agrees."),
        "isbn_13": FieldProvenance(source="amazon", reason="amazon is the first source that gives it."),
        "price_book": FieldProvenance(source="amazon", reason="amazon is the first source that gives it."),
        "rating": FieldProvenance(source="goodreads", reason="it rests on more ratings."),
        "pages": FieldProvenance(
            source="amazon",
            reason="amazon comes first.",
            conflicts=[SourcedValue(source="goodreads", value=320)],
        ),
        "publisher": FieldProvenance(source="amazon", reason="amazon comes first, and goodreads agrees."),
        "publication_date": FieldProvenance(source="goodreads", reason="it is the more exact one."),
    },
)


async def add_reviews(desk: Desk) -> dict[str, dict[str, str]]:
    """Submission and job ids by `running`, `ready` and `failed`."""
    made: dict[str, dict[str, str]] = {}
    for name, title in TITLES.items():
        slug = title.lower().replace(" ", "-")
        made[name] = await desk.submission(amazon_url=f"https://shop.example/books/{slug}")
        await _set(desk, made[name], title=title)
    await _at_work(desk, made["running"])
    await _to_be_decided(desk, made["ready"])
    await desk.fail(made["failed"]["job_id"])
    await _set(desk, made["failed"], status="failed")
    await add_usage(desk)
    return made


async def _at_work(desk: Desk, ids: dict[str, str]) -> None:
    job = await desk.context.ledger.begin(ids["job_id"], "pipelines-1")
    assert job is not None
    await desk.context.ledger.progress(job, 42, "internet_research")
    await _set(desk, ids, status="researching", **_stages(4, running=True))
    for step, line in (
        ("amazon_scrape", "Read the product page"),
        ("internet_research", "Research themes and readers"),
    ):
        await desk.tell(ids["job_id"], 42, type="log", message=line, current_step=step)
    await desk.tell(ids["job_id"], 42, current_step="internet_research", eta=48)


async def _to_be_decided(desk: Desk, ids: dict[str, str]) -> None:
    submission = ids["submission_id"]
    await desk.article(submission, content="A first attempt.", author="groq / llama-3.3-70b")
    await desk.article(submission, content=ARTICLE, word_count=104, claims=CLAIMS, author="ann")
    await desk.documents.insert(BOOKS, {"submission_id": submission, **BOOK.model_dump(mode="json")})
    await _set(desk, ids, **_stages(7))
    await desk.finish(ids["job_id"], title=TITLES["ready"], word_count=104, unsupported_claims=2)


def _stages(done: int, *, running: bool = False) -> dict[str, Any]:
    """Records of the first `done` stages, the first two read from the cache; with `running`, the next one goes on."""
    begun, found = utc_now() - timedelta(seconds=64), dict[str, Any]()
    for number, stage in enumerate(STAGES[: done + running]):
        took = timedelta(seconds=0.4 if number < 2 else 3 + 2 * number)
        asked = number >= 2
        record = StageRecord(
            status="running" if number == done else "completed",
            cached=number < 2,
            started=begun,
            finished=None if number == done else begun + took,
            provider="groq" if asked else None,
            model="llama-3.3-70b" if asked else None,
            attempts=[{}] * (2 if number == 5 else 1) if asked else [],
            usage=Usage(input_tokens=1_800 * number, output_tokens=240 * number, cost_usd=0.0012 * number)
            if asked
            else Usage(),
        )
        found[f"stages.{stage}"] = record.model_dump(mode="json")
        begun += took
    return found


async def add_usage(desk: Desk) -> None:
    """Two providers over a week."""
    for days in range(7):
        for provider, model, price in (("groq", "llama-3.3-70b", 0.004), ("openai", "gpt-4o-mini", 0.011)):
            at = utc_now() - timedelta(days=days)
            calls = 2 + (days * 5 + len(provider)) % 7
            record = UsageRecord(
                submission_id="s",
                job_id="j",
                pipeline="book_review",
                stage="article_generation",
                key=f"{provider}:{days}",
                provider=provider,
                model=model,
                calls=calls,
                input_tokens=2_100 * calls,
                output_tokens=640 * calls,
                cost_usd=price * calls,
                seconds=1.4 * calls,
                outcome="ok",
                day=_day(at.date()),
                at=at,
            )
            await desk.documents.upsert(USAGE, {"_id": record.key, **record.model_dump(mode="json"), "at": iso(at)})


def _day(day: date) -> str:
    return day.isoformat()


async def _set(desk: Desk, ids: dict[str, str], **fields: Any) -> None:
    await desk.documents.update(SUBMISSIONS, {"_id": ids["submission_id"]}, set=fields)
