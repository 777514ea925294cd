"""How many runs of one module go on at once in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from spine.contracts.graphs import ModuleRules

_Slots = dict[tuple[str, str, int], asyncio.Semaphore]
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Slots] = WeakKeyDictionary()
"""Places by graph, module and limit. They belong to an event loop and go with it."""


@asynccontextmanager
async def place(
    graph: str, module: str, rules: ModuleRules, on_wait: Callable[[], Awaitable[None]]
) -> AsyncGenerator[bool]:
    """Hold one of the module's places; gives whether there was a wait for it, which `on_wait` was told."""
    if rules.concurrency is None:
        yield False
        return
    slots = _by_loop.setdefault(asyncio.get_running_loop(), {})
    semaphore = slots.setdefault((graph, module, rules.concurrency), asyncio.Semaphore(rules.concurrency))
    waited = semaphore.locked()
    if waited:
        await on_wait()
    async with semaphore:
        yield waited
