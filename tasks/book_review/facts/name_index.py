"""Looks names up in texts, also where they are spelled, inflected or written in another script."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tasks.book_review.facts.lexicon import all_stopwords
from tasks.book_review.facts.names import TOKEN, NameFound, word_parts
from tasks.book_review.writing.text_units import word_set

_INFLECTIONS = word_set("s es n ns lui ului ul ei le lor er ers")
_BREAK = ""  # stands in an index where a name cannot go on
_INDEXED = re.compile(rf"{TOKEN.pattern}|(?P<break>[,;:!?()\[\]\"“”«»\n|/])")


@dataclass(slots=True)
class NameIndex:
    """Words of texts by place, to look names up in. Lives as long as one check of an article."""

    _labels: list[str] = field(default_factory=list[str])
    _texts: list[list[str]] = field(default_factory=list[list[str]])
    _places: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, label: str, text: str, *, any_case: bool = False) -> None:
        """Index `text` under the label that evidence will name.

        Only capitalised words can bear a name, except in a fact (`any_case`), which may be written small.
        """
        number = len(self._texts)
        line: list[str] = []
        for match in _INDEXED.finditer(text):
            if match["break"]:
                line.append(_BREAK)
                continue
            for part in word_parts(match.group()):
                if any_case or match.group()[:1].isupper():
                    self._places[part].append((number, len(line)))
                line.append(part)
        self._labels.append(label)
        self._texts.append(line)

    def find(self, name: NameFound) -> str | None:
        """The label of a text that bears the name, maybe spelled, inflected or written otherwise; else None."""
        label = self._find(name.words)
        for reading in name.readings if label is None else ():
            labels = [self._find(words) for words in reading]
            if None not in labels:
                return labels[0]
        return label

    def _find(self, wanted: tuple[str, ...]) -> str | None:
        for first in self._alike(wanted[0]):
            for number, place in self._places[first]:
                if _goes_on(self._texts[number], place + 1, wanted[1:]):
                    return self._labels[number]
        return self._as_one_word("".join(wanted))

    def _as_one_word(self, compact: str) -> str | None:
        hits = (number for number, line in enumerate(self._texts) if len(line) == 1 and line[0] == compact)
        return next((self._labels[number] for number in hits), None)

    def _alike(self, word: str) -> list[str]:
        return [known for known in self._places if alike(word, known)]


def _goes_on(line: Sequence[str], place: int, rest: tuple[str, ...]) -> bool:
    """Whether the rest of a name follows; middle names of the source may be skipped, an "and" may not."""
    for word in rest:
        found = next((at for at in _reachable(line, place) if alike(word, line[at])), None)
        if found is None:
            return False
        place = found + 1
    return True


def _reachable(line: Sequence[str], place: int) -> Iterator[int]:
    for at in range(place, min(place + 3, len(line))):
        if line[at] == _BREAK:
            return
        yield at
        if line[at] in all_stopwords():
            return


@lru_cache(maxsize=262144)
def alike(word: str, known: str) -> bool:
    """Whether a word of a name is a known one: the same, its initial, an inflected form or a transliteration."""
    if word == known:
        return True
    if len(word) == 1 or len(known) == 1:
        return word[0] == known[0] and len(word) == 1
    if _is_cyrillic(word) != _is_cyrillic(known):
        return len(min(word, known, key=len)) > 2 and bool(_skeletons(word) & _skeletons(known))
    if _is_cyrillic(word):
        return _shares_stem(word, known)
    longer, shorter = (word, known) if len(word) > len(known) else (known, word)
    return len(shorter) > 3 and longer.startswith(shorter) and longer[len(shorter) :] in _INFLECTIONS


def _is_cyrillic(word: str) -> bool:
    return "\u0400" <= word[0] <= "\u04ff"


def _shares_stem(word: str, known: str) -> bool:
    stem = min(len(word), len(known)) - 2
    return stem >= 3 and word[:stem] == known[:stem] and abs(len(word) - len(known)) <= 3


_LETTERS = dict(zip("бвгґджзклмнпрстфхцчшщ", "bvhhdssklmnprstvhssss", strict=True)) | dict.fromkeys(
    "аеєиіїйоуюяыэёьъ", ""
)
_LATIN = (
    ("sch", "s"),
    ("tch", "s"),
    ("tsch", "s"),
    ("ch", "h"),
    ("sh", "s"),
    ("zh", "s"),
    ("kh", "h"),
    ("ph", "v"),
    ("th", "t"),
    ("ts", "s"),
)
_SOUNDS = str.maketrans({"f": "v", "g": "h", "c": "k", "q": "k", "z": "s", "j": "i", "y": "i", "x": "k"})


@lru_cache(maxsize=65536)
def _skeletons(word: str) -> frozenset[str]:
    """The consonants of a word by sound, so that Гессе and Hesse meet. Each reading of `w` and `ch` counts."""
    if _is_cyrillic(word):
        return frozenset({_consonants("".join(_LETTERS.get(char, char) for char in word))})
    readings = {word, word.replace("ch", "k")}
    readings |= {reading.replace("w", "v") for reading in readings}
    return frozenset(_consonants(_by_sound(reading)) for reading in readings)


def _by_sound(word: str) -> str:
    for letters, sound in _LATIN:
        word = word.replace(letters, sound)
    return word.translate(_SOUNDS)


def _consonants(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouw.]", "", word))
