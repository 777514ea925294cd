"""A stuck event loop ends its process, after saying where and with what."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time

import pytest

from deployments.loop_watchdog import EXIT_STUCK, LoopWatchdog

_STUCK = """
import asyncio, logging, sys, time
from deployments.loop_watchdog import LoopWatchdog

logging.basicConfig(stream=sys.stderr)

async def poisoned():
    await asyncio.sleep(0.1)
    {stuck}

async def main():
    watchdog = LoopWatchdog(lambda: ["job_1", "job_2"], bound=0.5)
    watching = asyncio.create_task(watchdog.beat_forever())
    await asyncio.create_task(poisoned(), name="work of job_2")

asyncio.run(main())
"""


def test_a_loop_that_is_stuck_names_its_jobs_and_the_line_and_ends_the_process() -> None:
    script = textwrap.dedent(_STUCK.format(stuck="while True: pass"))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert ended.returncode == EXIT_STUCK
    assert "stuck for" in ended.stderr and "in work of job_2; running: job_1, job_2" in ended.stderr
    assert "in poisoned" in ended.stderr


def test_a_loop_that_is_slow_but_goes_from_task_to_task_is_left_alone() -> None:
    crowd = "await asyncio.gather(*(slow() for _ in range(12)))\n\nasync def slow():\n    time.sleep(0.2)"
    script = textwrap.dedent(_STUCK).format(stuck=crowd)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr) == (0, "")


async def test_a_loop_that_breathes_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    watching = asyncio.create_task(LoopWatchdog(list, bound=0.2, leave=left.append).beat_forever())
    for _ in range(30):
        await asyncio.sleep(0.02)
    watching.cancel()
    await asyncio.wait([watching])
    time.sleep(0.4)  # nobody watches any more
    assert left == []
