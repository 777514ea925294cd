"""Tells Chinese, Japanese and Korean texts in their older encodings by the signs that such texts are made of."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

_LIKELY = 0.9  # share of the letters beyond ASCII that are common ones
_LEAST_KANA = 0.15  # of the letters of a Japanese text
_KANA = re.compile("[\u3041-\u30fe]")
_NO_LETTERS = "PSZ"  # first letters of the categories of punctuation, symbols and spaces


@dataclass(frozen=True, slots=True)
class _Encoding:
    """One encoding, and where it has put the signs that texts hold most: its standard's first level."""

    name: str
    common: re.Pattern[bytes]
    with_kana: bool = False

    def likelihood(self, sample: bytes) -> float:
        """Share of the letters beyond ASCII that are common under this encoding; broken ones are none."""
        decoder = codecs.getincrementaldecoder(self.name)(errors="replace")
        counts = Counter(char for char in decoder.decode(sample) if char > "\x7f")
        letters = {char: count for char, count in counts.items() if _may_be_letter(char)}
        every = sum(letters.values())
        kana = sum(count for char, count in letters.items() if _KANA.match(char))
        if not every or (self.with_kana and kana < _LEAST_KANA * every):
            return 0.0
        common = sum(count for char, count in letters.items() if self._is_common(char))
        return (common + (kana if self.with_kana else 0)) / every

    def _is_common(self, char: str) -> bool:
        return self.common.fullmatch(char.encode(self.name, errors="ignore")) is not None


# Korean before Chinese: its syllables stand where Chinese has common signs; the reverse holds for no whole sentence.
_ENCODINGS = (
    _Encoding("cp932", re.compile(rb"[\x88-\x98][\x40-\xfc]"), with_kana=True),
    _Encoding("euc_jp", re.compile(rb"[\xb0-\xcf][\xa1-\xfe]"), with_kana=True),
    _Encoding("cp949", re.compile(rb"[\xb0-\xc8][\xa1-\xfe]")),
    _Encoding("gb18030", re.compile(rb"[\xb0-\xd7][\xa1-\xfe]")),
    _Encoding("cp950", re.compile(rb"[\xa4-\xc6][\x40-\xfe]")),
)


def multibyte_encoding(sample: bytes) -> str | None:
    """The encoding under which nearly all letters of `sample`, which begins with a whole one, are common ones.

    None for any other text: under these encodings, the words of other scripts are rare signs and broken ones.
    """
    likely = [(encoding.likelihood(sample), encoding.name) for encoding in _ENCODINGS]
    best, name = max(likely, key=lambda one: one[0])
    return name if best >= _LIKELY else None


def _may_be_letter(char: str) -> bool:
    return char == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(char)[0] not in _NO_LETTERS
