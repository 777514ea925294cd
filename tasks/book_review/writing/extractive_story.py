"""The parts of the article without a model that tell of the book: content, voices, themes, readers."""

from __future__ import annotations

from collections.abc import Sequence

from spine.contracts.books import Money
from tasks.book_review.research import UNKNOWN_AUDIENCE
from tasks.book_review.writing.extractive_material import Material
from tasks.book_review.writing.layout import Part, Piece, Weight
from tasks.book_review.writing.markdown_text import escaped_line
from tasks.book_review.writing.quotes import Quote, description_quotes, voice_quotes
from tasks.book_review.writing.text_units import fold

_THEMES = 8
_SHORT_BOOK, _LONG_BOOK = 160, 450  # pages
_VOICES = 60  # quotations of other sources; what ranks below says little about the book


def about_parts(material: Material) -> list[Part]:
    book = material.metadata
    title = book.title or material.phrases.headings["about"]
    opening = (
        material.piece("about_author", Weight.ESSENTIAL, title=title, authors=", ".join(book.authors))
        if book.authors
        else material.piece("about_no_author", Weight.ESSENTIAL, title=title)
    )
    facts = [opening]
    for key, field in (
        ("about_publisher", "publisher"),
        ("about_date", "publication_date"),
        ("about_pages", "pages"),
        ("about_language", "language"),
    ):
        value = getattr(book, field)
        if value is not None:
            name = key.removeprefix("about_")
            facts.append(material.piece(key, Weight.CORE, **{name: material.shown(field, value)}))
    return [
        Part("about", "prose", facts),
        Part("about", "prose", [material.piece("disclaimer", Weight.ESSENTIAL)]),
    ]


def content_parts(material: Material) -> tuple[list[Part], list[Quote]]:
    """What the description says, and the sentences of it that may be quoted."""
    quotes = description_quotes(material.book)
    if not quotes:
        return [Part("content", "prose", [material.piece("content_none", Weight.CORE)])], []
    part = Part(
        "content",
        "quote",
        [_quoted(quote, _description_weight(quote.rank)) for quote in quotes],
        lead=material.phrases.say("content_lead"),
        source=material.signature(quotes[0].source, quotes[0].url),
    )
    note = Part("content", "prose", [material.piece("description_note", Weight.NOTES)])
    return [part, note], quotes


def voices_parts(material: Material, taken: Sequence[Quote]) -> tuple[list[Part], list[Quote]]:
    """What the other sources say, one signed quotation for each, and the sentences quoted."""
    quotes = voice_quotes(material.book, material.knowledge.passages, taken)[:_VOICES]
    by_source: dict[str, list[Quote]] = {}
    for quote in quotes:
        by_source.setdefault(material.signature(quote.source, quote.url), []).append(quote)
    parts = [
        Part(
            "voices",
            "quote",
            [_quoted(quote, _voice_weight(number, place)) for place, quote in enumerate(told)],
            source=signature,
        )
        for number, (signature, told) in enumerate(by_source.items())
    ]
    if parts:
        parts[0].lead = material.phrases.say("voices_lead")
    return parts, quotes


def theme_parts(material: Material) -> list[Part]:
    themes = material.research.insight.themes or list(material.knowledge.topic_index) or _topics(material)
    if not themes:
        return [Part("themes", "prose", [material.piece("themes_none", Weight.NOTES)])]
    items = [Piece(escaped_line(theme), Weight.CORE) for theme in dict.fromkeys(themes[:_THEMES])]
    return [Part("themes", "items", items, lead=material.phrases.say("themes_lead"))]


def audience_parts(material: Material, told: Sequence[Quote]) -> list[Part]:
    """For whom the book is, when a source says so; a sentence that is quoted above is not quoted again."""
    audience = material.research.insight.target_audience
    if not audience or audience == UNKNOWN_AUDIENCE:
        return [Part("themes", "prose", [material.piece("audience_none", Weight.CORE)])]
    if fold(audience) in {fold(quote.text) for quote in told}:
        return []
    source = next((p for p in material.knowledge.passages if audience in p.text), None)
    if source is None:
        return []  # a model's reading of the sources, which this article cannot sign
    return [
        Part(
            "themes",
            "quote",
            [Piece(escaped_line(audience), Weight.CORE)],
            lead=material.phrases.say("audience_lead"),
            source=material.signature(source.source, source.url),
        )
    ]


def readers_parts(material: Material) -> list[Part]:
    book, said = material.metadata, material.phrases
    if book.rating is None:
        return [Part("readers", "prose", [material.piece("rating_none", Weight.CORE)])]
    pieces = [material.piece("rating", Weight.CORE, rating=said.number(book.rating))]
    if book.rating_count is not None:
        pieces.append(material.piece("rating_count", Weight.CORE, count=said.number(book.rating_count)))
        pieces.append(material.piece("rating_count_note", Weight.NOTES))
    pieces.append(material.piece("rating_note", Weight.NOTES))
    provenance = material.book.provenance.get("rating")
    others = [
        material.piece(
            "rating_other",
            Weight.CORE,
            source=material.source_label(other.source, other.url),
            rating=said.number(float(other.value)),
        )
        for other in (provenance.conflicts if provenance else [])
    ]
    return [
        Part("readers", "prose", pieces),
        Part("readers", "items", others, lead=said.say("rating_other_lead")),
    ]


def who_parts(material: Material) -> list[Part]:
    book = material.metadata
    pieces = [material.piece("who_lead", Weight.CORE)] if book.description else []
    if book.language:
        pieces.append(material.piece("who_language", Weight.CORE, language=material.shown("language", book.language)))
    if book.pages:
        pieces.append(material.piece(_length_key(book.pages), Weight.CORE))
    cheaper = _cheaper_key(book.price_book, book.price_ebook)
    if cheaper:
        pieces.append(material.piece(cheaper, Weight.CORE))
    if book.isbn_13:
        pieces.append(material.piece("who_check", Weight.NOTES))
    pieces.append(material.piece("who_sample", Weight.NOTES))
    return [Part("who", "prose", pieces)]


def _quoted(quote: Quote, weight: Weight) -> Piece:
    return Piece(escaped_line(quote.text), weight, quote.place)


def _description_weight(rank: int) -> Weight:
    if rank == 0:
        return Weight.ESSENTIAL
    return Weight.CORE if rank < 5 else Weight.MORE_QUOTES if rank < 10 else Weight.LAST_QUOTES


def _voice_weight(source_number: int, rank: int) -> Weight:
    if source_number < 6 and rank < 3:
        return Weight.CORE
    return Weight.MORE_QUOTES if rank < 5 else Weight.LAST_QUOTES


def _topics(material: Material) -> list[str]:
    return [topic for summary in material.summaries for topic in summary.topics]


def _length_key(pages: int) -> str:
    return "length_short" if pages < _SHORT_BOOK else "length_long" if pages > _LONG_BOOK else "length_medium"


def _cheaper_key(book: Money | None, ebook: Money | None) -> str | None:
    if not book or not ebook or book.currency != ebook.currency or book.amount == ebook.amount:
        return None
    return "ebook_cheaper" if ebook.amount < book.amount else "print_cheaper"
