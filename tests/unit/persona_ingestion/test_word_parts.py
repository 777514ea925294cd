"""Where a .docx keeps its text, and what is damaged beside it."""

from __future__ import annotations

import pytest

from tasks.persona_ingestion.reading.items import Trouble
from tasks.persona_ingestion.reading.word_documents import read_word_document
from tests.unit.persona_ingestion.source_files import headings, packed, read, run, texts, title_of, troubles, word_part

TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
STRICT_TYPES = "http://purl.oclc.org/ooxml/officeDocument/relationships/"
OF_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
BODY = word_part(
    "document",
    f'<w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr>{run("Gates")}</w:p><w:p>{run("A gate.")}</w:p></w:body>',
)
STYLES = word_part("styles", '<w:style w:styleId="Heading1"><w:name w:val="heading 3"/></w:style>')
NOTES = word_part("footnotes", f"<w:footnote><w:p>{run('A note.')}</w:p></w:footnote>")
CORE = '<p xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>On Gates</dc:title></p>'


def relationships(*targets: tuple[str, str], more: str = "") -> str:
    listed = "".join(
        f'<Relationship Id="r{number}" Type="{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets)
    )
    return f'<Relationships xmlns="{OF_PACKAGE}">{listed}{more}</Relationships>'


@pytest.mark.parametrize(
    "types",
    [TYPES, STRICT_TYPES],
    ids=["the usual types", "types of Strict Open XML"],
)
@pytest.mark.parametrize(
    ("document", "target", "styles", "of_styles"),
    [
        ("word/document2.xml", "word/document2.xml", "word/styles2.xml", "styles2.xml"),
        ("word/document2.xml", "/word/document2.xml", "word/styles.xml", "/word/styles.xml"),
        ("texts/main.xml", "./texts/main.xml", "look/s.xml", "../look/s.xml"),
        ("document.xml", "document.xml", "styles.xml", "styles.xml"),
    ],
)
def test_the_parts_of_a_word_document_are_those_that_its_relationships_name(
    types: str, document: str, target: str, styles: str, of_styles: str
) -> None:
    folder, _, name = document.rpartition("/")
    content = packed(
        {
            "_rels/.rels": relationships(
                (f"{OF_PACKAGE}/metadata/core-properties", "meta/core7.xml"), (f"{types}officeDocument", target)
            ),
            f"{folder}/_rels/{name}.rels".lstrip("/"): relationships(
                (f"{types}styles", of_styles),
                (f"{types}footnotes", "notes9.xml"),
                more=f'<Relationship Id="e" Type="{types}endnotes" Target="http://x/" TargetMode="External"/>',
            ),
            document: BODY,
            styles: STYLES,
            f"{folder}/notes9.xml".lstrip("/"): NOTES,
            "meta/core7.xml": CORE,
        }
    )
    items = read(read_word_document, content)
    assert texts(items) == ["Gates", "A gate.", "A note."]
    assert headings(items) == [(3, "Gates")]
    assert title_of(items) == "On Gates"
    assert not troubles(items)


@pytest.mark.parametrize(
    "of_package",
    [
        relationships((f"{TYPES}officeDocument", "word/gone.xml")),
        relationships(),
        "<Relationships",
    ],
    ids=["names a part that is missing", "names nothing", "is damaged"],
)
def test_where_the_relationships_do_not_help_the_usual_names_do(of_package: str) -> None:
    parts: dict[str, str | bytes] = {"word/document.xml": BODY, "word/styles.xml": STYLES, "docProps/core.xml": CORE}
    items = read(read_word_document, packed({"_rels/.rels": of_package, **parts}))
    assert (headings(items), title_of(items), troubles(items)) == ([(3, "Gates")], "On Gates", [])


@pytest.mark.parametrize(
    ("damaged", "named", "level", "title"),
    [
        ("word/styles.xml", "headings", 1, "On Gates"),
        ("docProps/core.xml", "title", 3, None),
    ],
)
def test_what_is_damaged_beside_the_text_is_named_and_the_text_is_read(
    damaged: str, named: str, level: int, title: str | None
) -> None:
    parts: dict[str, str | bytes] = {"word/document.xml": BODY, "word/styles.xml": STYLES, "docProps/core.xml": CORE}
    items = read(read_word_document, packed(parts | {damaged: str(parts[damaged])[:60]}))
    assert texts(items) == ["Gates", "A gate."]
    assert (headings(items), title_of(items)) == ([(level, "Gates")], title)
    match troubles(items):
        case [Trouble(part=part, reason=reason)]:
            assert part == named
            assert f"part {damaged} is not well-formed" in reason
        case others:
            pytest.fail(f"one place was to be named, not {others}")
