"""The article without a model is readable, honest and of the wanted length, and claims nothing of its own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spine.contracts.books import BookMetadata, ConsolidatedBook, Money
from spine.contracts.texts import (
    DraftArticle,
    KnowledgeBase,
    LinkPage,
    LinkSummary,
    Passage,
    ResearchInsight,
    ResearchNote,
    WebResearch,
)
from tasks.book_review.article import article_problem, clean_markdown, count_words
from tasks.book_review.claims import ClaimCheck, check_claims, unsupported
from tasks.book_review.consolidate import SourcedMetadata, consolidate
from tasks.book_review.extractive import extractive_article
from tasks.book_review.facts.languages import ARTICLE_LANGUAGES
from tasks.book_review.knowledge import build_knowledge
from tasks.book_review.link_summary import extractive_link_summary
from tasks.book_review.research import extractive_insight
from tasks.book_review.writing.markdown_text import blocks, plain_text
from tasks.book_review.writing.phrases import phrases
from tasks.book_review.writing.text_units import fold, sentences

TRUTHS = sorted((Path(__file__).resolve().parents[4] / "shared" / "data").glob("*/*.truth.json"))
DESCRIPTION = """\
Ilse Brandt draws maps for a trading house in Tromsø until a letter sends her north. She follows the salt road through \
seven frozen harbours, where every customs officer keeps a different border. Her only companion is the smuggler Oru, \
who never says where he was born. As winter closes in, the two learn that the house has sold their maps to both sides \
of a war. What began as an errand becomes a question: who owns a line on paper? The Salt Road is a novel about \
borders, about work done well, and about the price of a clear conscience. It is written for readers who like their \
adventures quiet. A. M. Lindqvist spent eleven years on it. The book won the Harbour Prize in 2018 and has been \
translated into fourteen languages. This edition carries the author's drawings and a map of the route."""
PRODUCT = BookMetadata(
    title="The Salt Road",
    authors=["A. M. Lindqvist"],
    asin="0131103628",
    isbn_10="0131103628",
    isbn_13="9780131103627",
    price_book=Money(amount=21.5, currency="EUR"),
    price_ebook=Money(amount=9.99, currency="EUR"),
    rating=4.4,
    rating_count=1820,
    pages=412,
    language="English",
    publisher="Harbour & Vale",
    publication_date="2019-05-08",
    description=DESCRIPTION,
)
LINKS = [
    LinkPage(
        url="https://reviews.example.org/salt-road",
        title="A quiet adventure",
        text="""\
The Salt Road is the rare adventure novel in which hardly anybody runs. Lindqvist lets her map maker measure, wait and \
measure again, and the reader learns to look as slowly as she does. The harbours are drawn with great care. Some \
readers will find the third harbour long. The ending, on the ice, is worth the wait.
Subscribe to our newsletter for more reviews.""",
    ),
    LinkPage(
        url="https://www.author.example.com/books",
        title="Books",
        text="""\
Lindqvist worked as a surveyor before she wrote novels. The idea for the salt road came to her in an archive in \
Bergen. She drew all the maps of the book herself. A second novel about the harbours is in preparation.""",
    ),
    LinkPage(url="https://broken.example.net", error="captcha"),
]
LAST_OPINION = """\
A salt road is walked slowly, and this novel asks its readers to walk along. Whoever likes maps will read the chapter \
about the customs house twice. The smuggler remains the most lively figure of the whole story."""


def assembled(
    language: str = "en",
    *,
    product: BookMetadata = PRODUCT,
    other: BookMetadata | None = None,
    links: list[LinkPage] | None = None,
    words: tuple[int, int] = (600, 1200),
) -> tuple[DraftArticle, ConsolidatedBook, KnowledgeBase]:
    sources = [SourcedMetadata("amazon", "https://www.amazon.de/dp/0131103628", product)]
    if other:
        sources.append(SourcedMetadata("goodreads", "https://www.goodreads.com/book/1", other))
    book = consolidate(sources)
    pages = links or []
    summaries = [extractive_link_summary(page) for page in pages]
    notes = [ResearchNote(source="openlibrary", error="could not be reached")]
    research = WebResearch(notes=notes, insight=extractive_insight(book, notes, summaries))
    knowledge = build_knowledge(book, pages, summaries, research)
    return extractive_article(book, knowledge, summaries, research, language, *words), book, knowledge


def assert_well_made(
    draft: DraftArticle, book: ConsolidatedBook, knowledge: KnowledgeBase, low: int, high: int
) -> None:
    assert article_problem(draft, low, high) is None
    assert_sound(draft, book, knowledge)


def assert_sound(draft: DraftArticle, book: ConsolidatedBook, knowledge: KnowledgeBase) -> None:
    wrong = unsupported(check_claims(draft.content, book, knowledge.passages))
    assert [(claim.text, claim.sentence) for claim in wrong] == []
    told = [block.text for block in blocks(draft.content) if block.kind in ("paragraph", "quote")]
    repeated = Counter(fold(s) for text in told for s in sentences(text) if len(s.split()) > 5)
    assert [sentence for sentence, count in repeated.items() if count > 1] == []


@pytest.mark.parametrize("language", ARTICLE_LANGUAGES)
def test_a_product_page_alone_reaches_the_minimum(language: str) -> None:
    draft, book, knowledge = assembled(language)
    assert_well_made(draft, book, knowledge, 600, 1200)


@pytest.mark.parametrize("language", ARTICLE_LANGUAGES)
def test_a_product_page_with_links_and_a_second_source_reaches_the_minimum(language: str) -> None:
    other = PRODUCT.model_copy(update={"pages": 420, "rating": 4.1, "rating_count": 90_412, "publisher": "Insel"})
    draft, book, knowledge = assembled(language, other=other, links=LINKS)
    assert_well_made(draft, book, knowledge, 600, 1200)
    assert "reviews.example.org" in draft.content


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(("/by-anna", "/by-ben"), id="by path"),
        pytest.param(("/2019/08/by-anna", "/2021/by-ben-7"), id="paths with numbers"),
        pytest.param(("/show?id=31", "/show?id=47"), id="by query"),
        pytest.param(("/show", "/show?id=31", "/show?id=47"), id="three by query"),
    ],
)
def test_pages_of_one_host_are_quoted_apart_and_signed_as_the_sources_name_them(addresses: tuple[str, ...]) -> None:
    said = zip(addresses, [*(link.text for link in LINKS[:2]), LAST_OPINION], strict=False)
    pages = [LinkPage(url=f"https://example.org{path}", title="A review", text=text) for path, text in said]
    draft, book, knowledge = assembled(links=pages, words=(600, 1500))
    assert_sound(draft, book, knowledge)
    lines = draft.content.splitlines()
    named = [
        line.removeprefix("- [").partition("](")[0] for page in pages for line in lines if f"]({page.url})" in line
    ]
    assert len(set(named)) == len(pages) and "a linked page (example.org)" in named
    assert sorted(line for line in lines if line.startswith("> — a linked")) == sorted(f"> — {name}" for name in named)


@pytest.mark.parametrize(("low", "high"), [(600, 620), (300, 400), (120, 200), (80, 140), (700, 1500)])
def test_the_length_is_kept(low: int, high: int) -> None:
    draft, book, knowledge = assembled(links=LINKS, words=(low, high))
    assert_well_made(draft, book, knowledge, low, high)


def test_rich_sources_fill_a_long_article() -> None:
    place = ["harbour", "archive", "glacier", "market", "customs house", "lighthouse", "chapel", "shipyard"]
    act = ["waits for", "measures", "forgets", "sells", "repairs", "describes", "paints", "refuses"]
    thing = ["a compass", "the northern border", "her last letter", "seven barrels of salt", "an honest map", "the ice"]
    text = " ".join(
        f"In the {p} a stranger slowly {a} {t}, and {q} looks on from the {w}."
        for p in place
        for a, w in zip(act, reversed(place), strict=True)
        for t, q in zip(thing, ["Oru", "a clerk", "the widow", "a dog", "a soldier", "nobody"], strict=True)
    )
    draft, book, knowledge = assembled(links=[LinkPage(url="https://long.example.org", text=text)], words=(1500, 2500))
    assert_well_made(draft, book, knowledge, 1500, 2500)


def test_it_says_that_no_language_model_wrote_it() -> None:
    assert "assembled without a language model" in assembled()[0].content
    assert "ohne Sprachmodell" in assembled("de")[0].content


def test_an_unknown_language_falls_back_on_english() -> None:
    assert "## About the book" in assembled("fi")[0].content


def test_the_same_sources_give_the_same_article() -> None:
    assert assembled(links=LINKS)[0] == assembled(links=LINKS)[0]


def test_cleaning_changes_nothing_in_it() -> None:
    draft = assembled(links=LINKS)[0]
    assert clean_markdown(draft.content, draft.title) == draft.content


def test_every_quotation_is_a_whole_piece_of_its_source() -> None:
    draft, _, knowledge = assembled(links=LINKS)
    known = " ".join([DESCRIPTION, *(passage.text for passage in knowledge.passages)])
    quoted = [block.text for block in blocks(draft.content) if block.kind == "quote" and not block.text.startswith("—")]
    assert quoted
    assert all(sentence in known for text in quoted for sentence in sentences(text))
    assert "newsletter" not in draft.content


def test_conflicts_are_shown_with_both_sources() -> None:
    content = assembled(other=PRODUCT.model_copy(update={"pages": 420}))[0].content
    assert "Pages: 412 — the product page (amazon.de); 420 — Goodreads." in content


def test_what_is_unknown_is_named_and_not_guessed() -> None:
    bare = BookMetadata(title="The Salt Road", description=DESCRIPTION)
    draft, book, knowledge = assembled(product=bare)
    assert_sound(draft, book, knowledge)
    assert "Not found in any source:" in draft.content
    assert "none of the sources names its author" in draft.content


def test_thin_sources_give_a_short_article_that_says_so() -> None:
    draft, book, knowledge = assembled(product=BookMetadata(title="Salt"))
    assert_sound(draft, book, knowledge)
    assert count_words(draft.content) < 600
    assert "The sources carry little text" in draft.content


def test_a_theme_that_no_source_bears_out_is_left_out() -> None:
    book = consolidate([SourcedMetadata("amazon", None, PRODUCT)])
    research = WebResearch(insight=ResearchInsight(themes=["borders", "the fall of Constantinople in 1453"]))
    knowledge = KnowledgeBase(context="", passages=[Passage(source="amazon", text=DESCRIPTION)])
    content = extractive_article(book, knowledge, [LinkSummary(summary="")], research, "en", 600, 1200).content
    assert "- borders" in content
    assert "Constantinople" not in content


def test_markup_in_a_source_is_shown_literally() -> None:
    hostile = PRODUCT.model_copy(
        update={
            "title": "# Salt [x](javascript:y) <script>",
            "description": "She wrote *five* <b>long</b> letters home.",
        }
    )
    content = assembled(product=hostile)[0].content
    assert "<script>" not in clean_markdown(content).replace("\\<script\\>", "")
    assert "[x](javascript:y)" in plain_text(content)


@pytest.mark.parametrize("language", ARTICLE_LANGUAGES)
def test_each_language_has_every_phrase_with_the_same_placeholders(language: str) -> None:
    english, own = phrases("en"), phrases(language)
    for part in ("headings", "labels", "names", "text"):
        assert getattr(own, part).keys() == getattr(english, part).keys()
    for key, sentence in english.text.items():
        assert _placeholders(own.text[key]) == _placeholders(sentence), key


@pytest.mark.parametrize("language", ARTICLE_LANGUAGES)
def test_no_fixed_sentence_makes_a_claim(language: str) -> None:
    check = ClaimCheck(BookMetadata(), [])
    fixed = [sentence for sentence in phrases(language).text.values() if not _placeholders(sentence)]
    whole = "\n\n".join(fixed)
    assert [claim.text for sentence in [*fixed, whole] for claim in unsupported(check.claims(sentence))] == []


@pytest.mark.skipif(not TRUTHS, reason="the folder shared/data is not beside the project")
@pytest.mark.parametrize("language", ["en", "de", "uk"])
def test_real_books_give_sound_articles(language: str) -> None:
    for path in TRUTHS:
        fields = {
            name: value
            for name, value in json.loads(path.read_text("utf-8"))["fields"].items()
            if name in BookMetadata.model_fields
        }
        if fields["title"]:  # the truth of a block page has none
            draft, book, knowledge = assembled(language, product=BookMetadata.model_validate(fields))
            assert_sound(draft, book, knowledge)
            if len((fields["description"] or "").split()) >= 60:
                assert article_problem(draft, 600, 1200) is None, path.name


names = st.sampled_from(
    ["Ana Pop", "J.R.R. Vale", "hermann-hesse", "Müller, Karl", "Ліна Костенко", "de la Cruz", "李白", "O'Neil"]
)
titles = st.sampled_from(
    ["Salt", "1984", "Der Weg nach Hause", "Луна", "A [B] *C*", "Don't Stop: 3 Tales", "雪", "24/7 in 2020"]
)
texts = st.lists(
    st.sampled_from(
        [
            "In 1936 she left for Oslo with 3 friends.",
            "Das Haus am See steht seit 1.200 Jahren leer.",
            "Le prix était de 12,50 € en mai 2019.",
            "Вона народилася 8 травня 1990 року у Львові.",
            "El libro cuenta la vida de Rosa Díaz.",
            "“It is the best,” said The Daily Post.",
            "More than 4,000 people came to see it on May 8, 2019.",
            "A line without an end",
            "Torn off in the mid…",
            "彼は東京で生まれた。",
        ]
    ),
    unique=True,
).map(" ".join)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    language=st.sampled_from(ARTICLE_LANGUAGES),
    product=st.builds(
        BookMetadata,
        title=st.none() | titles,
        authors=st.none() | st.lists(names, max_size=3),
        isbn_13=st.sampled_from([None, "9780131103627", "9791090636071", "9780000000000"]),
        price_book=st.none()
        | st.builds(
            Money,
            amount=st.sampled_from([0.0, 9.5, 1200.0]),
            currency=st.sampled_from(["EUR", "USD", "JPY", "BRL", "UAH"]),
        ),
        rating=st.none() | st.sampled_from([0.0, 3.0, 4.25]),
        rating_count=st.none() | st.integers(0, 5_000_000),
        pages=st.none() | st.integers(0, 3000),
        language=st.sampled_from([None, "Deutsch", "en", "Klingonese", "Română"]),
        publisher=st.sampled_from([None, "Vale & Co", "ATALANTE (L') (24 octobre 2013)", "Видавництво Старого Лева"]),
        publication_date=st.sampled_from([None, "2019", "2019-05", "2019-05-08", "2019-02-30", "soon"]),
        description=st.none() | texts,
    ),
    text=texts,
    bounds=st.sampled_from([(50, 200), (600, 1200), (300, 320)]),
)
def test_no_book_yields_an_unsound_or_overlong_article(
    language: str, product: BookMetadata, text: str, bounds: tuple[int, int]
) -> None:
    draft, book, knowledge = assembled(
        language, product=product, links=[LinkPage(url="https://b.example.org/a", text=text)], words=bounds
    )
    assert_sound(draft, book, knowledge)
    assert count_words(draft.content) <= bounds[1]


def _placeholders(sentence: str) -> set[str]:
    return {part.split("}")[0] for part in sentence.split("{")[1:]}
