"""Builds the knowledge base of an article: ranked passages, an index of topics and a brief for the writer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spine.contracts.books import ConsolidatedBook
from spine.contracts.texts import KnowledgeBase, LinkPage, LinkSummary, Passage, WebResearch
from spine.research_answers import prose_of, subjects_in
from tasks.book_review.book_facts import fact_lines, fenced_facts, title_and_authors
from tasks.book_review.prompt_data import fenced, fenced_inline
from tasks.book_review.research import UNKNOWN_AUDIENCE, fenced_summaries
from tasks.book_review.writing.ranking import best_sentences, centrality, content_words, diverse, key_phrases, relevance
from tasks.book_review.writing.text_units import chunks

_PASSAGE_WORDS = 90
_PASSAGES = 40
_TOPICS = 20
_PASSAGES_BUDGET = 16_000  # characters
_BRIEF_SENTENCES = 6
_NONE_KNOWN = "none known"


def build_knowledge(
    book: ConsolidatedBook,
    pages: Sequence[LinkPage],
    summaries: Sequence[LinkSummary],
    research: WebResearch,
) -> KnowledgeBase:
    """Passages of all sources, the most telling first and none twice; topics by passage; the extractive brief.

    A model's brief replaces `.context`; passages and topics stay. Topics that no passage speaks of are left out.
    """
    passages = _ranked(list(_passages(book, pages, research)), book, research)
    topics = [*research.insight.themes, *(topic for summary in summaries for topic in summary.topics)]
    index = topic_index(passages, topics or key_phrases([passage.text for passage in passages], _TOPICS))
    return KnowledgeBase(context=_brief(book, passages, research, list(index)), passages=passages, topic_index=index)


def topic_index(passages: Sequence[Passage], topics: Sequence[str]) -> dict[str, list[int]]:
    """Topic → numbers (from 0) of the passages that carry all its words, for at most twenty topics."""
    contents = [set(content_words(passage.text)) for passage in passages]
    index: dict[str, list[int]] = {}
    seen: set[frozenset[str]] = set()
    for topic in topics:
        parts = frozenset(content_words(topic))
        hits = [number for number, content in enumerate(contents) if parts and parts <= content]
        if hits and parts not in seen and len(index) < _TOPICS:
            index[topic] = hits
        seen.add(parts)
    return index


def context_material(
    book: ConsolidatedBook,
    summaries: Sequence[LinkSummary],
    research: WebResearch,
    passages: Sequence[Passage],
    language: str = "en",
) -> dict[str, str]:
    """Values for the prompt `context`."""
    return {
        **title_and_authors(book.metadata),
        "facts": fenced_facts(book),
        **insight_values(research),
        "summaries": fenced_summaries(summaries),
        "passages": fenced_passages(passages),
        "language": language,
    }


def insight_values(research: WebResearch) -> dict[str, str]:
    """The placeholders for what research made out."""
    # A model wrote these after it had read pages: what a page made it say is still no instruction.
    insight = research.insight
    return {
        "themes": fenced_inline(", ".join(insight.themes)) if insight.themes else _NONE_KNOWN,
        "target_audience": fenced_inline(insight.target_audience) if insight.target_audience else UNKNOWN_AUDIENCE,
    }


def fenced_passages(passages: Sequence[Passage]) -> str:
    """Numbered passages as one block of data."""
    told = "\n\n".join(
        f"[{number}] ({passage.source}) {passage.text}" for number, passage in enumerate(passages, start=1)
    )
    return fenced("passages of the sources", told or "(no passages)", _PASSAGES_BUDGET)


def _passages(book: ConsolidatedBook, pages: Sequence[LinkPage], research: WebResearch) -> Iterator[Passage]:
    for source in book.sources:
        description = source.value.get("description") if isinstance(source.value, dict) else None
        yield from _pieces(source.source, source.url, description or "")
    for number, page in enumerate(pages, start=1):
        yield from _pieces(f"link:{number}", page.final_url or page.url, page.text)
    for note in research.notes:
        yield from _pieces(note.source, note.url, prose_of(note))
        subjects = subjects_in(note)
        if subjects:
            yield Passage(source=note.source, url=note.url, text="; ".join(subjects))


def _pieces(source: str, url: str | None, text: str) -> Iterator[Passage]:
    for piece in chunks(text, _PASSAGE_WORDS):
        yield Passage(source=source, url=url, text=piece)


def _ranked(passages: list[Passage], book: ConsolidatedBook, research: WebResearch) -> list[Passage]:
    texts = [passage.text for passage in passages]
    query = " ".join([book.metadata.title or "", *(book.metadata.authors or []), *research.insight.themes])
    central, close = centrality(texts), relevance(texts, query)
    top = max(central, default=0.0) or 1.0
    scores = [share / top + 2 * near for share, near in zip(central, close, strict=True)]
    return [passages[number] for number in diverse(texts, scores, _PASSAGES)]


def _brief(book: ConsolidatedBook, passages: Sequence[Passage], research: WebResearch, topics: Sequence[str]) -> str:
    insight = research.insight
    told = "\n".join(passage.text for passage in passages[:_BRIEF_SENTENCES])
    parts = [
        "Known facts\n" + "\n".join(fact_lines(book)),
        "Themes: " + (", ".join(insight.themes) or _NONE_KNOWN),
        "Topics with passages: " + (", ".join(topics) or _NONE_KNOWN),
        f"Audience: {insight.target_audience or UNKNOWN_AUDIENCE}",
        "What the sources say\n" + "\n".join(best_sentences(told, _BRIEF_SENTENCES)),
    ]
    if book.notes:
        parts.append("Notes\n" + "\n".join(book.notes))
    failed = [f"{note.source}: {note.error}" for note in research.notes if note.error]
    if failed:
        parts.append("Sources that gave nothing\n" + "\n".join(failed))
    return "\n\n".join(parts)
