"""Tells near duplicates: a sketch of a text's three-word sequences, and how alike two sketches are."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from spine.words import words

NEAR = 0.8
"""Similarity from which one text counts as the other: about six words changed in two hundred."""

FEWEST_WORDS = 20
"""A shorter text is only compared exactly: in a short quotation one other word may be the point."""

_SKETCH = 128  # smallest hashes kept; the estimate is within ±0.03, and exact for texts of up to 130 words
_BANDS = 6
_ROWS = 2  # least hashes per band: unlike texts hardly ever share a band, alike ones miss all of them 1 time in 500
_BAND_NUMBERS = np.arange(_BANDS, dtype=np.uint64)
_WEIGHTS = tuple(np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))

Hashes = NDArray[np.uint32]


def sketch(text: str) -> Hashes | None:
    """The smallest hashes of the text's three-word sequences, sorted; None for a text that is too short.

    Case, accents and punctuation do not count, so `Însă, şi` and `insa si` are the same words.
    """
    said = words(text)
    if len(said) < FEWEST_WORDS:
        return None
    hashes = np.fromiter(map(zlib.crc32, map(str.encode, said)), np.uint64, len(said))
    first, second, third = _WEIGHTS
    mixed = _mixed(hashes[:-2] * first + hashes[1:-1] * second + hashes[2:] * third)
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))[:_SKETCH]


def band_keys(smallest: Hashes) -> list[int]:
    """Keys of which two alike texts very probably share one; signed, 64 bits."""
    falling = smallest[::-1]
    least = np.zeros(_BANDS * _ROWS, np.uint64)
    least[falling % len(least)] = falling  # of those that share a place the last one stays, which is the least
    of_first, of_second, of_band = _WEIGHTS
    first, second = least.reshape(_BANDS, _ROWS).T
    mixed: list[int] = _mixed(first * of_first + second * of_second + _BAND_NUMBERS * of_band).view(np.int64).tolist()
    return mixed


def similarity(one: Hashes, other: Hashes) -> float:
    """Estimated share of the sequences that two texts have in common (Jaccard), from 0 to 1."""
    together = np.union1d(one, other)[:_SKETCH]
    shared = np.intersect1d(one, other, assume_unique=True)
    return int(np.count_nonzero(shared <= together[-1])) / len(together)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A well-spread 64-bit hash of each value (the finaliser of SplitMix64); in arrays, overflow is silent."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
