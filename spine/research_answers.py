"""What research sources are asked and how their answers are read. Nothing here opens a connection.

Answers come from outside: whatever is missing or of another type is skipped, never an error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from spine.contracts.books import BookMetadata
from spine.contracts.texts import ResearchNote

OPENLIBRARY, WIKIPEDIA, TAVILY = "openlibrary", "wikipedia", "tavily"
_SUBJECTS = "Subjects: "
_MAX_SUBJECTS = 15
_MAX_TEXT = 6_000  # characters of one note
_SEARCH_FIELDS = "key,title,author_name,first_publish_year,subject,edition_count"
# Open Library keeps shelf marks and list names among the subjects.
_SHELF_MARK = re.compile(
    r"protected daisy|accessible book|in library|overdrive|internet archive|open[_ ]?(?:library|syllabus)|lending"
    r"|reading level|large type|nyt:|series:|collectionid|award:|[a-z]+:\S",
    re.IGNORECASE,
)


def book_query(book: BookMetadata) -> str:
    """Main title and first author: what every search understands."""
    return " ".join(part for part in (main_title(book.title or ""), (book.authors or [""])[0]) if part)


def main_title(title: str) -> str:
    """The title without subtitle and edition: `The Hobbit, or There and Back Again` stays, `X: Y (2nd ed)` is `X`."""
    return re.split(r"\s*(?:[:(\[]|\. | [-–—] )", title.strip(), maxsplit=1)[0].strip() or title.strip()


def about_this_book(book: BookMetadata, title: str, text: str) -> bool:
    """Whether a page is about the book or its author, and not about another thing of the same name."""
    told, heading = _key(text), _key(re.sub(r"\(.*?\)", "", title))
    names = [_key(author) for author in book.authors or []]
    if heading in names:
        return True
    wanted = _key(main_title(book.title or ""))
    if not wanted or not (_holds(heading, wanted) or _holds(_key(book.title or ""), heading)):
        return False
    return not names or any(name.split()[-1] in told.split() for name in names if name)


def _holds(text: str, phrase: str) -> bool:
    return bool(phrase) and f" {phrase} " in f" {text} "


def openlibrary_isbn_path(book: BookMetadata) -> str | None:
    isbn = book.isbn_13 or book.isbn_10
    return f"/isbn/{isbn}.json" if isbn else None


def openlibrary_search_path(book: BookMetadata) -> str | None:
    if not book.title:
        return None
    query = {"title": main_title(book.title), "limit": "5", "fields": _SEARCH_FIELDS}
    if book.authors:
        query["author"] = book.authors[0]
    return f"/search.json?{urlencode(query)}"


def work_path(edition: Any) -> str | None:
    """Where the work of an edition is described."""
    keys = [_text(_mapping(work).get("key")) for work in _listed(edition, "works")]
    return f"{keys[0]}.json" if keys and re.fullmatch(r"/works/OL\w+", keys[0]) else None


def found_work_path(answer: Any, book: BookMetadata) -> str | None:
    """The first hit of a search that is this book, as the path of its work."""
    for hit in _listed(answer, "docs"):
        entry = _mapping(hit)
        names = " ".join(_text(name) for name in _listed(entry, "author_name"))
        key = _text(entry.get("key"))
        if re.fullmatch(r"/works/OL\w+", key) and about_this_book(book, _text(entry.get("title")), names):
            return f"{key}.json"
    return None


def read_openlibrary(record: Any, base_url: str) -> ResearchNote | None:
    """An edition or a work as a note; None where it says nothing beyond its title."""
    entry = _mapping(record)
    lines = [
        _plain(_value(entry.get("description"))),
        _plain(_value(entry.get("notes"))),
        _line("First published: ", _text(entry.get("first_publish_date"))),
        _line(_SUBJECTS, "; ".join(_subjects(entry))),
    ]
    text = "\n".join(line for line in lines if line)
    if not text:
        return None
    key = _text(entry.get("key"))
    url = f"{base_url}{key}" if key.startswith("/") else None
    return ResearchNote(source=OPENLIBRARY, url=url, title=_text(entry.get("title")) or None, text=text[:_MAX_TEXT])


def subjects_in(note: ResearchNote) -> list[str]:
    """The subject headings of an Open Library note."""
    line = next((line for line in note.text.splitlines() if line.startswith(_SUBJECTS)), "")
    return [subject for subject in line.removeprefix(_SUBJECTS).split("; ") if subject]


def prose_of(note: ResearchNote) -> str:
    """The text of a note without its list of subjects."""
    return "\n".join(line for line in note.text.splitlines() if not line.startswith(_SUBJECTS))


def wikipedia_search_path(query: str) -> str:
    parameters = {"action": "query", "list": "search", "srsearch": query, "srlimit": "5", "format": "json"}
    return f"/w/api.php?{urlencode(parameters)}"


def wikipedia_titles(answer: Any) -> list[str]:
    """Titles of the pages that a search found, best first."""
    hits = _listed(_mapping(_mapping(answer).get("query")), "search")
    return [title for hit in hits if (title := _text(_mapping(hit).get("title")))]


def wikipedia_summary_path(title: str) -> str:
    return f"/api/rest_v1/page/summary/{quote(title.replace(' ', '_'), safe='')}"


def read_wikipedia(answer: Any, title: str = "") -> ResearchNote | None:
    """A page summary as a note; None for a disambiguation page or one without text."""
    entry = _mapping(answer)
    extract = _text(entry.get("extract"))
    if not extract or entry.get("type") == "disambiguation":
        return None
    url = _text(_mapping(_mapping(entry.get("content_urls")).get("desktop")).get("page"))
    heading = _text(entry.get("title")) or title
    return ResearchNote(source=WIKIPEDIA, url=url or None, title=heading or None, text=extract[:_MAX_TEXT])


def tavily_body(book: BookMetadata) -> dict[str, Any]:
    return {"query": f"{book_query(book)} book review themes readers", "max_results": 5, "search_depth": "basic"}


def read_tavily(answer: Any, book: BookMetadata) -> list[ResearchNote]:
    """The hits that speak of this book."""
    notes = [
        ResearchNote(
            source=TAVILY,
            url=_text(entry.get("url")) or None,
            title=_text(entry.get("title")) or None,
            text=_plain(_text(entry.get("content")))[:_MAX_TEXT],
        )
        for entry in map(_mapping, _listed(answer, "results"))
    ]
    wanted = _key(main_title(book.title or ""))
    return [note for note in notes if note.text and _holds(_key(f"{note.title or ''} {note.text}"), wanted)]


def _subjects(entry: Mapping[str, Any]) -> list[str]:
    subjects = dict.fromkeys(
        _text(subject).strip(" .") for subject in _listed(entry, "subjects") if not _SHELF_MARK.search(_text(subject))
    )
    return [subject.replace(";", ",") for subject in subjects if subject][:_MAX_SUBJECTS]


def _plain(text: str) -> str:
    """Text without the Markdown and the list of links that volunteers put under descriptions."""
    text = re.split(r"\n\s*-{3,}|\(\[source\]", text.replace("\r\n", "\n"))[0]
    text = re.sub(r"^\s*[-*]\s*\[[^\]]*\]\([^)]*\)\s*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r"^\s*>\s?", "", text, flags=re.MULTILINE)
    return re.sub(r"(\*{1,3}|_{2,3})(?=\S)(.+?)(?<=\S)\1", r"\2", text).strip()


def _key(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(re.findall(r"\w+", bare))


def _line(label: str, value: str) -> str:
    return f"{label}{value}" if value else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any, key: str) -> list[Any]:
    found = _mapping(value).get(key)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _value(value: Any) -> str:
    """Open Library writes a text as a string or as {type, value}."""
    return _text(value) or _text(_mapping(value).get("value"))
