"""What an article becomes on a site, decided before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.texts import Article
from spine.errors import InvalidInputError
from tasks.book_review.publish.post_html import plain_html, post_html
from tasks.book_review.publish.source_links import source_links
from tasks.book_review.publish.subjects import Subjects, categories, tags
from tasks.book_review.writing.markdown_text import blocks
from tasks.book_review.writing.phrases import phrases
from tasks.book_review.writing.text_units import cut_at_sentence, fold, same_text, words

_EXCERPT_LENGTH: Final = 300  # characters
_SLUG_LENGTH: Final = 80  # characters


@dataclass(frozen=True, slots=True)
class PostPlan:
    """A post, as far as it can be said without the site. `title`, `html` and `excerpt` are safe HTML."""

    title: str
    slug: str  # "" when the title has no word to make one of
    html: str
    excerpt: str
    categories: list[str]
    tags: list[str]
    cover_url: str | None
    cover_name: str  # file name without extension
    alt_text: str


def plan_post(article: Article, book: ConsolidatedBook, subjects: Subjects, language: str) -> PostPlan:
    """The post of this article. Raises `InvalidInputError` for an article with no title or no text."""
    title = " ".join(article.title.split())
    if not title or not blocks(article.content):
        raise InvalidInputError("The article has no title or no text; edit it before it is published.")
    return PostPlan(
        title=plain_html(title),
        slug=slug_of(title),
        html=_body(article, language),
        excerpt=plain_html(excerpt_of(article.content)),
        categories=categories(subjects),
        tags=tags(subjects, book.metadata.authors or []),
        cover_url=book.metadata.cover_image_url,
        cover_name=f"{slug_of(book.metadata.title or title) or 'book'}-cover",
        alt_text=alt_text_of(book.metadata, title),
    )


def slug_of(title: str) -> str:
    """The title as part of an address: words in lower case joined by hyphens, in Latin letters where it has them."""
    slug = ""
    for word in words(title.replace("'", "").replace("’", "")):
        plain = fold(word) if fold(word).isascii() else word.casefold()
        if len(slug) + len(plain) + 1 > _SLUG_LENGTH:
            break
        slug = f"{slug}-{plain}" if slug else plain
    return slug


def excerpt_of(content: str) -> str:
    """The first paragraph, cut at a sentence; the first text of any kind where there is no paragraph."""
    texts = [block for block in blocks(content) if block.text]
    chosen = next((block for block in texts if block.kind == "paragraph"), texts[0])
    return cut_at_sentence(" ".join(chosen.text.split()), _EXCERPT_LENGTH)


def alt_text_of(book: BookMetadata, fallback: str) -> str:
    """What the cover shows, in words that need no translation: `The Hobbit – J. R. R. Tolkien`."""
    authors = ", ".join(book.authors or [])
    return " – ".join(part for part in (book.title or fallback, authors) if part)


def _body(article: Article, language: str) -> str:
    heading = phrases(language).headings["sources"]
    last = next((block for block in reversed(blocks(article.content)) if block.kind == "heading"), None)
    under_its_own = last is not None and same_text(last.text, heading)
    return post_html(article.content, source_links(article.sources), "" if under_its_own else heading)
