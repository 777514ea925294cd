"""Which reader reads which kind of file."""

from __future__ import annotations

from tasks.persona_ingestion.reading.epub_books import read_epub
from tasks.persona_ingestion.reading.items import Reader
from tasks.persona_ingestion.reading.markdown_text import read_markdown
from tasks.persona_ingestion.reading.pdf_documents import read_pdf
from tasks.persona_ingestion.reading.plain_text import read_plain_text
from tasks.persona_ingestion.reading.quotations import read_csv, read_json_array, read_json_lines
from tasks.persona_ingestion.reading.web_pages import read_web_page
from tasks.persona_ingestion.reading.word_documents import read_word_document

READERS: dict[str, Reader] = {
    "txt": read_plain_text,
    "md": read_markdown,
    "html": read_web_page,
    "epub": read_epub,
    "pdf": read_pdf,
    "docx": read_word_document,
    "jsonl": read_json_lines,
    "json": read_json_array,
    "csv": read_csv,
}

READ_IN_ORDER = frozenset({"txt", "md", "html", "jsonl", "json", "csv"})
"""Kinds whose place in the file tells how far the reading has come."""
