"""Tells the language of a work from its first pages, and of a passage from its own words."""

from __future__ import annotations

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

UNKNOWN = "und"
SAMPLE = 2_000
"""Characters that a language is told from."""
_FEWEST = 20  # characters
_SURE = 0.3  # of 1; a page of text reaches 0.9, three words reach 0.1
_GLIMPSE = 160  # characters
_FEWEST_OF_PASSAGE = 40  # characters
_SURE_OF_PASSAGE = 0.9  # of 1; of 1,976 English quotations of 40 characters and more none is told wrongly above it
_ALIKE = (
    frozenset(("bs", "hr", "sr")),
    frozenset(("da", "nb", "nn", "no")),
    frozenset(("cs", "sk")),
    frozenset(("gl", "pt")),
    frozenset(("id", "ms")),
)
"""Languages of which a passage is too short to tell one from the other: it stays in its work's."""


def detect_language(text: str, declared: str | None = None) -> str:
    """ISO 639-1; what the file declares where the text is too short to tell, `und` where it declares nothing."""
    if len(text) >= _FEWEST:
        language, sureness = _classified(text)
        if sureness >= _SURE:
            return language
    return declared or UNKNOWN


def passage_language(text: str, of_work: str) -> str:
    """The passage's own language where its words leave no doubt, else that of its work.

    A glimpse is enough to see that a passage is in the language of its work, as nearly all are: at its middle, since
    its beginning may be the end of the passage before.
    """
    middle = max(0, len(text) - _GLIMPSE) // 2
    if len(text) < _FEWEST_OF_PASSAGE or _classified(text[middle : middle + _GLIMPSE])[0] == of_work:
        return of_work
    language, sureness = _classified(text)
    return language if sureness >= _SURE_OF_PASSAGE and not _are_alike(language, of_work) else of_work


def _are_alike(one: str, other: str) -> bool:
    return any({one, other} <= group for group in _ALIKE)


def _classified(text: str) -> tuple[str, float]:
    """The likeliest language, and how sure it is, 0 to 1."""
    language, sureness = _identifier().classify(text[:SAMPLE])
    return language, 0.0 if language == "zxx" else float(sureness)


@cache
def _identifier() -> LanguageIdentifier:
    """75 MB, loaded at the first question (about a second), kept for the life of the process."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
