"""What short messages say and in which language, and our own standard sentences in it, from `words/<language>.toml`."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from spine.message_notes import own_words
from spine.words import words

LANGUAGES = ("en", "pt", "ro", "uk", "de", "es", "fr", "it")
"""The languages that we have sentences of our own in. A model answers in any language."""

_YES_SIGNS, _NO_SIGNS = "👍✅👌", "👎❌🚫"
_NO_BY_ITSELF = re.compile(r"\s*(?:no|nope|não|nu|ні|nein|non)\s*[,.;!\n–—]", re.IGNORECASE)
_UKRAINIAN = frozenset("іїєґІЇЄҐ")
_LONGEST_GREETING = 6  # words
_ENOUGH = 2  # telling words that outweigh what the platform says

_Phrase = tuple[str, ...]


class Decision(StrEnum):
    """What a message says to a question of ours."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Speech:
    """One language: what to recognise, folded, and what to say."""

    language: str
    telling: frozenset[str]
    greetings: frozenset[_Phrase]
    yes: frozenset[_Phrase]
    no: frozenset[_Phrase]
    fillers: frozenset[_Phrase]
    sentences: dict[str, str]

    def say(self, key: str, **values: str) -> str:
        return self.sentences[key].format_map(values)


@cache
def speech(language: str) -> Speech:
    """The speech of a language or regional variant such as pt-BR; English where we have none of our own."""
    code = _known(language) or "en"
    data = tomllib.loads((files("tasks.conversation") / "words" / f"{code}.toml").read_text("utf-8"))
    heard = data["recognise"]
    return Speech(
        language=code,
        telling=frozenset(words(heard["telling"])),
        greetings=_phrases(heard["greetings"]),
        yes=_phrases(heard["yes"]),
        no=_phrases(heard["no"]),
        fillers=_phrases(heard["fillers"]),
        sentences=data["say"],
    )


def language_of(text: str, declared: str) -> str:
    """The language of a message, ISO 639-1: what its words tell, else what is `declared`, else English."""
    text = own_words(text)
    said = words(text)
    if _UKRAINIAN & set(text):
        return "uk"
    if (greeted := _greeted_in(tuple(said), declared)) is not None:
        return greeted
    hits = {code: len(speech(code).telling & set(said)) for code in LANGUAGES}
    best = max(hits.values())
    known = _known(declared)
    if best < (_ENOUGH if declared not in ("", "und") else 1) or (known and hits[known] == best):
        return declared if declared not in ("", "und") else "en"
    return max(LANGUAGES, key=lambda code: hits[code])


def greets(text: str) -> bool:
    """Whether the message is a greeting and nothing more."""
    return _greeted_in(tuple(words(own_words(text))), "") is not None


def decision(text: str) -> Decision:
    """What a message says to a question that is answered with yes or no.

    Only a message that holds nothing besides such words is clear: "yes, but two of them" is not. Two ways to say no are
    clear where a plain no stands by itself, as in "no, cancel it"; "do not cancel it" says the opposite of both. A note
    on what the message refers to says nothing: a yes in it is somebody else's, a question in it makes no yes unclear.
    """
    text = own_words(text)
    opening = _NO_BY_ITSELF.match(text)
    answers = _answers(tuple(words(text[opening.end() :] if opening else text)))
    if answers is None or _asks(text) or len(answers & _all("no")) > 1:
        return Decision.UNCLEAR
    found = {Decision.YES if answer in _all("yes") else Decision.NO for answer in answers} | _by_signs(text)
    found |= {Decision.NO} if opening else set()
    return found.pop() if len(found) == 1 else Decision.UNCLEAR


def _asks(text: str) -> bool:
    """Whether it holds a question mark of any script, or ends with the sign that Greek keyboards write for one."""
    names = (unicodedata.name(char, "") for char in text)
    return text.rstrip().endswith(";") or any("QUESTION" in name or name == "INTERROBANG" for name in names)


def _by_signs(text: str) -> set[Decision]:
    yes = {Decision.YES for sign in _YES_SIGNS if sign in text}
    return yes | {Decision.NO for sign in _NO_SIGNS if sign in text}


def _answers(said: _Phrase) -> set[_Phrase] | None:
    """The ways to say yes and no in a message that is made of known phrases alone; None for any other."""
    answers = _all("yes") | _all("no")
    known = sorted(answers | _all("fillers"), key=len, reverse=True)
    found: set[_Phrase] = set()
    while said:
        match = next((one for one in known if said[: len(one)] == one), None)
        if match is None:
            return None
        found |= {match} & answers
        said = said[len(match) :]
    return found


def _greeted_in(said: _Phrase, declared: str) -> str | None:
    """The language of a message that consists of greetings; the declared one where several share them."""
    if not said or len(said) > _LONGEST_GREETING:
        return None
    fitting = [code for code in LANGUAGES if _made_of(said, speech(code).greetings)]
    return next((code for code in fitting if code == _known(declared)), fitting[0] if fitting else None)


def _made_of(said: _Phrase, phrases: frozenset[_Phrase]) -> bool:
    if not said:
        return True
    return any(said[: len(one)] == one and _made_of(said[len(one) :], phrases) for one in phrases)


@cache
def _all(kind: str) -> frozenset[_Phrase]:
    return frozenset[_Phrase]().union(*(getattr(speech(code), kind) for code in LANGUAGES))


def _phrases(listed: Sequence[str]) -> frozenset[_Phrase]:
    return frozenset(tuple(words(phrase)) for phrase in listed)


def _known(language: str) -> str | None:
    code = language.replace("_", "-").split("-")[0].casefold()
    return code if code in LANGUAGES else None
