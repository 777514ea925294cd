"""Cuts a paragraph into sentences, a stanza into lines, and what is still too long into runs of words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

Span = tuple[int, int]
"""Start and end in the text that was cut."""

_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s++[\"'“„«(\[—–-]*+[^\W\d_a-z])"
    r"|[。！？｡]++[\"'”’»)\]」』）】》]*+"  # Chinese, Japanese: nothing needs to follow
    r"|[।॥؟۔։።]++[\"'”’»)\]]*+(?=\s)"  # Indic scripts, Arabic, Urdu, Armenian, Amharic
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|prof|rev|gen|col|capt|messrs|vol|no|pp|cf|vs|etc|viz|d|dl|dna|str|pag|nr|ş\.a|ș\.a)"
    r"|\b[^\W\d_])\.$",
    re.IGNORECASE,
)
_LOOK_BACK = 8  # characters in which an abbreviation is looked for
_FORCED = 0.8  # share of a wrapped paragraph's line ends that lack of room explains
_VERSE_LINE = 60  # characters; a single line that is longer is prose
_WORD = re.compile(r"\S{1,60}")
"""What is longer is cut anywhere."""


def is_verse(text: str) -> bool:
    """Whether line ends are the author's.

    A wrapped paragraph ends a line where the next word would not have fitted; verse ends it anywhere, and its lines
    often begin with capitals.
    """
    lines = text.split("\n")
    if len(lines) == 1:
        return len(text) <= _VERSE_LINE
    width = max(map(len, lines))
    forced = [len(line) + 1 + len(following.split(" ", 1)[0]) > width for line, following in pairwise(lines)]
    capitals = all(line[:1].isupper() for line in lines)
    return capitals or sum(forced) < _FORCED * len(forced) or median(map(len, lines)) < _VERSE_LINE / 2


def sentence_spans(text: str) -> list[Span]:
    """Sentences with their punctuation; abbreviations and initials do not end one."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if not _is_abbreviation(text, match.end())]
    return _between(text, ends)


def line_spans(text: str) -> list[Span]:
    return _between(text, [match.start() for match in re.finditer("\n", text)])


def word_runs(text: str, most: int, count: Callable[[Sequence[str]], Iterable[int]]) -> Iterator[tuple[Span, int]]:
    """Runs of words of at most `most` tokens, with their tokens; endless words are cut into pieces first.

    `count` tells the tokens of each of some words.
    """
    begin = end = tokens = 0
    spans = (match.span() for match in _WORD.finditer(text))
    for (start, stop), of_word in zip(spans, count(_WORD.findall(text)), strict=True):
        if tokens and tokens + of_word > most:
            yield (begin, end), tokens
            tokens = 0
        begin = begin if tokens else start
        end, tokens = stop, tokens + of_word
    if tokens:
        yield (begin, end), tokens


def _is_abbreviation(text: str, end: int) -> bool:
    return _ABBREVIATION.search(text[max(0, end - _LOOK_BACK) : end]) is not None


def _between(text: str, ends: list[int]) -> list[Span]:
    spans: list[Span] = []
    begin = 0
    for end in [*ends, len(text)]:
        start = begin + len(text[begin:end]) - len(text[begin:end].lstrip())
        if text[start:end].strip():
            spans.append((start, end))
        begin = end
    return spans
