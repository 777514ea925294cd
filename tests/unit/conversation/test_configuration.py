"""Which pipeline and prompt a conversation asks its models by."""

from __future__ import annotations

import pytest

from spine.contracts.pipelines import Prompt
from spine.documents import ensure_indexes
from spine.errors import InvalidInputError, NotFoundError
from spine.pipeline_shelf import PipelineShelf
from spine.prompt_templates import check_template
from spine.prompts import PromptShelf
from spine.testing.memory_documents import MemoryDocuments
from tasks.book_review.template import TEMPLATE as BOOK_REVIEW
from tasks.conversation.configuration import load_pipeline, seed, settled_step
from tasks.conversation.prompts import DEFAULT_PROMPTS
from tasks.conversation.template import REPLY, TEMPLATE
from tests.flows.conversation_world import open_world


@pytest.fixture
async def documents() -> MemoryDocuments:
    store = MemoryDocuments()
    await ensure_indexes(store)
    return store


@pytest.mark.parametrize("prompt", DEFAULT_PROMPTS, ids=lambda prompt: prompt.purpose)
def test_every_prompt_asks_for_what_its_purpose_can_give(prompt: Prompt) -> None:
    check_template(prompt)


def test_every_step_has_a_prompt() -> None:
    purposes = {prompt.purpose for prompt in DEFAULT_PROMPTS}
    assert {step.default_prompt_purpose for step in TEMPLATE.steps} == purposes


async def test_what_was_never_stored_is_the_template(documents: MemoryDocuments) -> None:
    assert await load_pipeline(documents, "conversation") == TEMPLATE


async def test_a_pipeline_that_is_missing_or_not_for_conversations_is_named(documents: MemoryDocuments) -> None:
    with pytest.raises(NotFoundError, match="sales-bot"):
        await load_pipeline(documents, "sales-bot")
    await PipelineShelf(documents).seed(BOOK_REVIEW)
    with pytest.raises(NotFoundError, match="not one for conversations: it has no confirmation, followup, reply"):
        await load_pipeline(documents, "book-review")


async def test_an_edited_prompt_and_a_named_one_are_used() -> None:
    world = await open_world()
    documents = world.services.documents
    await seed(documents)
    edited = DEFAULT_PROMPTS[0].model_copy(update={"template": "Speak in rhymes.", "active": True})
    await PromptShelf(documents).add(edited)
    settled = await settled_step(world.services, TEMPLATE, REPLY)
    assert settled.prompt is not None and settled.prompt.template == "Speak in rhymes."
    assert [choice.provider for choice in settled.chain] == ["groq", "extractive"]

    step = TEMPLATE.step(REPLY).model_copy(update={"prompt_id": "conversation-reply:1"})
    pinned = TEMPLATE.model_copy(update={"steps": [step, *TEMPLATE.steps[1:]]})
    settled = await settled_step(world.services, pinned, REPLY)
    assert settled.prompt is not None and "search_persona" in settled.prompt.template
    lost = step.model_copy(update={"prompt_id": "no-such-prompt"})
    with pytest.raises(InvalidInputError, match="no-such-prompt"):
        await settled_step(world.services, TEMPLATE.model_copy(update={"steps": [lost]}), REPLY)
