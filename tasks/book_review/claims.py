"""Holds every number, date, name and ISBN of an article against the facts and passages it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.texts import Claim, Passage
from tasks.book_review.facts.evidence import Evidence, gather
from tasks.book_review.facts.lexicon import Lexicon, guess_language, lexicon
from tasks.book_review.facts.names import find_names, german_nouns
from tasks.book_review.facts.quantities import Found, scan
from tasks.book_review.writing.markdown_text import Block, shown_blocks
from tasks.book_review.writing.text_units import fold, folded_words, sentences, words

_ADDRESS = re.compile(
    r"(?:https?://|www\.)\S+|(?<!\S)[^\s@]++@\S+\.\w+|\[\d+\]|"
    r"(?<![\w@-])(?<![\w-]\.)(?=[\w.-]{0,253}?[A-Za-z])(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S*)?(?![\w])"
)
_COUNTED = re.compile(r"([^\W\d_]+)[-.\s\u00a0#№°]*$")
_LABEL_WORDS = 4
_TELLING_WORDS = 8


def check_claims(content: str, book: ConsolidatedBook | BookMetadata, passages: Sequence[Passage]) -> list[Claim]:
    """Every claim of a Markdown article, each with its sentence and, where one bears it out, its evidence.

    A claim is supported when a fact or passage says the same in whatever format (1,234 and 1.234, 8 May 2019 and
    2019-05-08, May 2019 and 2019-05-08, Tolkien and J.R.R. Tolkien, both forms of an ISBN). Numbers that only count
    chapters or list items are not claims. Scripts without capitals (CJK, Arabic, …) show no names to check.
    """
    return ClaimCheck(book, passages).claims(content)


class ClaimCheck:
    """The evidence of one book, to hold several texts against. Lives as long as its caller keeps it."""

    def __init__(self, book: ConsolidatedBook | BookMetadata, passages: Sequence[Passage]) -> None:
        self._evidence = gather(book, passages)
        texts = [passage.text for passage in passages]
        self._ordinary = _ordinary_words(texts)
        self._german_nouns = german_nouns(texts)

    def claims(self, content: str) -> list[Claim]:
        """The claims of a Markdown text, in its order, the same one of a sentence once."""
        parts = shown_blocks(content)
        text = "\n".join(part.text for part in parts)
        own = "\n".join(part.text for part in parts if part.kind != "quote")
        main_language = guess_language(own or text)
        ordinary = self._ordinary | _ordinary_words([text])
        nouns = self._german_nouns | german_nouns([text])
        found: dict[tuple[str, str, str], Claim] = {}
        for part in parts:
            language = lexicon(_language_of(part, main_language))
            common = nouns if language.language == "de" else ordinary
            for sentence in sentences(part.text):
                for claim in _claims_of(sentence, part, self._evidence, language, common):
                    found.setdefault((claim.kind, claim.text, claim.sentence), claim)
        return list(found.values())

    def is_sound(self, content: str) -> bool:
        """Whether every claim of a text is supported."""
        return not unsupported(self.claims(content))


def _language_of(block: Block, main_language: str) -> str:
    """Quotations may be in another language than the article; headings, lists and signatures are too short to tell."""
    tells = block.kind in ("quote", "paragraph") and len(words(block.text)) >= _TELLING_WORDS
    return guess_language(block.text, main_language) if tells else main_language


def unsupported(claims: Sequence[Claim]) -> list[Claim]:
    """The claims that nothing bears out, for the reviewer."""
    return [claim for claim in claims if not claim.supported]


def _claims_of(
    sentence: str, block: Block, evidence: Evidence, language: Lexicon, common: frozenset[str]
) -> Iterator[Claim]:
    text = _ADDRESS.sub(lambda match: "\x00" * len(match.group()), sentence)
    quantities = scan(text, language)
    for found in quantities:
        if not _only_counts(text, found, language):
            yield _claim(found.text, _KINDS[found.kind], evidence.of_quantity(found), sentence)
    if _is_set_in_capitals(text, block):
        return
    for name in find_names(_blanked(_without_label(text, block, language, common), quantities), language, common):
        yield _claim(name.text, "name", evidence.of_name(name), sentence)


_KINDS = {"number": "number", "date": "date", "isbn": "isbn", "code": "number"}


def _claim(text: str, kind: str, evidence: str | None, sentence: str) -> Claim:
    return Claim(text=text, kind=kind, supported=evidence is not None, evidence=evidence, sentence=sentence)


def _ordinary_words(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(fold(word) for text in texts for word in words(text) if word.islower())


def _only_counts(text: str, found: Found, language: Lexicon) -> bool:
    """Whether the number is no statement: chapter 3, ISBN-13, the 1 of a list."""
    if found.kind != "number":
        return False
    before = _COUNTED.search(text[: found.start])
    word = fold(before.group(1)) if before else ""
    return word in language.numbering or (word == "isbn" and found.text in ("10", "13"))


def _blanked(text: str, quantities: Sequence[Found]) -> str:
    for found in quantities:
        text = text[: found.start] + "\x00" * (found.end - found.start) + text[found.end :]
    return text


def _is_set_in_capitals(text: str, block: Block) -> bool:
    """Whether capitals tell nothing here: a heading in title case, a line in capitals."""
    letters = [char for char in text if char.isalpha() and char.lower() != char.upper()]
    if len(letters) > 20 and sum(char.isupper() for char in letters) > 0.7 * len(letters):
        return True
    long_words = [word for word in words(text) if len(word) > 3 and word[0].isalpha()]
    return block.kind == "heading" and len(long_words) > 1 and all(word[0].isupper() for word in long_words)


def _without_label(text: str, block: Block, language: Lexicon, common: frozenset[str]) -> str:
    """The text after a label such as "Publication Date:", which is written large without naming anyone."""
    label, colon, _ = text.partition(":")
    if not colon or block.kind not in ("item", "cell", "paragraph"):
        return text
    known = language.openers | language.stopwords | language.nouns | common
    said = folded_words(label)
    if len(said) > _LABEL_WORDS or not any(word in known for word in said):
        return text
    return "\x00" * len(label) + text[len(label) :]
