"""From `make up` to a healthy stack, and what the stack costs while nobody asks it for anything.

The environment is installed before. Every turn is another home: its first start makes the databases, its second one
finds them. Healthy is what `make up` waits for, every part and every step, and the gateway's own word on every
dependency; the demo review is left out. Idle is measured on the first stack, a while after it came up, over all its
processes: supervisor, stores, Prefect, worker, gateway, lanes.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.frame.figures import Effort, Figure, Note, Outcome, at_most
from benchmarks.frame.machine import ROOT
from benchmarks.surroundings.own_stack import processes_by_part, processes_of
from benchmarks.surroundings.processes import cpu_seconds, memory_bytes
from tests.stack.whole_stack import WholeStack

_UP, _IDLE = "`make up` to healthy, warm environment", "idle stack"
FIGURES = (
    Figure(_UP, "in a new home", "s", at_most(20)),
    Figure(_UP, "in a home that ran before", "s", at_most(20)),
    Figure(_IDLE, "CPU", "% of one core", at_most(10)),
    Figure(_IDLE, "memory in all (RSS)", "GB", at_most(2)),
)


@dataclass(frozen=True, slots=True)
class Idle:
    """Of all processes of the stack together."""

    cpu_percent: float
    rss: int
    pss: int
    processes: int
    by_part: dict[str, float]
    """Percent of one core; the supervisor's own under its name."""


def bench(effort: Effort) -> Outcome:
    fresh: list[float] = []
    again: list[float] = []
    idle: Idle | None = None
    for _ in range(effort.reps):
        with tempfile.TemporaryDirectory(prefix="millrace-bench-", ignore_cleanup_errors=True) as folder:
            stack = WholeStack(Path(folder) / "home")
            try:
                fresh.append(_until_healthy(stack))
                idle = idle or _idle(stack, effort)
                stack.command("down")
                again.append(_until_healthy(stack))
            finally:
                stack.close()
    assert idle is not None
    found = (median(fresh), median(again), idle.cpu_percent, idle.rss / 2**30)
    beside = [Note("idle memory, shared pages once (PSS)", idle.pss / 2**30, "GB")]
    beside.append(Note("processes of an idle stack", idle.processes, ""))
    beside += [Note(f"idle CPU: {name}", percent, "%") for name, percent in idle.by_part.items()]
    return Outcome({figure.name: value for figure, value in zip(FIGURES, found, strict=True)}, notes=beside)


def _until_healthy(stack: WholeStack) -> float:
    began = time.perf_counter()
    environment = {**stack.environment, "MAKEFLAGS": ""}
    words = ["make", "--no-print-directory", "up", "ARGS=--no-demo"]
    coming = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(lambda: _says_healthy(stack), "a healthy stack", 300)
        assert coming.wait(120) == 0, "make up failed"
        return time.perf_counter() - began
    finally:
        if coming.poll() is None:
            coming.terminate()


def _says_healthy(stack: WholeStack) -> bool:
    with suppress(httpx.HTTPError, ValueError):
        return stack.http.get("/health", timeout=5).json().get("status") == "healthy"
    return False


def _wait(condition: Callable[[], Any], what: str, within: float) -> None:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {within:.0f} s")
        time.sleep(0.05)


def _idle(stack: WholeStack, effort: Effort) -> Idle:
    time.sleep(effort.size(20, 5))  # what starts late has started: schedules, the first sweep, the worker's first poll
    parts, processes = processes_by_part(stack), processes_of(stack)
    began, before = time.perf_counter(), {name: cpu_seconds(some) for name, some in parts.items()}
    time.sleep(effort.size(60, 10))
    share = 100 / (time.perf_counter() - began)
    by_part = {name: share * (cpu_seconds(some) - before[name]) for name, some in parts.items()}
    rss, pss = memory_bytes(processes, "rss"), memory_bytes(processes)
    return Idle(sum(by_part.values()), rss, pss, len(processes), by_part)
