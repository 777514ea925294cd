"""Which words of a question are worth looking up."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Final

_COMMON_SHARE: Final = 0.1
"""Words in more than this share of the entries tell little."""

_ALWAYS: Final = 3
"""So many of the rarest are looked up however large their share is."""

_MOST_READ: Final = 8000
"""Entries that hold one of the words, each counted once for a word: scoring them is what a search costs."""


def telling_words(held_by: Mapping[str, int], entries: int) -> list[str]:
    """The words to search for, rarest first: the rarest, and as many more as bring some thousand entries at most.

    `held_by` gives how many of the `entries` hold a word. What a search reads hardly grows with the collection.
    """
    found = sorted((word for word, count in held_by.items() if count), key=lambda word: (held_by[word], word))
    read = accumulate(held_by[word] for word in found)
    return [
        word
        for place, (word, total) in enumerate(zip(found, read, strict=True))
        if (place < _ALWAYS or held_by[word] <= entries * _COMMON_SHARE) and (place == 0 or total <= _MOST_READ)
    ]
