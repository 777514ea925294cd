"""Fills an article of a wanted length with parts in the order of their weight, and writes it as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from tasks.book_review.writing.markdown_text import count_words
from tasks.book_review.writing.text_units import is_complete


class Weight(IntEnum):
    """When a piece is taken. The first two fill the article up to its maximum, the others only up to its minimum."""

    ESSENTIAL = 0
    CORE = 1
    MORE_QUOTES = 2
    NOTES = 3
    METHOD = 4
    LAST_QUOTES = 5


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence, list item or quotation in Markdown. It is taken whole or not at all."""

    text: str
    weight: Weight
    place: int = 0  # its place among the pieces of its part, when that is not the order in which they are weighed


@dataclass(slots=True)
class Part:
    """Pieces that are written together: a paragraph (`prose`), a list (`items`) or a quotation (`quote`).

    `lead` introduces the pieces, `source` signs a quotation; both are only written when a piece is.
    """

    section: str
    style: str
    pieces: list[Piece] = field(default_factory=list[Piece])
    lead: str = ""
    source: str = ""


def fill(sections: dict[str, str], parts: Sequence[Part], min_words: int, max_words: int) -> str:
    """The Markdown of the parts that fit. `sections` gives the headings by section, in their order.

    Never more than `max_words`, except for a single first piece that is longer; at least `min_words` when the
    pieces have that many.
    """
    chosen: dict[int, list[Piece]] = {}
    open_sections: set[str] = set()
    total = 0
    for number, part, piece in _by_weight(parts):
        full = total >= min_words and piece.weight > Weight.CORE
        cost = _cost(part, piece, number in chosen, part.section in open_sections, sections)
        if full or (chosen and total + cost > max_words):
            continue
        chosen.setdefault(number, []).append(piece)
        open_sections.add(part.section)
        total += cost
    return _markdown(sections, parts, chosen)


def _by_weight(parts: Sequence[Part]) -> list[tuple[int, Part, Piece]]:
    pieces = [(number, part, piece) for number, part in enumerate(parts) for piece in part.pieces]
    return sorted(pieces, key=lambda item: item[2].weight)


def _cost(part: Part, piece: Piece, part_open: bool, section_open: bool, sections: dict[str, str]) -> int:
    words = count_words(piece.text)
    if not part_open:
        words += count_words(part.lead) + count_words(part.source)
    return words if section_open else words + count_words(sections[part.section])


def _markdown(sections: dict[str, str], parts: Sequence[Part], chosen: dict[int, list[Piece]]) -> str:
    written: list[str] = []
    for section, heading in sections.items():
        numbers = [number for number in chosen if parts[number].section == section]
        if numbers:
            written.append(f"## {heading}")
            written += [block for number in sorted(numbers) for block in _blocks(parts[number], chosen[number])]
    return "\n\n".join(written) + "\n"


def _blocks(part: Part, pieces: Sequence[Piece]) -> list[str]:
    ordered = sorted(pieces, key=lambda piece: piece.place)
    texts = [piece.text for piece in ordered]
    lead = [part.lead] if part.lead else []
    if part.style == "items":
        return [*lead, "\n".join(f"- {text}" for text in texts)]
    if part.style == "quote":
        return [*lead, "\n>\n".join(f"> {line}" for line in [*_stretches(ordered), f"— {part.source}"])]
    return [" ".join([*lead, *texts])]


def _stretches(ordered: Sequence[Piece]) -> list[str]:
    """Quoted sentences by paragraph: only what stands together in the source stands together here.

    A line without a full stop (a list entry) keeps its own paragraph.
    """
    stretches: list[str] = []
    last: Piece | None = None
    for piece in ordered:
        if last is not None and piece.place == last.place + 1 and is_complete(last.text):
            stretches[-1] += f" {piece.text}"
        else:
            stretches.append(piece.text)
        last = piece
    return stretches
