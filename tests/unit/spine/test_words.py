"""How a text becomes words."""

from __future__ import annotations

import unicodedata

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
    ("Hindi keeps its vowel signs", "हिन्दी में लिखा।", "हिन्दी में लिखा"),
    ("Arabic with its vowels", "كِتَابٌ كـــتاب", "كتاب كتاب"),
    ("Hebrew with its points", "שָׁלוֹם שלום", "שלום שלום"),
    ("Chinese, sign by sign", "床前明月光，疑是", "床 前 明 月 光 疑 是"),
    ("Chinese beside Latin", "Mo Yan的《红高粱》1986", "mo yan 的 红 高 粱 1986"),
    ("Thai, sign by sign with its marks", "น้ำใส", "น้ํ า ใ ส"),
    ("Korean by its spaces", "나의 조국", unicodedata.normalize("NFKD", "나의 조국")),
    ("soft hyphens", "Donau\u00addampf", "donaudampf"),
    ("nothing but marks", " — ?! ", ""),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in FOLDED], ids=[case[0] for case in FOLDED])
def test_words_are_folded(text: str, expected: str) -> None:
    assert " ".join(words(text)) == expected


@pytest.mark.parametrize("sign", [*map(chr, range(128))], ids=lambda sign: f"U+{ord(sign):04X}")
def test_of_ascii_letters_and_digits_are_parts_of_words_and_all_else_parts_them(sign: str) -> None:
    """As in a text that is not of ASCII alone, which is read another way."""
    expected = [f"a{sign.lower()}b"] if sign.isalnum() else ["a", "b"]
    assert words(f"A{sign}b") == expected
    assert words(f"A{sign}b ж") == [*expected, "ж"]
