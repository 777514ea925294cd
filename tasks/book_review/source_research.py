"""Research on one book: what each source says of it, and what a model reads in that."""

from __future__ import annotations

from collections.abc import Sequence

from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.texts import LinkSummary, ResearchInsight, ResearchNote, WebResearch
from spine.errors import MillraceError
from tasks.book_review import steps
from tasks.book_review.plain_inputs import facts, plain, task_title
from tasks.book_review.review import Stage
from tasks.book_review.side_by_side import side_by_side
from tasks.book_review.stage_answers import asking, learned
from tasks.task_inputs import whole_value


async def research_book(
    stage: Stage, book: ConsolidatedBook, summaries: Sequence[LinkSummary], language: str
) -> WebResearch:
    notes = await _notes(stage, book.metadata, language)
    answer = await steps.read_research(
        stage.key(book=facts(book), notes=plain(notes), summaries=plain(summaries)),
        task_title(book),
        whole_value(book),
        whole_value(notes),
        whole_value(summaries),
        language,
        whole_value(asking(stage)),
    )
    return WebResearch(notes=notes, insight=learned(stage, answer, ResearchInsight))


async def _notes(stage: Stage, book: BookMetadata, language: str) -> list[ResearchNote]:
    """What the sources say, or what a rerun put in its place: then no source is asked."""
    if (edited := stage.edits.get("notes")) is not None:
        return [ResearchNote.model_validate(note) for note in edited]
    sources = [source.name for source in stage.run.services.sources]
    found = await side_by_side(stage, sources, lambda source: _ask_source(stage, source, book, language))
    return [note for notes in found for note in notes]


async def _ask_source(stage: Stage, source: str, book: BookMetadata, language: str) -> list[ResearchNote]:
    """A source that cannot be asked is noted; the review goes on without it."""
    key = stage.key(source=source, book=book.model_dump(), language=language)
    try:
        return await steps.ask_research_source(key, source, whole_value(book), language)
    except MillraceError as error:
        await stage.run.log(f"research goes on without {source}: {error}", "warning")
        return [ResearchNote(source=source, error=str(error), unreachable=True)]
