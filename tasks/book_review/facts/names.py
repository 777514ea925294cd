"""Finds names in a text: capitalised sequences that the language does not capitalise anyway."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.book_review.facts.lexicon import Lexicon, all_stopwords
from tasks.book_review.writing.text_units import fold, word_set

TOKEN = re.compile(r"(?:[^\W\d_]\.)+(?=\W|$)|(?:(?:Mc|Mac|O['’]|D['’]|L['’])?[^\W\d_]+)(?:['’ʼ′][^\W\d_]+)*|\d+")
_LINKING = word_set(
    "of the de la le les du des del della dei di da do dos das van von der den ter zu al el ben bin ibn"
)
_LINKING_IN_GERMAN = word_set("of the de la le van von zu")  # "der" links any two nouns there
_AUTHOR_LINKS = word_set("de di von da del by")
_POSSESSIVE = re.compile(r"['’](?:s|S)?$")
_ELISION = re.compile(r"^(?:[dDlLnNsSjJqQcCmMtT]|[dD]ell|[nN]ell|[aA]ll|[sS]ull|[dD]all|[qQ]u)['’](?=\w)")
_NOUN_ENDINGS = (
    *("ung", "ungen", "heit", "heiten", "keit", "keiten", "schaft", "schaften", "tion", "tionen", "tat", "taten"),
    *("nis", "nisse", "ismus", "chen", "ling", "tum", "ment"),
)
_INFLECTED_ENDINGS = (*_NOUN_ENDINGS, "anz", "enz", "ik", "ie", "innen", "er", "en", "ern", "eln", "el")
_SAYING = word_set(
    "wrote writes said says argues argued describes described praised calls called notes noted claims claimed died "
    "schrieb schreibt sagt sagte lobte nannte ecrit ecrivit dit escribio escribe dijo dice scrisse scrive disse "
    "escreveu escreve diz scrie spune написав написала пише каже писав"
)
_DETERMINERS = word_set(
    "der die das des dem den ein eine einen einem einer eines kein keine keinen keinem keiner sein seine seinen seinem "
    "seiner ihr ihre ihren ihrem ihrer mein dein unser dieser diese dieses diesem diesen jeder jede jedes jedem jeden "
    "zum zur im am vom beim ins ans alle viele mehr"
)
_AFTER_DETERMINER = re.compile(
    rf"\b(?i:{'|'.join(sorted(_DETERMINERS))})[ \u00a0](?:[a-zäöüß]+(?:e|en|er|es|em)[ \u00a0]){{0,2}}"
    r"(?=([A-ZÄÖÜ][^\W\d_]+))"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its place, as far as names need it."""

    text: str
    start: int
    end: int
    opens: bool  # a sentence or quotation starts here, so a capital says nothing

    @property
    def capital(self) -> bool:
        return self.text[:1].isupper()

    @property
    def initials(self) -> bool:
        return "." in self.text or (len(self.text) == 1 and self.text.isupper())


@dataclass(frozen=True, slots=True)
class NameFound:
    """A capitalised sequence and its folded words.

    `readings` are other ways to part it, each as good as the whole when all its names are borne out: with the
    word that opens the sentence, or as a title and its author ("Siddhartha von Hermann Hesse").
    """

    text: str
    words: tuple[str, ...]
    readings: tuple[tuple[tuple[str, ...], ...], ...] = ()


def find_names(sentence: str, lexicon: Lexicon, common: frozenset[str]) -> list[NameFound]:
    """Names in one sentence; places taken by numbers are expected to be blanked out with `\\x00`.

    `common` has folded words known to be ordinary ones. A single capitalised word that opens the sentence is
    not taken for a name, and in German neither is a single word without a sign that it is one. Scripts
    without capitals have no names that this could see.
    """
    tokens = tokenize(sentence)
    found: list[NameFound] = []
    for run in _runs(sentence, tokens, lexicon):
        for part in _without_ordinary_words(run, lexicon, common):
            name = _as_name(sentence, tokens, part, run, lexicon)
            if name:
                found.append(name)
    return found


def tokenize(sentence: str) -> list[Token]:
    tokens: list[Token] = []
    for match in TOKEN.finditer(sentence):
        text, start = match.group(), match.start()
        elision = _ELISION.match(text)
        if elision and not text.startswith(("O'", "O’", "D'", "D’")):
            text, start = text[elision.end() :], start + elision.end()
        before = sentence[:start].rstrip()
        tokens.append(Token(text, start, match.end(), not tokens or before[-1:] in '.!?:…“„«»"‘—–'))
    return tokens


def name_words(text: str) -> tuple[str, ...]:
    """The folded words of a name; `J.R.R.` becomes `j r r`, a possessive ending is left out."""
    return tuple(part for match in TOKEN.finditer(text) for part in word_parts(match.group()) if part)


def word_parts(word: str) -> list[str]:
    """One word as it is compared: initials apart, without a possessive ending or an elided article."""
    if "." in word:
        return [fold(char) for char in word if char != "."]
    return [fold(_POSSESSIVE.sub("", _ELISION.sub("", word)))]


def _runs(sentence: str, tokens: Sequence[Token], lexicon: Lexicon) -> list[list[Token]]:
    linking = _LINKING_IN_GERMAN if lexicon.language == "de" else _LINKING
    runs: list[list[Token]] = []
    bridge: list[Token] = []
    for token in tokens:
        connected = bool(runs and runs[-1]) and _adjacent(sentence, (bridge or runs[-1])[-1], token)
        if token.capital and connected:
            runs[-1] += [*bridge, token]
            bridge = []
        elif token.capital:
            runs.append([token])
            bridge = []
        elif connected and token.text.lower() in linking and len(bridge) < 2:
            bridge.append(token)
        else:
            bridge = []
            runs.append([])
    return [run for run in runs if run]


def _adjacent(sentence: str, first: Token, second: Token) -> bool:
    return bool(re.fullmatch(r"[ \u00a0]|[-‐‑]|[ \u00a0]?&[ \u00a0]|", sentence[first.end : second.start]))


def _without_ordinary_words(run: list[Token], lexicon: Lexicon, common: frozenset[str]) -> list[list[Token]]:
    """A run without the function words at its ends; in German also parted at common nouns."""
    if lexicon.language == "de":
        parts: list[list[Token]] = [[]]
        for token in run:
            # After a name a word is taken for a surname, whatever else it means: "Thomas Mann".
            after_name = any(not _is_ordinary(other, lexicon, common) for other in parts[-1])
            if _is_german_noun(token, lexicon, frozenset() if after_name else common):
                parts.append([])
            else:
                parts[-1].append(token)
    else:
        parts = [run]
    return [trimmed for part in parts if (trimmed := _trimmed(part, lexicon, common))]


def _is_german_noun(token: Token, lexicon: Lexicon, common: frozenset[str]) -> bool:
    word = fold(token.text)
    return word in lexicon.nouns or word in common or (len(word) > 6 and word.endswith(_NOUN_ENDINGS))


def _trimmed(part: list[Token], lexicon: Lexicon, common: frozenset[str]) -> list[Token]:
    start, end = 0, len(part)
    while start < end and _is_ordinary(part[start], lexicon, common):
        start += 1
    while end > start and _cannot_end(part[end - 1], lexicon):
        end -= 1
    return part[start:end]


def _cannot_end(token: Token, lexicon: Lexicon) -> bool:
    word = fold(token.text)
    return not token.capital or word in all_stopwords() or (token.text.isupper() and word in lexicon.openers)


def _is_ordinary(token: Token, lexicon: Lexicon, common: frozenset[str]) -> bool:
    word = fold(_POSSESSIVE.sub("", token.text))
    if not token.capital or word in lexicon.openers or word in lexicon.stopwords:
        return True
    return token.opens and word in common and not token.initials


def _as_name(
    sentence: str, tokens: Sequence[Token], part: list[Token], run: list[Token], lexicon: Lexicon
) -> NameFound | None:
    text = sentence[part[0].start : part[-1].end]
    parts = name_words(text)
    if not any(len(word) > 1 for word in parts) or text.isdigit() or re.fullmatch(r"[IVXLCDM]+", text):
        return None
    if len(part) == 1:
        if part[0].opens and not _POSSESSIVE.search(text) and not _is_subject(tokens, part[0]):
            return None
        if lexicon.language == "de" and len(run) == 1 and not _is_german_name(tokens, part[0]):
            return None
    return NameFound(text, parts, _readings(sentence, part, run))


def _readings(sentence: str, part: list[Token], run: list[Token]) -> tuple[tuple[tuple[str, ...], ...], ...]:
    pieces: list[list[str]] = [[]]
    for token in part:
        if not token.capital and token.text.lower() in _AUTHOR_LINKS:
            pieces.append([])
        else:
            pieces[-1].append(token.text)
    parted = tuple(name_words(" ".join(piece)) for piece in pieces)
    whole = name_words(sentence[run[0].start : part[-1].end])
    found = [(whole,)] if run[0] is not part[0] and run[0].opens else []
    return (*found, *([parted] if len(parted) > 1 and all(parted) else []))


def _is_subject(tokens: Sequence[Token], token: Token) -> bool:
    """Whether the word writes or speaks: then even at the start of a sentence it names somebody."""
    following = next((other for other in tokens if other.start > token.start), None)
    return following is not None and fold(following.text) in _SAYING


def _is_german_name(tokens: Sequence[Token], token: Token) -> bool:
    """German writes every noun large: a lone word is a name only where the words before it say so."""
    if token.text.isupper() and len(token.text) > 2:
        return True
    place = next(index for index, other in enumerate(tokens) if other.start == token.start)
    before = fold(tokens[place - 1].text) if place else ""
    word = fold(token.text)
    if word.endswith("ien") and before in {"in", "aus", "nach"}:  # Indien, Italien, Spanien
        return True
    return before in {"in", "aus", "nach", "von", "bei"} and not word.endswith(_INFLECTED_ENDINGS)


def german_nouns(texts: Iterable[str]) -> frozenset[str]:
    """Folded words that stand after a determiner or an adjective somewhere: nouns, not names."""
    return frozenset(fold(word) for text in texts for word in _AFTER_DETERMINER.findall(text))
