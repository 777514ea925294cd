"""Tells UTF-16 without its mark, in any script, by whether it makes a text."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter

_ONE_SCRIPT = 0.95  # share of the letters beyond ASCII
_LEAST_LETTERS = 0.4  # of all characters
_MOST_LATIN = 0.3  # of the bytes that are small letters by themselves; two of a program's words make a Chinese sign
_MOST_WRONG = 0.01  # of all characters
_LATIN = re.compile(rb"[a-z]")
_OF_ONE_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK"}


def utf16_without_mark(head: bytes) -> str | None:
    """A codec's name when the beginning of a file is a text under it; None for programs and pictures.

    Bytes that are no text make letters of many scripts, control characters and characters that do not exist.
    """
    return next((name for name in ("utf-16-le", "utf-16-be") if _is_text(head, name)), None)


def _is_text(head: bytes, encoding: str) -> bool:
    try:
        chars = Counter(codecs.getincrementaldecoder(encoding)().decode(head))
    except UnicodeDecodeError:
        return False
    every = chars.total()
    wrong = sum(count for char, count in chars.items() if _is_no_text(char))
    letters = Counter[str]()
    for char, count in chars.items():
        if char > "\x7f" and char.isalpha():
            letters[_script(char)] += count
    most = max(letters.values(), default=0)
    if len(_LATIN.findall(head)) > _MOST_LATIN * len(head):
        return False
    return wrong <= _MOST_WRONG * every and most >= max(_LEAST_LETTERS * every, _ONE_SCRIPT * letters.total())


def _is_no_text(char: str) -> bool:
    """Control characters, private and unassigned ones; rare Chinese signs, which any two bytes may be."""
    return (unicodedata.category(char) in ("Cc", "Co", "Cn") and char not in "\t\n\r\f") or "\u3400" <= char < "\u4e00"


def _script(char: str) -> str:
    first = unicodedata.name(char, "").split(" ")[0]
    return _OF_ONE_SCRIPT.get(first, first)
