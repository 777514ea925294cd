"""Writes the article without a model: facts in fixed sentences, everything else in quotations with their sources."""

from __future__ import annotations

from collections.abc import Sequence

from spine.contracts.books import ConsolidatedBook
from spine.contracts.texts import DraftArticle, KnowledgeBase, LinkSummary, WebResearch
from tasks.book_review.claims import ClaimCheck
from tasks.book_review.writing.extractive_material import Material
from tasks.book_review.writing.extractive_record import facts_parts, method_parts, open_parts, source_parts
from tasks.book_review.writing.extractive_story import (
    about_parts,
    audience_parts,
    content_parts,
    readers_parts,
    theme_parts,
    voices_parts,
    who_parts,
)
from tasks.book_review.writing.layout import Part, Piece, Weight, fill
from tasks.book_review.writing.markdown_text import count_words
from tasks.book_review.writing.phrases import phrases

_MARGIN = 1.03  # over the minimum, because others may count words a little differently


def extractive_article(
    book: ConsolidatedBook,
    knowledge: KnowledgeBase,
    summaries: Sequence[LinkSummary],
    research: WebResearch,
    language: str,
    min_words: int,
    max_words: int,
) -> DraftArticle:
    """A readable article out of the sources' own words, in `language` (English where it has no phrases).

    Facts stand in fixed sentences, the rest is quoted whole sentence by whole sentence and signed. It says that no
    language model wrote it. It has `min_words` to `max_words` words when the sources carry that much, and says so
    when they do not. Nothing in it fails `check_claims` against the same book and passages. Same input, same article.
    """
    material = Material(book, knowledge, summaries, research, phrases(language))
    parts = _sound(_parts(material), material.check)
    lowest = min(round(min_words * _MARGIN), max_words)
    content = fill(material.phrases.headings, parts, lowest, max_words)
    if count_words(content) < min_words:
        parts.append(Part("method", "prose", [Piece(material.phrases.say("thin"), Weight.ESSENTIAL)]))
        content = fill(material.phrases.headings, parts, lowest, max_words)
    return DraftArticle(title=_headline(material), content=content)


def _parts(material: Material) -> list[Part]:
    content, quoted = content_parts(material)
    voices, told = voices_parts(material, quoted)
    return [
        *about_parts(material),
        *content,
        *voices,
        *theme_parts(material),
        *audience_parts(material, [*quoted, *told]),
        *readers_parts(material),
        *facts_parts(material),
        *who_parts(material),
        *open_parts(material),
        *method_parts(material),
        *source_parts(material),
    ]


def _sound(parts: Sequence[Part], check: ClaimCheck) -> list[Part]:
    """The parts without pieces that the facts and passages do not bear out, e.g. a theme that a model made up."""
    kept = [
        Part(
            part.section,
            part.style,
            [piece for piece in part.pieces if _is_sound(part, piece, check)],
            part.lead,
            part.source,
        )
        for part in parts
    ]
    return [part for part in kept if part.pieces]


def _is_sound(part: Part, piece: Piece, check: ClaimCheck) -> bool:
    mark = {"items": "- ", "quote": "> "}.get(part.style, "")
    return check.is_sound(mark + piece.text)


def _headline(material: Material) -> str:
    book, said = material.book.metadata, material.phrases
    title = book.title or said.headings["about"]
    if not book.authors:
        return said.headline_bare.format_map({"title": title})
    return said.headline.format_map({"title": title, "authors": ", ".join(book.authors)})
