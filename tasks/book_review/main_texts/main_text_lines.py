"""Takes the lines of a reading that are furniture by their wording or by repeating the title or a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.book_review.main_texts import main_text_phrases as phrases
from tasks.book_review.main_texts.main_text_readings import squeezed

_OPENING = 5  # lines in which title, date and byline are looked for
_CLOSING = 4  # lines in which rights and credits are looked for
_SENTENCE = 80  # characters; a shorter line above the title is a kicker or a path
_LONGEST_FURNITURE = 300  # characters


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the lines of a page are compared with, each text squeezed."""

    titles: frozenset[str]
    links: frozenset[str]
    address: str


def without_furniture(lines: Sequence[str], page: PageFacts) -> list[str]:
    """The lines that are text, in order."""
    kept = [line for line in lines if not _is_mere_markup(line) and squeezed(line) != page.address]
    return _without_closing(_without_calls(_without_opening(kept, page), page))


def _without_opening(lines: list[str], page: PageFacts) -> list[str]:
    for at, line in enumerate(lines[:_OPENING]):
        if squeezed(line) in page.titles and all(len(above) < _SENTENCE for above in lines[:at]):
            lines = lines[at + 1 :]
            break
    opening = [line for line in lines[:_OPENING] if not phrases.is_dateline(line)]
    return opening + lines[_OPENING:]


def _without_calls(lines: list[str], page: PageFacts) -> list[str]:
    kept: list[str] = []
    in_link_list = False
    for at, line in enumerate(lines):
        in_link_list = _opens_link_list(lines, at, page) or (in_link_list and _is_link(line, page))
        if not in_link_list and not _is_call(line, page):
            kept.append(line)
    return kept


def _without_closing(lines: list[str]) -> list[str]:
    closing = [line for line in lines[-_CLOSING:] if not _is_imprint(line)]
    return lines[:-_CLOSING] + closing


def _opens_link_list(lines: list[str], at: int, page: PageFacts) -> bool:
    """`Most read` over links or at the very end; over a sentence it is a heading like any other."""
    if len(lines[at]) > _SENTENCE or not phrases.OTHER_ARTICLES_LABEL.match(lines[at]):
        return False
    return at + 1 == len(lines) or _is_link(lines[at + 1], page)


def _is_call(line: str, page: PageFacts) -> bool:
    if len(line) > _LONGEST_FURNITURE:
        return False
    if phrases.LABEL.match(line) or phrases.CALL_TO_ACTION.match(line):
        return True
    pointer = phrases.OTHER_ARTICLES.match(line)
    return pointer is not None and (_is_link(line[pointer.end() :], page) or _is_link(line, page))


def _is_imprint(line: str) -> bool:
    return len(line) <= _LONGEST_FURNITURE and phrases.IMPRINT.match(line) is not None


def _is_link(line: str, page: PageFacts) -> bool:
    return squeezed(line) in page.links


def _is_mere_markup(line: str) -> bool:
    """The rule between the head and the rows of a table in text form."""
    return line.startswith("|") and not any(character.isalnum() for character in line)
