"""How a text becomes words, and which of a question's words are looked up."""

from __future__ import annotations

import pytest

from spine.keyword_terms import telling_words
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


TELLING = [
    ("rare words, rarest first", {"moon": 40, "raven": 2}, 1000, ["raven", "moon"]),
    ("words of no entry are left out", {"xyzzy": 0, "raven": 2}, 1000, ["raven"]),
    (
        "common words are left out beside three rare ones",
        {"the": 900, "a": 2, "b": 3, "c": 4},
        1000,
        ["a", "b", "c"],
    ),
    ("a tenth of the entries is not common yet", {"a": 1, "b": 2, "c": 3, "d": 100, "e": 101}, 1000, list("abcd")),
    (
        "the three rarest stay, however common",
        {"the": 900, "and": 800, "of": 700, "to": 999},
        1000,
        ["of", "and", "the"],
    ),
    ("nothing asked", {}, 1000, []),
]


@pytest.mark.parametrize(
    ("held_by", "entries", "expected"), [case[1:] for case in TELLING], ids=[case[0] for case in TELLING]
)
def test_which_words_are_looked_up(held_by: dict[str, int], entries: int, expected: list[str]) -> None:
    assert telling_words(held_by, entries) == expected
