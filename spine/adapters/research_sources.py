"""Open Library, Wikipedia and Tavily as research sources, through the guarded fetcher they are given."""

from __future__ import annotations

import json
import os
from typing import Any

from spine.adapters.redaction import cleared, without_secrets
from spine.contracts.books import BookMetadata
from spine.contracts.texts import ResearchNote
from spine.errors import ExternalServiceError, MillraceError
from spine.ports import PageFetcher
from spine.research_answers import (
    OPENLIBRARY,
    TAVILY,
    WIKIPEDIA,
    about_this_book,
    book_query,
    found_work_path,
    openlibrary_isbn_path,
    openlibrary_search_path,
    read_openlibrary,
    read_tavily,
    read_wikipedia,
    tavily_body,
    wikipedia_search_path,
    wikipedia_summary_path,
    wikipedia_titles,
    work_path,
)
from spine.research_port import PostJson

_JSON = {"Accept": "application/json"}
_TIMEOUT = 15.0  # seconds for one answer
_MAX_BYTES = 2_000_000
_PAGES_READ = 3  # search hits that are opened before giving up
_FALLBACK_LANGUAGE = "en"


class _JsonReader:
    """Fetches JSON below one base address. Holds no state between calls."""

    def __init__(self, fetcher: PageFetcher, service: str) -> None:
        self._fetcher = fetcher
        self._service = service

    async def get(self, url: str) -> Any:
        """The JSON at an address; None where there is nothing (404)."""
        try:
            page = await self._fetcher.fetch(url, timeout=_TIMEOUT, max_bytes=_MAX_BYTES, headers=_JSON)
        except ExternalServiceError as error:
            if error.status == 404:
                return None
            raise
        try:
            return json.loads(page.content)
        except (ValueError, RecursionError) as error:
            raise ExternalServiceError(f"{self._service} did not answer with JSON.", service=self._service) from error


class OpenLibrary:
    """Editions and works by ISBN, else by title and author."""

    name = OPENLIBRARY

    def __init__(self, fetcher: PageFetcher, base_url: str | None = None) -> None:
        self._base = _base(base_url, "OPENLIBRARY_URL", "https://openlibrary.org")
        self._json = _JsonReader(fetcher, "Open Library")

    async def search(self, book: BookMetadata, language: str) -> list[ResearchNote]:
        del language  # its records are not kept by language
        try:
            notes = await self._notes(book)
        except MillraceError as error:
            return [_failed(self.name, error)]
        return notes or [_nothing(self.name, "Open Library has nothing on this book.")]

    async def _notes(self, book: BookMetadata) -> list[ResearchNote]:
        edition = await self._get(openlibrary_isbn_path(book))
        path = work_path(edition)
        if path is None:
            path = found_work_path(await self._get(openlibrary_search_path(book)), book)
        records = [edition, await self._get(path)]
        notes = [note for record in records if record and (note := read_openlibrary(record, self._base))]
        return list({note.text: note for note in notes}.values())

    async def _get(self, path: str | None) -> Any:
        return await self._json.get(f"{self._base}{path}") if path else None


class Wikipedia:
    """The page of the book and that of its author, in the article's language, else in English.

    A base address may carry `{language}`; without it the same address serves every language.
    """

    name = WIKIPEDIA

    def __init__(self, fetcher: PageFetcher, base_url: str | None = None) -> None:
        self._base = _base(base_url, "WIKIPEDIA_URL", "https://{language}.wikipedia.org")
        self._json = _JsonReader(fetcher, "Wikipedia")

    async def search(self, book: BookMetadata, language: str) -> list[ResearchNote]:
        query = book_query(book)
        if not query:
            return [_nothing(self.name, "The book has neither title nor author to look up.")]
        try:
            for code in dict.fromkeys((language.split("-")[0], _FALLBACK_LANGUAGE)):
                notes = await self._in_language(book, query, code)
                if notes:
                    return notes
        except MillraceError as error:
            return [_failed(self.name, error)]
        return [_nothing(self.name, "Wikipedia has no page on this book or its author.")]

    async def _in_language(self, book: BookMetadata, query: str, code: str) -> list[ResearchNote]:
        base = self._base.replace("{language}", code)
        titles = wikipedia_titles(await self._json.get(base + wikipedia_search_path(query)))
        candidates = dict.fromkeys([*titles[:_PAGES_READ], *(book.authors or [])[:1]])
        pages = [(title, await self._json.get(base + wikipedia_summary_path(title))) for title in candidates]
        notes = [note for title, page in pages if page and (note := read_wikipedia(page, title))]
        fitting = [note for note in notes if about_this_book(book, note.title or "", note.text)]
        return list({note.text: note for note in fitting}.values())


class Tavily:
    """Web search; only used where a key is set. A server that repeats the key puts it into no note."""

    name = TAVILY

    def __init__(self, post_json: PostJson, api_key: str, base_url: str | None = None) -> None:
        self._base = _base(base_url, "TAVILY_BASE_URL", "https://api.tavily.com")
        self._post = post_json
        self._key = api_key

    async def search(self, book: BookMetadata, language: str) -> list[ResearchNote]:
        del language  # the query's words decide
        headers = {**_JSON, "Authorization": f"Bearer {self._key}"}
        try:
            answer = cleared(await self._post(f"{self._base}/search", tavily_body(book), headers), (self._key,))
        except MillraceError as error:
            note = _failed(self.name, error)
            return [note.model_copy(update={"error": without_secrets(note.error or "", (self._key,))})]
        return read_tavily(answer, book) or [_nothing(self.name, "Tavily found nothing that speaks of this book.")]


def _base(given: str | None, variable: str, default: str) -> str:
    return (given or os.environ.get(variable) or default).rstrip("/")


def _failed(source: str, error: MillraceError) -> ResearchNote:
    return ResearchNote(source=source, error=error.message, unreachable=error.retryable)


def _nothing(source: str, message: str) -> ResearchNote:
    return ResearchNote(source=source, error=message)
