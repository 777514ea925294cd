"""A task that is to end does, whatever its clients make of a cancellation."""

from __future__ import annotations

import asyncio

from deployments.stack.ended_tasks import end_task


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def asks_for_ever() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = asyncio.create_task(asks_for_ever())
    await asyncio.sleep(0)
    await end_task(task, again=0.01)
    assert task.cancelled() and swallowed == 3
