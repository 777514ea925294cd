"""The seven stages of a review: each takes what came before, calls its tasks, keeps its records, gives its result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from spine.ai_config import chain_note
from spine.contracts.answers import StageAnswer
from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.submissions import SubmissionStatus
from spine.contracts.texts import (
    Article,
    BibliographicCandidate,
    ContextBrief,
    DraftArticle,
    KnowledgeBase,
    LinkPage,
    LinkSummary,
    ResearchInsight,
    ResearchNote,
    WebResearch,
)
from spine.errors import MillraceError
from spine.publishing_port import NO_SITE
from spine.stage_overrides import check_words
from tasks.book_review import steps
from tasks.book_review.article import clean_markdown
from tasks.book_review.asking import Asking
from tasks.book_review.consolidate import SourcedMetadata
from tasks.book_review.examination import examine
from tasks.book_review.fetching import ProductPage
from tasks.book_review.knowledge import build_knowledge
from tasks.book_review.records import ReviewRecords
from tasks.book_review.review import Review, Stage
from tasks.book_review.whole_stages import whole

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")


class ReviewStages:
    """The stages bound to one review. Order and data flow are the flow's; nothing is kept between stages."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.records = ReviewRecords(review.services.documents, review.submission.submission_id)
        self.artifacts = review.artifacts

    async def read_product(self) -> ProductPage:
        url = self.review.request.amazon_url
        async with self.review.stage("amazon_scrape") as stage:
            product = await steps.read_product_page(stage.key(url=url), url, stage.delay_seconds)
            metadata = _corrected(product.metadata, stage.edits.get("metadata"))
            product = product.model_copy(update={"metadata": metadata})
            stage.record.note = "; ".join(product.notes)
        title = product.metadata.title
        await self.review.note(title=title, status=str(SubmissionStatus.SCRAPED))
        self.artifacts.name_run(title or "a book without a title")
        return product

    async def read_links(self, product: ProductPage) -> list[LinkPage]:
        links = self.review.links
        if not self.review.is_enabled("additional_links_scrape"):
            await self.review.skip("additional_links_scrape", "switched off in the pipeline")
            return []
        async with self.review.stage("additional_links_scrape") as stage:
            book = product.metadata
            pages = await whole(
                stage,
                stage.key(links=links, book=book.model_dump()),
                lambda: _each(stage, links, lambda link: self._read_link(stage, link, book)),
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
                stage.key(pages=_plain(readable), book=book.model_dump(), language=language),
                lambda: _each(stage, readable, lambda page: self._summarize(stage, page, book)),
                is_whole=lambda _: True,
            )
            await self.records.summaries(readable, summaries)
        return summaries

    async def consolidate(self, product: ProductPage, pages: Sequence[LinkPage]) -> ConsolidatedBook:
        async with self.review.stage("consolidate_book_data") as stage:
            sources = named_sources(product, pages)
            key = stage.key(sources=[[one.source, one.url, one.metadata.model_dump()] for one in sources])
            book = await steps.consolidate_sources(key, sources, len(sources), stage.delay_seconds)
            book = book.model_copy(update={"metadata": _corrected(book.metadata, stage.edits.get("metadata"))})
            await self.records.book(book)
        await self.review.note(book_id=self.review.submission.submission_id, title=book.metadata.title)
        self.artifacts.facts(book)
        return book

    async def research(self, book: ConsolidatedBook, summaries: Sequence[LinkSummary]) -> WebResearch:
        if not self.review.is_enabled("internet_research"):
            await self.review.skip("internet_research", "switched off in the pipeline")
            return WebResearch()
        async with self.review.stage("internet_research") as stage:
            book = self._book_at("internet_research", book)
            research = await whole(
                stage,
                stage.key(
                    book=_facts(book),
                    summaries=_plain(summaries),
                    language=self.review.request.language,
                    sources=[source.name for source in self.review.services.sources],
                    notes=stage.edits.get("notes"),
                ),
                lambda: self._research(stage, book, summaries),
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
            knowledge = await asyncio.to_thread(build_knowledge, book, pages, summaries, research)
            brief = stage.edits.get("context") or await self._brief(stage, book, knowledge, summaries, research)
            knowledge = knowledge.model_copy(update={"context": brief})
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
            key = stage.key(book=_facts(book), knowledge=knowledge.model_dump(), words=words)
            answer = await steps.write_article(
                key,
                _title(book),
                book,
                knowledge,
                summaries,
                research,
                self.review.request.language,
                words,
                _asking(stage, longest_answer=words[1] * 3),
            )
            draft = _learned(stage, answer, DraftArticle)
            article = await asyncio.to_thread(finished_article, self.review, answer, draft, book, knowledge, words)
            article = await self.records.article(self.review.desk, article, key)
        self.artifacts.article(article)
        return article

    async def publish(self) -> Article:
        """Put the approved revision on the site, or bring the post that it has there up to date."""
        submission_id = self.review.submission.submission_id
        article = await self.review.desk.approved_article(submission_id)
        async with self.review.stage("publishing") as stage:
            post = await steps.publish_article(
                article.title, article, self.review.request.language, stage.delay_seconds
            )
            stage.record.note = "; ".join([f"{post.status}: {post.url}", *post.notes])
            article = await self.review.desk.record_post(article, post.post_id, post.url)
        self.review.run.result |= {"submission_id": submission_id, **post.model_dump()}
        return article

    async def finish(self, article: Article) -> Article:
        """The review waits for a person, unless a person decided on this very revision or wants it published unseen."""
        submission = self.review.submission
        newest = await self.review.desk.article(submission.submission_id)
        decided = newest.status in ("approved", "published")
        status = SubmissionStatus.APPROVED if decided else SubmissionStatus.READY_FOR_REVIEW
        await self.review.note(status=str(status), article_id=newest.article_id)
        if self.review.request.auto_publish and not decided:
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

    # -- one link, one source ----------------------------------------------------------------------------

    async def _read_link(self, stage: Stage, link: str, book: BookMetadata) -> LinkPage:
        """A link that cannot be read is noted and left out; a review does not fail for it."""
        try:
            page = await steps.read_link_page(stage.key(link=link), link, stage.delay_seconds)
        except MillraceError as error:
            await stage.run.log(f"{link} was left out: {error}", "warning")
            return LinkPage(url=link, error=str(error))
        if not page.text:
            return page
        answer = await steps.extract_bibliography(
            stage.key(page=page.model_dump(), book=book.model_dump()), page, book, _asking(stage)
        )
        return page.model_copy(update={"bibliography": _learned(stage, answer, BibliographicCandidate)})

    async def _summarize(self, stage: Stage, page: LinkPage, book: BookMetadata) -> LinkSummary:
        language = self.review.request.language
        key = stage.key(page=page.model_dump(), book=book.model_dump(), language=language)
        answer = await steps.summarize_link(key, page, book, language, _asking(stage))
        return _learned(stage, answer, LinkSummary)

    async def _research(self, stage: Stage, book: ConsolidatedBook, summaries: Sequence[LinkSummary]) -> WebResearch:
        notes = await self._notes(stage, book.metadata)
        answer = await steps.read_research(
            stage.key(book=_facts(book), notes=_plain(notes), summaries=_plain(summaries)),
            _title(book),
            book,
            notes,
            summaries,
            self.review.request.language,
            _asking(stage),
        )
        return WebResearch(notes=notes, insight=_learned(stage, answer, ResearchInsight))

    async def _notes(self, stage: Stage, book: BookMetadata) -> list[ResearchNote]:
        """What the sources say, or what a rerun put in its place: then no source is asked."""
        if (edited := stage.edits.get("notes")) is not None:
            return [ResearchNote.model_validate(note) for note in edited]
        sources = [source.name for source in self.review.services.sources]
        found = await _each(stage, sources, lambda source: self._ask_source(stage, source, book))
        return [note for notes in found for note in notes]

    async def _brief(
        self,
        stage: Stage,
        book: ConsolidatedBook,
        knowledge: KnowledgeBase,
        summaries: Sequence[LinkSummary],
        research: WebResearch,
    ) -> str:
        answer = await steps.write_brief(
            stage.key(book=_facts(book), knowledge=knowledge.model_dump(), summaries=_plain(summaries)),
            _title(book),
            book,
            knowledge,
            summaries,
            research,
            self.review.request.language,
            _asking(stage),
        )
        return _learned(stage, answer, ContextBrief).context

    def _book_at(self, stage_id: str, book: ConsolidatedBook) -> ConsolidatedBook:
        """The book as this stage sees it: with the corrections that reruns made at or before it."""
        return book.model_copy(update={"metadata": self.review.metadata_at(stage_id, book.metadata)})

    async def _recorded_book_at(self, stage_id: str, book: ConsolidatedBook, research: WebResearch) -> ConsolidatedBook:
        corrected = self._book_at(stage_id, book)
        if corrected != book:
            await self.records.book(corrected, research)
        return corrected

    async def _ask_source(self, stage: Stage, source: str, book: BookMetadata) -> list[ResearchNote]:
        language = self.review.request.language
        key = stage.key(source=source, book=book.model_dump(), language=language)
        try:
            return await steps.ask_research_source(key, source, book, language)
        except MillraceError as error:
            await stage.run.log(f"research goes on without {source}: {error}", "warning")
            return [ResearchNote(source=source, error=str(error), unreachable=True)]


def named_sources(product: ProductPage, pages: Sequence[LinkPage]) -> list[SourcedMetadata]:
    """Everything that says something of the book; the product page first, the links under their numbers."""
    sources = [SourcedMetadata("amazon", product.url, product.metadata)]
    for number, page in enumerate(pages, start=1):
        if any(page.bibliography.model_dump(exclude_none=True).values()):
            sources.append(SourcedMetadata(f"link:{number}", page.final_url or page.url, page.bibliography))
    return sources


def finished_article(
    review: Review,
    answer: StageAnswer,
    draft: DraftArticle,
    book: ConsolidatedBook,
    knowledge: KnowledgeBase,
    words: tuple[int, int],
) -> Article:
    """The draft cleaned, counted, held against the facts and flagged for the reviewer."""
    tidy = DraftArticle(title=draft.title.strip(), content=clean_markdown(draft.content, draft.title))
    examined = examine(tidy, book, knowledge.passages, words)
    links = [review.request.amazon_url, *review.links]
    return Article(
        article_id="",
        submission_id=review.submission.submission_id,
        title=tidy.title,
        content=tidy.content,
        word_count=examined.word_count,
        claims=examined.claims,
        flags=examined.flags,
        sources=links,
        author=f"{answer.provider}/{answer.model_id}",
    )


async def _each(stage: Stage, items: Sequence[R], work: Callable[[R], Awaitable[T | list[T]]]) -> list[Any]:
    """All at once, progress with each that is done, results in the order of the items."""
    done = 0

    async def counted(item: R) -> Any:
        nonlocal done
        result = await work(item)
        done += 1
        await stage.progress(done, len(items))
        return result

    running = [asyncio.create_task(counted(item)) for item in items]
    try:
        return await asyncio.gather(*running)
    except BaseException:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise


def _learned(stage: Stage, answer: StageAnswer, kind: type[T]) -> T:
    """The answer's value; its provenance goes into the stage's record, its cost only when it was asked just now."""
    record = stage.record
    record.provider, record.model = answer.provider, answer.model_id
    record.fallback_reason = chain_note(stage.settings.resolved, answer.provider, answer.fallback_reason)
    record.attempts = [*record.attempts, *answer.attempts]
    record.cached = answer.made_in != stage.made_in
    if not record.cached:
        record.usage = record.usage + answer.usage
    return answer.read(kind)


def _asking(stage: Stage, longest_answer: int = 0) -> Asking:
    return Asking(
        prompt=stage.settings.prompt,
        chain=stage.chain_for(longest_answer),
        made_in=stage.made_in,
        account=stage.account,
        delay_seconds=stage.delay_seconds,
    )


def _corrected(metadata: BookMetadata, edits: dict[str, Any] | None) -> BookMetadata:
    return BookMetadata.model_validate({**metadata.model_dump(), **edits}) if edits else metadata


def _left_out(errors: Sequence[str | None], what: str) -> str:
    met = [error for error in errors if error]
    return f"{len(met)} of {len(errors)} {what} gave nothing: {'; '.join(met)}" if met else ""


def _facts(book: ConsolidatedBook) -> dict[str, Any]:
    return book.metadata.model_dump()


def _plain(models: Sequence[BaseModel]) -> list[dict[str, Any]]:
    return [model.model_dump() for model in models]


def _title(book: ConsolidatedBook) -> str:
    return book.metadata.title or "the book"
