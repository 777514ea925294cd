"""Title, author and date of a page: what the page declares comes before what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from html import unescape
from itertools import islice
from typing import Any

from lxml.html import HtmlElement

from tasks.book_review.main_texts.main_text_dates import date_in_address, iso_date
from tasks.book_review.main_texts.main_text_json_ld import article_node, linked_data, names_in, text_in
from tasks.book_review.pages.page_source import host_of

_TITLE_META = ("og:title", "twitter:title", "dc.title", "citation_title", "parsely-title", "sailthru.title")
_AUTHOR_META = ("author", "article:author", "dc.creator", "citation_author", "parsely-author", "sailthru.author")
_DATE_META = (
    *("article:published_time", "og:article:published_time", "datepublished", "date", "dc.date", "dc.date.issued"),
    *("dcterms.created", "pubdate", "publishdate", "publish-date", "parsely-pub-date", "sailthru.date"),
    *("citation_publication_date", "cxenseparse:recs:publishtime"),
)
_BYLINE_XPATHS = (
    './/*[@itemprop="author"]//*[@itemprop="name"]',
    './/*[@itemprop="author"]',
    './/a[@rel="author"]',
    './/*[contains(concat(" ", @class, " "), " author-name ") or contains(@class, "author__name")]',
    './/*[contains(concat(" ", @class, " "), " byline ") or contains(concat(" ", @class, " "), " author ")]',
)
_DATE_XPATHS = (
    './/*[@itemprop="datePublished"]',
    './/*[contains(@property, "datePublished") or contains(@property, "dateCreated")]',
    ".//time[@pubdate]",
    ".//time[@datetime]",
)
_SHOWN_DATE_XPATHS = ('.//*[@itemprop="datePublished" or contains(@class, "date") or contains(@class, "published")]',)
_SHOWN_DATES = 5  # later ones belong to comments and other articles
_SHORTEST_PART = 12  # characters; a shorter part of a title may be any heading
_SEPARATOR = re.compile(r"\s+[|–—·•»:\-]+\s+|\s*[|»]\s*|:\s+")
_BYLINE_OPENING = re.compile(
    r"^\W*(?:(?:written |posted |review )?by|von|par|por|autor[ae]?|de|di|text)\b[\s:]*", re.IGNORECASE
)
_NO_NAME = re.compile(r"https?://|www\.|[@<>{}|\d]|\b(?:admin|staff writer|unknown|null|undefined)\b", re.IGNORECASE)
_LONGEST_NAME = 120
_LONGEST_LINE = 1_000  # characters; longer is not a title, a name or a date


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """`date` is ISO (`2019-11-19`); what the page does not say is None.

    `titles` are all forms in which the page gives its title, with and without the name of the site.
    """

    title: str | None
    author: str | None
    date: str | None
    titles: tuple[str, ...]


def page_metadata(tree: HtmlElement, url: str) -> PageMetadata:
    """Read from the whole page: what it declares often stands in parts that are no text."""
    nodes = linked_data(tree)
    node, meta = article_node(nodes), _meta(tree)
    return PageMetadata(
        title=_title(tree, node, meta, url),
        author=_author(tree, node, nodes, meta),
        date=_date(tree, node, meta, url),
        titles=tuple(_all_titles(tree, node, meta)),
    )


def _all_titles(tree: HtmlElement, node: dict[str, Any], meta: dict[str, str]) -> list[str]:
    whole = [*_from_meta(meta), *_from_node(node), *_headings(tree, "h1"), *_headings(tree, "title")]
    parts = [part for title in whole for match in _SEPARATOR.finditer(title) if (part := title[: match.start()])]
    return whole + [part for part in parts if len(part) >= _SHORTEST_PART]


def _title(tree: HtmlElement, node: dict[str, Any], meta: dict[str, str], url: str) -> str | None:
    """Declared for sharing, else the headline that the window title confirms, else the window title."""
    site = _site_names(node, meta, url)
    shown = [*_from_node(node), *_headings(tree, "h1")]
    window = _headings(tree, "title")
    confirmed = [title for title in shown if any(_overlap(title, other) for other in window)]
    best_confirmed = [max(confirmed, key=len)] if confirmed else []
    candidates = [title for title in (*_from_meta(meta), *best_confirmed, *window, *shown) if title]
    own = [title for title in candidates if _letters(title) not in site] or candidates
    headings = {
        letters for text in _headings(tree, "h1", "h2", "h3") if len(letters := _letters(text)) >= _SHORTEST_PART
    }
    return _without_site(own[0], site, headings - site) if own else None


def _site_names(node: dict[str, Any], meta: dict[str, str], url: str) -> frozenset[str]:
    host = host_of(url).removeprefix("www.")
    names = [meta.get("og:site_name"), *names_in(node.get("publisher"), []), host, *host.split(".")[:-1]]
    return frozenset(letters for name in names if name and (letters := _letters(name)))


def _from_meta(meta: dict[str, str]) -> list[str]:
    return [title for name in _TITLE_META if (title := _line(meta.get(name)))]


def _from_node(node: dict[str, Any]) -> list[str]:
    return [title] if (title := _line(text_in(node.get("headline")))) else []


def _headings(tree: HtmlElement, *tags: str) -> list[str]:
    return [text for element in tree.iter(*tags) if (text := _line(element.text_content()))]


def _overlap(one: str, other: str) -> bool:
    return _letters(one) in _letters(other) or _letters(other) in _letters(one)


def _without_site(title: str, site: frozenset[str], headings: AbstractSet[str]) -> str:
    """Cut the name of the site off either end: a known name, or what stands beside a heading of the page."""
    for match in reversed(list(_SEPARATOR.finditer(title))):
        head, tail = title[: match.start()].strip(), title[match.end() :].strip()
        if head and (_letters(tail) in site or _letters(head) in headings):
            return _without_site(head, site, headings)
        if tail and (_letters(head) in site or _letters(tail) in headings):
            return tail
    return title


def _author(tree: HtmlElement, node: dict[str, Any], nodes: list[dict[str, Any]], meta: dict[str, str]) -> str | None:
    declared = [names_in(node.get("author"), nodes), *([meta[name]] for name in _AUTHOR_META if name in meta)]
    shown = ([element.text_content()] for path in _BYLINE_XPATHS for element in tree.xpath(path)[:1])
    found = (names for raw in (*declared, *shown) if (names := _names(raw)))
    return ", ".join(next(found, [])) or None


def _names(raw: Iterable[str]) -> list[str]:
    names = (_BYLINE_OPENING.sub("", _line(name)).strip(" ,;") for name in raw)
    return list(
        dict.fromkeys(name for name in names if name and len(name) <= _LONGEST_NAME and not _NO_NAME.search(name))
    )


def _date(tree: HtmlElement, node: dict[str, Any], meta: dict[str, str], url: str) -> str | None:
    """Declared, then marked up, then in the address, then shown under a name that says so."""
    language = (tree.get("lang") or "")[:2].lower() or None
    marked = (element.get("content") or element.get("datetime") for element in _each(tree, _DATE_XPATHS))
    declared = (node.get("datePublished"), *(meta.get(name) for name in _DATE_META), node.get("dateCreated"))
    shown = [_line(element.text_content()) for element in islice(_each(tree, _SHOWN_DATE_XPATHS), _SHOWN_DATES)]
    return _first_date((*declared, *marked), language) or date_in_address(url) or _first_date(shown, language)


def _first_date(values: Iterable[object], language: str | None) -> str | None:
    return next((date for value in values if (date := iso_date(value, language))), None)


def _each(tree: HtmlElement, paths: Iterable[str]) -> Iterator[HtmlElement]:
    for path in paths:
        yield from tree.xpath(path)


def _meta(tree: HtmlElement) -> dict[str, str]:
    """`{name or property in lower case: content}`; the first of a name wins."""
    found: dict[str, str] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        if content := (element.get("content") or "").strip():
            found.setdefault(name.strip().lower(), content)
    return found


def _line(text: str | None) -> str:
    return " ".join(unescape((text or "")[:_LONGEST_LINE]).split())


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
