"""The knowledge base holds ranked passages, topics that they speak of, and a brief."""

from __future__ import annotations

from spine.contracts.books import BookMetadata
from spine.contracts.texts import (
    LinkPage,
    LinkSummary,
    Passage,
    ResearchInsight,
    ResearchNote,
    WebResearch,
)
from tasks.book_review.consolidate import SourcedMetadata, consolidate
from tasks.book_review.knowledge import build_knowledge, context_material, topic_index
from tasks.book_review.prompts import DEFAULT_PROMPTS, render
from tasks.book_review.writing.text_units import words

BOOK = consolidate(
    [
        SourcedMetadata(
            "amazon",
            "https://shop.example/1",
            BookMetadata(title="The Salt Road", pages=320, description="A map maker walks the salt road to the north."),
        ),
        SourcedMetadata(
            "goodreads", None, BookMetadata(pages=322, description="A map maker walks the salt road to the north.")
        ),
    ]
)
PAGE = LinkPage(
    url="https://blog.example",
    text="The salt road is cold. " + " ".join(f"The smugglers of harbour {n} trade in letters." for n in range(60)),
)
RESEARCH = WebResearch(
    notes=[
        ResearchNote(source="wikipedia", url="https://w.example", text="The salt road is a novel about borders."),
        ResearchNote(source="openlibrary", error="down"),
    ],
    insight=ResearchInsight(themes=["borders", "dragons"], target_audience="Adults."),
)
SUMMARIES = [LinkSummary(summary="About trade.", topics=["letters", "Borders"])]


def test_every_source_gives_passages_with_its_address() -> None:
    knowledge = build_knowledge(BOOK, [PAGE], SUMMARIES, RESEARCH)
    found = {(passage.source, passage.url) for passage in knowledge.passages}
    assert found == {
        ("amazon", "https://shop.example/1"),
        ("link:1", "https://blog.example"),
        ("wikipedia", "https://w.example"),
    }


def test_the_same_text_of_two_sources_is_one_passage() -> None:
    knowledge = build_knowledge(BOOK, [], [], WebResearch())
    assert [passage.source for passage in knowledge.passages] == ["amazon"]


def test_passages_are_short_and_end_with_a_sentence() -> None:
    for passage in build_knowledge(BOOK, [PAGE], [], WebResearch()).passages:
        assert len(words(passage.text)) <= 90
        assert passage.text.endswith(".")


def test_the_topic_index_points_to_passages_that_carry_the_topic() -> None:
    knowledge = build_knowledge(BOOK, [PAGE], SUMMARIES, RESEARCH)
    assert set(knowledge.topic_index) == {"borders", "letters"}
    for topic, numbers in knowledge.topic_index.items():
        assert all(topic in knowledge.passages[number].text for number in numbers)


def test_without_topics_key_phrases_serve() -> None:
    assert build_knowledge(BOOK, [PAGE], [], WebResearch()).topic_index


def test_a_topic_in_two_spellings_is_indexed_once() -> None:
    passages = [Passage(source="a", text="Über Freiheit und Recht.")]
    assert topic_index(passages, ["Freiheit", "freiheit", "Recht", "Pflicht"]) == {"Freiheit": [0], "Recht": [0]}


def test_the_brief_names_facts_conflicts_themes_and_silent_sources() -> None:
    context = build_knowledge(BOOK, [PAGE], SUMMARIES, RESEARCH).context
    assert "Pages: 320 (goodreads says 322)" in context
    assert "Themes: borders, dragons" in context
    assert "Audience: Adults." in context
    assert "openlibrary: down" in context


def test_nothing_known_gives_an_empty_but_whole_knowledge_base() -> None:
    bare = consolidate([SourcedMetadata("amazon", None, BookMetadata(title="T"))])
    knowledge = build_knowledge(bare, [], [], WebResearch())
    assert knowledge.passages == []
    assert knowledge.topic_index == {}
    assert "Title: T" in knowledge.context


def test_material_fills_the_prompt_of_the_brief() -> None:
    knowledge = build_knowledge(BOOK, [PAGE], SUMMARIES, RESEARCH)
    prompt = next(p for p in DEFAULT_PROMPTS if p.purpose == "context")
    text = render(prompt, context_material(BOOK, SUMMARIES, RESEARCH, knowledge.passages, "de"))
    assert "Themes found so far: <<<DATA borders, dragons DATA>>>" in text
    assert "<<<DATA passages of the sources" in text
