"""The words of a text, as search and duplicates compare them: lower case, without accents, in any script."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_MARKS: Final = re.compile(r"[\u0300-\u036f]+")


def words(text: str) -> list[str]:
    """The folded words in their order: `Rămâi-n "Târg"` gives `ramai n targ`."""
    if not text.isascii():
        text = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return _WORD.findall(text.casefold())
