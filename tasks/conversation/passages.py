"""Passages of the persona that a conversation speaks as: found by meaning and words, shown as material, quoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, Field

from spine.chat_port import ChatTool
from spine.contracts.retrieval import SearchHit
from spine.documents import PERSONAS
from spine.errors import InvalidInputError, MillraceError
from spine.services import Services
from tasks.book_review.prompt_data import fenced
from tasks.book_review.writing.text_units import cut_at_sentence
from tasks.conversation.language import Speech
from tasks.retrieval.indexed_collection import collection_names
from tasks.retrieval.search import HybridSearch

SEARCH_TOOL = "search_persona"

_AHEAD = 4  # passages that go along with a message unasked
_PER_SEARCH = 6
_SHOWN = 1_200  # characters of a passage in a prompt
_QUOTED, _LONGEST_QUOTATION = 2, 600
_RELEVANT = 0.2
"""Of 1. A question that shares neither meaning nor words with a passage scores about 0.1."""
_LONGEST_QUESTION = 2_000  # characters of a message that are searched for


class PersonaQuestion(BaseModel):
    """What the model asks the persona's works."""

    query: str = Field(min_length=2, max_length=500, description="what to look for, in a few words")


@dataclass
class PersonaSearch:
    """One job's searches. `found` keeps every passage that was shown, by id, as long as the job's attempt."""

    services: Services
    persona_id: str | None
    found: dict[str, SearchHit] = field(default_factory=dict[str, SearchHit])
    trouble: str = ""
    """Why there are no passages although a persona is set; empty while all is well."""

    async def ahead_of(self, message: str) -> list[SearchHit]:
        """Passages on the message itself. Without the stores there are none, and `trouble` says so."""
        if self.persona_id is None or not message.strip():
            return []
        try:
            return await self._search(message[:_LONGEST_QUESTION], _AHEAD)
        except MillraceError as error:
            self.trouble = f"the passages of {self.persona_id} cannot be searched: {error}"
            return []

    def tools(self) -> list[ChatTool]:
        if self.persona_id is None or self.trouble:
            return []
        about = "Find passages in the works, quotes and profile of the persona. Give what to look for in a few words."
        return [ChatTool(SEARCH_TOOL, about, PersonaQuestion, self._answer)]

    async def _answer(self, question: PersonaQuestion) -> str:
        try:
            return shown_passages(await self._search(question.query, _PER_SEARCH)) or "Nothing was found."
        except InvalidInputError:
            raise
        except MillraceError as error:
            self.trouble = str(error)
            return "The passages cannot be searched at the moment."

    async def _search(self, question: str, limit: int) -> list[SearchHit]:
        persona_id = self.persona_id
        if persona_id is None or await self.services.documents.get(PERSONAS, persona_id) is None:
            self.trouble = f"there is no persona {persona_id!r}"
            return []
        stores = await self.services.passages()
        search = HybridSearch(stores.embedder, stores.vectors, stores.keywords, stores.looked_at)
        hits = await search.search(question, collection_names(persona_id), limit=limit)
        relevant = [hit for hit in hits if hit.score >= _RELEVANT]
        self.found.update((hit.id, hit) for hit in relevant)
        return relevant


def shown_passages(hits: Sequence[SearchHit]) -> str:
    """Passages for a prompt, each in its own fence with its work named."""
    return "\n\n".join(fenced(f"passage from {_work(hit)}", hit.text, _SHOWN) for hit in hits)


def quoted_passages(hits: Sequence[SearchHit], speech: Speech) -> str:
    """The answer without a model: the best passages word for word, or that there are none."""
    if not hits:
        return speech.say("nothing_found")
    quotations = [
        speech.say("cited", work=_work(hit), text=cut_at_sentence(hit.text.strip(), _LONGEST_QUOTATION))
        for hit in hits[:_QUOTED]
    ]
    return "\n\n".join([speech.say("found"), *quotations])


def _work(hit: SearchHit) -> str:
    return hit.work or hit.collection
