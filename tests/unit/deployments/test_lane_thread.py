"""A lane's loop runs beside the main thread and is asked to stop by signals."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from deployments.lane_thread import run_beside


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_the_loop_to_stop_and_it_may_drain(number: signal.Signals) -> None:
    seen: list[str] = []

    async def main(stop: asyncio.Event) -> None:
        assert threading.current_thread() is not threading.main_thread()
        os.kill(os.getpid(), number)
        await stop.wait()
        seen.append("asked")
        await asyncio.sleep(0.01)
        seen.append("drained")

    before = signal.getsignal(number)
    run_beside(main)
    assert seen == ["asked", "drained"]
    assert signal.getsignal(number) == before


def test_the_error_of_the_loop_is_the_error_of_the_process() -> None:
    async def main(stop: asyncio.Event) -> None:
        raise ValueError("no Redis")

    with pytest.raises(ValueError, match="no Redis"):
        run_beside(main)
