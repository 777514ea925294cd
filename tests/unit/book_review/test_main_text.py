"""The main text of a page: what is kept, what is cut, what a page says of itself, and what must not break it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks.main_text_f1 import load_pages, score
from spine.contracts.texts import MainText
from tasks.book_review.main_text import extract_main_text

ARTICLES = Path(__file__).resolve().parents[2] / "fixtures" / "articles"
SEGMENTS = Path("extraction", "trafilatura", "segments.json")
SENTENCE = "This sentence is long enough to be taken for prose, and it says a thing about a book."
ADDRESS = "https://books.example/review"


def read(name: str) -> MainText:
    return extract_main_text((ARTICLES / f"{name}.html").read_bytes(), f"https://books.example/{name}")


def page(body: str, head: str = "", language: str = "en") -> str:
    return f'<html lang="{language}"><head>{head}</head><body>{body}</body></html>'


def article(*lines: str, before: str = "", after: str = "") -> str:
    prose = "".join(f"<p>{SENTENCE} It is number {number}.</p>" for number in range(6))
    return page(f"{before}<article><h1>The headline of it all</h1>{prose}{''.join(lines)}{prose}</article>{after}")


# ── what is kept and what is cut ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "first", "last", "furniture"),
    [
        (
            "review_en",
            "The miller's daughter keeps one lamp",
            "and listen for the water.",
            [
                "Share on",
                "newsletter",
                "every Friday",
                "Read also",
                "Follow us",
                "two cats",
                "agree more",
                "©",
                "By Jo",
            ],
        ),
        (
            "rezension_de",
            "Ein Roman über das Warten",
            "viele Leserinnen und Leser wünscht.",
            ["Lesen Sie auch", "WhatsApp", "Danke für den Tipp", "Impressum", "Alle Rechte"],
        ),
        (
            "critique_fr",
            "Voici un roman qui prend son temps",
            "emporte tout sur son passage.",
            ["Claire Dumas", "À lire aussi", "libraires recommandent", "Accueil", "Tous droits"],
        ),
        (
            "recenzie_ro",
            "Romanul începe într-o iarnă",
            "să privească din nou spre râu.",
            ["Citește și", "comandat deja", "Acasă", "12 martie", "Toate drepturile"],
        ),
    ],
    ids=["English", "German", "French", "Romanian"],
)
def test_a_review_keeps_its_text_and_loses_the_page_around_it(
    name: str, first: str, last: str, furniture: list[str]
) -> None:
    text = read(name).text
    assert text.startswith(first)
    assert text.endswith(last)
    assert [words for words in furniture if words in text] == []


def test_a_text_cut_into_several_containers_is_put_together_in_order() -> None:
    lines = read("split_body_en").text.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("The first part")
    assert lines[-1].startswith("It ends where it began")


def test_a_page_laid_out_with_tables_gives_paragraphs_not_cells() -> None:
    lines = read("layout_table_es").text.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("La novela transcurre")
    assert not any("|" in line or "Novedades" in line for line in lines)


def test_a_table_of_data_stays_a_table() -> None:
    rows = "".join(f"<tr><td>Edition {year}</td><td>{year} pages</td></tr>" for year in range(200, 206))
    text = extract_main_text(article(f"<table>{rows}</table>"), ADDRESS).text
    assert "| Edition 200 | 200 pages |" in text


def test_list_items_and_subheadings_inside_a_text_stay() -> None:
    kept = "<h2>What you will find in it</h2><ul><li>a mill by the river</li><li>a lamp that burns all year</li></ul>"
    lines = extract_main_text(article(kept), ADDRESS).text.splitlines()
    assert "What you will find in it" in lines
    assert "- a mill by the river" in lines


@pytest.mark.parametrize(
    "line",
    [
        "<p>Related: <a href='/x'>Ten books about rivers</a></p>",
        "<p>Read more: <a href='/x'>Ten books about rivers</a></p>",
        "<p>Lesen Sie auch: <a href='/x'>Zehn Bücher über Flüsse</a></p>",
        "<p>Lire aussi : <a href='/x'>Dix livres sur les rivières</a></p>",
        "<p>Te puede interesar: <a href='/x'>Diez libros sobre ríos</a></p>",
        "<p>Leggi anche: <a href='/x'>Dieci libri sui fiumi</a></p>",
        "<p>Leia também: <a href='/x'>Dez livros sobre rios</a></p>",
        "<p>Citește și: <a href='/x'>Zece cărți despre râuri</a></p>",
        "<p>Sign up for our weekly newsletter to get the best of it all.</p>",
        "<p>Follow The Reading Room on Twitter and Facebook.</p>",
        "<p>Folgen Sie uns auf Facebook und Instagram!</p>",
        "<p>Advertisement</p>",
        "<div class='newsletter-signup'><p>Something wonderful, straight to your letterbox, every week.</p></div>",
        "<div style='display: none'><p>A sentence that no reader of the page ever gets to see.</p></div>",
        "<div hidden><p>A sentence that no reader of the page ever gets to see.</p></div>",
        "<template><p>A sentence that no reader of the page ever gets to see.</p></template>",
        "<p style='font-size:0'>A sentence that no reader of the page ever gets to see.</p>",
        "<p style='font-size: 0px'>A sentence that no reader of the page ever gets to see.</p>",
        "<p style='position:absolute; left:-9999px'>A sentence that no reader of the page ever gets to see.</p>",
        "<p style='top:-999em;position:fixed'>A sentence that no reader of the page ever gets to see.</p>",
        "<p style='text-indent:-9999px'>A sentence that no reader of the page ever gets to see.</p>",
        "<p style='position:absolute;opacity:0'>A sentence that no reader of the page ever gets to see.</p>",
    ],
    ids=lambda line: line[:40],
)
def test_a_box_or_call_in_the_middle_of_a_text_is_cut(line: str) -> None:
    assert extract_main_text(article(line), ADDRESS).text == extract_main_text(article(), ADDRESS).text


@pytest.mark.parametrize(
    "line",
    [
        "Related to this is the question of who owned the mill in the first place.",
        "More than anything else, it is a book about patience and about water.",
        "Read it twice: the second time you will notice the lamp on every page.",
        "Source of all this trouble was a quarrel that nobody could remember.",
        "Follow the river and you will find the stones of the old mill.",
        "Copyright is the subject of the longest chapter of the book.",
        "By the end of 1847 the lamp had burned for three hundred nights.",
    ],
)
def test_a_sentence_that_only_begins_like_a_call_stays(line: str) -> None:
    assert line in extract_main_text(article(f"<p>{line}</p>"), ADDRESS).text


@pytest.mark.parametrize(
    "style", ["font-size:0.8em", "opacity:0", "opacity:0.9;position:absolute", "margin-left:-9999px", "top:-150px"]
)
def test_a_style_that_a_reader_sees_through_hides_nothing(style: str) -> None:
    line = "The stones of the old mill are still there, and so is the river."
    assert line in extract_main_text(article(f"<p style='{style}'>{line}</p>"), ADDRESS).text


def test_a_part_with_most_of_the_prose_stays_whatever_its_class_is_called() -> None:
    body = "".join(f"<p>{SENTENCE} Number {number}.</p>" for number in range(8))
    text = extract_main_text(page(f'<div class="social-share-wrapper"><h1>Title</h1>{body}</div>'), ADDRESS).text
    assert text.count("Number") == 8


def test_title_date_and_byline_above_a_text_are_no_part_of_it() -> None:
    body = "".join(f"<p>{SENTENCE} Number {number}.</p>" for number in range(6))
    head = "<h1>Stones and water</h1><p>Published 18 November 2019</p><p>By Jo Harrow</p>"
    assert extract_main_text(page(f"<div>{head}{body}</div>"), ADDRESS).text.startswith(SENTENCE)


def test_the_plain_sentence_right_below_the_headline_belongs_to_the_text() -> None:
    assert read("rezension_de").text.splitlines()[0] == "Ein Roman über das Warten, der seine Leser nicht warten lässt."


# ── what a page says of itself ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("review_en", ("The Lamp at the Mill – a review", "Jo Harrow", "2021-03-04")),
        ("rezension_de", ("Das Licht im Speicher", "Karla Winter", "2019-11-05")),
        ("critique_fr", ("La lampe du moulin, un roman de patience", "Claire Dumas", "2020-02-17")),
        ("recenzie_ro", ("Lampa de la moară – recenzie", None, "2022-03-12")),
    ],
    ids=["JSON-LD", "meta", "byline and time", "shown date"],
)
def test_title_author_and_date_come_from_the_best_source_the_page_has(
    name: str, expected: tuple[str, str | None, str]
) -> None:
    found = read(name)
    assert (found.title, found.author, found.date) == expected


def test_the_author_and_date_of_the_reviewed_book_are_not_those_of_the_page() -> None:
    book = {"@type": "Book", "name": "A book", "author": {"name": "Ann Writer"}, "datePublished": "1998-01-02"}
    head = f'<script type="application/ld+json">{json.dumps(book)}</script>'
    found = extract_main_text(page(f"<p>{SENTENCE}</p>", head), ADDRESS)
    assert (found.author, found.date) == (None, None)


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("<title>The mill - Reading Room</title>", "", "The mill"),  # the host names the site
        ("<title>Reading Room | The mill</title>", "", "The mill"),
        ("<title>Reading Room: The mill</title>", "", "The mill"),
        ("<title>The mill | Books and more</title>", "<h1>The mill</h1>", "The mill"),  # a headline confirms it
        ("<title>The mill - a love story</title>", "", "The mill - a love story"),  # nothing says it is a site
        ("<title>The long mill road | Reading Room</title>", "<h1>Reading Room</h1>", "The long mill road"),
        ('<meta property="og:title" content="Fish &amp;amp; chips">', "", "Fish & chips"),
        ("", "<h1>The mill</h1>", "The mill"),
        ("", "", None),
    ],
)
def test_the_title_is_the_page_s_own_without_the_name_of_the_site(head: str, body: str, title: str | None) -> None:
    found = extract_main_text(page(f"{body}<p>{SENTENCE}</p>", head), "https://www.readingroom.example/1")
    assert found.title == title


@pytest.mark.parametrize(
    ("head", "body", "url", "date"),
    [
        ('<meta property="article:published_time" content="2019-11-19T23:30:00-05:00">', "", "", "2019-11-19"),
        ('<meta name="date" content="20191119">', "", "", "2019-11-19"),
        ('<meta name="date" content="November 19, 2019">', "", "", "2019-11-19"),
        ("", '<time datetime="2019-11-19">yesterday</time>', "", "2019-11-19"),
        ("", '<span class="entry-date">19. November 2019</span>', "", "2019-11-19"),
        ("", "", "https://books.example/2019/11/19/mill", "2019-11-19"),
        ('<meta name="date" content="2999-01-01">', "", "", None),  # a day to come is a mistake
        ('<meta name="date" content="2019-13-45">', "", "", None),
        ('<meta name="date" content="soon">', "", "", None),
    ],
)
def test_the_date_is_read_from_the_surest_place_and_written_in_iso(
    head: str, body: str, url: str, date: str | None
) -> None:
    assert extract_main_text(page(f"{body}<p>{SENTENCE}</p>", head, "de"), url or ADDRESS).date == date


@pytest.mark.parametrize(
    ("value", "author"),
    [
        ("By Jo Harrow", "Jo Harrow"),
        ("von Karla Winter", "Karla Winter"),
        ("https://www.facebook.com/readingroom", None),
        ("jo@books.example", None),
        ("admin", None),
    ],
)
def test_an_author_is_a_name_without_the_words_around_it(value: str, author: str | None) -> None:
    found = extract_main_text(page(f"<p>{SENTENCE}</p>", f'<meta name="author" content="{value}">'), ADDRESS)
    assert found.author == author


# ── bytes and hostile input ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("encoding", "declaration"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-8", "<meta charset=iso-8859-1>"),
        ("cp1252", "<meta charset='iso-8859-1'>"),
        ("iso-8859-2", '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2">'),
        ("cp1252", ""),
        ("utf-16", ""),
    ],
)
def test_bytes_are_read_in_the_encoding_they_are_in(encoding: str, declaration: str) -> None:
    sentence = "Die Mühle läuft über, und alle hören dem großen Rauschen des Wassers zu, Tag für Tag."
    markup = page(f"<p>{sentence}</p>" * 3, declaration)
    assert sentence in extract_main_text(markup.encode(encoding), ADDRESS).text


@pytest.mark.parametrize(
    "html",
    ["", b"", "   ", "\x00", "<!-- nothing -->", "<html></html>", "<?php ?>", "<script>let x = 1</script>"],
    ids=repr,
)
def test_a_page_without_text_gives_an_empty_text(html: str | bytes) -> None:
    assert extract_main_text(html, ADDRESS).text == ""


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 10_000 + f"<p>{SENTENCE}</p>" * 5 + "</div>" * 10_000,
        "<blockquote><b>" * 10_000 + f"<p>{SENTENCE}</p>" * 5,
        "<table><tr><td>" * 3_000 + f"<p>{SENTENCE}</p>" * 5,
        page(f"\x00<p>\x00{SENTENCE}</p>\x00" * 5),
        page(f"<p>\ud800{SENTENCE}\udfff</p>" * 5),
        f"<?xml version='1.0' encoding='ISO-8859-1'?><html><body>{f'<p>{SENTENCE}</p>' * 5}</body></html>",
        page(f"<p>{SENTENCE}</p>" * 5, f'<script type="application/ld+json">{"[" * 100_000}</script>'),
        page(f"<p>{SENTENCE}</p>" * 5, f"<title>{'a - ' * 100_000}</title>"),
        page(f"<p class='{'ad-' * 100_000}'>{SENTENCE}</p>" * 2),
    ],
    ids=["10,000 divs", "unclosed inline", "nested tables", "NUL", "surrogates", "XML", "JSON", "title", "class"],
)
def test_hostile_markup_still_gives_its_text(html: str) -> None:
    assert SENTENCE in extract_main_text(html, ADDRESS).text


@pytest.mark.parametrize("url", ["", "not an address", "http://[::1", "\x00"], ids=repr)
def test_an_odd_address_does_not_matter(url: str) -> None:
    assert SENTENCE in extract_main_text(page(f"<p>{SENTENCE}</p>"), url).text


def test_twenty_megabytes_of_text_are_cut_not_crashed_on() -> None:
    assert extract_main_text("<p>" + "a word and another, " * 1_000_000, ADDRESS).text.startswith("a word")


def test_a_page_of_a_megabyte_with_an_article_in_it_takes_no_second() -> None:
    scripts = "<script>" + "var x = {y: 1};" * 60_000 + "</script>"
    html = article(before=scripts, after="<ul>" + "<li><a href='/x'>Another article</a></li>" * 2_000 + "</ul>")
    assert len(html) > 900_000
    extract_main_text(html, ADDRESS)
    began = time.perf_counter()
    extract_main_text(html, ADDRESS)
    assert time.perf_counter() - began < 1.0


# ── real pages ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_on_the_article_extraction_benchmark_f1_is_at_least_096(shared_data: Path) -> None:
    pages = load_pages(shared_data)
    found = score(pages, lambda page: extract_main_text(page.html, page.url).text)
    assert found.f1 >= 0.96, found


def test_on_saved_blogs_and_newspapers_every_wanted_segment_is_there_and_no_unwanted_one(shared_data: Path) -> None:
    folder = (shared_data / SEGMENTS).parent
    failed: dict[str, list[str]] = {}
    for name, wanted in json.loads((shared_data / SEGMENTS).read_text()).items():
        text = extract_main_text((folder / name).read_bytes(), wanted["url"]).text
        missing = [f"missing: {segment}" for segment in wanted["with"] if segment not in text]
        extra = [f"extra: {segment}" for segment in wanted["without"] if segment in text]
        if missing or extra:
            failed[name] = missing + extra
    assert failed == {}
