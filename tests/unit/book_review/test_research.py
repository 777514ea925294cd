"""Research asks public sources, reads what they answer, and turns each failure into a note."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from spine.adapters.research_sources import OpenLibrary, Tavily, Wikipedia
from spine.contracts.books import BookMetadata
from spine.contracts.texts import LinkSummary, ResearchNote
from spine.errors import ExternalServiceError, MillraceError, RateLimitError
from spine.ports import FetchedPage
from spine.research_answers import about_this_book, main_title, prose_of, read_openlibrary, read_wikipedia, subjects_in
from tasks.book_review.research import UNKNOWN_AUDIENCE, extractive_insight

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "bookapis"
BOOK = BookMetadata(title="Sabriel", authors=["Garth Nix"], isbn_13="9780064471831")
EDITION = {
    "key": "/books/OL1M",
    "title": "Sabriel",
    "works": [{"key": "/works/OL2W"}],
    "description": {"type": "/type/text", "value": "Sabriel crosses the *Wall*.\r\n\r\n- [shop](https://x.example)"},
}
WORK = {
    "key": "/works/OL2W",
    "title": "Sabriel",
    "description": "First in a series.",
    "subjects": ["Magic", "Fiction", "Protected DAISY", "Juvenile fiction"],
}


class Web:
    """A fetcher that answers from a table of path prefixes; what is missing is 404."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def fetch(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        max_bytes: int = 10_000_000,
        accept_errors: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedPage:
        self.asked.append(url)
        parts = urlsplit(url)
        path = unquote(f"{parts.hostname}{parts.path}")
        for prefix, answer in self.answers.items():
            if path == prefix:
                if isinstance(answer, MillraceError):
                    raise answer
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                return FetchedPage(url, url, 200, body, "application/json")
        raise ExternalServiceError("not found", service=str(parts.hostname), status=404)

    async def close(self) -> None: ...


async def test_open_library_is_asked_by_isbn_and_gives_edition_and_work() -> None:
    web = Web({"ol.example/isbn/9780064471831.json": EDITION, "ol.example/works/OL2W.json": WORK})
    notes = await OpenLibrary(web, "https://ol.example/").search(BOOK, "en")
    assert [(note.url, prose_of(note)) for note in notes] == [
        ("https://ol.example/books/OL1M", "Sabriel crosses the Wall."),
        ("https://ol.example/works/OL2W", "First in a series."),
    ]
    assert subjects_in(notes[1]) == ["Magic", "Fiction", "Juvenile fiction"]


async def test_open_library_is_searched_by_title_and_author_when_it_does_not_know_the_isbn() -> None:
    found = {
        "docs": [
            {"key": "/works/OL9W", "title": "Sabriel", "author_name": ["Somebody Else"]},
            {"key": "/works/OL2W", "title": "Sabriel", "author_name": ["Garth Nix"]},
        ]
    }
    web = Web({"ol.example/search.json": found, "ol.example/works/OL2W.json": WORK})
    notes = await OpenLibrary(web, "https://ol.example").search(BOOK, "en")
    assert [note.title for note in notes] == ["Sabriel"]
    asked = parse_qs(urlsplit(web.asked[1]).query)
    assert (asked["title"], asked["author"]) == (["Sabriel"], ["Garth Nix"])


async def test_wikipedia_is_asked_in_the_language_of_the_article_then_in_english() -> None:
    hits = {"query": {"search": [{"title": "Sabriel (disambiguation)"}, {"title": "Sabriel"}, {"title": "Wallpaper"}]}}
    web = Web(
        {
            "de.wiki.example/w/api.php": {"query": {"search": []}},
            "en.wiki.example/w/api.php": hits,
            "en.wiki.example/api/rest_v1/page/summary/Sabriel_(disambiguation)": {
                "type": "disambiguation",
                "extract": "x",
            },
            "en.wiki.example/api/rest_v1/page/summary/Sabriel": {
                "title": "Sabriel",
                "extract": "A novel by Garth Nix.",
            },
            "en.wiki.example/api/rest_v1/page/summary/Wallpaper": {"title": "Wallpaper", "extract": "Paper."},
            "en.wiki.example/api/rest_v1/page/summary/Garth_Nix": {"title": "Garth Nix", "extract": "An author."},
        }
    )
    notes = await Wikipedia(web, "https://{language}.wiki.example").search(BOOK, "de-AT")
    assert [note.text for note in notes] == ["A novel by Garth Nix.", "An author."]
    assert web.asked[0].startswith("https://de.wiki.example/w/api.php?")


async def test_tavily_keeps_what_speaks_of_the_book() -> None:
    sent: list[tuple[str, Any, Any]] = []

    async def post(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        sent.append((url, body, headers))
        return {
            "results": [{"title": "Sabriel review", "url": "https://r.example", "content": "Good."}, {"content": "No"}]
        }

    notes = await Tavily(post, "key", "https://tv.example").search(BOOK, "en")
    assert [note.url for note in notes] == ["https://r.example"]
    assert sent[0][0] == "https://tv.example/search"
    assert sent[0][2]["Authorization"] == "Bearer key"
    assert sent[0][1]["query"].startswith("Sabriel Garth Nix")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ExternalServiceError("down", status=500), id="server error"),
        pytest.param(RateLimitError("slow down"), id="rate limit"),
        pytest.param(b"<html>", id="not JSON"),
    ],
)
async def test_a_source_that_fails_gives_a_note_with_the_error(answer: Any) -> None:
    web = Web({"s.example/isbn/9780064471831.json": answer, "s.example/w/api.php": answer})
    for source in (OpenLibrary(web, "https://s.example"), Wikipedia(web, "https://s.example")):
        (note,) = await source.search(BOOK, "en")
        assert note.source == source.name
        assert note.error
        assert note.text == ""


@pytest.mark.parametrize("answer", [[], "text", None, {"docs": 3}, {"query": []}, {"works": [7], "description": 5}])
async def test_an_answer_of_another_shape_finds_nothing(answer: Any) -> None:
    web = Web({f"s.example/{path}": answer for path in ("isbn/9780064471831.json", "search.json", "w/api.php")})
    for source in (OpenLibrary(web, "https://s.example"), Wikipedia(web, "https://s.example")):
        (note,) = await source.search(BOOK, "en")
        assert note.error


@pytest.mark.parametrize(
    ("title", "text", "fits"),
    [
        ("Sabriel", "A novel by Garth Nix.", True),
        ("Sabriel (novel)", "By Nix.", True),
        ("Garth Nix", "An author.", True),
        ("Sabriel", "A village in Spain.", False),
        ("Old Kingdom", "Garth Nix wrote it.", False),
    ],
)
def test_a_page_of_the_same_name_is_not_enough(title: str, text: str, fits: bool) -> None:
    assert about_this_book(BOOK, title, text) is fits


def test_the_main_title_is_without_subtitle_and_edition() -> None:
    assert main_title("User Story Mapping: Discover (2nd Edition)") == "User Story Mapping"


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the folder shared/data is not beside the project")
def test_recorded_answers_are_read() -> None:
    def recorded(name: str) -> Any:
        return json.loads((RECORDED / name).read_text("utf-8"))

    edition = read_openlibrary(recorded("bookwyrm_ol_edition.json"), "https://ol.example")
    markdown = read_openlibrary(recorded("bookwyrm_ol_edition_markdown.json"), "https://ol.example")
    work = read_openlibrary(recorded("bookwyrm_ol_work.json"), "https://ol.example")
    page = read_wikipedia(recorded("wikipedia_rest_summary_partial.json"), "Ipomoea")
    assert edition and markdown and work and page
    assert edition.text.startswith("Sabriel, daughter of the necromancer Abhorsen")
    assert "](http" not in markdown.text
    assert "*The Stars" not in markdown.text
    assert "Magical thinking" in subjects_in(work)
    assert page.title == "Ipomoea"


def test_insight_without_a_model_names_themes_and_the_audience_that_a_source_names() -> None:
    notes = [
        ResearchNote(source="openlibrary", text="Subjects: Magic; Fiction; Juvenile fiction"),
        ResearchNote(source="wikipedia", error="down"),
    ]
    book = BookMetadata(
        title="Sabriel", description="A girl crosses the wall. It is a book for readers who like walls."
    )
    insight = extractive_insight(book, notes, [LinkSummary(summary="", topics=["death and duty", "magic"])])
    assert insight.themes[:2] == ["Magic", "death and duty"]
    assert insight.target_audience == "It is a book for readers who like walls."
    assert "A girl crosses the wall." in insight.summary


def test_library_headings_tell_the_audience_when_no_sentence_does() -> None:
    notes = [ResearchNote(source="openlibrary", text="Subjects: Magic; Juvenile fiction")]
    assert extractive_insight(BOOK, notes, []).target_audience == "Juvenile fiction"


def test_an_unknown_audience_is_called_unknown() -> None:
    insight = extractive_insight(BOOK, [], [])
    assert insight.target_audience == UNKNOWN_AUDIENCE
    assert insight.themes == []
    assert insight.summary == ""
