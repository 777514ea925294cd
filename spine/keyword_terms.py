"""Which words of a question are worth looking up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_COMMON_SHARE: Final = 0.1
"""Words in more than this share of the entries tell little and cost the most: reading their lists is the search."""

_ALWAYS: Final = 3
"""So many of the rarest are looked up however common they are."""


def telling_words(held_by: Mapping[str, int], entries: int) -> list[str]:
    """The words to search for, rarest first. `held_by` gives how many of the `entries` hold a word."""
    found = sorted((word for word, count in held_by.items() if count), key=lambda word: (held_by[word], word))
    return [word for place, word in enumerate(found) if place < _ALWAYS or held_by[word] <= entries * _COMMON_SHARE]
