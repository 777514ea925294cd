"""Asking a model from a module: the prompt in use, the chain of providers, the account of what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spine.contracts.answers import StageAnswer
from spine.contracts.pipelines import Prompt, StepConfig, StepType
from spine.contracts.usage import UsageAccount
from spine.graphs import MODULE_GRAPH
from spine.ports import T
from spine.prompts import PromptShelf
from spine.services import Services
from tasks.book_review.asking import Asking, ask
from tasks.book_review.configuration import settle_stage
from tasks.module_graph.questions.prompts import DEFAULT_PROMPTS
from tasks.module_graph.worker import ModuleContext


async def answer(
    services: Services,
    context: ModuleContext,
    purpose: str,
    values: Mapping[str, str],
    output_type: type[T],
    extractive: Callable[[], T],
) -> StageAnswer:
    """The first valid answer along the chain; by rules (`extractive`) where no model has a key or can be reached.

    Raises what `tasks.book_review.asking.ask` raises.
    """
    prompt = await PromptShelf(services.documents).active(purpose) or _default(purpose)
    step = StepConfig(id=context.module, type=StepType.LLM, default_prompt_purpose=purpose)
    settled = settle_stage(step, prompt, None, {}, services.models.available(), allow_extractive=True)
    account = UsageAccount(
        submission_id=context.run_id, job_id=context.job_id, pipeline=MODULE_GRAPH, stage=context.module
    )
    asking = Asking(prompt=prompt, chain=settled.chain, made_in=context.job_id, account=account)
    return await ask(asking, values, output_type, extractive)


def _default(purpose: str) -> Prompt:
    return next(prompt for prompt in DEFAULT_PROMPTS if prompt.purpose == purpose)
