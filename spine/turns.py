"""One at a time within this process: whoever asks for a turn of the same name waits for the one before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary, WeakValueDictionary

_Locks = WeakValueDictionary[str, asyncio.Lock]
_locks_of: WeakKeyDictionary[asyncio.AbstractEventLoop, _Locks] = WeakKeyDictionary()


@asynccontextmanager
async def turn(name: str) -> AsyncGenerator[None]:
    """Turns of one name come in the order in which they were asked for; an empty name never waits.

    A name is known for as long as somebody has its turn or waits for it, in one event loop.
    """
    if not name:
        yield
        return
    locks = _locks_of.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    lock = locks.setdefault(name, asyncio.Lock())
    async with lock:
        yield
