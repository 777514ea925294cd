"""A browser's wrong guess at a character set is undone, and only that."""

from __future__ import annotations

import pytest

from spine.adapters.undeclared_charset import undo_windows_1252


@pytest.mark.parametrize(
    "text", ["It’s the star damage", "Süßigkeiten – “für” alle", "Привіт, світе", "日本語の本", "plain", "Ă â î ș ț"]
)
def test_utf_8_that_was_taken_for_windows_1252_becomes_itself_again(text: str) -> None:
    taken = "".join(bytes([b]).decode("cp1252", "replace").replace("\ufffd", chr(b)) for b in text.encode())
    assert undo_windows_1252(taken) == text


@pytest.mark.parametrize("text", ["café – déjà vu", "Größe", "naïve ½ price", "señor ¿qué?"])
def test_text_that_really_was_windows_1252_stays_as_it_is(text: str) -> None:
    assert undo_windows_1252(text) == text


def test_an_entity_beside_wrongly_decoded_letters_does_not_keep_them_wrong() -> None:
    assert undo_windows_1252("dÃ©jÃ  vu".replace(" ", "\xa0", 1)) == "déjà vu"
