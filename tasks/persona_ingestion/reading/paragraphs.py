"""Puts lines together to paragraphs and stanzas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tasks.persona_ingestion.reading.items import LONGEST_BLOCK, Block, Trouble
from tasks.persona_ingestion.reading.text_lines import Line


def paragraphs(lines: Iterable[Line | Trouble]) -> Iterator[Block | Trouble]:
    """Runs of lines that are not blank, each with the number of blank lines before it. Indentation stays."""
    held: list[Line] = []
    length = blank = 0
    for line in lines:
        if isinstance(line, Trouble):
            yield line
            continue
        written = line.text.strip()
        if held and (not written or length + len(line.text) > LONGEST_BLOCK):
            yield _block(held, blank)
            held, length, blank = [], 0, 0
        if written:
            held.append(line)
            length += len(line.text) + 1
        else:
            blank += 1
    if held:
        yield _block(held, blank)


def _block(lines: list[Line], blank: int) -> Block:
    return Block("\n".join(line.text for line in lines), line=lines[0].number, blank_before=blank)
