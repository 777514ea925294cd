"""Tells a work's title and language from its opening, and goes on with its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath

from tasks.persona_ingestion.languages import SAMPLE, detect_language
from tasks.persona_ingestion.normalising import normalise
from tasks.persona_ingestion.reading.items import About, Block
from tasks.persona_ingestion.units import Unit, place_blocks


@dataclass(frozen=True, slots=True)
class Work:
    """`text` gives the normalised blocks, each with its place, once."""

    title: str
    language: str
    encoding: str | None
    text: Iterator[Unit]


def begin_work(items: Iterable[Block | About], name: str) -> Work:
    """Read as much of `items` as a language needs to be told, and hand on the rest.

    `name` is the work's path in its collection; it gives the title where the file gives none.
    """
    rest = iter(items)
    about = About()
    opening: list[Block] = []
    for item in rest:
        if isinstance(item, About):
            about = _merged(about, item)
            continue
        opening.append(item)
        if sum(len(block.text) for block in opening) >= SAMPLE:
            break
    language = _language(opening, about.language)
    body = (item for item in rest if isinstance(item, Block))
    return Work(
        title=normalise(about.title or _first_title(opening) or PurePosixPath(name).name, language),
        language=language,
        encoding=about.encoding,
        text=place_blocks(chain(opening, body), language),
    )


def _merged(one: About, other: About) -> About:
    return About(one.title or other.title, one.language or other.language, one.encoding or other.encoding)


def _language(opening: list[Block], declared: str | None) -> str:
    body = [block for block in opening if not block.heading] or opening
    return detect_language("\n".join(block.text for block in body), declared)


def _first_title(opening: list[Block]) -> str | None:
    return next((block.text for block in opening if block.heading == 1), None)
