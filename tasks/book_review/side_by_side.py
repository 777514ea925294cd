"""The parts of one stage at the same time: its links, its sources."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tasks.book_review.review import Stage

R = TypeVar("R")
T = TypeVar("T")


async def side_by_side(stage: Stage, items: Sequence[R], work: Callable[[R], Awaitable[T]]) -> list[T]:
    """All at once, progress with each that is done, results in the order of the items; an error ends all of them."""
    done = 0

    async def counted(item: R) -> T:
        nonlocal done
        result = await work(item)
        done += 1
        await stage.progress(done, len(items))
        return result

    running = [asyncio.create_task(counted(item)) for item in items]
    try:
        return await asyncio.gather(*running)
    except BaseException:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise
