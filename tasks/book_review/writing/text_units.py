"""Splits text into sentences, comparable words and pieces of a given size."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from tasks.book_review.facts.languages import month_numbers

_UNDECOMPOSED = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})
_APOSTROPHES = "'’ʼ′"
_WORD = re.compile(rf"[^\W_]+(?:[{_APOSTROPHES}][^\W_]+)*")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
# Possessive and from the beginning of a run only: a line of dots is looked at once.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»“)\]]*+(?=\s)|[。！？]+[」』”]?")
_LONGEST_WORD = 60  # characters that decide about a full stop; looking further makes long lines slow
_COMPLETE = re.compile(r"[.!?。！？][\"'”’»“)\]」』]*$")
_ABBREVIATIONS = frozenset(
    # Written without their last point; one list for all languages, because texts mix them.
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "sr",
        "jr",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "cf",
        "ca",
        "vol",
        "ed",
        "eds",
        "pp",
        "no",
        "inc",
        "ltd",
        "co",
        "z.b",
        "d.h",
        "u.a",
        "bzw",
        "nr",
        "bd",
        "hrsg",
        "usw",
        "vgl",
        "m",
        "mme",
        "mlle",
        "p.ex",
        "sig",
        "dott",
        "sra",
        "dra",
        "ee.uu",
        "d",
        "dl",
        "dna",
        "pag",
        "cca",
        "str",
        "ст",
        "р",
        "с",
        "вид",
        "стор",
        "т",
    ]
)
_AFTER_ORDINAL = frozenset(
    ["jahrhundert", "jahrhunderts", "auflage", "ausgabe", "edition", "kapitel", "band", "teil", "geburtstag"]
)


def word_set(listed: str) -> frozenset[str]:
    """The words of a list written with spaces between them."""
    return frozenset(listed.split())


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Lower case without diacritics, so that spellings of one word compare equal."""
    decomposed = unicodedata.normalize("NFKD", text.casefold()).translate(_UNDECOMPOSED)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> list[str]:
    """Words as they stand. A CJK character is a word, for these scripts do not space their words."""
    return [part for word in _WORD.findall(text) for part in _split_cjk(word)]


def folded_words(text: str) -> list[str]:
    """Folded words, the unit of every comparison."""
    return [fold(word) for word in words(text)]


def same_text(first: str, second: str) -> bool:
    """Whether two texts differ in case, diacritics, spacing and punctuation only."""
    return folded_words(first) == folded_words(second)


def sentences(text: str) -> list[str]:
    """Whole sentences in their order. A line is never longer than its sentence, except where it was hard-wrapped."""
    return [sentence for line in lines(text) for sentence in _sentences_of_line(line)]


def lines(text: str) -> list[str]:
    """The lines of a text that hold something; a hard-wrapped line is joined with the one that it goes on from."""
    found: list[str] = []
    open_line = False
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if open_line and line[:1].islower():
            found[-1] += f" {line}"
        elif line:
            found.append(line)
        open_line = bool(line) and not _COMPLETE.search(line)
    return found


def is_complete(sentence: str) -> bool:
    """Whether the sentence ends as sentences do; an ellipsis marks a text that was cut."""
    return bool(_COMPLETE.search(sentence)) and not re.search(r"(?:\.{2,}|…)\W*$", sentence)


def cut_at_sentence(text: str, budget: int) -> str:
    """At most `budget` characters, ending with a whole sentence (with a whole word where no sentence fits)."""
    if len(text) <= budget:
        return text
    kept = text[:budget]
    ends = [match.end() for match in _END.finditer(text[: budget + 1]) if match.end() <= budget]
    if ends and ends[-1] > budget // 2:
        return kept[: ends[-1]]
    return kept.rsplit(None, 1)[0] if re.search(r"\s", kept) else kept


def chunks(text: str, max_words: int) -> list[str]:
    """Pieces of at most `max_words` words that end with a sentence. A longer sentence stays whole."""
    pieces: list[list[str]] = []
    size = 0
    for sentence in sentences(text):
        length = len(words(sentence))
        if not pieces or size + length > max_words:
            pieces.append([])
            size = 0
        pieces[-1].append(sentence)
        size += length
    return [_join(piece) for piece in pieces]


def _join(piece: list[str]) -> str:
    # A line without a full stop (a bullet, a verse) keeps its line, or it would run into the next sentence.
    text = ""
    for sentence in piece:
        text += ("" if not text else " " if _COMPLETE.search(text) else "\n") + sentence
    return text


def _split_cjk(word: str) -> list[str]:
    if not _CJK.search(word):
        return [word]
    return [part for part in re.split(rf"({_CJK.pattern})", word) if part]


def _sentences_of_line(line: str) -> list[str]:
    found: list[str] = []
    start = 0
    for match in _END.finditer(line):
        if _is_boundary(line, match):
            found.append(line[start : match.end()].strip())
            start = match.end()
    rest = line[start:].strip()
    return [sentence for sentence in [*found, rest] if sentence]


def _is_boundary(line: str, end: re.Match[str]) -> bool:
    following = line[end.end() : end.end() + 2 * _LONGEST_WORD].lstrip()
    if not following or end.group()[0] in "。！？":
        return True
    if following.lstrip("\"'“”‘’«»„([—–-").strip()[:1].islower():
        return False
    if not end.group().startswith(".") or end.group() == "...":
        return True
    before = line[max(0, end.start() - _LONGEST_WORD) : end.start()].rsplit(None, 1)
    return not before or _ends_sentence(before[-1].lstrip("\"'“„«(["), following)


def _ends_sentence(last_word: str, following: str) -> bool:
    if last_word.casefold() in _ABBREVIATIONS or re.fullmatch(r"(?:[^\W\d_]\.)*[^\W\d_]", last_word):
        # "J. R. R. Tolkien", "z. B."; an initial never ends a sentence in practice, "I" does.
        return last_word == "I"
    if re.fullmatch(r"\d{1,2}", last_word):
        next_word = fold(following.split()[0].strip(".,;:"))
        return next_word not in month_numbers() and next_word not in _AFTER_ORDINAL
    return True
