"""Chapters of an EPUB without headings stand under what the book's navigation calls them."""

from __future__ import annotations

import pytest

from tasks.persona_ingestion.reading import archives
from tasks.persona_ingestion.reading.epub_books import read_epub
from tests.unit.persona_ingestion.source_files import epub, headings, page, read, texts, troubles

NCX = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
NAV = '<item id="nav" href="text/nav.xhtml" properties="scripted nav"/>'
CHAPTERS: dict[str, str | bytes] = {name: page(f"<p>words {name}</p>") for name in ("a b.xhtml", "c.xhtml", "d.xhtml")}


def point(label: str, source: str, below: str = "") -> str:
    return f'<navPoint><navLabel><text>{label}</text></navLabel><content src="{source}"/>{below}</navPoint>'


def ncx(*points: str) -> str:
    return f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{"".join(points)}</navMap></ncx>'


def nav(contents: str, more: str = "") -> str:
    return (
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body>'
        f'<nav epub:type="toc"><h2>Contents</h2>{contents}</nav>{more}</body></html>'
    )


TABLE = ncx(point(" The\n Mill ", "a%20b.xhtml", point("The Horse", "c.xhtml")), point("The Door", "d.xhtml"))
LINKS = (
    '<ol><li><a href="../a%20b.xhtml">The <b>Mill</b></a><ol><li><a href="../c.xhtml">The Horse</a></li></ol></li>'
    '<li><a href="../d.xhtml">The Door</a></li></ol>'
)
PAGES = '<nav epub:type="page-list"><ol><li><a href="../c.xhtml">7</a></li></ol></nav>'
FOUND = [(2, "The Mill"), (3, "The Horse"), (2, "The Door")]


@pytest.mark.parametrize(
    ("more", "parts", "found"),
    [
        pytest.param(NCX, {"toc.ncx": TABLE}, FOUND, id="EPUB 2"),
        pytest.param(NAV, {"text/nav.xhtml": nav(LINKS, PAGES)}, FOUND, id="EPUB 3"),
        pytest.param(NCX + NAV, {"toc.ncx": TABLE, "text/nav.xhtml": "<html><broken"}, FOUND, id="one is damaged"),
        pytest.param(NCX + NAV, {"toc.ncx": ncx(), "text/nav.xhtml": nav(LINKS)}, FOUND, id="one is empty"),
        pytest.param(NCX + NAV, {}, [], id="both are missing"),
        pytest.param("", {"toc.ncx": TABLE}, [], id="none is listed"),
        pytest.param(
            NCX, {"toc.ncx": ncx(point("Within", "c.xhtml#p3"), point("", "d.xhtml"))}, [], id="no whole file"
        ),
    ],
)
def test_a_chapter_stands_under_its_name_in_the_navigation(
    more: str, parts: dict[str, str], found: list[tuple[int, str]]
) -> None:
    book = epub(CHAPTERS, more=more, **{f"OEBPS/{name}": content for name, content in parts.items()})
    items = read(read_epub, book)
    assert headings(items) == found
    assert [text for text in texts(items) if text.startswith("words")] == [f"words {name}" for name in CHAPTERS]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param("<h1>Two</h1><p>x</p>", [(2, "1"), (1, "Two"), (1, "3")], id="a sibling has its level"),
        pytest.param("<p>x</p><h3>Two</h3>", [(2, "1"), (2, "2"), (3, "Two"), (2, "3")], id="one further on is below"),
        pytest.param("<img src='x.png'/>", [(2, "1"), (2, "3")], id="a page without text has no name"),
    ],
)
def test_a_chapter_that_begins_with_a_heading_keeps_it(body: str, found: list[tuple[int, str]]) -> None:
    chapters = {"1.xhtml": page("<p>x</p>"), "2.xhtml": page(body), "3.xhtml": page("<p>x</p>")}
    points = (point(name[0], name) for name in chapters)
    assert headings(read(read_epub, epub({**chapters}, more=NCX, **{"OEBPS/toc.ncx": ncx(*points)}))) == found


def test_a_part_whose_page_is_a_picture_names_the_chapters_below_it() -> None:
    contents = ncx(point("Part One", "a b.xhtml", point("I", "c.xhtml")), point("Part Two", "d.xhtml"))
    chapters = CHAPTERS | {"a b.xhtml": page("<img src='one.png'/>")}
    items = read(read_epub, epub(chapters, more=NCX, **{"OEBPS/toc.ncx": contents}))
    assert headings(items) == [(2, "Part One"), (3, "I"), (2, "Part Two")]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param('<p id="here">words</p>', ["The Mill"], id="the first paragraph"),
        pytest.param(
            '<div class="x"><!-- a note --> <a class="y" name=\'here\'/>words</div>', ["The Mill"], id="an anchor"
        ),
        pytest.param('&#160;<p class="x"\n id = "here">words</p>', ["The Mill"], id="behind a blank"),
        pytest.param('<img src="x.png"/><p id="here">words</p>', ["The Mill"], id="behind a picture"),
        pytest.param('<h2 id="here">Of Mills</h2><p>words</p>', ["Of Mills"], id="a heading of its own"),
        pytest.param('<p>words</p><p id="here">words</p>', [], id="further on"),
        pytest.param('<p id="hereafter">words</p>', [], id="another place"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_entry_that_points_to_the_first_words_of_a_file_names_the_file(
    body: str, found: list[str], encoding: str
) -> None:
    chapter = page(body).partition("?>")[2].encode(encoding)
    table = ncx(point("The Mill", "c.xhtml#here"), point("The Horse", "c.xhtml#there"))
    items = read(read_epub, epub({"c.xhtml": chapter}, more=NCX, **{"OEBPS/toc.ncx": table}))
    assert [text for _, text in headings(items)] == found
    assert texts(items)[-1] == "words"


def test_an_entry_for_a_whole_file_goes_before_one_that_points_into_it() -> None:
    table = ncx(point("Its first words", "c.xhtml#here"), point("The Mill", "c.xhtml"))
    items = read(read_epub, epub({"c.xhtml": page('<p id="here">x</p>')}, more=NCX, **{"OEBPS/toc.ncx": table}))
    assert headings(items) == [(2, "The Mill")]


def test_a_chapter_that_the_package_lists_with_a_place_in_it_is_read_once() -> None:
    book = epub(
        {"c.xhtml#top": "", "c.xhtml#end": "", "c#.xhtml": page("<p>two</p>")}, **{"OEBPS/c.xhtml": page("<p>one</p>")}
    )
    assert [texts(read(read_epub, book)), troubles(read(read_epub, book))] == [["one", "two"], []]


def test_a_navigation_beyond_the_limit_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_LARGEST_TABLE", 2_000)
    book = epub(CHAPTERS, more=NCX, **{"OEBPS/toc.ncx": TABLE + " " * 2_000})
    assert [len(headings(read(read_epub, book))), len(texts(read(read_epub, book)))] == [0, 3]
