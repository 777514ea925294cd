"""An article's Markdown as HTML that is safe to show, with what nobody could support marked."""

from __future__ import annotations

import re
from collections.abc import Sequence

import nh3
from markdown_it.token import Token
from markupsafe import Markup

from spine.article_markdown import (
    ARTICLE_ATTRIBUTES,
    ARTICLE_TAGS,
    article_parser,
    describe_images,
    highest_heading,
    leads_outward,
    shift_headings,
)
from spine.contracts.texts import Claim

_TAGS = {*ARTICLE_TAGS, "s", "mark"}
_TOP_LEVEL = 3  # the page's own headings are above
_parser = article_parser()


def article_html(content: str, claims: Sequence[Claim] = ()) -> Markup:
    """`content` as HTML whose headings begin at h3. Unsupported claims stand in `<mark>`.

    Raw HTML in the Markdown is shown as text, links lead to http(s) and mailto only. Images become their description:
    nothing is loaded from elsewhere when an article is read.
    """
    tokens = _parser.parse(content)
    shift_headings(tokens, _TOP_LEVEL - (highest_heading(tokens) or _TOP_LEVEL))
    describe_images(tokens, lambda _: False)
    _mark_claims(tokens, [claim for claim in claims if not claim.supported and claim.text.strip()])
    html = str(_parser.renderer.render(tokens, _parser.options, {}))
    return Markup(  # noqa: S704 - this is where it is made safe
        nh3.clean(
            html,
            tags=_TAGS,
            attributes={tag: set(names) for tag, names in ARTICLE_ATTRIBUTES.items()},
            attribute_filter=_outward,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )


def _outward(tag: str, name: str, value: str) -> str | None:
    """A link in an article leads to its source, never to a page of this gateway."""
    if name not in {"rel", *ARTICLE_ATTRIBUTES.get(tag, ())}:  # `title` is let through for every tag by default
        return None
    return None if name == "href" and not leads_outward(value) else value


def _mark_claims(tokens: Sequence[Token], claims: Sequence[Claim]) -> None:
    blocks = [token for token in tokens if token.type == "inline" and token.children]
    for claim in claims:
        sentence = _letters(claim.sentence)
        there = [block for block in blocks if sentence and sentence in _letters(block.content)]
        for block in there or blocks:
            block.children = _with_marks(block.children or [], claim.text.strip())


def _letters(text: str) -> str:
    """Only what is left when markup and spacing are gone, so that a sentence is found whatever is emphasised in it."""
    return re.sub(r"[\W_]+", "", text).casefold()


def _with_marks(children: Sequence[Token], text: str) -> list[Token]:
    # Not inside of a longer word or number: 12 is no part of 2012.
    pattern = re.compile(rf"(?<!\w)({re.escape(text)})(?!\w)")
    marked: list[Token] = []
    inside = False
    for token in children:
        inside = token.type == "mark_open" or (inside and token.type != "mark_close")
        marked += _split(token, pattern) if token.type == "text" and not inside else [token]
    return marked


def _split(token: Token, pattern: re.Pattern[str]) -> list[Token]:
    parts: list[Token] = []
    for number, piece in enumerate(pattern.split(token.content)):
        if not piece:
            continue
        text = Token("text", "", 0, content=piece)
        if number % 2:
            parts += [Token("mark_open", "mark", 1), text, Token("mark_close", "mark", -1)]
        else:
            parts.append(text)
    return parts
