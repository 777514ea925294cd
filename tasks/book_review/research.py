"""Reads what internet research found: themes, audience and a summary, as prompt material or without a model."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.texts import LinkSummary, ResearchInsight, ResearchNote
from spine.research_answers import prose_of, subjects_in
from tasks.book_review.book_facts import fenced_facts, title_and_authors
from tasks.book_review.facts.lexicon import guess_language, lexicon
from tasks.book_review.prompt_data import fenced
from tasks.book_review.writing.quotable import quotable_sentences
from tasks.book_review.writing.ranking import best_sentences, content_words, key_phrases
from tasks.book_review.writing.text_units import fold

UNKNOWN_AUDIENCE = "Unknown: none of the sources names an audience."
_THEMES = 8
_OWN_PHRASES = 5  # of key phrases that only one source has
_SUMMARY_SENTENCES = 5
_NOTES_BUDGET = 12_000  # characters
_SUMMARIES_BUDGET = 6_000
_AUDIENCE_SUBJECT = re.compile(
    r"juvenile|children|young adult|teen|textbook|students|beginners|jugend|kinder", re.IGNORECASE
)
_FORM_SUBJECT = re.compile(
    r"^(?:fiction|general|literature|books?|novels?|ebooks?|(?:juvenile|children'?s|young adult|adult)\b.*)$",
    re.IGNORECASE,
)


def insight_material(
    book: ConsolidatedBook, notes: Sequence[ResearchNote], summaries: Sequence[LinkSummary], language: str = "en"
) -> dict[str, str]:
    """Values for the prompt `book_review_web_research`."""
    found = [note for note in notes if note.text]
    told = "\n\n".join(f"[{note.source}] {note.title or ''} {note.url or ''}\n{note.text}" for note in found)
    return {
        **title_and_authors(book.metadata),
        "facts": fenced_facts(book),
        "notes": fenced("research notes", told or "(no research notes)", _NOTES_BUDGET),
        "summaries": fenced_summaries(summaries),
        "language": language,
    }


def fenced_summaries(summaries: Sequence[LinkSummary]) -> str:
    """The summaries of the extra links as one block of data."""
    told = "\n\n".join(
        "\n".join([f"Link {number}: {summary.summary}", *(f"- {point}" for point in summary.key_points)])
        for number, summary in enumerate(summaries, start=1)
    )
    return fenced("summaries of the other links", told or "(no other links)", _SUMMARIES_BUDGET)


def extractive_insight(
    book: ConsolidatedBook | BookMetadata, notes: Sequence[ResearchNote], summaries: Sequence[LinkSummary]
) -> ResearchInsight:
    """Themes, audience and summary in the sources' own words. What no source says is called unknown."""
    metadata = book.metadata if isinstance(book, ConsolidatedBook) else book
    texts = [metadata.description or "", *(prose_of(note) for note in notes), *(s.summary for s in summaries)]
    return ResearchInsight(
        themes=_themes(metadata, notes, summaries, texts),
        target_audience=_audience(notes, texts) or UNKNOWN_AUDIENCE,
        summary=" ".join(
            best_sentences("\n".join(s for text in texts for s in quotable_sentences(text)), _SUMMARY_SENTENCES)
        ),
    )


def _themes(
    book: BookMetadata, notes: Sequence[ResearchNote], summaries: Sequence[LinkSummary], texts: Sequence[str]
) -> list[str]:
    """Subjects of libraries first, then what several sources speak of, then topics of links and a few key phrases."""
    subjects = [subject for note in notes for subject in subjects_in(note) if not _FORM_SUBJECT.match(subject)]
    topics = _most_shared([*(summary.topics for summary in summaries)])
    phrases = key_phrases(texts, 2 * _THEMES)
    shared = _shared_by_sources([*topics, *phrases], texts)
    candidates = [*subjects, *shared, *topics, *phrases[:_OWN_PHRASES]]
    title, people = set(content_words(book.title or "")), set(content_words(" ".join(book.authors or [])))
    chosen: list[str] = []
    for theme in candidates:
        parts = set(content_words(theme))
        names_the_book = parts <= title or bool(parts & people) or parts <= lexicon(guess_language(theme)).openers
        if parts and not names_the_book and not any(parts <= set(content_words(other)) for other in chosen):
            chosen.append(theme)
    return chosen[:_THEMES]


def _shared_by_sources(phrases: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The phrases that more than one text speaks of, those of most texts first."""
    contents = [set(content_words(text)) for text in texts]
    spread = {phrase: sum(set(content_words(phrase)) <= content for content in contents) for phrase in phrases}
    return sorted((phrase for phrase in spread if spread[phrase] > 1), key=lambda phrase: -spread[phrase])


def _most_shared(lists: Sequence[Sequence[str]]) -> list[str]:
    holders: dict[str, set[int]] = defaultdict(set)
    spelled: dict[str, str] = {}
    for number, topics in enumerate(lists):
        for topic in topics:
            holders[fold(topic)].add(number)
            spelled.setdefault(fold(topic), topic)
    return [spelled[key] for key in sorted(holders, key=lambda key: -len(holders[key]))]


def _audience(notes: Sequence[ResearchNote], texts: Sequence[str]) -> str:
    """The sentence that says for whom the book is, else the library headings that do."""
    for text in texts:
        cues = lexicon(guess_language(text)).audience
        for sentence in quotable_sentences(text):
            if any(re.search(rf"(?<!\w){re.escape(cue)}(?!\w)", fold(sentence)) for cue in cues):
                return sentence
    headings = [subject for note in notes for subject in subjects_in(note) if _AUDIENCE_SUBJECT.search(subject)]
    return "; ".join(dict.fromkeys(headings))
