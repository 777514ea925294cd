"""Reading customers' questions by rules: Portuguese and English, what can be answered, what is preferred."""

from __future__ import annotations

import pytest

from spine.documents import CONVERSATIONS, GRAPH_JOBS, MESSAGES
from spine.testing.memory_documents import MemoryDocuments
from tasks.module_graph.questions.contracts import PastQuestion, ValidQuestion
from tasks.module_graph.questions.history import past_questions, preferences_of
from tasks.module_graph.questions.reading import category_of, entities_of, language_of, read_intent, topics_of


@pytest.mark.parametrize(
    ("text", "answerable", "category", "language"),
    [
        ("Onde está o meu pedido #A1234?", True, "order", "pt"),
        ("Where is my order #A1234?", True, "order", "en"),
        ("Quanto tempo leva a entrega para Recife?", True, "delivery", "pt"),
        ("Gostaria de um reembolso da fatura de março.", True, "billing", "pt"),
        ("The app keeps crashing, what can I do?", True, "technical", "en"),
        ("Como troco a senha da minha conta?", True, "account", "pt"),
        ("What does the large plan cost?", True, "product", "en"),
        ("Vocês abrem no domingo?", True, "general", "pt"),
        ("Oi, bom dia!", False, "general", "pt"),
        ("Thank you, bye", False, "general", "en"),
        ("qwrtpsdfg zxcvbnm", False, "general", "pt"),
        ("????!!!", False, "general", "pt"),
        ("O céu é azul.", False, "general", "pt"),
    ],
)
def test_a_message_is_read_by_rules(text: str, answerable: bool, category: str, language: str) -> None:
    reading = read_intent(text)

    assert (reading.answerable, reading.category, reading.language) == (answerable, category, language)
    assert reading.reason


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Meu pedido #A1234 para ana@loja.example custou R$ 59,90", ["#A1234", "ana@loja.example", "R$ 59,90"]),
        ('O modelo "Tide Clock" chega em São Paulo?', ["Tide Clock", "São Paulo"]),
        ("nada com nome aqui", []),
    ],
)
def test_what_a_message_names_is_found_word_for_word(text: str, named: list[str]) -> None:
    assert entities_of(text) == named


def test_every_text_has_a_language_and_a_category() -> None:
    for text in ("", "   ", "🙂", "да", "x" * 20_000):
        assert language_of(text) in ("pt", "en") and category_of(text) == "general"


def test_topics_are_words_that_come_back() -> None:
    assert topics_of(["onde está o relógio azul", "o relógio parou", "troca da pulseira"]) == ["relogio"]


ASKED = ValidQuestion(username="ana", projeto="loja", pergunta="Onde está o meu pedido?")


def test_preferences_rest_on_figures() -> None:
    past = [PastQuestion(text="Onde está o meu pedido do relógio?", category="order")] * 3
    known = preferences_of(ASKED, [*past, PastQuestion(text="Quanto custa o frete?", category="delivery")])

    assert known.categories == {"order": 3, "delivery": 1}
    assert (known.questions_seen, known.detail, known.language) == (4, "short", "pt")
    assert "relogio" in known.topics and "order" in known.summary


def test_somebody_new_has_no_preferences() -> None:
    known = preferences_of(ASKED, [])

    assert (known.preferences, known.detail, known.questions_seen) == ([], "unknown", 0)


async def test_only_this_customers_words_are_looked_at() -> None:
    documents = MemoryDocuments()
    for number, (username, projeto) in enumerate([("ana", "loja"), ("ana", "outra"), ("rui", "loja")]):
        asked = {"username": username, "projeto": projeto, "pergunta": f"pergunta {number}?"}
        await documents.insert(GRAPH_JOBS, {"_id": f"grj_{number}", "input": asked, "created": str(number)})
    await documents.insert(CONVERSATIONS, {"_id": "s1", "user_id": "ana", "updated": "1"})
    await documents.insert(CONVERSATIONS, {"_id": "s2", "user_id": "9", "user_name": "ana", "updated": "1"})
    for session, role, text in (
        ("s1", "user", "minha"),
        ("s1", "assistant", "resposta"),
        ("s2", "user", "de outra"),
    ):
        await documents.insert(MESSAGES, {"session_id": session, "role": role, "text": text, "created": "1"})

    past = await past_questions(documents, ASKED, "grj_9")

    assert [one.text for one in past] == ["pergunta 0?", "minha"]
    assert [one.text for one in await past_questions(documents, ASKED, "grj_0")] == ["minha"]
