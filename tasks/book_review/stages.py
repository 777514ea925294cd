"""The seven stages of a review: each takes what came before, calls its tasks, keeps its records, gives its result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress

from spine.contracts.books import ConsolidatedBook
from spine.contracts.submissions import SubmissionStatus
from spine.contracts.texts import (
    Article,
    ContextBrief,
    DraftArticle,
    KnowledgeBase,
    LinkPage,
    LinkSummary,
    WebResearch,
)
from spine.errors import MillraceError
from spine.publishing_port import NO_SITE
from spine.stage_overrides import check_words
from tasks.book_review import steps
from tasks.book_review.consolidate import named_sources
from tasks.book_review.examination import examined_article
from tasks.book_review.fetching import ProductPage
from tasks.book_review.knowledge import build_knowledge
from tasks.book_review.link_visits import PagesAhead, pages_ahead, summarize_page, visit_link
from tasks.book_review.plain_inputs import corrected, facts, plain, task_title
from tasks.book_review.records import ReviewRecords
from tasks.book_review.review import Review, Stage
from tasks.book_review.side_by_side import side_by_side
from tasks.book_review.source_research import research_book
from tasks.book_review.stage_answers import asking, learned
from tasks.book_review.whole_stages import whole
from tasks.task_inputs import whole_value

_DECIDED = {
    "approved": SubmissionStatus.APPROVED,
    "published": SubmissionStatus.APPROVED,
    "rejected": SubmissionStatus.REJECTED,
}
"""What a submission is when the run finds its newest revision in this status."""


class ReviewStages:
    """The stages bound to one review. Order and data flow are the flow's; nothing is kept between stages."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.records = ReviewRecords(review.services.documents, review.submission.submission_id)
        self.artifacts = review.artifacts

    @asynccontextmanager
    async def links_ahead(self) -> AsyncGenerator[PagesAhead]:
        """The pages of the links, being read while the shop's is: a shop takes seconds, and none of them needs it.

        Only in a run that has not come to their stage before: what a later one does not find in the cache, it reads
        there.
        """
        links = [] if "additional_links_scrape" in self.review.submission.stages else self.review.links
        stage = await self._links_stage() if links else None
        async with pages_ahead(stage, links) if stage else nullcontext({}) as pages:
            yield pages

    async def read_product(self) -> ProductPage:
        url = self.review.request.amazon_url
        async with self.review.stage("amazon_scrape") as stage:
            product = await steps.read_product_page(stage.key(url=url), url, stage.delay_seconds)
            metadata = corrected(product.metadata, stage.edits.get("metadata"))
            product = product.model_copy(update={"metadata": metadata})
            stage.record.note = "; ".join(product.notes)
        title = product.metadata.title
        await self.review.note(title=title, status=str(SubmissionStatus.SCRAPED))
        self.artifacts.name_run(title or "a book without a title")
        return product

    async def read_links(self, product: ProductPage, ahead: PagesAhead) -> list[LinkPage]:
        links = self.review.links
        if not self.review.is_enabled("additional_links_scrape"):
            await self.review.skip("additional_links_scrape", "switched off in the pipeline")
            return []
        async with self.review.stage("additional_links_scrape") as stage:
            book = product.metadata
            pages = await whole(
                stage,
                stage.key(links=links, book=book.model_dump()),
                lambda: side_by_side(stage, links, lambda link: visit_link(stage, link, book, ahead)),
                is_whole=lambda pages: not any(page.error for page in pages),
            )
            await self.records.candidates(pages)
            stage.record.note = _left_out([page.error for page in pages], "links")
        self.artifacts.links(pages)
        return pages

    async def summarize_links(self, product: ProductPage, pages: Sequence[LinkPage]) -> list[LinkSummary]:
        readable = [page for page in pages if page.text]
        if not self.review.is_enabled("summarize_additional_links"):
            await self.review.skip("summarize_additional_links", "switched off in the pipeline")
            return []
        async with self.review.stage("summarize_additional_links") as stage:
            book, language = product.metadata, self.review.request.language
            summaries = await whole(
                stage,
                stage.key(pages=plain(readable), book=book.model_dump(), language=language),
                lambda: side_by_side(stage, readable, lambda page: summarize_page(stage, page, book, language)),
                is_whole=lambda _: True,
            )
            await self.records.summaries(readable, summaries)
        return summaries

    async def consolidate(self, product: ProductPage, pages: Sequence[LinkPage]) -> ConsolidatedBook:
        async with self.review.stage("consolidate_book_data") as stage:
            sources = named_sources(product.url, product.metadata, pages)
            key = stage.key(sources=[[one.source, one.url, one.metadata.model_dump()] for one in sources])
            book = await steps.consolidate_sources(key, whole_value(sources), len(sources), stage.delay_seconds)
            book = book.model_copy(update={"metadata": corrected(book.metadata, stage.edits.get("metadata"))})
            await self.records.book(book)
        await self.review.note(book_id=self.review.submission.submission_id, title=book.metadata.title)
        self.artifacts.facts(book)
        return book

    async def research(self, book: ConsolidatedBook, summaries: Sequence[LinkSummary]) -> WebResearch:
        if not self.review.is_enabled("internet_research"):
            await self.review.skip("internet_research", "switched off in the pipeline")
            return WebResearch()
        async with self.review.stage("internet_research") as stage:
            book, language = self._book_at("internet_research", book), self.review.request.language
            research = await whole(
                stage,
                stage.key(
                    book=facts(book),
                    summaries=plain(summaries),
                    language=language,
                    sources=[source.name for source in self.review.services.sources],
                    notes=stage.edits.get("notes"),
                ),
                lambda: research_book(stage, book, summaries, language),
                is_whole=lambda research: not any(note.unreachable for note in research.notes),
            )
            await self.records.book(book, research)
            stage.record.note = _left_out([note.error for note in research.notes], "sources")
        return research

    async def build_context(
        self,
        book: ConsolidatedBook,
        pages: Sequence[LinkPage],
        summaries: Sequence[LinkSummary],
        research: WebResearch,
    ) -> KnowledgeBase:
        async with self.review.stage("context_generation") as stage:
            book = await self._recorded_book_at("context_generation", book, research)
            knowledge = await whole(
                stage,
                stage.key(
                    book=book.model_dump(),
                    pages=plain(pages),
                    summaries=plain(summaries),
                    research=research.model_dump(),
                    context=stage.edits.get("context"),
                ),
                lambda: self._knowledge(stage, book, pages, summaries, research),
                is_whole=lambda _: True,
            )
            await self.records.knowledge(knowledge)
        return knowledge

    async def write_article(
        self,
        book: ConsolidatedBook,
        knowledge: KnowledgeBase,
        summaries: Sequence[LinkSummary],
        research: WebResearch,
    ) -> Article:
        async with self.review.stage("article_generation") as stage:
            words = check_words(self.review.request, stage.overrides)
            book = await self._recorded_book_at("article_generation", book, research)
            if context := stage.edits.get("context"):
                knowledge = knowledge.model_copy(update={"context": context})
            key = stage.key(book=facts(book), knowledge=knowledge.model_dump(), words=words)
            answer = await steps.write_article(
                key,
                task_title(book),
                whole_value(book),
                whole_value(knowledge),
                whole_value(summaries),
                whole_value(research),
                self.review.request.language,
                words,
                whole_value(asking(stage, longest_answer=words[1] * 3)),
            )
            draft = learned(stage, answer, DraftArticle)
            article = await asyncio.to_thread(
                examined_article,
                draft,
                book,
                knowledge.passages,
                words,
                submission_id=self.review.submission.submission_id,
                sources=[self.review.request.amazon_url, *self.review.links],
                author=f"{answer.provider}/{answer.model_id}",
            )
            article = await self.records.article(article, key)
        self.artifacts.article(article)
        return article

    async def publish(self) -> Article:
        """Put the approved revision on the site, or bring the post that it has there up to date."""
        submission_id = self.review.submission.submission_id
        article = await self.review.desk.approved_article(submission_id)
        async with self.review.stage("publishing") as stage:
            post = await steps.publish_article(
                article.title, whole_value(article), self.review.request.language, stage.delay_seconds
            )
            stage.record.note = "; ".join([f"{post.status}: {post.url}", *post.notes])
            article = await self.review.desk.record_post(article, post.post_id, post.url)
        self.review.run.result |= {"submission_id": submission_id, **post.model_dump()}
        return article

    async def finish(self, article: Article) -> Article:
        """The review waits for a person, unless a person decided on its newest revision or wants this one published
        unseen: an edit is a person's, and waits for a person."""
        submission = self.review.submission
        newest = await self.review.desk.article(submission.submission_id)
        status = _DECIDED.get(newest.status, SubmissionStatus.READY_FOR_REVIEW)
        await self.review.note(status=str(status), article_id=newest.article_id)
        unseen = self.review.request.auto_publish and newest.article_id == article.article_id
        if unseen and status is SubmissionStatus.READY_FOR_REVIEW:
            await self.review.desk.approve(submission.submission_id)
            newest = newest.model_copy(update={"status": str(SubmissionStatus.APPROVED)})
        self.artifacts.progress(95)
        self.review.run.result = {
            "submission_id": submission.submission_id,
            "article_id": newest.article_id,
            "revision": newest.revision,
            "title": newest.title,
            "word_count": newest.word_count,
            "flags": newest.flags,
            "unsupported_claims": sum(not claim.supported for claim in newest.claims),
        }
        return newest

    async def may_publish(self, article: Article) -> bool:
        """Whether the article was approved and there is a site; without one it stays approved and waits."""
        if article.status not in ("approved", "published") or not self.review.is_enabled("publishing"):
            return False
        site = self.review.services.open_site()
        if site is None:
            await self.review.skip("publishing", NO_SITE)
            await self.review.run.log(NO_SITE, "warning")
            return False
        await site.close()
        return True

    async def _knowledge(
        self,
        stage: Stage,
        book: ConsolidatedBook,
        pages: Sequence[LinkPage],
        summaries: Sequence[LinkSummary],
        research: WebResearch,
    ) -> KnowledgeBase:
        knowledge = await asyncio.to_thread(build_knowledge, book, pages, summaries, research)
        brief = stage.edits.get("context") or await self._brief(stage, book, knowledge, summaries, research)
        return knowledge.model_copy(update={"context": brief})

    async def _brief(
        self,
        stage: Stage,
        book: ConsolidatedBook,
        knowledge: KnowledgeBase,
        summaries: Sequence[LinkSummary],
        research: WebResearch,
    ) -> str:
        answer = await steps.write_brief(
            stage.key(book=facts(book), knowledge=knowledge.model_dump(), summaries=plain(summaries)),
            task_title(book),
            whole_value(book),
            whole_value(knowledge),
            whole_value(summaries),
            whole_value(research),
            self.review.request.language,
            whole_value(asking(stage)),
        )
        return learned(stage, answer, ContextBrief).context

    async def _links_stage(self) -> Stage | None:
        """None where it is switched off, or cannot begin: that is told once it is its turn."""
        if self.review.is_enabled("additional_links_scrape"):
            with suppress(MillraceError):
                return await self.review.prepared("additional_links_scrape")
        return None

    def _book_at(self, stage_id: str, book: ConsolidatedBook) -> ConsolidatedBook:
        """The book as this stage sees it: with the corrections that reruns made at or before it."""
        return book.model_copy(update={"metadata": self.review.metadata_at(stage_id, book.metadata)})

    async def _recorded_book_at(self, stage_id: str, book: ConsolidatedBook, research: WebResearch) -> ConsolidatedBook:
        seen = self._book_at(stage_id, book)
        if seen != book:
            await self.records.book(seen, research)
        return seen


def _left_out(errors: Sequence[str | None], what: str) -> str:
    met = [error for error in errors if error]
    return f"{len(met)} of {len(errors)} {what} gave nothing: {'; '.join(met)}" if met else ""
