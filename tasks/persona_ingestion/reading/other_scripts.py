"""Tells the code pages of Cyrillic, Greek, Hebrew, Arabic and Thai texts by how frequent their letters are."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

_HIGH_WORD = re.compile(rb"[\x80-\xff]{3,}")
_ENOUGH = 1 << 14  # bytes
_LEAST_OF_WORDS = 0.5  # share of the bytes beyond ASCII; the foreign letters of a Latin text stand alone
_WORD = re.compile(r"[^\W\d_a-zA-Z]+")
_MARKS = "«»„“”‘’‚‹›–—…·•°№§©®\u00a0\u00ad€،؛؟ـ"

# Letters from the most frequent to the rarest. In any language a letter is about an eighth rarer than the one before,
# so that the mean rank of a text's letters is its likelihood: read under a page that is not its own it has rare ones.
_CYRILLIC = (
    "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",  # Russian
    "оаніивретскмлдупязьбгйчхцїєжшюфщґ",  # Ukrainian
    "аніыреостклвудямпўзьгбцчйжшхэюёф",  # Belarusian
    "аиоетнрсвлкдпмзяъугбчжщцшйхфюь",  # Bulgarian
    "аоиенрстјувдклмпзгбшчцњжћхљђфџ",  # Serbian
    "аоиетнрсвдклпмујзгбчшжцњфхќѓџѕљ",  # Macedonian
)
_GREEK = ("αοιτενσηυρπκμλςωίάόέδγήχθύφώβξζψϊϋΐΰ",)
_HEBREW = ("יוהלאתרשמבנםחדעכקפטגסזןצךףץ\u05b0\u05b7\u05b8\u05b4\u05b5\u05b6\u05bc\u05b9\u05c1\u05bb\u05c2\u05b2\u05b1",)
_ARABIC = (
    "اليمونرتبعدسهكقحفجةأشصطخىضثزذءغإئظؤآ\u064e\u064f\u0650\u0652\u0651\u064b\u064c\u064d",
    "ايرندهمتوبشسكلزفگعخجقپحآچصطغضظذژثئء\u200cأ",  # Persian
)
_THAI = (
    "านรอก\u0e40งม\u0e48\u0e49\u0e31ยลวดทส\u0e35\u0e34ต\u0e30ปบ\u0e37คห\u0e41\u0e38\u0e39จพ\u0e4c\u0e47ชข\u0e43\u0e33\u0e44\u0e42ผถธศณซภษญฟฝฐฎฏฉ",
)

_PAGES = (
    *(("cp1251", _CYRILLIC), ("koi8_r", _CYRILLIC), ("koi8_u", _CYRILLIC), ("iso8859_5", _CYRILLIC)),
    *(("cp866", _CYRILLIC), ("cp1253", _GREEK), ("iso8859_7", _GREEK), ("cp1255", _HEBREW)),
    *(("cp1256", _ARABIC), ("iso8859_6", _ARABIC), ("cp874", _THAI)),
)
"""Of those that say the same, the first is taken."""
_RANK_OF_MARK = 20  # a mark for every hundred letters
_RANK_OF_NONE = 60  # what stands in no alphabet
_WORST = 14.0  # mean rank; that of a text is 7 to 11


def page_of_other_script(sample: bytes) -> str | None:
    """The code page under which the words beyond ASCII have the letter frequencies of one language; None for others."""
    sample = sample[:_ENOUGH]
    high = sum(byte > 0x7F for byte in sample)
    if sum(map(len, _HIGH_WORD.findall(sample))) < _LEAST_OF_WORDS * high:
        return None
    ranks = [(_mean_rank(sample, name, alphabets), name) for name, alphabets in _PAGES]
    best, name = min(ranks, key=lambda one: one[0])
    return name if best <= _WORST else None


def _mean_rank(sample: bytes, page: str, alphabets: tuple[str, ...]) -> float:
    """Of the letters beyond ASCII, in the alphabet that they fit best. A capital after a small letter fits none."""
    text = sample.decode(page, errors="replace")
    strange = sum(_capitals(word) for word in _WORD.findall(text) if _mixes_cases(word))
    counts = Counter(char for char in text.lower() if char > "\x7f")
    ranks = (sum(_ranks(alphabet).get(char, _RANK_OF_NONE) * n for char, n in counts.items()) for alphabet in alphabets)
    return (min(ranks) + _RANK_OF_NONE * strange) / max(1, counts.total())


@cache
def _ranks(alphabet: str) -> dict[str, int]:
    return dict.fromkeys(_MARKS, _RANK_OF_MARK) | {char: rank for rank, char in enumerate(alphabet)}


def _mixes_cases(word: str) -> bool:
    return word != word.upper() and word[1:] != word[1:].lower()


def _capitals(word: str) -> int:
    return sum(char.isupper() for char in word)
