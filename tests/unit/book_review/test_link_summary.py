"""A link is summarised in its own sentences when there is no model."""

from __future__ import annotations

import pytest

from spine.contracts.books import BookMetadata
from spine.contracts.texts import LinkPage
from tasks.book_review.link_summary import bibliography_material, extractive_link_summary
from tasks.book_review.writing.quotable import quotable_sentences
from tasks.book_review.writing.ranking import best_sentences, key_phrases
from tasks.book_review.writing.text_units import cut_at_sentence, sentences

TEXT = """\
The Salt Road follows a young map maker through the frozen north. The frozen north of the novel is a place of trade \
and silence. Map makers, smugglers and sailors share its harbours.
Subscribe
The novel asks what a border is, and who draws it. Critics praised the calm prose of the novel. Some readers found \
the middle part slow, but the last winter rewards patience. The map maker never learns who sent the letters…
"""
PAGE = LinkPage(url="https://reviews.example/salt", title="The Salt Road, reviewed", text=TEXT)


def test_every_sentence_of_the_summary_stands_on_the_page() -> None:
    summary = extractive_link_summary(PAGE)
    told = sentences(summary.summary)
    assert 2 <= len(told) <= 6
    assert all(sentence in TEXT for sentence in [*told, *summary.key_points])
    assert len(set(told)) == len(told)


def test_topics_come_from_the_page() -> None:
    topics = extractive_link_summary(PAGE).topics
    assert 3 <= len(topics) <= 8
    assert all(topic.casefold() in f"{PAGE.title} {TEXT}".casefold() for topic in topics)


def test_the_same_page_gives_the_same_summary() -> None:
    assert extractive_link_summary(PAGE) == extractive_link_summary(PAGE)


@pytest.mark.parametrize("text", ["", "Home\nShop\nBasket", '{"title": "The Tide Clock"}'])
def test_a_page_without_a_sentence_gives_an_empty_summary_that_no_theme_can_be_made_of(text: str) -> None:
    summary = extractive_link_summary(LinkPage(url="https://a.example", text=text))
    assert summary.summary == ""
    assert summary.topics == []
    assert summary.key_points == []


def test_torn_and_tiny_lines_are_not_quotable() -> None:
    assert quotable_sentences(
        "Subscribe\nSubscribe to our fine newsletter today.\nThis one is whole and long enough.\nThis one was cut off…"
    ) == ["This one is whole and long enough."]


def test_material_names_the_page_where_it_was_found() -> None:
    page = PAGE.model_copy(update={"final_url": "https://reviews.example/final"})
    material = bibliography_material(page, BookMetadata())
    assert material["url"] == "<<<DATA https://reviews.example/final DATA>>>"
    assert material["title"] == "an unnamed book"


def test_sentences_are_parted_where_they_end() -> None:
    text = "J. R. R. Tolkien wrote it. Am 8. Mai 2019 kam Dr. Vale. “Yes.” He left, e.g. home. Was it 4.6? 終わり。次。"
    assert sentences(text) == [
        "J. R. R. Tolkien wrote it.",
        "Am 8. Mai 2019 kam Dr. Vale.",
        "“Yes.”",
        "He left, e.g. home.",
        "Was it 4.6?",
        "終わり。",
        "次。",
    ]


def test_a_hard_wrapped_sentence_stays_one() -> None:
    assert sentences("It was the best\nof times.\n\nA new one.") == ["It was the best of times.", "A new one."]


def test_a_text_is_cut_after_a_sentence_else_after_a_word() -> None:
    assert cut_at_sentence("First one. Second one. Third one.", 25) == "First one. Second one."
    assert cut_at_sentence("no full stop anywhere in here", 12) == "no full"


def test_best_sentences_keep_their_order_and_repeat_nothing() -> None:
    chosen = best_sentences(TEXT + TEXT, 4)
    assert len(set(chosen)) == 4
    assert [TEXT.index(s) for s in chosen] == sorted(TEXT.index(s) for s in chosen)


def test_a_phrase_that_comes_back_ranks_first() -> None:
    assert key_phrases([TEXT], 3)[0].lower() in ("frozen north", "map maker", "novel")
