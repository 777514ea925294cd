"""What a page says of itself in JSON-LD, read forgivingly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lxml.html import HtmlElement

from tasks.book_review.pages.json_ld_scripts import unwrapped

_ARTICLE = re.compile(r"article|posting|review|report|story|essay", re.IGNORECASE)
_PAGE = re.compile(r"webpage|creativework", re.IGNORECASE)
_CONTAINERS = ("@graph", "mainEntity", "mainEntityOfPage")  # a list of items is a list of other pages
_DEEPEST = 6


def linked_data(tree: HtmlElement) -> list[dict[str, Any]]:
    """Every object of the page's JSON-LD in document order, those inside `@graph` and the like included."""
    scripts = tree.xpath('.//script[contains(translate(@type, "LD", "ld"), "ld+json")]')
    return [node for script in scripts for node in _objects(_loads(script.text or ""), _DEEPEST)]


def article_node(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The object that describes the article, else the one for the page, else an empty one.

    An object for a book is neither: its author and date are not those of the page about it.
    """
    for pattern in (_ARTICLE, _PAGE):
        for node in nodes:
            if pattern.search(str(node.get("@type", ""))) and not _is_part(node):
                return node
    return {}


def text_in(value: object) -> str | None:
    """The first text in a value that may be a text, a list of them or `{"@value": text}`."""
    if isinstance(value, list):
        return next((text for item in value if (text := text_in(item))), None)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return text_in(value.get("@value"))
    return value if isinstance(value, str) and value.strip() else None


def names_in(value: object, nodes: list[dict[str, Any]]) -> list[str]:
    """Names of a person, organisation or list of them; references (`@id`) are looked up in `nodes`."""
    if isinstance(value, list):
        return [name for item in value for name in names_in(item, nodes)]
    if isinstance(value, dict):
        name = text_in(value.get("name")) or _name_of(value.get("@id"), nodes)
        return [name] if name else []
    return [value] if isinstance(value, str) and value.strip() else []


def _name_of(reference: object, nodes: list[dict[str, Any]]) -> str | None:
    named = (text_in(node.get("name")) for node in nodes if reference and node.get("@id") == reference)
    return next(filter(None, named), None)


def _loads(text: str) -> object:
    try:
        return json.loads(unwrapped(text), strict=False)
    except (ValueError, RecursionError):
        return None


def _objects(value: object, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _objects(item, depth - 1) if depth else ()
    elif isinstance(value, dict):
        yield value
        for name in _CONTAINERS if depth else ():
            yield from _objects(value.get(name), depth - 1)


def _is_part(node: dict[str, Any]) -> bool:
    """A review or article that only names another thing it belongs to, without a word of its own."""
    return not any(node.get(key) for key in ("headline", "name", "datePublished", "author", "articleBody"))
