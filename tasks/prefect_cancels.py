"""Whether its flow run was cancelled in Prefect, asked by a process that is told to end and not told why."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException

_logger = logging.getLogger("millrace.jobs")

_PATIENCE_SECONDS: Final = 3.0
"""The worker kills a cancelled run's process half a minute after it asked it to end."""


async def is_process_cancelled() -> bool:
    """Whether this process was started for one flow run, its flows inside included, and that run was cancelled.

    False also when Prefect's server does not tell: the work is then tried again, which loses nothing.
    """
    flow_run_id = os.environ.get("PREFECT__FLOW_RUN_ID")
    if not flow_run_id:
        return False
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), get_client() as client:
            state = (await client.read_flow_run(UUID(flow_run_id))).state
    except (TimeoutError, PrefectException, httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        _logger.warning("whether flow run %s was cancelled is not known: %s", flow_run_id, error)
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())
