"""Tells which sentences of a page can be quoted or summarised: whole, readable, no part of the page's furniture."""

from __future__ import annotations

import re

from tasks.book_review.writing.text_units import is_complete, sentences, words

_SHORTEST, _LONGEST = 4, 70  # words
_FURNITURE = re.compile(
    r"https?://|www\.|\bcookies?\b|newsletter|subscribe|sign (?:up|in)|log ?in|javascript|all rights reserved|©"
    r"|add to cart|read more|click here|privacy policy|warenkorb|abonnieren|s'abonner|suscr[ií]b|abonează|підпис",
    re.IGNORECASE,
)
_TORN_START = re.compile(r"\W*(?:…|\.{2,})|[^\w]*[a-zà-ÿа-яіїєґ]")
_TORN_END = re.compile(r"(?:\.{2,}|…|[,;:–—-])\W*$")


def is_quotable(sentence: str) -> bool:
    """Whether a sentence is whole, of a readable length and speaks of something but the site."""
    return is_complete(sentence) and _is_readable(sentence)


def is_quotable_entry(line: str) -> bool:
    """The same for a line without a full stop that is an entry of its own, as in a list."""
    return not _TORN_END.search(line) and _is_readable(line)


def quotable_sentences(text: str) -> list[str]:
    """The quotable sentences of a text, each once."""
    return list(dict.fromkeys(sentence for sentence in sentences(text) if is_quotable(sentence)))


def _is_readable(sentence: str) -> bool:
    letters = sum(char.isalpha() or char.isspace() for char in sentence)
    return (
        _SHORTEST <= len(words(sentence)) <= _LONGEST
        and letters > 0.75 * len(sentence)
        and not _TORN_START.match(sentence)
        and not _FURNITURE.search(sentence)
        and sentence.count("(") == sentence.count(")")
    )
