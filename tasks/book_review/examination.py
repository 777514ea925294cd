"""Holding an article's text against the facts, for a model's draft and for a person's edit alike."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from spine.contracts.books import ConsolidatedBook
from spine.contracts.texts import Article, DraftArticle, ExaminedText, Passage
from spine.documents import KNOWLEDGE_BASE
from spine.ports import Documents
from spine.submissions import ReviewDesk
from tasks.book_review.article import clean_markdown, clean_title, count_words, length_problem
from tasks.book_review.claims import check_claims
from tasks.book_review.records import reviewed_book


def examine(
    draft: DraftArticle, book: ConsolidatedBook, passages: Sequence[Passage], words: tuple[int, int]
) -> ExaminedText:
    """Words, claims and what to flag. Some tenths of a second of computing: call it in a thread."""
    claims = check_claims(draft.content, book, passages)
    flags = [f"length: {problem}"] if (problem := length_problem(draft, *words)) else []
    if doubtful := sum(not claim.supported for claim in claims):
        flags.append(f"{doubtful} claim{'s' if doubtful > 1 else ''} without support in the sources")
    return ExaminedText(word_count=count_words(draft.content), claims=claims, flags=flags)


def examined_article(
    draft: DraftArticle,
    book: ConsolidatedBook,
    passages: Sequence[Passage],
    words: tuple[int, int],
    *,
    submission_id: str,
    sources: Sequence[str],
    author: str,
) -> Article:
    """The draft cleaned, counted, held against the facts and flagged for the reviewer; not stored yet. As `examine`,
    to be called in a thread."""
    tidy = DraftArticle(title=clean_title(draft.title), content=clean_markdown(draft.content, draft.title))
    examined = examine(tidy, book, passages, words)
    return Article(
        article_id="",
        submission_id=submission_id,
        title=tidy.title,
        content=tidy.content,
        word_count=examined.word_count,
        claims=examined.claims,
        flags=examined.flags,
        sources=list(sources),
        author=author,
    )


async def examine_edit(documents: Documents, desk: ReviewDesk, submission_id: str, draft: DraftArticle) -> ExaminedText:
    """The same for an edited article, against what its review has stored. Raises `NotFoundError` before a review."""
    request = (await desk.get(submission_id)).request
    book = await reviewed_book(documents, submission_id)
    knowledge = await documents.get(KNOWLEDGE_BASE, submission_id) or {}
    passages = [Passage.model_validate(passage) for passage in knowledge.get("passages", [])]
    return await asyncio.to_thread(examine, draft, book, passages, (request.min_words, request.max_words))
