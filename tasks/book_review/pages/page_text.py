"""Text as a reader sees it: visible words of a node, paragraphs kept where asked, labels made comparable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from selectolax.lexbor import LexborHTMLParser, LexborNode

_INVISIBLE_TAGS = frozenset({"script", "style", "template", "svg", "select", "textarea", "iframe", "head", "title"})
_BLOCK_TAGS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "th",
        "tr",
        "ul",
    ]
)
_SPACES = re.compile(r"\s+")
_AROUND_LINE_BREAK = re.compile(r"[^\S\n]*\n[^\S\n]*")
_MANY_LINE_BREAKS = re.compile(r"\n{3,}")
# Direction marks and zero-width characters that shops print around labels and values. The two joiners are spelling
# between characters of other scripts (Persian, Hindi) and inside an emoji.
_UNSEEN = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
    "|(?<![^\\x00-\\u02ff\\s])[\u200c\u200d]|[\u200c\u200d](?![^\\x00-\\u02ff\\s])"
)


def squeeze(text: str) -> str:
    """One line, single spaces, no direction marks."""
    return _SPACES.sub(" ", _UNSEEN.sub("", text)).strip()


def node_text(node: LexborNode | None) -> str:
    """The visible text of a node in one line; `""` for no node."""
    return squeeze(_visible(node, break_mark=" ", block_mark=" ")) if node is not None else ""


def block_text(node: LexborNode | None) -> str:
    """The visible text with an empty line between blocks and a new line for each `<br>`."""
    if node is None:
        return ""
    text = _UNSEEN.sub("", _visible(node, break_mark="\n", block_mark="\n\n"))
    return _MANY_LINE_BREAKS.sub("\n\n", _AROUND_LINE_BREAK.sub("\n", text)).strip()


def html_text(fragment: str) -> str:
    """`block_text` of a piece of HTML in a string (descriptions in JSON often carry tags)."""
    tree = LexborHTMLParser(fragment.encode("utf-8", "replace").decode("utf-8"))
    return block_text(tree.body)


def text_pieces(node: LexborNode) -> list[str]:
    """The non-empty visible text nodes, in document order, each in one line."""
    pieces: list[str] = []
    _walk(node, on_text=lambda text: pieces.append(squeeze(text)), break_mark="", block_mark="", out=[])
    return [piece for piece in pieces if piece]


def first_text(root: LexborHTMLParser | LexborNode, *selectors: str) -> str:
    """The text of the first selector that finds any; selectors in order of preference."""
    for selector in selectors:
        for node in root.css(selector):
            if text := node_text(node):
                return text
    return ""


def fold(text: str) -> str:
    """A form in which labels compare equal: no case, accents, direction marks, colons or spare spaces."""
    plain = unicodedata.normalize("NFKD", _UNSEEN.sub("", text))
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return _SPACES.sub(" ", bare.casefold()).strip(" :.")


def _visible(node: LexborNode, *, break_mark: str, block_mark: str) -> str:
    out: list[str] = []
    _walk(node, on_text=out.append, break_mark=break_mark, block_mark=block_mark, out=out)
    return "".join(out)


def _walk(
    root: LexborNode, *, on_text: Callable[[str], object], break_mark: str, block_mark: str, out: list[str]
) -> None:
    """Depth first with a stack of our own: hostile nesting must not exhaust Python's."""
    stack: list[LexborNode | str] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
        elif item.tag == "-text":
            on_text(_SPACES.sub(" ", item.text_content or ""))
        elif item.tag == "br":
            out.append(break_mark)
        elif item.tag is not None and item.tag not in _INVISIBLE_TAGS and item.is_element_node:
            mark = block_mark if item.tag in _BLOCK_TAGS else ""
            out.append(mark)
            stack.append(mark)
            stack.extend(reversed(list(item.iter(include_text=True))))
