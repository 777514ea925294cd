"""Runs a lane's event loop beside the main thread, which keeps the signals."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def run_beside(main: Main) -> None:
    """Run `main(stop)` to its end; SIGTERM and SIGINT set `stop`. Raises what `main` raised.

    While a flow run is open in the main thread, Prefect takes SIGTERM over and raises it wherever the code happens to
    be. In a thread of its own the loop is asked to stop, and drains.
    """
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    errors: list[BaseException] = []

    def serve() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(main(stop))
        except BaseException as error:
            errors.append(error)

    def ask(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    thread = threading.Thread(target=serve, name="lane")
    thread.start()
    try:
        thread.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if errors:
        raise errors[0]
