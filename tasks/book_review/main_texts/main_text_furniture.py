"""Removes the furniture of a page: parts that their own names or their being hidden give away."""

from __future__ import annotations

import re

from lxml.html import HtmlElement

_MOST_PROSE_REMOVED = 0.3
"""A part that holds more of the page's prose than this is no furniture, whatever it is called."""

_REMOVABLE_TAGS = (
    *("div", "section", "aside", "nav", "header", "footer", "form", "details", "figure", "figcaption"),
    *("ul", "ol", "li", "dl", "table", "p", "span", "h2", "h3", "h4", "h5"),
)
_TABLE_PARTS = ("thead", "tbody", "tfoot", "tr", "td", "th", "caption")
_LONGEST_DATUM = 600  # characters; a longer cell is a part of the page, not a value
_LONGEST_NAMES = 1_000  # characters
_UNREAD_TAGS = frozenset({"script", "style", "noscript", "template", "svg", "a"})

# Words of class names and ids, in the languages in which sites name their parts.
_FURNITURE_WORDS = (
    # sharing, following, giving
    *(
        r"shar(?:e|ing)(?:bar|bars|buttons?|tools|links|this)?",
        r"social\w*",
        "sociable",
        r"follow-?(?:us|buttons?)",
        r"donat\w*",
    ),
    *("teilen", "partage", "partager", "compartir", "condividi", "compartilhar"),
    # letters and subscriptions
    *(r"newsletter\w*", r"sign-?up\w*", r"subscri\w*", r"paywall\w*"),
    # other articles
    *(r"related\w*", r"recommend\w*", r"recirc\w*", r"promo\w*", "trending"),
    *(r"most-?(?:read|popular|viewed|recent|shared)", r"read-?(?:more|next|also)", r"also-?(?:like|read)"),
    *(r"more-?(?:from|on|stories)", r"relacionad\w*", "verwandte", "similaires", "correlati"),
    # readers
    *(r"comments?(?:-?(?:list|area|section|box|form))?", r"disqus\w*", "kommentare", "commentaires"),
    *("comentarios", "commenti", "comentarii"),
    # who, when, where
    *(r"author-?(?:bio|box|info|card|profile|about)", r"about-?(?:the-)?author", r"byline\w*"),
    *(r"bread-?crumbs?", "pagination", r"tags?(?:list|s)?"),
    # pictures, print, law
    *(r"captions?", r"credits?", "reprints?", "copyright", "cookies?", "consent", "gdpr"),
    # advertising
    *(r"sponsor\w*", r"advert\w*", "ads?", "outbrain", "taboola", "werbung", "anzeige", "publicidad", "publicite"),
    # for screen readers only
    *("sr-only", r"visually-?hidden", "screen-reader-text"),
)
_FURNITURE = re.compile(rf"(?:^|[\s_-])(?:{'|'.join(_FURNITURE_WORDS)})(?:$|[\s_-])")
_NOUGHT = r"0*\.?0+(?![\d.])"
_HIDDEN_STYLE = re.compile(
    rf"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*{_NOUGHT}|text-indent\s*:\s*-(?:999|\d{{4}})",
    re.IGNORECASE,
)
_LIFTED_STYLE = re.compile(r"position\s*:\s*(?:absolute|fixed)", re.IGNORECASE)
# Transparent text in the flow is as a rule one that a script fades in.
_AWAY_STYLE = re.compile(rf"(?:^|[;\s])(?:(?:left|top)\s*:\s*-(?:999|\d{{4}})|opacity\s*:\s*{_NOUGHT})", re.IGNORECASE)
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAMING_ATTRIBUTES = ("class", "id", "data-testid")


def remove_furniture(tree: HtmlElement) -> None:
    """Drop furniture from `tree` itself. The headline and anything with much of the prose stay."""
    for template in list(tree.iter("template")):
        _drop(template)
    prose = _prose_lengths(tree)
    limit = _MOST_PROSE_REMOVED * prose[tree]
    for element in list(tree.iter(*_REMOVABLE_TAGS)):
        if _is_furniture(element) and prose[element] <= limit and element.find(".//h1") is None:
            _drop(element)


def unpack_layout_tables(tree: HtmlElement) -> None:
    """Turn tables that only place things on the page into plain boxes; tables of data stay."""
    for table in list(tree.iter("table")):
        if _is_layout(table):
            table.tag = "div"
            for part in list(table.iter(*_TABLE_PARTS)):
                if next(part.iterancestors("table"), None) is None:
                    part.tag = "div"


def _is_layout(table: HtmlElement) -> bool:
    cells = list(table.iter("td"))
    return table.find(".//table") is not None or any(len(cell.text_content()) > _LONGEST_DATUM for cell in cells)


def _is_furniture(element: HtmlElement) -> bool:
    if element.get("hidden") is not None or _is_hidden_by(element.get("style") or ""):
        return True
    names = " ".join(value for name in _NAMING_ATTRIBUTES if (value := element.get(name)))[:_LONGEST_NAMES]
    return bool(names) and _FURNITURE.search(_CAMEL_HUMP.sub("-", names).lower()) is not None


def _is_hidden_by(style: str) -> bool:
    lifted = _LIFTED_STYLE.search(style) is not None
    return _HIDDEN_STYLE.search(style) is not None or (lifted and _AWAY_STYLE.search(style) is not None)


def _drop(element: HtmlElement) -> None:
    """Also right for what lies inside an element that is gone already."""
    if element.getparent() is not None:
        element.drop_tree()


def _prose_lengths(tree: HtmlElement) -> dict[HtmlElement, int]:
    """Characters of text outside links, for every element with all that it contains."""
    lengths: dict[HtmlElement, int] = {}
    for element in reversed(list(tree.iter())):
        own = 0 if element.tag in _UNREAD_TAGS else len((element.text or "").strip())
        inner = 0 if element.tag in _UNREAD_TAGS else sum(lengths[child] for child in element)
        tails = sum(len((child.tail or "").strip()) for child in element)
        lengths[element] = own + inner + (0 if element.tag in _UNREAD_TAGS else tails)
    return lengths
