"""What does this customer prefer, judging by what was asked before?"""

from __future__ import annotations

from tasks.book_review.prompt_data import fenced
from tasks.module_graph.questions.asking import answer
from tasks.module_graph.questions.contracts import PreferenceReading, Preferences, ValidQuestion
from tasks.module_graph.questions.history import past_questions, preferences_of, reading_of
from tasks.module_graph.questions.prompts import PREFERENCES
from tasks.module_graph.worker import ModuleWorker


class HistoryPreferences(ModuleWorker[ValidQuestion, Preferences]):
    """Counts what earlier questions were about; a model, where one can be asked, puts it into words."""

    async def process(self, data: ValidQuestion) -> Preferences:
        past = await past_questions(self.services.documents, data, self.context.run_id)
        known = preferences_of(data, past)
        if not past:
            return known.model_copy(update={"provider": "extractive", "model_id": "extractive"})
        values = {
            "figures": f"{len(past)} earlier questions; by category {known.categories}",
            "history": fenced("earlier questions, newest first", "\n".join(one.text for one in past), 8000),
            "question": fenced("question", data.pergunta, 4000),
            "language": known.language,
        }
        reply = await answer(
            self.services, self.context, PREFERENCES, values, PreferenceReading, lambda: reading_of(known)
        )
        told = PreferenceReading.model_validate(reply.output)
        return known.model_copy(update={**told.model_dump(), "provider": reply.provider, "model_id": reply.model_id})
