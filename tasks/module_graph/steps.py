"""The tasks of a graph: one run of a module, and the delivery of a result."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import httpx
from prefect import task
from prefect.tasks import Task, exponential_backoff

from spine.contracts.graphs import ModuleRules
from spine.errors import ExternalServiceError, MillraceError, PermanentError, RetryableError, TimeLimitError
from spine.services import current_services
from tasks.module_graph.child import run_in_child
from tasks.module_graph.discovery import module_of
from tasks.module_graph.sink import deliver
from tasks.module_graph.worker import ModuleContext
from tasks.retrying import RETRIED, STAGE, obeys_retry_after

LARGEST_OUTPUT: Final = 256 * 1024
"""Bytes of JSON. Outputs are kept with the job and handed from module to module; larger things belong in a store."""

_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM, errno.EAGAIN})
"""No file, no room, no memory: on every module's way, and nobody's mistake."""


@task(name="run module", **STAGE)
@obeys_retry_after
async def run_module(
    key: str, context: ModuleContext, data: Mapping[str, Any], isolation: str, timeout: float
) -> dict[str, Any]:
    """One try of a module: `TimeLimitError` after `timeout` seconds; what else it raises says if a retry may help."""
    scope = asyncio.timeout(timeout)
    try:
        async with scope:
            output = await _run(context, data, isolation)
    except TimeoutError as error:
        if not scope.expired():
            raise _lost(context, error) from error
        raise TimeLimitError(
            f"Module {context.module} did not end within {timeout:g} s.", limit_seconds=timeout
        ) from error
    except (ConnectionError, httpx.TransportError) as error:
        raise _lost(context, error) from error
    except asyncio.CancelledError as error:
        if (me := asyncio.current_task()) and me.cancelling():
            raise
        raise PermanentError(f"Module {context.module} cancelled itself.") from error
    except MillraceError:
        raise
    except Exception as error:
        raise _met(context, error) from error
    if (size := len(json.dumps(output).encode())) > LARGEST_OUTPUT:
        raise PermanentError(
            f"The output of module {context.module} has {size:,} bytes; at most {LARGEST_OUTPUT:,} are kept. "
            "Store the content and put its address into the output."
        )
    return output


async def _run(context: ModuleContext, data: Mapping[str, Any], isolation: str) -> dict[str, Any]:
    folder = current_services().settings.modules_dir
    if isolation == "process":
        return await run_in_child(folder, context, data)
    return await module_of(folder, context.module)(context).run(data)


def _lost(context: ModuleContext, error: Exception) -> ExternalServiceError:
    told = f"Module {context.module} lost a connection: {error or type(error).__name__}"
    return ExternalServiceError(told, service=context.module)


def _met(context: ModuleContext, error: Exception) -> MillraceError:
    """A fault of the module, and final; what the machine is out of for a while is worth another try."""
    told = f"Module {context.module} met {type(error).__name__}: {error}"
    passing = isinstance(error, OSError) and error.errno in _PASSING
    return RetryableError(told) if passing else PermanentError(told)


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
