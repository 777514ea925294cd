"""Reads Markdown: headings by their marks, paragraphs as the text that a reader sees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tasks.persona_ingestion.reading.fenced_code import Fences
from tasks.persona_ingestion.reading.gutenberg import strip_gutenberg
from tasks.persona_ingestion.reading.items import About, Block, Item, Trouble
from tasks.persona_ingestion.reading.markup import markup_blocks
from tasks.persona_ingestion.reading.paragraphs import paragraphs
from tasks.persona_ingestion.reading.text_encoding import detect_encoding
from tasks.persona_ingestion.reading.text_lines import Line, read_lines

_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_FRONT_TITLE = re.compile(r"title:\s*(.+)", re.IGNORECASE)
_KEY = re.compile(r"[\w\"'][\w \"'./-]{0,60}:(?:\s|$)")
_BELOW_A_KEY = re.compile(r"\s*$|\s+\S|#|-\s|-$|[]}]")
_LONGEST_HEAD = 100  # lines
_UNSEEN = re.compile(r" {0,3}<(!--|script\b|style\b)", re.IGNORECASE)
_ENDS = {
    "!--": re.compile("-->"),
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
}
_LONGEST_UNSEEN = 500  # lines
_MOST_ORNAMENTS = 4  # of different lengths, so that none closes another
_LINE_BREAK = re.compile(r"<br\b[^>]*>", re.IGNORECASE)
_OF_RUBY = re.compile(r"<(/?)(ruby|rb|rp|rt|rtc)\b", re.IGNORECASE)
_MARKDOWN = MarkdownIt("commonmark")


def read_markdown(file: BinaryIO) -> Iterator[Item]:
    """Blocks in order, read paragraph by paragraph, so links that are defined elsewhere stay as they are written."""
    encoding = detect_encoding(file)
    yield About(encoding=encoding)
    fences = Fences(_ornaments(file, encoding))
    for item in strip_gutenberg(paragraphs(_set_apart(_seen_lines(_front_matter(read_lines(file, encoding)), fences)))):
        if isinstance(item, Block):
            yield from _rendered(item)
        else:
            yield item


def _ornaments(file: BinaryIO, encoding: str) -> set[int]:
    """Numbers of the lines of tildes that nothing closes: they set parts of a text apart. Leaves the file at its start.

    Only the end of the file shows that a fence stays open; what lies behind it is then looked at anew.
    """
    found: set[int] = set()
    for _ in range(_MOST_ORNAMENTS):
        fences = Fences(found)
        for _ in _seen_lines(_front_matter(read_lines(file, encoding)), fences):
            pass
        file.seek(0)
        if fences.tildes_alone is None:
            break
        found.add(fences.tildes_alone)
    return found


def _front_matter(lines: Iterator[Line | Trouble]) -> Iterator[Line | Trouble]:
    """Leave a head between two `---` away, except for the title it gives."""
    head = list(islice(lines, 1))
    if head and _is_line(head[0], ("---",)):
        for line in islice(lines, _LONGEST_HEAD):
            head.append(line)
            if _is_line(line, ("---", "...")):
                head = _titles(head) if any(map(_is_key, head)) else head
                break
            if isinstance(line, Line) and not (_is_key(line) or _BELOW_A_KEY.match(line.text)):
                break  # it is a text between two rules
    yield from head
    yield from lines


def _is_line(line: Line | Trouble, texts: tuple[str, ...]) -> bool:
    return isinstance(line, Line) and line.text.rstrip() in texts


def _is_key(line: Line | Trouble) -> bool:
    return isinstance(line, Line) and _KEY.match(line.text) is not None


def _titles(head: list[Line | Trouble]) -> list[Line | Trouble]:
    found = ((line, _FRONT_TITLE.match(line.text)) for line in head if isinstance(line, Line))
    return [Line(line.number, "# " + title[1].strip(" \"'")) for line, title in found if title]


def _seen_lines(lines: Iterator[Line | Trouble], fences: Fences) -> Iterator[Line | Trouble]:
    """Leave away what no reader sees and what may hold blank lines: comments, scripts, styles. One that does not end
    within reach, or stands in code, is text. Code between fences becomes indented code."""
    for line in lines:
        read = fences.read(line)
        end = _end_of_unseen(line) if read is line else None
        held = [read]
        for further in islice(lines, _LONGEST_UNSEEN if end else 0):
            held.append(further)
            if end and isinstance(further, Line) and (found := end.search(further.text)):
                held = [further._replace(text=further.text[found.end() :])]
                break
        yield held[0]
        yield from map(fences.read, held[1:])


def _end_of_unseen(line: Line | Trouble) -> re.Pattern[str] | None:
    """How the unseen part ends that begins with this line and goes on after it."""
    begun = _UNSEEN.match(line.text) if isinstance(line, Line) else None
    if begun is None:
        return None
    end = _ENDS[begun[1].lower()]
    return None if end.search(begun.string, begun.end()) else end


def _set_apart(lines: Iterator[Line | Trouble]) -> Iterator[Line | Trouble]:
    """Put blank lines around headings, which need none."""
    for line in lines:
        if isinstance(line, Trouble) or not _HEADING.match(line.text):
            yield line
            continue
        yield line._replace(text="", ends=True)
        yield line
        yield line._replace(text="", ends=True)


def _rendered(block: Block) -> Iterator[Block]:
    level = 0
    for token in _MARKDOWN.parse(block.text):
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "html_block":
            yield from _of_markup(block, token.content)
        elif token.type in ("inline", "code_block", "fence") and (text := _text(token).strip()):
            yield block._replace(text=text, heading=level)
            level = 0


def _of_markup(block: Block, markup: str) -> Iterator[Block]:
    for item in markup_blocks([markup]):
        if isinstance(item, Block):
            yield block._replace(text=item.text, heading=item.heading)


def _text(token: Token) -> str:
    return "".join(map(_seen, _without_annotations(token.children))) if token.children else token.content


def _without_annotations(children: Iterable[Token]) -> Iterator[Token]:
    """The parts of a line without what tells how the text of a `ruby` is pronounced, beside that text."""
    in_annotation = False
    for child in children:
        if child.type == "html_inline" and (tag := _OF_RUBY.match(child.content)):
            in_annotation = not tag[1] and tag[2].lower() in ("rp", "rt", "rtc")
        elif not in_annotation:
            yield child


def _seen(child: Token) -> str:
    """What a reader sees of a part of a line."""
    if child.type in ("softbreak", "hardbreak") or (child.type == "html_inline" and _LINE_BREAK.match(child.content)):
        return "\n"
    return child.content if child.type in ("text", "code_inline", "image") else ""
