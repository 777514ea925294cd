"""Who wrote the book, read from the byline of an Amazon page; translators, illustrators and others are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tasks.book_review.pages.page_labels import is_author_role, is_other_role
from tasks.book_review.pages.page_text import node_text, squeeze

_BYLINES = "#bylineInfo, #byline, #bylineInfo_feature_div, #byline_feature_div, #bylineContributor"
_OLD_BYLINES = ("h1.parseasinTitle ~ span", ".buying > span", ".contributorNameTrigger")
_POPOVERS = ".a-popover-preload, .contributorPopover, [id^='contributorPopover'], [id^='a-popover-contributor']"
_ROLE = re.compile(r"[(（]([^()（）]{1,80}(?:[(（][^()（）]{1,10}[)）])?)[)）]")
_NOT_NAMES = frozenset({"", "&", ",", "more", "format", "kindle store"})


@dataclass(frozen=True, slots=True)
class Contributor:
    """A name with the role printed beside it, `""` for none."""

    name: str
    role: str


def authors(tree: LexborHTMLParser) -> list[str] | None:
    """Names in the role of author, in page order, each once; None when the page names none."""
    names = [contributor.name for contributor in only_authors(contributors(tree))]
    return list(dict.fromkeys(names)) or None


def contributors(tree: LexborHTMLParser) -> list[Contributor]:
    """Everybody in the byline."""
    for byline in tree.css(_BYLINES):
        if found := [person for node in byline.css(".author") if (person := _person(node))]:
            return found
    for selector in _OLD_BYLINES:
        for byline in tree.css(selector):
            if found := list(_linked_people(byline)):
                return found
    return []


def only_authors(people: Sequence[Contributor]) -> list[Contributor]:
    """Those called author; where nobody is, those whose role is missing or not known to be another."""
    named = [person for person in people if is_author_role(person.role)]
    if named:
        return named
    return [person for person in people if not is_other_role(person.role) and person.role == people[0].role]


def _person(node: LexborNode) -> Contributor | None:
    """One `.author` box of 2016 and later: a link with the name, the role in a box of its own."""
    role = _role(node_text(node.css_first(".contribution")))
    links = [link for link in node.css("a") if not _in_popover(link, node)]
    names = [node_text(link) for link in [*node.css("a.contributorNameID"), *links]]
    name = next((name for name in names if _is_name(name)), "") or _bare_name(node)
    return Contributor(name, role) if name else None


def _bare_name(node: LexborNode) -> str:
    """A name that links to nothing is the text before the role."""
    if node.css_first(_POPOVERS) is not None:
        return ""
    name = _ROLE.split(node_text(node), maxsplit=1)[0].strip(" ,")
    return name if _is_name(name) else ""


def _linked_people(byline: LexborNode) -> Iterator[Contributor]:
    """The byline of 2012: links, each followed by its role in plain text."""
    people: list[tuple[str, list[str]]] = []
    for node in byline.traverse(include_text=True):
        if _in_popover(node, byline):
            continue
        if node.tag == "a":
            if _is_name(name := node_text(node)):
                people.append((name, []))
        elif node.tag == "-text" and people and not _inside(node, "a", byline):
            people[-1][1].append(node.text_content or "")
    for name, tail in people:
        yield Contributor(name, _role(squeeze(" ".join(tail))))


def _role(text: str) -> str:
    match = _ROLE.search(text)
    return match[1].strip() if match else ""


def _is_name(text: str) -> bool:
    return text.casefold() not in _NOT_NAMES and any(character.isalpha() for character in text)


def _in_popover(node: LexborNode, within: LexborNode) -> bool:
    return any(
        popover.mem_id == ancestor.mem_id for popover in within.css(_POPOVERS) for ancestor in _lineage(node, within)
    )


def _inside(node: LexborNode, tag: str, within: LexborNode) -> bool:
    return any(ancestor.tag == tag for ancestor in _lineage(node, within))


def _lineage(node: LexborNode, within: LexborNode) -> Iterator[LexborNode]:
    """The node and its ancestors below `within`."""
    current: LexborNode | None = node
    while current is not None and current.mem_id != within.mem_id:
        yield current
        current = current.parent
