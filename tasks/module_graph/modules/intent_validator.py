"""Is this a question that can be answered, and what is it about?"""

from __future__ import annotations

from tasks.book_review.prompt_data import fenced
from tasks.module_graph.questions.asking import answer
from tasks.module_graph.questions.contracts import CustomerQuestion, Intent, IntentReading
from tasks.module_graph.questions.prompts import INTENT
from tasks.module_graph.questions.reading import read_intent
from tasks.module_graph.worker import ModuleWorker


class IntentValidator(ModuleWorker[CustomerQuestion, Intent]):
    """Asks a model, or rules where none can be asked. What cannot be answered says why in `reason`."""

    async def process(self, data: CustomerQuestion) -> Intent:
        values = {"question": fenced("message of a customer", data.pergunta, 6000)}
        reply = await answer(
            self.services, self.context, INTENT, values, IntentReading, lambda: read_intent(data.pergunta)
        )
        reading = IntentReading.model_validate(reply.output)
        entities = [entity for entity in reading.entities if entity in data.pergunta]
        return Intent(
            **reading.model_dump(exclude={"entities"}),
            entities=entities,
            provider=reply.provider,
            model_id=reply.model_id,
        )
