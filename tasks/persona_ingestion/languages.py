"""Tells the language of a work from its first pages."""

from __future__ import annotations

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

UNKNOWN = "und"
SAMPLE = 2_000
"""Characters that a language is told from."""
_FEWEST = 20  # characters
_SURE = 0.3  # of 1; a page of text reaches 0.9, three words reach 0.1


def detect_language(text: str, declared: str | None = None) -> str:
    """ISO 639-1; what the file declares where the text is too short to tell, `und` where it declares nothing."""
    if len(text) >= _FEWEST:
        language, sureness = _identifier().classify(text[:SAMPLE])
        if sureness >= _SURE and language != "zxx":
            return language
    return declared or UNKNOWN


@cache
def _identifier() -> LanguageIdentifier:
    """75 MB, loaded at the first question (about a second), kept for the life of the process."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
