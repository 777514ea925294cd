"""An article's Markdown as HTML that is safe to show, with what nobody could support marked."""

from __future__ import annotations

import re
from collections.abc import Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from spine.contracts.texts import Claim

_BLOCKS = {
    "blockquote",
    "br",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "table",
    "tbody",
    "thead",
    "tr",
    "ul",
}
_PHRASES = {"a", "code", "del", "em", "mark", "s", "strong", "td", "th"}
_TOP_LEVEL = 3  # the page's own headings are above
_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def article_html(content: str, claims: Sequence[Claim] = ()) -> Markup:
    """`content` as HTML whose headings begin at h3. Unsupported claims stand in `<mark>`.

    Raw HTML in the Markdown is shown as text, images become their description, links lead to http(s) and mailto only.
    """
    tokens = _parser.parse(content)
    _shift_headings(tokens)
    _leave_images_out(tokens)
    _mark_claims(tokens, [claim for claim in claims if not claim.supported and claim.text.strip()])
    html = str(_parser.renderer.render(tokens, _parser.options, {}))
    return Markup(  # noqa: S704 - this is where it is made safe
        nh3.clean(
            html,
            tags=_BLOCKS | _PHRASES,
            attributes={"a": {"href", "title"}},
            attribute_filter=_outward,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )


def _shift_headings(tokens: Sequence[Token]) -> None:
    """Move the article's outline under the page's, without leaving a level out at its top."""
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    top = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(6, int(token.tag[1]) - top + _TOP_LEVEL)}"


def _leave_images_out(tokens: Sequence[Token]) -> None:
    """An image becomes its description: nothing is loaded from elsewhere when an article is read."""
    for block in tokens:
        for child in block.children or []:
            if child.type == "image":
                child.type, child.tag, child.children = "text", "", None


def _outward(tag: str, name: str, value: str) -> str | None:
    """A link in an article leads to its source, never to a page of this gateway."""
    return None if name == "href" and not value.startswith(("http://", "https://", "mailto:")) else value


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
