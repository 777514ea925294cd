"""Small source files made on the fly, and the ways tests read them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import cast

from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject, StreamObject

from spine.contracts.personas import Chunk, CollectionName, SourceReport
from tasks.persona_ingestion.chunking import ChunkSize
from tasks.persona_ingestion.corpus import Corpus
from tasks.persona_ingestion.ledger import Ledger
from tasks.persona_ingestion.reading.items import About, Block, Item, Reader, Trouble
from tasks.persona_ingestion.sources import find_sources

WORD_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def count_words(text: str) -> int:
    """A tokenizer whose every word is one token, framed by two."""
    return 2 + len(text.split())


def read(reader: Reader, content: bytes) -> list[Item]:
    return list(reader(io.BytesIO(content)))


def texts(items: Sequence[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, Block)]


def headings(items: Sequence[Item]) -> list[tuple[int, str]]:
    return [(item.heading, item.text) for item in items if isinstance(item, Block) and item.heading]


def troubles(items: Sequence[Item]) -> list[Trouble]:
    return [item for item in items if isinstance(item, Trouble)]


def lines_left_out(items: Sequence[Item]) -> list[int | None]:
    return [trouble.line for trouble in troubles(items)]


def title_of(items: Sequence[Item]) -> str | None:
    return next((item.title for item in items if isinstance(item, About) and item.title), None)


def ingest(
    folder: Path, collection: CollectionName = "works", *, size: ChunkSize | None = None, persona_id: str = "poet"
) -> tuple[list[Chunk], list[SourceReport]]:
    with Ledger() as ledger:
        corpus = Corpus(persona_id, find_sources(folder, collection), count_words, ledger, size or ChunkSize())
        given = list(corpus)
        chunks = [item for item in given if isinstance(item, Chunk)]
        assert ledger.wanted(chunk.id for chunk in chunks) == {chunk.id for chunk in chunks}
        assert len(ledger) == len(chunks)
        assert corpus.progress == 1.0
    return chunks, [item for item in given if isinstance(item, SourceReport)]


def packed(parts: dict[str, str | bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return archive.getvalue()


def epub(
    chapters: dict[str, str | bytes], *, title: str = "", language: str = "", more: str = "", **parts: str
) -> bytes:
    items = "".join(f'<item id="c{number}" href="{name}"/>' for number, name in enumerate(chapters))
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>{title}</dc:title><dc:language>{language}</dc:language></metadata>"
        f"<manifest>{items}{more}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    )
    named = {f"OEBPS/{name}": content for name, content in chapters.items() if content}
    return packed({"META-INF/container.xml": container, "OEBPS/book.opf": package, **named, **parts})


def page(body: str) -> str:
    return f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'


def docx(paragraphs: Sequence[tuple[str, str]], *, title: str = "", styles: dict[str, str] | None = None) -> bytes:
    """`paragraphs` are (style id, text or inner XML)."""
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>{text if text.startswith("<") else run(text)}</w:p>'
        for style, text in paragraphs
    )
    parts: dict[str, str | bytes] = {"word/document.xml": word_part("document", f"<w:body>{body}</w:body>")}
    if styles:
        named = "".join(
            f'<w:style w:styleId="{key}"><w:name w:val="{name}"/></w:style>' for key, name in styles.items()
        )
        parts["word/styles.xml"] = word_part("styles", named)
    if title:
        parts["docProps/core.xml"] = f'<p xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></p>'
    return packed(parts)


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def word_part(name: str, inner: str) -> str:
    return f'<?xml version="1.0"?><w:{name} xmlns:w="{WORD_NAMESPACE}">{inner}</w:{name}>'


def pdf(pages: Sequence[Sequence[str]], *, bookmarks: dict[int, str] | None = None, password: str = "") -> bytes:
    """One text line per string; an empty string leaves a line's room free."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(_bare_pdf(pages))))
    for number, title in (bookmarks or {}).items():
        writer.add_outline_item(title=title, page_number=number)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def with_pictures(content: bytes, pages: Collection[int]) -> bytes:
    """The same PDF with a picture on those pages, counted from 1."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    grey = StreamObject()
    grey.set_data(b"\x80")
    for name, value in {"Type": "XObject", "Subtype": "Image", "ColorSpace": "DeviceGray"}.items():
        grey[NameObject(f"/{name}")] = NameObject(f"/{value}")
    for name in ("Width", "Height", "BitsPerComponent"):
        grey[NameObject(f"/{name}")] = NumberObject(8 if name == "BitsPerComponent" else 1)
    picture = writer._add_object(grey)  # pyright: ignore[reportPrivateUsage]
    for number in pages:
        resources = cast(DictionaryObject, writer.pages[number - 1]["/Resources"])
        resources[NameObject("/XObject")] = DictionaryObject({NameObject("/Im1"): picture})
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _bare_pdf(pages: Sequence[Sequence[str]]) -> bytes:
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        content = "BT /F1 12 Tf 72 760 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    out = b"%PDF-1.4\n"
    places: list[int] = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(
        f"{place:010} 00000 n \n" for place in places
    )
    return out + f"{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode()
