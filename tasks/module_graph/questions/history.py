"""What a customer asked before: earlier questions of the same project, and messages of the customer's conversations."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from spine.documents import CONVERSATIONS, GRAPH_JOBS, MESSAGES
from spine.ports import Documents
from tasks.module_graph.questions.contracts import PastQuestion, PreferenceReading, Preferences, ValidQuestion
from tasks.module_graph.questions.reading import category_of, language_of, topics_of

_MOST: Final = 100
_DETAILED: Final = 25  # words in a usual question
_FEW: Final = 3


async def past_questions(documents: Documents, question: ValidQuestion, run_id: str) -> list[PastQuestion]:
    """Newest first, at most 200. Only of this very customer: display names, which two may share, are not looked at."""
    asked = await documents.find(
        GRAPH_JOBS,
        {"input.username": question.username, "input.projeto": question.projeto, "_id": {"$ne": run_id}},
        sort=[("created", -1)],
        limit=_MOST,
    )
    texts = [text for run in asked if isinstance(text := run["input"].get("pergunta"), str)]
    texts += await _said(documents, question.username)
    return [PastQuestion(text=text, category=category_of(text)) for text in texts if text.strip()]


async def _said(documents: Documents, username: str) -> list[str]:
    sessions = await documents.find(CONVERSATIONS, {"user_id": username}, sort=[("updated", -1)], limit=20)
    ids = sorted({username, *(session["_id"] for session in sessions)})
    where: dict[str, Any] = {"session_id": {"$in": ids}, "role": "user"}
    found = await documents.find(MESSAGES, where, sort=[("created", -1)], limit=_MOST)
    return [text for message in found if isinstance(text := message.get("text"), str)]


def preferences_of(question: ValidQuestion, past: list[PastQuestion]) -> Preferences:
    """What the figures alone say, in sentences."""
    texts = [one.text for one in past]
    counts = Counter(one.category for one in past)
    language = language_of(" ".join([question.pergunta, *texts[:20]])) if past else question.language
    words = sorted(len(text.split()) for text in texts)
    known = Preferences(
        username=question.username,
        projeto=question.projeto,
        questions_seen=len(past),
        categories=dict(counts.most_common()),
        topics=topics_of(texts) if past else [],
        language=language,
        detail=("detailed" if words[len(words) // 2] >= _DETAILED else "short") if len(past) >= _FEW else "unknown",
        preferences=[],
        summary="",
    )
    return known.model_copy(update=reading_of(known).model_dump())


def reading_of(known: Preferences) -> PreferenceReading:
    """The figures in the customer's language."""
    say = _SENTENCES[known.language]
    if not known.questions_seen:
        return PreferenceReading(preferences=[], summary=say["none"])
    told = [say["category"].format(category=next(iter(known.categories)), count=next(iter(known.categories.values())))]
    if known.topics:
        told.append(say["topics"].format(topics=", ".join(known.topics)))
    if known.detail != "unknown":
        told.append(say[known.detail])
    told.append(say["language"])
    return PreferenceReading(preferences=told, summary=say["summary"].format(count=known.questions_seen, first=told[0]))


_SENTENCES: Final[dict[str, dict[str, str]]] = {
    "pt": {
        "none": "Ainda não há perguntas anteriores deste cliente.",
        "category": "Pergunta mais sobre “{category}” ({count}×).",
        "topics": "Assuntos que se repetem: {topics}.",
        "short": "Escreve mensagens curtas; respostas diretas combinam.",
        "detailed": "Escreve mensagens longas; respostas detalhadas combinam.",
        "language": "Escreve em português.",
        "summary": "{count} perguntas anteriores. {first}",
    },
    "en": {
        "none": "There are no earlier questions of this customer yet.",
        "category": "Asks most about “{category}” ({count}×).",
        "topics": "Topics that come back: {topics}.",
        "short": "Writes short messages; direct answers fit.",
        "detailed": "Writes long messages; detailed answers fit.",
        "language": "Writes in English.",
        "summary": "{count} earlier questions. {first}",
    },
}
