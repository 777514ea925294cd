"""Whether a flow run was cancelled in Prefect, asked by a process that is told to end and not told why."""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException

_logger = logging.getLogger("millrace.jobs")

_PATIENCE_SECONDS: Final = 3.0
"""The worker kills a cancelled run's process half a minute after it asked it to end."""


async def is_cancelled_in_prefect(flow_run_id: str) -> bool:
    """False also when Prefect's server does not tell: the work is then tried again, which loses nothing."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), get_client() as client:
            state = (await client.read_flow_run(UUID(flow_run_id))).state
    except (TimeoutError, PrefectException, httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        _logger.warning("whether flow run %s was cancelled is not known: %s", flow_run_id, error)
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())
