"""Rules that read a question: its language, what it is about, what it names, whether it can be answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

from spine.words import words
from tasks.module_graph.questions.contracts import Category, IntentReading

Language = Literal["pt", "en"]

_PORTUGUESE: Final = frozenset(
    words("""
    a o os as um uma de do da dos das em no na que qual quais como quando onde por porque quem quanto quantos e eu meu
    minha voces voce nao sim para com posso pode podem esta estou tem ter foi ser sobre oi ola bom boa obrigado
    preciso quero gostaria ainda ja meus suas seu sua
    """)
)
_ENGLISH: Final = frozenset(
    words("""
    the a an of in on to is are was do does did can could would should what which how when where why who i my your you
    we not yes for with have has it this that about hi hello please thanks need want still already and any
    """)
)

_CATEGORY_STEMS: Final[Mapping[Category, tuple[str, ...]]] = {
    "delivery": ("entreg", "frete", "envi", "rastre", "chega", "transport", "deliver", "ship", "track", "arriv"),
    "billing": ("fatura", "cobran", "boleto", "pag", "reembols", "estorn", "cartao", "pix", "invoice", "bill", "refund",
                "charge", "payment", "pay"),
    "order": ("pedido", "compra", "comprei", "encomend", "troca", "devol", "cancel", "order", "purchase", "return"),
    "technical": ("erro", "falha", "bug", "quebr", "funciona", "trav", "instal", "configur", "integra", "error", "fail",
                  "crash", "work", "broken", "setup", "api"),
    "account": ("conta", "senha", "login", "cadastr", "acess", "perfil", "assinatur", "account", "password", "profile",
                "subscri", "register"),
    "product": ("produto", "preco", "custa", "estoque", "tamanho", "modelo", "garantia", "plano", "product", "price",
                "cost", "stock", "size", "model", "warranty", "plan", "feature", "desconto", "discount"),
}  # fmt: skip
"""Beginnings of words, folded. The first category wins where two are named as often."""

_ASKING: Final = frozenset(
    words("""
    que qual quais como quando onde porque quem quanto quantos quantas cade posso pode podem podemos preciso quero
    gostaria queria existe tem ha da what which how when where why who whose can could would should do does did is are
    was were will may have has need want tell show explain help explique ajuda ajude diga mostre informe
    """)
)
_COURTESY: Final = frozenset(
    words("""
    oi ola bom boa dia tarde noite obrigado obrigada valeu ok tudo bem tchau hi hello hey good morning evening thanks
    thank you bye please por favor
    """)
)

_NAMED: Final = re.compile(
    r"(?P<mail>[\w.+-]+@[\w-]+\.[\w.-]+\w)"
    r"|[\"“«'](?P<quoted>[^\"”»']{2,80})[\"”»']"
    r"|(?P<money>(?:R\$|US\$|\$|€)\s?\d[\d.,]*)"
    r"|(?P<number>#?\b(?=[\w-]*\d)[A-Z0-9][A-Z0-9-]{2,}\b)"
    r"|(?P<name>(?<![.!?]\s)(?<!^)\b[A-ZÀ-Ý][\wÀ-ÿ]+(?:\s+(?:d[aeo]s?\s+)?[A-ZÀ-Ý][\wÀ-ÿ]+)*)"
)
_VOWELS: Final = frozenset("aeiouy")
_MOST_ENTITIES: Final = 30

_REASONS: Final[Mapping[str, Mapping[Language, str]]] = {
    "empty": {"pt": "A mensagem não tem palavras.", "en": "The message has no words."},
    "courtesy": {
        "pt": "A mensagem é só uma saudação ou um agradecimento; não há pergunta.",
        "en": "The message only greets or thanks; it asks nothing.",
    },
    "gibberish": {"pt": "A mensagem não forma palavras legíveis.", "en": "The message is not made of readable words."},
    "no question": {
        "pt": "A mensagem não pergunta nem pede nada.",
        "en": "The message neither asks nor requests anything.",
    },
    "asks": {
        "pt": "É uma pergunta ou um pedido com assunto reconhecível.",
        "en": "It is a question or a request about something.",
    },
}


def read_intent(text: str) -> IntentReading:
    """The whole reading, by rules alone."""
    found, language = words(text), language_of(text)
    verdict = _verdict(text, found)
    return IntentReading(
        answerable=verdict == "asks",
        reason=_REASONS[verdict][language],
        category=category_of(text),
        entities=entities_of(text),
        language=language,
    )


def language_of(text: str) -> Language:
    """Portuguese unless more of the small words are English."""
    found = words(text)
    return "en" if sum(word in _ENGLISH for word in found) > sum(word in _PORTUGUESE for word in found) else "pt"


def category_of(text: str) -> Category:
    found = words(text)
    counts: dict[Category, int] = {
        category: sum(word.startswith(stems) for word in found) for category, stems in _CATEGORY_STEMS.items()
    }
    best = max(counts, key=lambda category: counts[category])
    return best if counts[best] else "general"


def entities_of(text: str) -> list[str]:
    """Addresses, quoted words, amounts, numbers of orders and proper names, word for word, each once."""
    found = (next(group for group in match.groups() if group) for match in _NAMED.finditer(text))
    return list(dict.fromkeys(entity.strip() for entity in found))[:_MOST_ENTITIES]


def topics_of(texts: list[str], most: int = 5) -> list[str]:
    """The words that most of the texts share, small words left out."""
    small = _PORTUGUESE | _ENGLISH | _ASKING | _COURTESY
    held = Counter(word for text in texts for word in {*words(text)} if len(word) > 3 and word not in small)
    ranked = sorted(held, key=lambda word: (-held[word], word))
    return [word for word in ranked if held[word] > 1 or len(texts) == 1][:most]


def _verdict(text: str, found: list[str]) -> str:
    telling = [word for word in found if word not in _COURTESY]
    if not found:
        return "empty"
    if not telling:
        return "courtesy"
    if not any(_readable(word) for word in telling):
        return "gibberish"
    asks = "?" in text or not _ASKING.isdisjoint(found)
    return "asks" if asks and len(telling) >= 2 else "no question"


def _readable(word: str) -> bool:
    """A word with vowels and without a run of five consonants, in scripts that have them."""
    if not word.isascii():
        return True
    letters = "".join("v" if letter in _VOWELS else "c" for letter in word if letter.isalpha())
    return "v" in letters and "ccccc" not in letters
