"""The words of a text, as search and duplicates compare them: lower case, without accents, in any script."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")

_PARTED: Final = {code: " " for code in range(128) if not chr(code).isalnum()}
"""The same for ASCII alone, where it takes a sixth of the time: most texts are, once their accents are gone."""

_UNHEARD: Final = re.compile(
    "["
    "\u0300-\u036f"  # accents
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    "\u0610-\u061a\u0640\u064b-\u065f\u0670"  # Arabic vowels, tatweel
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"  # signs of recitation
    "\u00ad\u200d"  # soft hyphen and joiner
    "]+"
)
"""What people write or leave out: a word is the same with it and without."""

_MARKED_OR_UNSPACED: Final = re.compile("[\u0900-\u1cff\u2e80-\uabff\uf900-\ufaff\U00010000-\U0003ffff]")

_UNSPACED: Final = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u2e80-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese, Japanese
)
"""Scripts that put no spaces between words."""

_MARKED: Final = (range(0x0900, 0x1D00), range(0x3099, 0x309B), range(0xA800, 0xAC00), range(0x11000, 0x11F00))


def words(text: str) -> list[str]:
    """The folded words in their order: `Rămâi-n "Târg"` gives `ramai n targ`.

    Where a script parts no words, each of its signs is one; signs in their order are a phrase, which search heeds.
    """
    if not text.isascii():
        text = _UNHEARD.sub("", unicodedata.normalize("NFKD", text))
    if text.isascii():
        return text.lower().translate(_PARTED).split()
    if _MARKED_OR_UNSPACED.search(text):
        return _signs_and_words().findall(text.casefold())
    return _WORD.findall(text.casefold())


@lru_cache(maxsize=1)
def _signs_and_words() -> re.Pattern[str]:
    """Vowel signs and the like belong to the letter before them, though they are no letters themselves."""
    marks = "".join(chr(code) for codes in _MARKED for code in codes if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    sign = f"(?=[^\\W_])[{_UNSPACED}][{marks}]*"
    return re.compile(f"[^\\W_{_UNSPACED}](?:[^\\W_{_UNSPACED}]|[{marks}])*|{sign}")
