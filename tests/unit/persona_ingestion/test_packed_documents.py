"""EPUB, Word and PDF: chapters, paragraphs and pages in order; what is damaged is left out by name."""

from __future__ import annotations

import pytest

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading import archives
from tasks.persona_ingestion.reading.character_data import escaped_sections
from tasks.persona_ingestion.reading.epub_books import read_epub
from tasks.persona_ingestion.reading.items import About, Reader
from tasks.persona_ingestion.reading.pdf_documents import page_blocks, read_pdf
from tasks.persona_ingestion.reading.word_documents import read_word_document
from tests.unit.persona_ingestion.source_files import (
    docx,
    epub,
    headings,
    packed,
    page,
    pdf,
    read,
    run,
    texts,
    title_of,
    troubles,
    with_pictures,
    word_part,
)

ONE = page("<h1>One</h1><p>It was the <i>best</i> of times — și țări.</p>")
TWO = page("<h1>Two</h1><p>It was the worst.</p>")


def test_an_epub_gives_its_chapters_in_the_order_of_its_spine() -> None:
    items = read(
        read_epub,
        epub(
            {"z%20one.xhtml": "", "a.xhtml": TWO}, title="Two  Cities", language="ro-RO", **{"OEBPS/z one.xhtml": ONE}
        ),
    )
    assert items[0] == About(title="Two Cities", language="ro")
    assert texts(items) == ["One", "It was the best of times — și țări.", "Two", "It was the worst."]
    assert headings(items) == [(1, "One"), (1, "Two")]


def test_a_chapter_that_is_missing_is_left_out_by_name() -> None:
    items = read(read_epub, epub({"one.xhtml": ONE, "gone.xhtml": "", "two.xhtml": TWO}))
    assert [(trouble.part, trouble.reason) for trouble in troubles(items)] == [
        ("OEBPS/gone.xhtml", "has no part OEBPS/gone.xhtml")
    ]
    assert texts(items)[-1] == "It was the worst."


def test_a_chapter_that_is_damaged_is_left_out_and_the_next_one_read() -> None:
    book = epub({"one.xhtml": page("<p>" + "unlike words " * 400 + "</p>"), "two.xhtml": TWO})
    at = book.index(b"OEBPS/one.xhtml") + len("OEBPS/one.xhtml") + 8
    items = read(read_epub, book[:at] + b"\xff" * 12 + book[at + 12 :])
    assert [trouble.part for trouble in troubles(items)] == ["OEBPS/one.xhtml"]
    assert texts(items)[-2:] == ["Two", "It was the worst."]


def test_a_chapter_in_another_encoding_says_so_itself() -> None:
    chapter = '<?xml version="1.0" encoding="iso-8859-2"?><html><body><p>ţară şi mămăligă</p></body></html>'
    assert texts(read(read_epub, epub({"one.xhtml": chapter.encode("iso8859-2")}))) == ["ţară şi mămăligă"]


def test_a_chapter_in_an_encoding_that_nobody_knows_is_taken_as_utf_8() -> None:
    chapter = '<?xml version="1.0" encoding="x-klingon"?><html><body><p>țară</p></body></html>'
    assert texts(read(read_epub, epub({"one.xhtml": chapter}))) == ["țară"]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("x <![CDATA[raw <b> ]]> y", "x raw <b> y"),
        ("<![CDATA[&amp; ]] ]> > <!-- ]]>z<![CDATA[]]>", "&amp; ]] ]> > <!-- z"),
        ("x<!-- <![CDATA[ --> y <!-- ]]> -->z", "x y z"),
        ("1 &lt; 2 <![CDATA", "1 < 2"),
        ("never <![CDATA[<i>closed", "never <i>closed</p></body></html>"),
    ],
)
def test_character_data_of_a_chapter_is_text(written: str, seen: str) -> None:
    chapter = page(f"<style><![CDATA[ p > b {{}} ]]></style><p>{written}</p>")
    assert texts(read(read_epub, epub({"one.xhtml": chapter}))) == [seen]


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_character_data_is_found_wherever_a_piece_ends(size: int) -> None:
    text = "a<![CDATA[<b>]]]]><!-- <![CDATA[ --]]> -->c<!<![CDATA[&]]>"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert "".join(escaped_sections(pieces)) == "a&lt;b&gt;]]<!-- <![CDATA[ --]]> -->c<!&amp;"


@pytest.mark.parametrize(
    "told",
    [
        '<dc:date xsi:type="dcterms:W3CDTF">2004</dc:date>',
        '<dc:creator opf:role="aut">A. Writer</dc:creator>',
        "<dc:description>one&nbsp;two</dc:description>",
    ],
)
def test_a_book_whose_package_names_what_it_does_not_declare_is_read(told: str) -> None:
    items = read(read_epub, epub({"one.xhtml": ONE}, title="Two Cities", more=f"<metadata>{told}</metadata>"))
    assert (title_of(items), texts(items)[0]) == ("Two Cities", "One")


def test_a_book_whose_package_is_cut_off_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not well-formed"):
        read(read_epub, epub({"one.xhtml": ONE}, **{"OEBPS/book.opf": "<package><manifest>"}))


def test_a_protected_epub_is_refused_and_one_with_hidden_fonts_is_read() -> None:
    def listing(uri: str) -> str:
        return f'<e xmlns:x="urn:x"><x:CipherReference URI="{uri}"/></e>'

    with pytest.raises(InvalidInputError, match="protected"):
        read(read_epub, epub({"one.xhtml": ONE}, **{"META-INF/encryption.xml": listing("OEBPS/one.xhtml")}))
    assert texts(read(read_epub, epub({"one.xhtml": ONE}, **{"META-INF/encryption.xml": listing("OEBPS/font.ttf")})))


def test_word_paragraphs_come_with_headings_in_any_language_and_without_deleted_text() -> None:
    content = docx(
        [
            ("Titlu1", "Capitolul"),
            ("Normal", f"{run('one ')}<w:r><w:tab/></w:r>{run('line')}<w:r><w:br/></w:r>{run('two')}"),
            ("Normal", f"<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>{run('kept')}"),
            ("Normal", ""),
            ("Titlu2", "Mai jos"),
        ],
        title="A Letter",
        styles={"Titlu1": "heading 1", "Titlu2": "heading 2", "Normal": "Normal"},
    )
    items = read(read_word_document, content)
    assert title_of(items) == "A Letter"
    assert headings(items) == [(1, "Capitolul"), (2, "Mai jos")]
    assert texts(items)[1:3] == ["one  line\ntwo", "kept"]


def test_moved_text_is_read_once_where_it_was_moved_to() -> None:
    content = docx(
        [
            ("Normal", f"<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>{run('first')}"),
            ("Normal", f"{run('second ')}<w:moveTo><w:r><w:t>moved</w:t></w:r></w:moveTo>"),
        ]
    )
    assert texts(read(read_word_document, content)) == ["first", "second moved"]


def test_how_a_word_is_pronounced_is_no_part_of_the_text() -> None:
    reading = f"<w:rt>{run('わがはい')}</w:rt><w:rubyBase>{run('吾輩')}</w:rubyBase>"
    content = docx([("Normal", f"<w:r><w:ruby><w:rubyPr/>{reading}</w:ruby></w:r>{run('は猫である')}")])
    assert texts(read(read_word_document, content)) == ["吾輩は猫である"]


def test_a_strict_word_document_is_read_like_any_other() -> None:
    heading = f'<w:p><w:pPr><w:pStyle w:val="T1"/></w:pPr>{run("Chapter")}</w:p>'
    body = f"{heading}<w:p>{run('one')}<w:r><w:br/></w:r>{run('two')}</w:p>"
    named = '<w:style w:styleId="T1"><w:name w:val="heading 2"/></w:style>'
    strict = 'xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main"'
    content = packed(
        {
            "word/document.xml": f"<w:document {strict}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {strict}>{named}</w:styles>",
        }
    )
    items = read(read_word_document, content)
    assert headings(items) == [(2, "Chapter")]
    assert texts(items) == ["Chapter", "one\ntwo"]


def test_the_notes_of_a_word_document_follow_its_text_and_damaged_ones_are_left_out_by_name() -> None:
    def notes(name: str, inner: str) -> str:
        line = '<w:footnote w:type="separator"><w:p><w:r><w:separator/></w:r></w:p></w:footnote>'
        return word_part(name, f"{line}<w:footnote><w:p><w:r><w:footnoteRef/></w:r>{run(inner)}</w:p></w:footnote>")

    text = word_part("document", f"<w:p>{run('the text')}<w:r><w:footnoteReference/></w:r></w:p>")
    footnotes, endnotes = notes("footnotes", "of Palmyra"), notes("endnotes", "of Rome")
    whole = {"word/endnotes.xml": endnotes, "word/document.xml": text, "word/footnotes.xml": footnotes}
    assert texts(read(read_word_document, packed({**whole}))) == ["the text", "of Palmyra", "of Rome"]

    damaged = read(
        read_word_document, packed({**whole, "word/footnotes.xml": "x", "word/endnotes.xml": endnotes[:-10]})
    )
    assert texts(damaged) == ["the text", "of Rome"]
    assert [trouble.part for trouble in troubles(damaged)] == ["footnotes", "endnotes, paragraph 3"]


def test_a_word_text_that_breaks_off_keeps_what_came_before() -> None:
    content = packed(
        {
            "word/document.xml": f'<w:document xmlns:w="{"http://schemas.openxmlformats.org/wordprocessingml/2006/main"}"><w:p>{run("whole")}</w:p><w:p><w:r><w:t>half'
        }
    )
    items = read(read_word_document, content)
    assert texts(items) == ["whole"]
    assert [trouble.part for trouble in troubles(items)] == ["paragraph 2"]


def test_a_word_document_does_not_follow_entities() -> None:
    content = packed(
        {
            "word/document.xml": '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document xmlns:w='
            f'"http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:p>{run("a&x;b")}</w:p></w:document>'
        }
    )
    assert "root" not in "".join(texts(read(read_word_document, content)))


def test_a_pdf_gives_its_pages_without_numbers_and_with_bookmarks_as_headings() -> None:
    content = pdf(
        [["It was the best of ti-", "mes, it was the worst.", "1"], ["2", "The age of wisdom."]],
        bookmarks={0: "One", 1: "Two"},
    )
    items = read(read_pdf, content)
    assert headings(items) == [(2, "One"), (2, "Two")]
    assert texts(items) == ["One", "It was the best of times, it was the worst.", "Two", "The age of wisdom."]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        # by script
        ("the circum-\nstance", "the circumstance"),
        ("обстоя-\nтельство", "обстоятельство"),
        ("περί-\nσταση", "περίσταση"),
        ("ya-\nğmur, ya-\nşlı, a-\nılan", "yağmur, yaşlı, aılan"),
        ("erdő-\nőr, fe-\nűben", "erdőőr, feűben"),
        # by hyphen
        ("circum\u2010\nstance", "circumstance"),
        ("circum\u00ad\nstance", "circumstance"),
        ("обст ояте \u2010\nльство", "обст оятельство"),
        ("circum \u00ad\nstance", "circumstance"),
        # no cut word
        ("word -\nnext", "word -\nnext"),
        ("word –\nnext", "word –\nnext"),
        ("word—\nnext", "word—\nnext"),
        ("Anglo-\nSaxon", "Anglo-\nSaxon"),
        ("Санкт\u2010\nПетербург", "Санкт\u2010\nПетербург"),
        ("in 1914-\nnext", "in 1914-\nnext"),
        ("x-\n2 y", "x-\n2 y"),
    ],
)
def test_a_word_that_a_line_end_of_a_pdf_cuts_is_put_together(text: str, read: str) -> None:
    assert [block.text for block in page_blocks(text)] == [read]


def test_a_page_that_is_damaged_is_left_out_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    from pypdf import PageObject

    whole = PageObject.extract_text
    monkeypatch.setattr(PageObject, "extract_text", lambda self: 1 / 0 if self.page_number == 1 else whole(self))
    monkeypatch.setattr("tasks.persona_ingestion.reading.pdf_documents._DAMAGED", (ZeroDivisionError,))
    items = read(read_pdf, pdf([["one"], ["two"], ["three"]]))
    assert texts(items) == ["one", "three"]
    assert [trouble.part for trouble in troubles(items)] == ["page 2"]


def test_a_pdf_of_pictures_says_that_it_holds_no_text() -> None:
    assert "scan" in troubles(read(read_pdf, pdf([[]])))[0].reason


@pytest.mark.parametrize(
    ("pages", "named"), [((2,), "page 2"), ((1, 3, 4, 5), "pages 1, 3–5"), ((2, 5), "pages 2, 5"), ((), None)], ids=str
)
def test_scanned_pages_among_pages_of_text_are_named(pages: tuple[int, ...], named: str | None) -> None:
    written = pdf([[] if number in pages else [f"Text of page {number}."] for number in range(1, 7)])
    items = read(read_pdf, with_pictures(written, {*pages, 6}))
    assert len(texts(items)) == 6 - len(pages)
    assert [trouble.part for trouble in troubles(items)] == ([named] if named else [])


def test_a_blank_page_of_a_pdf_is_nothing_to_tell_of() -> None:
    assert not troubles(read(read_pdf, pdf([["one"], [], ["three"]])))


def test_a_locked_pdf_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="password"):
        read(read_pdf, pdf([["secret"]], password="x"))


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        pytest.param(reader, content, id=f"{reader.__name__}: {name}")
        for reader, whole in (
            (read_epub, epub({"one.xhtml": ONE})),
            (read_word_document, docx([("", "x")])),
            (read_pdf, pdf([["x"]])),
        )
        for name, content in {
            "noise": b"noise " * 100,
            "cut off": whole[: len(whole) // 3],
            "another kind": packed({"a": "b"}),
        }.items()
    ],
)
def test_a_file_that_is_damaged_as_a_whole_is_refused_with_a_reason(reader: Reader, content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read(reader, content)


def test_a_part_that_unpacks_to_more_than_the_limit_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 100_000)
    bomb = page("<p>" + "zero " * 500_000 + "</p>")
    items = read(read_epub, epub({"bomb.xhtml": bomb, "two.xhtml": TWO}))
    assert "unpacks to more than" in troubles(items)[0].reason
    assert texts(items)[-1] == "It was the worst."


def test_an_archive_of_many_large_parts_is_unpacked_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.Archive, "left", 100_000)
    chapters = {f"{number}.xhtml": page(f"<p>chapter {number} {'zero ' * 6_000}</p>") for number in range(9)}
    items = read(read_epub, epub(chapters))
    assert [text[:9] for text in texts(items) if text.startswith("chapter")] == ["chapter 0", "chapter 1", "chapter 2"]
    assert {trouble.part for trouble in troubles(items)} >= {f"OEBPS/{number}.xhtml" for number in range(4, 9)}
