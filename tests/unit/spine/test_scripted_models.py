"""The in-memory twin of the models keeps the same rules as the real ones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from spine.errors import InvalidModelOutputError, MillraceError, NotConfiguredError, RateLimitError
from spine.ports import ModelChoice, ModelRequest
from spine.testing.scripted_models import ScriptedModels


class City(BaseModel):
    city: str
    country: str


OSLO = City(city="Oslo", country="Norway")


def question(**more: Any) -> ModelRequest[City]:
    return ModelRequest(purpose="city", system="", prompt="Which city?", output_type=City, **more)


def choice(provider: str) -> ModelChoice:
    return ModelChoice(provider, "some-model")


async def test_answers_from_a_function_and_counts_the_calls() -> None:
    models = ScriptedModels(lambda request, link: {"city": link.provider, "country": request.prompt})
    reply = await models.answer(question(), [choice("groq")])
    assert reply.output == City(city="groq", country="Which city?")
    assert (models.purposes, reply.usage.calls) == (["city"], 1)
    assert reply.usage.output_tokens > 0


async def test_an_error_moves_on_to_the_next_link() -> None:
    def script(request: ModelRequest[Any], link: ModelChoice) -> City | MillraceError:
        return RateLimitError("slow down") if link.provider == "openai" else OSLO

    reply = await ScriptedModels(script).answer(question(), [choice("openai"), choice("groq")])
    assert reply.fallback_reason == "openai failed (RateLimitError: slow down), groq answered"


async def test_what_the_check_refuses_is_asked_again_and_then_fails() -> None:
    models = ScriptedModels(lambda request, link: OSLO)
    with pytest.raises(InvalidModelOutputError, match="not that one") as caught:
        await models.answer(question(check=lambda city: "not that one"), [choice("groq")])
    assert (len(models.calls), caught.value.attempts[0]["reasks"]) == (3, 2)


async def test_fields_that_do_not_fit_the_type_are_asked_again() -> None:
    models = ScriptedModels(lambda request, link: {"city": "Oslo"} if len(models.calls) == 1 else OSLO)
    reply = await models.answer(question(), [choice("groq")])
    assert (reply.output, reply.attempts[0]["reasks"]) == (OSLO, 1)


async def test_an_error_may_be_raised_too() -> None:
    def script(request: ModelRequest[Any], link: ModelChoice) -> City:
        raise NotConfiguredError("no key today")

    with pytest.raises(InvalidModelOutputError, match="no key today"):
        await ScriptedModels(script).answer(question(), [choice("groq")])


async def test_a_script_may_take_its_time() -> None:
    async def script(request: ModelRequest[Any], link: ModelChoice) -> City:
        await asyncio.sleep(0)
        return OSLO

    assert (await ScriptedModels(script).answer(question(), [choice("groq")])).output == OSLO


async def test_without_a_script_only_the_extractive_answer_is_left() -> None:
    reply = await ScriptedModels().answer(question(extractive=lambda: OSLO), [choice("groq"), choice("extractive")])
    assert reply.provider == "extractive"
