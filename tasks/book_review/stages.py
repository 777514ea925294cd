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
from tasks.book_review import steps
from tasks.book_review.article import clean_markdown, count_words, length_problem
from tasks.book_review.asking import Asking
from tasks.book_review.claims import check_claims
from tasks.book_review.consolidate import SourcedMetadata
from tasks.book_review.fetching import ProductPage
from tasks.book_review.knowledge import build_knowledge
from tasks.book_review.records import ReviewRecords
from tasks.book_review.review import Review, Stage

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
            product = _edited(stage, "metadata", product)
            stage.record.note = "; ".join(product.notes)
        title = product.metadata.title
        await self.review.note(title=title, status=str(SubmissionStatus.SCRAPED))
        await self.artifacts.name_run(title or "a book without a title")
        return product

    async def read_links(self, product: ProductPage) -> list[LinkPage]:
        links = self.review.request.links
        if not self.review.is_enabled("additional_links_scrape"):
            await self.review.skip("additional_links_scrape", "switched off in the pipeline")
            return []
        async with self.review.stage("additional_links_scrape") as stage:
            links = list(stage.edited({"links": links})["links"])
            pages = await _each(stage, links, lambda link: self._read_link(stage, link, product.metadata))
            await self.records.candidates(pages)
            stage.record.note = _left_out([page.error for page in pages], "links")
        await self.artifacts.links(pages)
        return pages

    async def summarize_links(self, product: ProductPage, pages: Sequence[LinkPage]) -> list[LinkSummary]:
        readable = [page for page in pages if page.text]
        if not self.review.is_enabled("summarize_additional_links"):
            await self.review.skip("summarize_additional_links", "switched off in the pipeline")
            return []
        async with self.review.stage("summarize_additional_links") as stage:
            summaries = await _each(stage, readable, lambda page: self._summarize(stage, page, product.metadata))
            await self.records.summaries(readable, summaries)
        return summaries

    async def consolidate(self, product: ProductPage, pages: Sequence[LinkPage]) -> ConsolidatedBook:
        async with self.review.stage("consolidate_book_data") as stage:
            sources = named_sources(product, pages)
            key = stage.key(sources=[[one.source, one.url, one.metadata.model_dump()] for one in sources])
            book = await steps.consolidate_sources(key, sources, len(sources), stage.delay_seconds)
            book = book.model_copy(update={"metadata": _edited_model(stage, book.metadata)})
            await self.records.book(book)
        await self.review.note(book_id=self.review.submission.submission_id, title=book.metadata.title)
        await self.artifacts.facts(book)
        return book

    async def research(self, book: ConsolidatedBook, summaries: Sequence[LinkSummary]) -> WebResearch:
        if not self.review.is_enabled("internet_research"):
            await self.review.skip("internet_research", "switched off in the pipeline")
            return WebResearch()
        async with self.review.stage("internet_research") as stage:
            sources = [source.name for source in self.review.services.research]
            found = await _each(stage, sources, lambda source: self._ask_source(stage, source, book.metadata))
            notes = [note for notes in found for note in notes]
            material = stage.edited({"notes": [note.model_dump() for note in notes]})
            notes = [ResearchNote.model_validate(note) for note in material["notes"]]
            answer = await steps.read_research(
                stage.key(book=_facts(book), notes=material["notes"], summaries=_plain(summaries)),
                _title(book),
                book,
                notes,
                summaries,
                self.review.request.language,
                _asking(stage),
            )
            research = WebResearch(notes=notes, insight=_learned(stage, answer, ResearchInsight))
            await self.records.book(book, research)
            stage.record.note = _left_out([note.error for note in notes], "sources")
        return research

    async def build_context(
        self,
        book: ConsolidatedBook,
        pages: Sequence[LinkPage],
        summaries: Sequence[LinkSummary],
        research: WebResearch,
    ) -> KnowledgeBase:
        async with self.review.stage("context_generation") as stage:
            knowledge = await asyncio.to_thread(build_knowledge, book, pages, summaries, research)
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
            brief = _learned(stage, answer, ContextBrief)
            edited = stage.edited({"context": brief.context})
            knowledge = knowledge.model_copy(update={"context": str(edited["context"])})
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
            words = self._word_bounds(stage)
            knowledge = knowledge.model_copy(
                update={"context": stage.edited({"context": knowledge.context})["context"]}
            )
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
        await self.artifacts.article(article)
        return article

    async def finish(self, article: Article) -> Article:
        """The review waits for a person; the job's result says where."""
        submission = self.review.submission
        await self.review.note(status=str(SubmissionStatus.READY_FOR_REVIEW), article_id=article.article_id)
        await self.artifacts.progress(100)
        self.review.run.result = {
            "submission_id": submission.submission_id,
            "article_id": article.article_id,
            "revision": article.revision,
            "title": article.title,
            "word_count": article.word_count,
            "flags": article.flags,
            "unsupported_claims": sum(not claim.supported for claim in article.claims),
        }
        return article

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

    async def _ask_source(self, stage: Stage, source: str, book: BookMetadata) -> list[ResearchNote]:
        language = self.review.request.language
        key = stage.key(source=source, book=book.model_dump(), language=language)
        try:
            return await steps.ask_research_source(key, source, book, language)
        except MillraceError as error:
            await stage.run.log(f"research goes on without {source}: {error}", "warning")
            return [ResearchNote(source=source, error=str(error))]

    def _word_bounds(self, stage: Stage) -> tuple[int, int]:
        request, edits = self.review.request, stage.overrides
        return int(edits.get("min_words", request.min_words)), int(edits.get("max_words", request.max_words))


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
    content = clean_markdown(draft.content, draft.title)
    claims = check_claims(content, book, knowledge.passages)
    count = count_words(content)
    tidy = DraftArticle(title=draft.title, content=content)
    flags = [f"length: {problem}"] if (problem := length_problem(tidy, *words)) else []
    if doubtful := sum(not claim.supported for claim in claims):
        flags.append(f"{doubtful} claim{'s' if doubtful > 1 else ''} without support in the sources")
    links = [review.request.amazon_url, *review.request.links]
    return Article(
        article_id="",
        submission_id=review.submission.submission_id,
        title=draft.title.strip(),
        content=content,
        word_count=count,
        claims=claims,
        flags=flags,
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


def _edited(stage: Stage, part: str, product: ProductPage) -> ProductPage:
    edits = stage.overrides.get("input", {})
    if not edits:
        return product
    changed = {**product.metadata.model_dump(), **edits.get(part, edits)}
    return product.model_copy(update={part: BookMetadata.model_validate(changed)})


def _edited_model(stage: Stage, metadata: BookMetadata) -> BookMetadata:
    edits = stage.overrides.get("input", {})
    edits = edits.get("metadata", edits)
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
