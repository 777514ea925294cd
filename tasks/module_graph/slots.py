"""How many runs of one module go on at once in this process."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

_Places = dict[tuple[str, str, int], asyncio.Semaphore]
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Places] = WeakKeyDictionary()
"""Places by graph, module and limit. They belong to an event loop and go with it."""


def places(graph: str, module: str, limit: int) -> asyncio.Semaphore:
    """The places of this module, shared by all jobs of the process; who enters it holds one."""
    of_loop = _by_loop.setdefault(asyncio.get_running_loop(), {})
    return of_loop.setdefault((graph, module, limit), asyncio.Semaphore(limit))
