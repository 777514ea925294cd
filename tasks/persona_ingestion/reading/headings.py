"""Tells the headings of a plain text from its paragraphs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from tasks.persona_ingestion.reading.items import Block, Item

_LONGEST = 80  # characters of a heading's line
_MOST_LINES = 3
_NO_INITIAL = re.compile(r"[^\W\d_]{2}")
_LETTER = re.compile(r"[^\W_]")
_UNDERLINE = re.compile(r"\s*(=+|-+)\s*")
_ROMAN = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_NUMBER = re.compile(rf"\W*(?:{_ROMAN}|\d{{1,3}})\W*")
_NUMERAL = (
    rf"(?:{_ROMAN}|\d{{1,3}}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|first|second|third"
    r"|întâi|intai|unu|doi|doua|două|trei|patru|cinci|șase|șapte|opt|nouă|zece)"
)
_CAPTION = r"\s*(?:[.:,—–-].*)?"
_GREAT_PART = re.compile(
    rf"(?:part|book|volume|act|partea|cartea|volumul|actul|partie|livre|acte|teil|buch)\s+{_NUMERAL}{_CAPTION}", re.I
)
_CHAPTER = re.compile(
    rf"(?:chapter|chap\.|canto|scene|section|capitolul|cap\.|cântul|cantul|scena|chapitre|scène|kapitel)"
    rf"\s+{_NUMERAL}{_CAPTION}",
    re.I,
)
_OF_A_PLAY = re.compile(r"(?:act|actul|acte|scene|scena|scène)\b", re.I)
_SPEAKER = re.compile(r"[^\n]*[^\W\d_][.:]\s*(?:\n|$)")
_DIRECTION = re.compile(r"\s*[(\[].*", re.DOTALL)  # how it is said
_LEAST_SPEECHES = 3
_MOST_NAMES = 10_000
_STANDING = frozenset(
    (
        *("prologue", "epilogue", "preface", "foreword", "introduction", "afterword", "appendix", "contents", "notes"),
        *("prolog", "epilog", "prefață", "introducere", "postfață", "cuprins", "note", "cuvânt înainte"),
    )
)
_TITLE, _PART, _CHAPTER_LEVEL, _NUMBER_LEVEL = 1, 2, 3, 4
_SHORTEST_LINE = 3


def _no_names() -> Collection[str]:
    return ()


def find_headings(items: Iterable[Item], speakers: Callable[[], Collection[str]] = _no_names) -> Iterator[Item]:
    """The same items, headings marked, underlines taken off and ornaments (`* * *`) left away.

    `speakers` gives the names that `who_speaks` finds in the whole text; it is asked once, when a play begins.
    """
    first, in_play = True, False
    names: Collection[str] | None = None
    waiting: Block | None = None  # the first block is a title only when another one follows
    for item in items:
        if not isinstance(item, Block):
            yield item
            continue
        if _LETTER.search(item.text) is None:
            continue
        if waiting is not None:
            yield waiting._replace(heading=_TITLE)
            waiting = None
        for block in mark_headings(item, in_play=in_play, speakers=names or ()):
            in_play = _goes_on_as_play(block, in_play)
            names = speakers() if in_play and names is None else names
            if first and not block.heading and _looks_like_a_title(block.text):
                waiting = block
            else:
                yield block
            first = False
    if waiting is not None:
        yield waiting


def who_speaks(items: Iterable[Item]) -> frozenset[str]:
    """The names that stand alone in capitals several times, as those of a play's persons do; a title comes once."""
    counts: Counter[str] = Counter()
    for item in items:
        if isinstance(item, Block) and (name := _name_alone(item)) and (name in counts or len(counts) < _MOST_NAMES):
            counts[name] += 1
    return frozenset(name for name, count in counts.items() if count >= _LEAST_SPEECHES)


def mark_headings(block: Block, *, in_play: bool = False, speakers: Collection[str] = ()) -> tuple[Block, ...]:
    """The block itself, marked when it is a heading, or its underlined first line and the rest as two blocks. In a play
    the name of who speaks is no heading."""
    lines = block.text.split("\n")
    if level := _underlined(lines):
        title = block._replace(text=lines[0].strip(), heading=level)
        rest = "\n".join(lines[2:])
        return (title, block._replace(text=rest, blank_before=0)) if rest.strip() else (title,)
    if not _is_short(lines) or (in_play and (_names_a_speaker(block) or _name_alone(block) in speakers)):
        return (block,)
    text = " ".join(block.text.split())
    level = heading_level(text)
    return (block._replace(text=text, heading=level, numbered=_is_number(text)),) if level else (block,)


def _underlined(lines: list[str]) -> int:
    """Level of a first line with `===` or `---` below it; a single sign is enough when nothing follows."""
    mark = _UNDERLINE.fullmatch(lines[1]) if len(lines) > 1 and _is_short(lines[:1]) else None
    if mark is None or (len(lines) > 2 and len(mark[1]) < _SHORTEST_LINE):
        return 0
    return _TITLE if mark[1][0] == "=" else _PART


def heading_level(text: str) -> int:
    """0 for text; else the level of a heading that stands by itself between blank lines."""
    if _is_number(text):
        return _NUMBER_LEVEL
    if _GREAT_PART.fullmatch(text):
        return _PART
    if _bare(text) in _STANDING or _CHAPTER.fullmatch(text) or _is_in_capitals(text):
        return _CHAPTER_LEVEL
    return 0


def _goes_on_as_play(block: Block, in_play: bool) -> bool:
    """A play begins with an act or a scene and ends with a heading that is neither, nor a number, nor an epilogue."""
    if not block.heading or block.numbered or _bare(block.text) in _STANDING:
        return in_play
    return _OF_A_PLAY.match(block.text) is not None


def _names_a_speaker(block: Block) -> bool:
    """`ALGERNON.` with no more room above it than a paragraph has; a title has more."""
    line = _SPEAKER.match(block.text.strip())
    if line is None or block.blank_before > 1 or not _is_in_capitals(line[0]):
        return False
    return not _OF_A_PLAY.match(line[0]) and not _is_number(line[0]) and _bare(line[0]) not in _STANDING


def _name_alone(block: Block) -> str:
    """The block without what is said of the speech (`MARTHA (ASIDE)`), where it can be a name and nothing else."""
    name = _DIRECTION.sub("", block.text.strip()).rstrip(".:")
    if len(name) > _LONGEST or "\n" in name or block.blank_before > 1 or not _is_in_capitals(name):
        return ""
    return "" if _OF_A_PLAY.match(name) or _is_number(name) or _bare(name) in _STANDING else name


def _bare(text: str) -> str:
    return text.strip().rstrip(".:").lower()


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _is_in_capitals(text: str) -> bool:
    return text.isupper() and _NO_INITIAL.search(text) is not None


def _is_short(lines: list[str]) -> bool:
    return len(lines) <= _MOST_LINES and all(len(line.strip()) <= _LONGEST for line in lines)


def _looks_like_a_title(text: str) -> bool:
    line = text.strip()
    return "\n" not in line and len(line) <= _LONGEST and line[-1] not in ",;:"
