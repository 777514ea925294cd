"""Counts a model's tokens quickly: by word, each word counted once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

CountTokens = Callable[[str], int]
"""Tokens of a text for one embedding model, with or without the two that frame it."""

_MOST_WORDS = 50_000
_LONGEST_WORD = 60  # characters; WordPiece counts any longer run as one unknown token, whatever its length
_LETTERS_PER_TOKEN = 4


class TokenMeter:
    """Sums the counts of words: exact for WordPiece (MiniLM, BERT), within a few per cent for byte-pair models.

    Remembers up to 50,000 words (about 6 MB), then starts over.
    """

    def __init__(self, count_tokens: CountTokens) -> None:
        self.frame = count_tokens("")
        """Tokens that every text costs, whatever is in it."""
        self._words = _Words(count_tokens, self.frame)

    def __call__(self, text: str) -> int:
        """Tokens of `text` without the frame."""
        return sum(self.each(text.split()))

    def each(self, words: Iterable[str]) -> Iterator[int]:
        """Tokens of each word."""
        return map(self._words.__getitem__, words)


class _Words(dict[str, int]):
    """Tokens by word; a word that is not in here yet is counted."""

    def __init__(self, count_tokens: CountTokens, frame: int) -> None:
        super().__init__()
        self._count = count_tokens
        self._frame = frame

    def __missing__(self, word: str) -> int:
        tokens = max(1, self._count(word) - self._frame)
        if len(word) > _LONGEST_WORD:
            return max(tokens, len(word) // _LETTERS_PER_TOKEN)
        if len(self) >= _MOST_WORDS:
            self.clear()
        self[word] = tokens
        return tokens
