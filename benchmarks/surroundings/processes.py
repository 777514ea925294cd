"""What processes cost: processor seconds and memory, while something runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

Processes = Callable[[], Iterable[psutil.Process]]


def tree(pid: int) -> list[psutil.Process]:
    """The process and everything below it that lives."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Used so far by these processes themselves."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def memory_bytes(processes: Iterable[psutil.Process], kind: str = "pss") -> int:
    """Together. `pss` counts a page that several share once, `rss` counts it for each of them."""
    total = 0
    for process in processes:
        try:
            total += getattr(process.memory_full_info(), kind)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


@dataclass
class Watch:
    """What the block cost; complete when it has ended."""

    cpu: float = 0.0
    """Processor seconds."""
    peak: int = 0
    """Most memory that was seen at a time, in bytes (pss)."""


@contextmanager
def watching(processes: Processes, every: float = 0.25) -> Generator[Watch]:
    """Look at the processes until the end of the block; those that come and go in between are missed."""
    seen, over = Watch(), threading.Event()

    def look() -> None:
        while not over.wait(every):
            seen.peak = max(seen.peak, memory_bytes(processes()))

    before = cpu_seconds(processes())
    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        seen.cpu = cpu_seconds(processes()) - before
        over.set()
        looking.join()
        seen.peak = max(seen.peak, memory_bytes(processes()))
