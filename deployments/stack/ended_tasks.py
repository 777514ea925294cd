"""Ending a task for certain."""

from __future__ import annotations

import asyncio
from typing import Any


async def end_task(task: asyncio.Task[Any], again: float = 0.5) -> None:
    """Cancel it every `again` seconds until it has ended: a client may take one cancellation for an answer that did not
    come, and whoever asks it in a loop goes on. What it raises is nobody's."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=again)
    if not task.cancelled():
        task.exception()
