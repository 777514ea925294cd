"""The pieces that chunks are put together from: blocks, and the sentences, lines or words of long ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tasks.persona_ingestion.normalising import normalise
from tasks.persona_ingestion.reading.items import Block
from tasks.persona_ingestion.sentences import Span, is_verse, line_spans, sentence_spans, word_runs
from tasks.persona_ingestion.token_meter import TokenMeter

BETWEEN_BLOCKS = "\n\n"
_WORD, _SENTENCE, _BLOCK, _PART = range(4)  # strengths


class Unit(NamedTuple):
    """A stretch of the normalised text."""

    text: str
    start: int  # characters
    gap: str = BETWEEN_BLOCKS  # the normalised text before it, back to the unit that comes before
    path: tuple[str, ...] = ()
    heading: bool = False
    numbered: bool = False
    alone: bool = False
    strength: int = _BLOCK  # how much of an end there is before it
    tokens: int = 0
    line: int | None = None
    author: str | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def begins_apart(unit: Unit, before: Unit, only_headings_before: bool) -> bool:
    """Whether `unit` may not share a chunk with the one before it."""
    if (unit.alone or before.alone) and unit.strength >= _BLOCK:
        return True
    return unit.heading and not unit.numbered and not only_headings_before


def place_blocks(blocks: Iterable[Block], language: str) -> Iterator[Unit]:
    """Normalised blocks with their places in the work's text, which is their texts with a blank line between."""
    start = 0
    path: list[tuple[int, str]] = []
    for block in blocks:
        text = normalise(block.text, language)
        if not text:
            continue
        if block.heading:
            path = [*((level, name) for level, name in path if level < block.heading), (block.heading, text)]
        yield Unit(
            text,
            start,
            path=tuple(name for _, name in path),
            heading=block.heading > 0,
            numbered=block.numbered,
            alone=block.alone,
            strength=_PART if block.heading else _BLOCK,
            line=block.line,
            author=block.author and normalise(block.author, language),
        )
        start += len(text) + len(BETWEEN_BLOCKS)


def units(blocks: Iterable[Unit], most: int, meter: TokenMeter) -> Iterator[Unit]:
    """The blocks, each counted; those of more than `most` tokens cut into smaller units."""
    for block in blocks:
        yield from pieces_of(block._replace(tokens=meter(block.text)), most, meter)


def pieces_of(unit: Unit, most: int, meter: TokenMeter) -> Iterator[Unit]:
    """The unit itself, or its sentences or lines, of which those that are too long are cut between words."""
    if unit.tokens <= most:
        yield unit
        return
    spans = line_spans(unit.text) if is_verse(unit.text) else sentence_spans(unit.text)
    end = 0
    for span in spans:
        for stretch in _fitting(unit.text, span, most, meter):
            yield _cut(unit, stretch, end)
            end = stretch.end


class _Stretch(NamedTuple):
    start: int
    end: int
    strength: int
    tokens: int


def _fitting(text: str, span: Span, most: int, meter: TokenMeter) -> Iterator[_Stretch]:
    start, end = span
    tokens = meter(text[start:end])
    if tokens <= most:
        yield _Stretch(start, end, _SENTENCE, tokens)
        return
    strength = _SENTENCE
    for (first, last), tokens in word_runs(text[start:end], most, meter.each):
        yield _Stretch(start + first, start + last, strength, tokens)
        strength = _WORD


def _cut(unit: Unit, stretch: _Stretch, previous_end: int) -> Unit:
    return unit._replace(
        text=unit.text[stretch.start : stretch.end],
        start=unit.start + stretch.start,
        gap=unit.text[previous_end : stretch.start] if previous_end else unit.gap,
        strength=stretch.strength if previous_end else unit.strength,
        tokens=stretch.tokens,
        line=unit.line + unit.text.count("\n", 0, stretch.start) if unit.line is not None else None,
    )
