"""An article has a title, headings and the right length, and carries nothing but text and safe links."""

from __future__ import annotations

import pytest

from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.texts import DraftArticle, KnowledgeBase, Passage, WebResearch
from tasks.book_review.article import (
    article_material,
    article_problem,
    clean_markdown,
    clean_title,
    count_words,
    length_problem,
    structure_problem,
)
from tasks.book_review.prompts import DEFAULT_PROMPTS, render
from tasks.book_review.writing.markdown_text import escaped_line, plain_text


@pytest.mark.parametrize(
    ("markdown", "count"),
    [
        ("", 0),
        ("one two three", 3),
        ("## A heading\n\n- **bold** item\n- [link text](https://example.org/a/b)", 6),
        ("a well-known author's book", 4),
        ("| a | b |\n|---|---|\n| c | d |", 4),
        ("![alt text](x.png) word", 1),
        ("<div>word</div>", 0),
        ("See https://example.org/a-b/c now", 3),
        ("1. first\n2. second", 2),
        ("宇宙の話", 4),
        ("한국어 문장", 2),
        ("price: $12.99 — 4.6", 3),
    ],
)
def test_words_are_counted_without_markup(markdown: str, count: int) -> None:
    assert count_words(markdown) == count


@pytest.mark.parametrize(
    ("content", "cleaned"),
    [
        pytest.param("```markdown\n## A\n\nText\n```", "## A\n\nText\n", id="fence around the whole"),
        pytest.param("# The *Title*\n\n## A", "## A\n", id="heading that repeats the title"),
        pytest.param("The Title\n===\n\n## A", "## A\n", id="underlined heading that repeats the title"),
        pytest.param("# Another\n\nText", "# Another\n\nText\n", id="another heading stays"),
        pytest.param("a <script>alert(1)</script>b", "a b\n", id="script with its text"),
        pytest.param("a <scr<script>x</script>ipt>alert(1)</script> b", "a alert(1) b\n", id="nested tags"),
        pytest.param("<b onclick=x>bold</b>", "bold\n", id="tags"),
        pytest.param("x <img src=a onerror=b", "x &lt;img src=a onerror=b\n", id="tag that never ends"),
        pytest.param("a<!-- hidden -->b", "ab\n", id="comment"),
        pytest.param("a ![cover](https://x.example/c.png) b", "a  b\n", id="image"),
        pytest.param("[x](javascript:alert(1))", "x\n", id="script link"),
        pytest.param("[x](java&#115;cript:alert(1))", "x\n", id="script link with entities"),
        pytest.param("[x](\x01JavaScript:alert(1) 'title')", "x\n", id="script link with control character"),
        pytest.param("[x](data:text/html;base64,AA)", "x\n", id="data link"),
        pytest.param("<javascript:alert(1)>", "\n", id="script in angle brackets"),
        pytest.param("[x][1]\n\n[1]: javascript:alert(1)", "[x][1]\n", id="script link by reference"),
        pytest.param("[x](https://example.org/a_(b))", "[x](https://example.org/a_(b))\n", id="web link stays"),
        pytest.param("<https://example.org>", "<https://example.org>\n", id="web address stays"),
        pytest.param("[x](#notes) and 3 < 4 > 2", "[x](#notes) and 3 < 4 > 2\n", id="signs stay"),
    ],
)
def test_markdown_is_cleaned(content: str, cleaned: str) -> None:
    assert clean_markdown(content, "The Title") == cleaned


def test_cleaning_twice_changes_nothing() -> None:
    once = clean_markdown("# T\n\n<p>a</p> [x](vbscript:y)\n\n\n\nb  \nc", "T")
    assert clean_markdown(once, "T") == once


def test_a_draft_of_the_right_length_and_structure_has_no_problem() -> None:
    draft = DraftArticle(title="T", content="## A\n\none two\n\n## B\n\nthree four")
    assert article_problem(draft, 4, 8) is None


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [
        pytest.param(" The\n Salt\x00  Road ", "The Salt Road", id="on one line"),
        pytest.param("x" * 300, "x" * 300, id="as long as it may be"),
        pytest.param("salt road, " * 196, "salt road, " * 26 + "salt road…", id="cut at a word"),
        pytest.param("塩" * 301, "塩" * 299 + "…", id="cut anywhere where there are no words"),
        pytest.param("A " + "x" * 400, "A " + "x" * 297 + "…", id="or where a word has no end"),
    ],
)
def test_a_title_is_held_to_what_an_editor_may_store(title: str, cleaned: str) -> None:
    assert clean_title(title) == cleaned and len(cleaned) <= 300


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [(10, 20, "has 6 words and must have at least 10"), (1, 5, "has 6 words and must have at most 5")],
    ids=["too short", "too long"],
)
def test_a_wrong_length_says_what_to_do(low: int, high: int, message: str) -> None:
    problem = length_problem(DraftArticle(title="T", content="one two three four five six"), low, high)
    assert problem is not None
    assert message in problem


@pytest.mark.parametrize(
    ("title", "content", "message"),
    [(" ", "## A\n\n## B", "no title"), ("T", "## A\n\ntext", "has 1 headings")],
    ids=["title", "headings"],
)
def test_a_missing_part_is_named(title: str, content: str, message: str) -> None:
    assert message in (structure_problem(DraftArticle(title=title, content=content)) or "")


def test_material_fills_the_article_prompt() -> None:
    book = ConsolidatedBook(metadata=BookMetadata(title="Salt", pages=99))
    knowledge = KnowledgeBase(context="A brief.", passages=[Passage(source="amazon", text="A passage.")])
    prompt = next(p for p in DEFAULT_PROMPTS if p.purpose == "article")
    text = render(prompt, article_material(book, knowledge, WebResearch(), "de", 600, 1200))
    assert "Between 600 and 1200 words" in text
    assert "[1] (amazon) A passage." in text
    assert "Pages: 99" in text


@pytest.mark.parametrize("text", ["# not a heading", "1. not a list", "- not a list", "*a* _b_ [c](d) <e> `f` | \\"])
def test_escaped_text_shows_literally(text: str) -> None:
    assert plain_text(escaped_line(text)) == text
