"""What short messages say, and in which language."""

from __future__ import annotations

import string

import pytest

from tasks.conversation.language import LANGUAGES, Decision, decision, greets, language_of, speech

DECISIONS = [
    # one word, any case, any sign
    ("yes", Decision.YES),
    ("YES!!", Decision.YES),
    ("Sim.", Decision.YES),
    ("da", Decision.YES),
    ("так", Decision.YES),
    ("Ja", Decision.YES),
    ("sí", Decision.YES),
    ("oui", Decision.YES),
    ("👍", Decision.YES),
    ("no", Decision.NO),
    ("Não", Decision.NO),
    ("nu", Decision.NO),
    ("Ні", Decision.NO),
    ("nein", Decision.NO),
    ("non", Decision.NO),
    ("👎", Decision.NO),
    # with courtesy around it
    ("Yes please, go ahead", Decision.YES),
    ("ok, confirm", Decision.YES),
    ("Sim, por favor", Decision.YES),
    ("Da, vă rog, confirm", Decision.YES),
    ("Так, підтверджую, дякую", Decision.YES),
    ("Oui, c'est bon", Decision.YES),
    ("no thanks", Decision.NO),
    ("não, obrigado", Decision.NO),
    ("nu, mulțumesc", Decision.NO),
    ("nein danke", Decision.NO),
    # a plain no by itself, and then another
    ("No, cancel it", Decision.NO),
    ("nu, anulați", Decision.NO),
    ("Nein. Bitte stornieren!", Decision.NO),
    ("no, no", Decision.NO),
    ("cancel, please cancel", Decision.NO),
    # what a message refers to is not what it says
    ("[in reply to: Shall I place it?] yes", Decision.YES),
    ("[in reply to: Do not cancel it!] [link: https://no.example] Sim.", Decision.YES),
    ("[in reply to: yes] no", Decision.NO),
    ("[in reply to: yes please] hm", Decision.UNCLEAR),
    ("[in reply to: yes please]", Decision.UNCLEAR),
    ("[in reply to: 👍] what is it?", Decision.UNCLEAR),
    ("[edited] yes", Decision.UNCLEAR),
    ("[photo] yes", Decision.UNCLEAR),
    # a no to the no
    ("do not cancel the order", Decision.UNCLEAR),
    ("dont cancel it", Decision.UNCLEAR),
    ("don't cancel it", Decision.UNCLEAR),
    ("do not, please, cancel it", Decision.UNCLEAR),
    ("No, do not cancel it", Decision.UNCLEAR),
    ("never stop", Decision.UNCLEAR),
    ("No cancele el pedido, por favor", Decision.UNCLEAR),
    ("não cancele", Decision.UNCLEAR),
    ("não quero cancelar", Decision.UNCLEAR),
    ("nu anulați comanda", Decision.UNCLEAR),
    ("nu o anulați", Decision.UNCLEAR),
    ("не треба скасувати", Decision.UNCLEAR),
    ("Bitte nicht stornieren", Decision.UNCLEAR),
    ("Die Bestellung nicht stornieren", Decision.UNCLEAR),
    ("non annullare", Decision.UNCLEAR),
    ("jamais annuler", Decision.UNCLEAR),
    # a no to the yes
    ("don't confirm", Decision.UNCLEAR),
    ("dont confirm", Decision.UNCLEAR),
    ("never confirm", Decision.UNCLEAR),
    ("não confirmo", Decision.UNCLEAR),
    ("nu confirm", Decision.UNCLEAR),
    ("не підтверджую", Decision.UNCLEAR),
    ("nicht bestellen", Decision.UNCLEAR),
    ("No, confirm", Decision.UNCLEAR),
    # anything that is not clearly one of the two
    ("", Decision.UNCLEAR),
    ("ok", Decision.UNCLEAR),
    ("thanks", Decision.UNCLEAR),
    ("yes?", Decision.UNCLEAR),
    ("yes no", Decision.UNCLEAR),
    ("yes 👎", Decision.UNCLEAR),
    ("yes, but two of them", Decision.UNCLEAR),
    ("da, dar fără card", Decision.UNCLEAR),
    ("how much is shipping", Decision.UNCLEAR),
    ("I said yes to your colleague about another thing", Decision.UNCLEAR),
    ("yesterday", Decision.UNCLEAR),
    ("The customer has confirmed: yes", Decision.UNCLEAR),
]


@pytest.mark.parametrize(("text", "expected"), DECISIONS, ids=[text or "nothing" for text, _ in DECISIONS])
def test_only_a_message_of_nothing_but_agreement_is_a_yes(text: str, expected: Decision) -> None:
    assert decision(text) is expected


@pytest.mark.parametrize("mark", "?？؟\u037e⁇⁈⁉﹖‽՞፧❓❔⸮;")
def test_a_question_answers_nothing_whatever_mark_its_script_has(mark: str) -> None:
    assert decision(f"yes{mark} ") is Decision.UNCLEAR
    assert decision(f"no, cancel it{mark}") is Decision.UNCLEAR


def test_a_question_that_its_first_sign_tells_answers_nothing() -> None:
    assert decision("¿sí") is Decision.UNCLEAR


LANGUAGE_OF = [
    ("What is the raven about?", "und", "en"),
    ("O que é isso para você?", "und", "pt"),
    ("Ce este acest poem pentru tine?", "und", "ro"),
    ("Яка ціна?", "und", "uk"),
    ("Wie viel kostet das bitte?", "und", "de"),
    ("¿Cuál es el precio y cuándo llega?", "und", "es"),
    ("Comment est-ce que je commande pour vous?", "und", "fr"),
    ("Che cosa è questa poesia per lei?", "und", "it"),
    # the words win over what the platform says
    ("What is the raven about?", "pt-BR", "en"),
    # too little to tell: what the platform says, else English
    ("12345", "ro", "ro"),
    ("Nevermore", "uk", "uk"),
    ("12345", "und", "en"),
    ("Привет, сколько стоит?", "ru", "ru"),
    # a greeting tells by itself
    ("Olá", "und", "pt"),
    ("Bună ziua!", "en", "ro"),
    ("Servus", "de", "de"),
    ("Servus", "ro", "ro"),
    # in that of the person's own words, whatever they refer to
    ("[in reply to: Bună ziua, mulțumesc pentru comandă] thank you very much", "und", "en"),
]


@pytest.mark.parametrize(("text", "declared", "expected"), LANGUAGE_OF)
def test_a_message_is_in_the_language_of_its_words_else_in_the_declared_one(
    text: str, declared: str, expected: str
) -> None:
    assert language_of(text, declared) == expected


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Hello!", True),
        ("hi there", True),
        ("Olá, bom dia", True),
        ("hello, where is my order", False),
        ("", False),
        ("[in reply to: our news] hi there", True),
        ("[in reply to: hi] which one?", False),
    ],
)
def test_a_greeting_is_a_greeting_and_nothing_more(text: str, is_one: bool) -> None:
    assert greets(text) is is_one


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_things_with_the_same_values(language: str) -> None:
    fields = {
        key: {name for _, name, _, _ in string.Formatter().parse(text) if name}
        for key, text in speech(language).sentences.items()
    }
    english = {
        key: {name for _, name, _, _ in string.Formatter().parse(text) if name}
        for key, text in speech("en").sentences.items()
    }
    assert fields == english


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_question_about_an_order_is_answered_by_the_words_that_it_asks_for(language: str) -> None:
    assert any(decision(" ".join(phrase)) is Decision.YES for phrase in speech(language).yes)
    assert any(decision(" ".join(phrase)) is Decision.NO for phrase in speech(language).no)


def test_a_language_that_we_have_no_sentences_in_gets_english_ones() -> None:
    assert speech("ja").language == "en"
    assert speech("pt-BR").language == "pt"
