"""A page of any origin as an lxml tree that the extractors can walk safely."""

from __future__ import annotations

import re

from lxml.etree import ParserError, XMLSyntaxError
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from tasks.book_review.pages.page_source import decode_page

MAX_CHARACTERS = 5_000_000
"""What lies beyond is not read: no article is that long, and memory and time must stay bounded."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LEAF_TAGS = "p|br|hr|li|a|title|head|html|body|meta|link|script|style|base|time|img"
_NESTING_TAG = re.compile(rf"</?(?!(?:{_LEAF_TAGS})\b)[a-z][^<>]*>", re.IGNORECASE)


def page_tree(html: str | bytes) -> HtmlElement | None:
    """The root element, without comments; None when there is no element at all. Never raises on content.

    libxml2 drops what lies deeper than about 2,000 levels. A page nested deeper than that is read again
    without its grouping tags: its structure is noise, its words are not.
    """
    markup = _clean_markup(html)
    tree, complete = _parse(markup)
    return tree if complete else _parse(_NESTING_TAG.sub("\n", markup))[0]


def _clean_markup(html: str | bytes) -> str:
    text = decode_page(html[: 4 * MAX_CHARACTERS]) if isinstance(html, bytes) else html
    return _NOT_IN_XML.sub("", text[:MAX_CHARACTERS])


def _parse(markup: str) -> tuple[HtmlElement | None, bool]:
    """The tree, and whether all of the markup is in it."""
    parser = HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        tree = document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    except (ParserError, XMLSyntaxError):
        return None, True
    too_deep = any("depth" in entry.message for entry in parser.error_log.filter_from_fatals())
    return tree, not too_deep
