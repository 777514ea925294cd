"""One way to write a text: composed letters, plain spaces, Romanian letters with commas."""

from __future__ import annotations

import re
import unicodedata

from spine.spelling import with_commas
from spine.visible_text import with_joiners_that_join
from tasks.persona_ingestion.languages import UNKNOWN, passage_language

_CEDILLA = re.compile("[şŞţŢ]")
_T_CEDILLA = re.compile("[ţŢ]")
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_LIGATURE = re.compile("[ﬀ-ﬆ]")
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]"
)
"""Halves of a surrogate pair too, which JSON may hold by themselves: they can be neither hashed nor stored."""
_LINE_ENDS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")


def normalise(text: str, language: str) -> str:
    """The text as it is stored: lines stay, indentation, doubled spaces and blank lines do not.

    `language` is that of its work.
    """
    text = _LINE_ENDS.sub("\n", text)
    if not text.isascii():
        text = _LIGATURE.sub(lambda found: _LIGATURES[found[0]], unicodedata.normalize("NFC", text))
        if _CEDILLA.search(text) and is_romanian(text, language):
            text = with_commas(text)
    lines = (" ".join(line.split()) for line in _visible(text).split("\n"))
    return "\n".join(filter(None, lines))


def _visible(text: str) -> str:
    return with_joiners_that_join(_INVISIBLE.sub("", text))


def is_romanian(text: str, of_work: str) -> bool:
    """Turkish writes ş with a cedilla by right; hardly any other language writes ţ."""
    language = passage_language(text, of_work)
    return language == "ro" or (language == UNKNOWN and _T_CEDILLA.search(text) is not None)
