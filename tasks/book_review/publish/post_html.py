"""Markdown as the HTML of a post: a narrow allow-list, and nothing in it that the site would act on."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tasks.book_review.publish.source_links import SourceLink, canonical_url
from tasks.book_review.writing.text_units import word_set

_TAGS = word_set("p br hr h2 h3 h4 h5 h6 strong em del code pre blockquote ul ol li a img table thead tbody tr th td")
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt"}, "ol": {"start"}}
_DROPPED_WITH_TEXT = word_set("script style iframe object embed svg math form template noscript textarea select title")
_LINK_REL = "nofollow noopener noreferrer"
_LINK_TARGET = re.compile(r"(?:https?://[^/?#]|mailto:)", re.IGNORECASE)
_IMAGE_SOURCE = re.compile(r"https://[^/?#]", re.IGNORECASE)
_TAG = re.compile(r"<[/a-zA-Z][^<>\"]*(?:\"[^\"]*\"[^<>\"]*)*>")
_IMAGE_WITHOUT_SOURCE = re.compile(r"<img(?! src=| alt=\"[^\"]*\" src=)(?:\s[^<>\"]*(?:\"[^\"]*\"[^<>\"]*)*)?>")
_EMPTY_PARAGRAPH = re.compile(r"<p>\s*</p>\n?")
_BRACKETS = str.maketrans({"[": "&#91;", "]": "&#93;"})


def post_html(markdown: str, sources: Sequence[SourceLink] = (), sources_heading: str = "") -> str:
    """The article's HTML, with a list of those `sources` at its end that it does not link to itself.

    Headings of the first level become second: the first is the post's title. Shortcodes and addresses that the site
    would turn into embedded players are kept as the plain text that they are.
    """
    tokens = _PARSER.parse(markdown)
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


def _sanitised(markup: str) -> str:
    clean = nh3.clean(
        markup,
        tags=set(_TAGS),
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
        return value if _LINK_TARGET.match(value) else None
    if (tag, attribute) == ("img", "src"):
        return value if _IMAGE_SOURCE.match(value) else None
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
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.add_render_rule("softbreak", _space)
    parser.add_render_rule("heading_open", _second_level)
    parser.add_render_rule("heading_close", _second_level)
    parser.add_render_rule("s_open", lambda *_: "<del>")
    parser.add_render_rule("s_close", lambda *_: "</del>")
    return parser


def _space(*_: Any) -> str:
    """WordPress would show a line break where the Markdown was only wrapped."""
    return " "


def _second_level(renderer: Any, tokens: Sequence[Token], index: int, *_: Any) -> str:
    token = tokens[index]
    tag = "h2" if token.tag == "h1" else token.tag
    return f"<{tag}>" if token.nesting == 1 else f"</{tag}>\n"


_PARSER = _parser()
