"""Markdown as the HTML of a post: what was approved on the review page, and nothing that the site would act on."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from spine.article_markdown import (
    ARTICLE_ATTRIBUTES,
    ARTICLE_TAGS,
    article_parser,
    describe_images,
    highest_heading,
    leads_outward,
    shift_headings,
)
from tasks.book_review.publish.source_links import SourceLink, canonical_url
from tasks.book_review.writing.text_units import word_set

_TAGS = {*ARTICLE_TAGS, "del", "img"}
_ATTRIBUTES = {**ARTICLE_ATTRIBUTES, "img": frozenset({"src", "alt"})}
_DROPPED_WITH_TEXT = word_set("script style iframe object embed svg math form template noscript textarea select title")
_LINK_REL = "nofollow noopener noreferrer"
_TOP_LEVEL = 2  # the first is the post's title
_IMAGE_SOURCE = re.compile(r"https://[^/?#]", re.IGNORECASE)
_TAG = re.compile(r"<[/a-zA-Z][^<>\"]*(?:\"[^\"]*\"[^<>\"]*)*>")
_IMAGE_WITHOUT_SOURCE = re.compile(r"<img(?! src=| alt=\"[^\"]*\" src=)(?:\s[^<>\"]*(?:\"[^\"]*\"[^<>\"]*)*)?>")
_EMPTY_PARAGRAPH = re.compile(r"<p>\s*</p>\n?")
_BRACKETS = str.maketrans({"[": "&#91;", "]": "&#93;"})


def post_html(markdown: str, sources: Sequence[SourceLink] = (), sources_heading: str = "") -> str:
    """The article's HTML, with a list of those `sources` at its end that it does not link to itself.

    Where there is a heading of the first level, which is that of the post's title, all headings move down by one. Raw
    HTML, shortcodes and addresses that the site would turn into embedded players are kept as the plain text that they
    are; an image that does not come over https becomes its description.
    """
    tokens = _PARSER.parse(markdown)
    shift_headings(tokens, max(0, _TOP_LEVEL - (highest_heading(tokens) or _TOP_LEVEL)))
    describe_images(tokens, _is_shown)
    linked = _linked(tokens)
    missing = [source for source in sources if source.url not in linked]
    body = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return inert(_sanitised(body + _source_list(missing, sources_heading)))


def plain_html(text: str) -> str:
    """Text as HTML that shows it literally, for titles and excerpts."""
    return inert(html.escape(" ".join(text.split()), quote=False))


def inert(markup: str) -> str:
    """Sanitised HTML in which WordPress finds no shortcode (`[gallery]`) and no bare address to embed."""
    pieces: list[str] = []
    end = 0
    for tag in _TAG.finditer(markup):
        pieces += [_inert_text(markup[end : tag.start()]), tag.group()]
        end = tag.end()
    return "".join([*pieces, _inert_text(markup[end:])]).translate(_BRACKETS)


def _inert_text(text: str) -> str:
    return text.replace("://", "&#58;//")


def _is_shown(image: str) -> bool:
    return _IMAGE_SOURCE.match(image) is not None


def _sanitised(markup: str) -> str:
    clean = nh3.clean(
        markup,
        tags=_TAGS,
        clean_content_tags=set(_DROPPED_WITH_TEXT),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_allowed_value,
        url_schemes={"http", "https", "mailto"},
        link_rel=_LINK_REL,
    )
    return _EMPTY_PARAGRAPH.sub("", _IMAGE_WITHOUT_SOURCE.sub("", clean)).strip()


def _allowed_value(tag: str, attribute: str, value: str) -> str | None:
    """Links lead to the web or to mail, never into the site itself; images come over https only."""
    if (tag, attribute) == ("a", "rel"):
        return _LINK_REL
    if attribute not in _ATTRIBUTES.get(tag, ()):  # some are let through for every tag by default
        return None
    if (tag, attribute) == ("a", "href"):
        return value if leads_outward(value) else None
    if (tag, attribute) == ("img", "src"):
        return value if _is_shown(value) else None
    return value


def _linked(tokens: Sequence[Token]) -> set[str | None]:
    """The addresses that the text links to, in canonical form."""
    inline = [child for token in tokens for child in token.children or []]
    return {canonical_url(str(child.attrGet("href"))) for child in inline if child.type == "link_open"}


def _source_list(sources: Sequence[SourceLink], heading: str) -> str:
    if not sources:
        return ""
    title = f"<h2>{html.escape(heading)}</h2>" if heading else ""
    items = "".join(f'<li><a href="{html.escape(one.url)}">{html.escape(one.label)}</a></li>' for one in sources)
    return f"{title}<ul>{items}</ul>"


def _parser() -> MarkdownIt:
    parser = article_parser()
    parser.add_render_rule("softbreak", _space)
    parser.add_render_rule("s_open", lambda *_: "<del>")
    parser.add_render_rule("s_close", lambda *_: "</del>")
    return parser


def _space(*_: Any) -> str:
    """WordPress would show a line break where the Markdown was only wrapped."""
    return " "


_PARSER = _parser()
