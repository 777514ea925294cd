"""From a product link to a fact-checked article that waits for its review."""

from __future__ import annotations

from prefect import flow

from spine.contracts.reviews import ReviewResult
from spine.contracts.submissions import SubmitRequest
from tasks.book_review.review import open_review
from tasks.book_review.stages import ReviewStages
from tasks.opening import open_run_services


@flow(name="book_review", persist_result=False)
async def book_review(
    amazon_url: str,
    goodreads_url: str | None = None,
    author_site: str | None = None,
    other_links: list[str] | None = None,
    language: str = "en",
    min_words: int = 600,
    max_words: int = 1200,
    auto_publish: bool = False,
    pipeline_id: str = "book-review",
) -> ReviewResult:
    """Review the book behind a product link.

    Works with no server running as well: `await book_review(amazon_url=…)`.

    Args:
        amazon_url: The product page of the book, from any shop.
        goodreads_url: Its page on a reading community, if you have one.
        author_site: The author's own page.
        other_links: Reviews, interviews and other pages about the book, one address each.
        language: Language of the article as a code such as en, de, pt-BR.
        min_words: The article has at least this many words.
        max_words: The article has at most this many words.
        auto_publish: Publish without a person's approval (needs a WordPress block).
        pipeline_id: The stored pipeline configuration to follow.
    """
    request = SubmitRequest(
        amazon_url=amazon_url,
        goodreads_url=goodreads_url,
        author_site=author_site,
        other_links=other_links or [],
        language=language,
        min_words=min_words,
        max_words=max_words,
        auto_publish=auto_publish,
        pipeline_id=pipeline_id,
    )
    async with open_run_services() as services, open_review(services, request) as review:
        stages = ReviewStages(review)
        async with stages.links_ahead() as ahead:
            product = await stages.read_product()
            pages = await stages.read_links(product, ahead)
        summaries = await stages.summarize_links(product, pages)
        book = await stages.consolidate(product, pages)
        research = await stages.research(book, summaries)
        knowledge = await stages.build_context(book, pages, summaries, research)
        article = await stages.write_article(book, knowledge, summaries, research)
        article = await stages.finish(article)
        if await stages.may_publish(article):
            article = await stages.publish()
    return ReviewResult(submission_id=review.submission.submission_id, job_id=review.run.job.job_id, article=article)
