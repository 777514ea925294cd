"""Letters that one language writes in two ways."""

from __future__ import annotations

_COMMAS = (("ş", "ș"), ("Ş", "Ș"), ("ţ", "ț"), ("Ţ", "Ț"))


def with_commas(text: str) -> str:
    """Romanian ş and ţ (cedilla) as ș and ț (comma below)."""
    for cedilla, comma in _COMMAS:
        text = text.replace(cedilla, comma)
    return text


def with_cedillas(text: str) -> str:
    """Romanian ș and ț as ş and ţ, as older texts and keyboards write them."""
    for cedilla, comma in _COMMAS:
        text = text.replace(comma, cedilla)
    return text
