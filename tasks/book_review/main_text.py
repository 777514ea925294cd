"""The main text of any page, with its title, author and date."""

from __future__ import annotations

from copy import deepcopy

from lxml.html import HtmlElement

from spine.contracts.texts import MainText
from tasks.book_review.main_texts.main_text_furniture import remove_furniture, unpack_layout_tables
from tasks.book_review.main_texts.main_text_lines import PageFacts, without_furniture
from tasks.book_review.main_texts.main_text_metadata import page_metadata
from tasks.book_review.main_texts.main_text_page import page_tree
from tasks.book_review.main_texts.main_text_readings import read_main_text, squeezed

_STANDFIRST = range(40, 600)  # characters


def extract_main_text(html: str | bytes, url: str) -> MainText:
    """What a reader would call the text of the page: one line per paragraph, list items begin with `- `.

    Any input gives an answer, an empty page one with `text=""`. At most the first five million characters are
    read. Pure: no network, no state. `url` is the address the page came from; it helps with title and date.
    """
    tree = page_tree(html)
    if tree is None:
        return MainText(text="")
    metadata = page_metadata(tree, url)
    facts = PageFacts(
        titles=frozenset(filter(None, map(squeezed, metadata.titles))),
        links=_link_texts(tree),
        address=squeezed(url),
    )
    text = "\n".join(_main_text(tree, facts))
    return MainText(text=text, title=metadata.title, author=metadata.author, date=metadata.date)


def _main_text(tree: HtmlElement, facts: PageFacts) -> list[str]:
    pruned = deepcopy(tree)
    unpack_layout_tables(pruned)
    remove_furniture(pruned)
    lines = without_furniture(read_main_text(pruned, facts.links).lines, facts)
    return [*_standfirst(tree, lines), *lines]


def _link_texts(tree: HtmlElement) -> frozenset[str]:
    return frozenset(filter(None, (squeezed(link.text_content()) for link in tree.iter("a"))))


def _standfirst(tree: HtmlElement, lines: list[str]) -> list[str]:
    """The plain sentence right below the headline, which extractors take for a part of the header.

    A paragraph with a class of its own is left out: as a rule that is a summary for lists and sharing.
    """
    for headline in tree.iter("h1"):
        below = headline.getnext()
        if lines and below is not None and below.tag == "p" and not below.get("class"):
            text = " ".join(below.text_content().split())
            written = len(text) in _STANDFIRST and text.endswith((".", "!", "?", "…", "。"))
            if written and squeezed(text) not in squeezed("\n".join(lines)):
                return [text]
    return []
