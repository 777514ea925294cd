"""Asking models for one job of a conversation: along the step's chain, within the budget, with an account of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from spine.budget import Budget, Purse, Spend, paying_from
from spine.chat_port import ChatReply, ChatRequest, ChatTool, ChatTurn
from spine.contracts.conversations import CONVERSATION
from spine.contracts.jobs import Usage
from spine.contracts.pipelines import PipelineConfig, Prompt
from spine.contracts.usage import UsageAccount
from spine.documents import USAGE
from spine.errors import NotConfiguredError
from spine.model_chain import noting_attempts
from spine.ports import ModelChoice, ModelRequest, T
from spine.prompt_templates import render
from spine.services import Services
from spine.usage import record_usage
from tasks.conversation.configuration import load_pipeline, settled_step


@dataclass
class Tally:
    """What the surrounding job has spent on models so far, failed attempts included."""

    usage: Usage


_tally: ContextVar[Tally | None] = ContextVar("millrace_conversation_tally", default=None)


@contextmanager
def tallying() -> Generator[Tally]:
    """Whatever is asked inside the block, in its tasks too, is added up; the sum is there however it ends."""
    tally = Tally(Usage())
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)


@dataclass(frozen=True, slots=True)
class Asking:
    """The models as one job asks them. Lives as long as the job's attempt."""

    services: Services
    pipeline: PipelineConfig
    session_id: str
    job_id: str

    async def say(self, step_id: str, values: Mapping[str, str], extractive: Callable[[], str]) -> ChatReply:
        """Words for a purpose that needs no conversation around it."""
        prompt, chain = await self._settled(step_id)
        turns = [ChatTurn("user", render(prompt, values))]
        request = ChatRequest(prompt.purpose, prompt.system, turns, extractive=extractive)
        return await self._reply(step_id, request, chain)

    async def converse(
        self,
        step_id: str,
        values: Mapping[str, str],
        turns: Sequence[ChatTurn],
        tools: Sequence[ChatTool],
        extractive: Callable[[], str],
    ) -> ChatReply:
        """The next words of a conversation; the prompt's text goes before it, not into it."""
        prompt, chain = await self._settled(step_id)
        system = f"{prompt.system}\n\n{render(prompt, values)}"
        request = ChatRequest(prompt.purpose, system, turns, tools, extractive)
        return await self._reply(step_id, request, chain)

    async def judge(
        self, step_id: str, values: Mapping[str, str], output_type: type[T], extractive: Callable[[], T]
    ) -> T:
        """A typed answer."""
        prompt, chain = await self._settled(step_id)
        request = ModelRequest(
            prompt.purpose, prompt.system, render(prompt, values), output_type=output_type, extractive=extractive
        )
        async with self._accounted(step_id, prompt.purpose):
            return (await self.services.models.answer(request, chain)).output

    async def _reply(self, step_id: str, request: ChatRequest, chain: Sequence[ModelChoice]) -> ChatReply:
        async with self._accounted(step_id, request.purpose):
            return await self.services.chats.reply(request, chain)

    async def _settled(self, step_id: str) -> tuple[Prompt, Sequence[ModelChoice]]:
        settled = await settled_step(self.services, self.pipeline, step_id)
        if settled.prompt is None:
            raise NotConfiguredError(f"The step {step_id} has no prompt; give it one in the pipeline.", what="prompt")
        return settled.prompt, settled.chain

    @asynccontextmanager
    async def _accounted(self, step_id: str, purpose: str) -> AsyncGenerator[None]:
        """What is spent inside is written down and added up, however it ends."""
        account = UsageAccount(submission_id=self.session_id, job_id=self.job_id, pipeline=CONVERSATION, stage=step_id)
        with noting_attempts() as attempts:
            try:
                yield
            finally:
                if (tally := _tally.get()) is not None:
                    tally.usage = sum((attempt.usage for attempt in attempts), tally.usage)
                await record_usage(self.services.documents, account, purpose, attempts)


@asynccontextmanager
async def asking_for(services: Services, slug: str, session_id: str, job_id: str) -> AsyncGenerator[Asking]:
    """The models by the pipeline `slug`. Its budget is what one job may spend, all its attempts together."""
    pipeline = await load_pipeline(services.documents, slug)
    asking = Asking(services, pipeline, session_id, job_id)
    budget = Budget(tokens=pipeline.budget_tokens, usd=pipeline.budget_usd)
    if budget.is_unlimited:
        yield asking
        return
    with paying_from(Purse(budget, services.price, await _spent_by(services, session_id, job_id))):
        yield asking


def models_failed(said: ChatReply) -> bool:
    """Whether it was said without a model though there is one, which was asked and did not answer."""
    asked = (attempt for attempt in said.attempts if attempt["outcome"] == "failed")
    return said.provider == "extractive" and any(one["error_class"] != NotConfiguredError.__name__ for one in asked)


async def _spent_by(services: Services, session_id: str, job_id: str) -> Spend:
    found = await services.documents.find(USAGE, {"submission_id": session_id, "job_id": job_id})
    return sum((Spend(one["input_tokens"] + one["output_tokens"], one["cost_usd"] or 0.0) for one in found), Spend())
