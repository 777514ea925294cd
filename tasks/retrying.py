"""How every task is retried and cached: stated once, used by each pipeline's steps."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ParamSpec, TypedDict, TypeVar

from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.tasks import exponential_backoff

from spine.errors import MillraceError, RateLimitError

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_OBEYED_WAIT = 60.0
"""Seconds. A service that asks for more than this is treated like one that is away."""


class TaskOptions(TypedDict, total=False):
    """The part of Prefect's task options that is the same for all stages."""

    retries: int
    retry_delay_seconds: Callable[[int], list[float]]
    retry_jitter_factor: float
    retry_condition_fn: Callable[[Any, Any, State[Any]], Any]
    persist_result: bool
    result_storage: Path
    result_serializer: str
    cache_key_fn: Callable[[TaskRunContext, dict[str, Any]], str | None]


async def worth_retrying(task: Any, run: Any, state: State[Any]) -> bool:
    """Only passing faults are tried again; a permanent error gives the same answer tomorrow."""
    try:
        await state.aresult(raise_on_failure=True)
    except MillraceError as error:
        return error.retryable
    except Exception:
        return False
    return False


def key_of_call(context: TaskRunContext, arguments: dict[str, Any]) -> str | None:
    """The cache key that the flow computed for this call (`spine.idempotency.stage_key`)."""
    return arguments.get("key")


JSON = "json"
"""How results are kept: Prefect's serializer that names the model and writes its fields."""

RETRIED: TaskOptions = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": worth_retrying,
}

STAGE: TaskOptions = {
    **RETRIED,
    "persist_result": True,
    "result_serializer": JSON,
    "cache_key_fn": key_of_call,
}
"""A stage's task: retried, and its result kept under the key it was called with, where
`PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK` says (Redis in a stack, files of `PREFECT_HOME` without one)."""

UNKEPT: TaskOptions = {"persist_result": False, "result_storage": Path(tempfile.gettempdir())}
"""A task whose result nobody looks up. The folder is never written to: of a task that names none, Prefect asks its
server first where results are kept, and one that has stopped answering would hold up every message."""


def obeys_retry_after(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Wait as long as a service asked for before the error goes on to the task's retry."""

    @functools.wraps(function)
    async def waiting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await function(*args, **kwargs)
        except RateLimitError as error:
            if error.retry_after:
                await asyncio.sleep(min(error.retry_after, LONGEST_OBEYED_WAIT))
            raise

    return waiting
