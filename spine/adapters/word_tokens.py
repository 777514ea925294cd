"""Puts the tokens of a text together from those of its words, each of which goes through the tokenizer once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

Tokens = list[int]

_MOST_WORDS: Final = 50_000
_LONGEST_WORD: Final = 64  # characters; what is longer is no word, and does not come twice
_PARTS: Final = re.compile("[0-9A-Za-z]+|[^0-9A-Za-z]")


class WordTokens:
    """Exact for WordPiece (MiniLM, BERT), which never looks beyond a blank or a sign; a tenth of the tokenizer's work.

    Remembers up to 50,000 words (about 12 MB), then starts over. Any thread may ask.
    """

    def __init__(self, tokens_of: Callable[[str], Tokens]) -> None:
        self._words = _Words(tokens_of)

    def __call__(self, text: str) -> Tokens:
        """The tokens of `text` without the model's marks."""
        return list(chain.from_iterable(self._of_words(text)))

    def count(self, text: str) -> int:
        """How many they are."""
        return sum(map(len, self._of_words(text)))

    def _of_words(self, text: str) -> Iterator[Tokens]:
        # Not `split()`: it also parts words at controls, which WordPiece takes out.
        return map(self._words.__getitem__, text.replace("\n", " ").split(" "))


def _parts(word: str) -> Sequence[str]:
    """The word and the signs around it, each a token of its own: `word,` is in most texts when `word` is.

    Only of plain ASCII, where a sign is whatever is no letter and no digit. A bracket may begin a mark of the model's.
    """
    return _PARTS.findall(word) if word.isascii() and word.isprintable() and "[" not in word else ()


class _Words(dict[str, Tokens]):
    """Tokens by word; a word that is not in here yet is handed to the tokenizer."""

    def __init__(self, tokens_of: Callable[[str], Tokens]) -> None:
        super().__init__()
        self._tokens_of = tokens_of

    def __missing__(self, word: str) -> Tokens:
        parts = _parts(word)
        tokens = self._tokens_of(word) if len(parts) < 2 else list(chain.from_iterable(map(self.__getitem__, parts)))
        if len(word) > _LONGEST_WORD:
            return tokens
        if len(self) >= _MOST_WORDS:
            self.clear()
        self[word] = tokens
        return tokens
