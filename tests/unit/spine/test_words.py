"""How a text becomes words."""

from __future__ import annotations

import pytest

from spine.words import words

FOLDED = [
    ("plain", "Quoth the Raven, Nevermore!", "quoth the raven nevermore"),
    ("apostrophes and dashes", "Ca-n zilele acele; don't", "ca n zilele acele don t"),
    ("Romanian with commas", "Știu țările Mării", "stiu tarile marii"),
    ("Romanian with cedillas", "Şi aşteptam faţă", "si asteptam fata"),
    ("decomposed accents", "Ra\u0306ma\u0302i", "ramai"),
    ("sharp s and ligatures", "Straße ﬁn", "strasse fin"),
    ("Cyrillic", "Белеет ПАРУС", "белеет парус"),
    ("numbers", "Canto 12, v.3", "canto 12 v 3"),
    ("underscores part words", "_italic_ snake_case", "italic snake case"),
    ("Romanian and French apostrophes", "Însă, ŞI țara_mea — l'été!", "insa si tara mea l ete"),
    ("nothing but marks", " — ?! ", ""),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in FOLDED], ids=[case[0] for case in FOLDED])
def test_words_are_folded(text: str, expected: str) -> None:
    assert " ".join(words(text)) == expected
