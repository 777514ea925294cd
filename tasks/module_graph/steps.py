"""The tasks of a graph: one run of a module, and the delivery of a result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import httpx
from prefect import task
from prefect.tasks import Task, exponential_backoff

from spine.contracts.graphs import ModuleRules
from spine.document_values import plain_value
from spine.error_texts import said
from spine.errors import (
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    PermanentError,
    RetryableError,
    TimeLimitError,
)
from spine.scarcity import is_scarcity
from spine.services import current_services
from tasks.module_graph.child import run_in_child
from tasks.module_graph.discovery import module_of
from tasks.module_graph.sink import deliver
from tasks.module_graph.worker import ModuleContext
from tasks.retrying import RETRIED, STAGE, obeys_retry_after

LARGEST_OUTPUT: Final = 256 * 1024
"""Bytes of JSON. Outputs are kept with the job and handed from module to module; larger things belong in a store."""

GRACE_SECONDS: Final = 2.0
"""For a module that is cancelled to tidy up."""

_STORED_BELOW: Final = 5
"""How deep in a record outputs lie; records have an end of their depth."""


@task(name="run module", **STAGE)
@obeys_retry_after
async def run_module(
    key: str, context: ModuleContext, data: Mapping[str, Any], isolation: str, timeout: float
) -> dict[str, Any]:
    """One try of a module: `TimeLimitError` after `timeout` seconds; what else it raises says if a retry may help."""
    work = asyncio.create_task(_translated(context, data, isolation), name=f"one try of {context.module}")
    try:
        in_time, _ = await asyncio.wait([work], timeout=timeout)
    finally:
        await _ended(work)
    if not in_time:
        raise TimeLimitError(f"Module {context.module} did not end within {timeout:g} s.", limit_seconds=timeout)
    if work.cancelled():  # not by us: then the wait above would not have come to its end, or not in time
        raise PermanentError(f"Module {context.module} cancelled itself.")
    return work.result()


async def _ended(work: asyncio.Task[dict[str, Any]]) -> None:
    """Cancel it if it still runs. A coroutine that does not let itself be cancelled is left behind, like a thread."""
    if work.cancel():
        await asyncio.wait([work], timeout=GRACE_SECONDS)


async def _translated(context: ModuleContext, data: Mapping[str, Any], isolation: str) -> dict[str, Any]:
    """The module's output, and its faults as errors that say whether another try may help."""
    try:
        return await _run(context, data, isolation)
    except (TimeoutError, ConnectionError, httpx.TransportError) as error:
        raise _lost(context, error) from error
    except (MillraceError, asyncio.CancelledError, KeyboardInterrupt):  # in the loop, the last is a person's Ctrl-C
        raise
    except BaseException as error:  # `sys.exit()` would end the lane, others would look like a process that was lost
        raise _met(context, error) from error


async def _run(context: ModuleContext, data: Mapping[str, Any], isolation: str) -> dict[str, Any]:
    folder = current_services().settings.modules_dir
    if isolation == "process":
        output = await run_in_child(folder, context, data)
    else:
        output = await module_of(folder, context.module)(context).run(data)
    _check_storable(context.module, output)
    return output


def _check_storable(module: str, output: dict[str, Any]) -> None:
    """Before the output is kept as this task's result: it would come back from there however often the job goes on."""
    if (size := len(json.dumps(output).encode())) > LARGEST_OUTPUT:
        raise PermanentError(
            f"The output of module {module} has {size:,} bytes; at most {LARGEST_OUTPUT:,} are kept. "
            "Store the content and put its address into the output."
        )
    try:
        plain_value(output, "output", _STORED_BELOW)
    except InvalidInputError as error:
        raise PermanentError(f"The output of module {module} cannot be stored: {error.message}.") from error


def _lost(context: ModuleContext, error: Exception) -> ExternalServiceError:
    told = f"Module {context.module} lost a connection: {said(error) or type(error).__name__}"
    return ExternalServiceError(told, service=context.module)


def _met(context: ModuleContext, error: BaseException) -> MillraceError:
    """A fault of the module, and final; what the machine is out of for a while is worth another try."""
    told = f"Module {context.module} met {type(error).__name__}: {said(error)}"
    return RetryableError(told) if is_scarcity(error) else PermanentError(told)


@lru_cache(maxsize=1024)
def task_of(module: str, retries: int, retry_delay: float) -> Task[..., Any]:
    """`run_module` under the module's name, retried as the graph says."""
    return run_module.with_options(
        name=module, retries=retries, retry_delay_seconds=exponential_backoff(backoff_factor=retry_delay)
    )


def task_for(module: str, rules: ModuleRules) -> Task[..., Any]:
    return task_of(module, rules.retries, rules.retry_delay)


@task(name="deliver result", task_run_name="deliver to {sink}", **RETRIED)
@obeys_retry_after
async def deliver_result(run_id: str, job_id: str, sink: str) -> None:
    """Send the stored result of a run to its sink, once."""
    await deliver(current_services(), run_id, job_id, sink)
