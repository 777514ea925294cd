"""Lets the stages of a stream work at the same time: each makes its next item while its reader uses the last one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


async def ahead(source: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The items of `source`, one of them always in the making.

    What `source` raises is raised here after the items before it. Closing this closes `source`: read it inside
    `contextlib.aclosing`.
    """
    coming = asyncio.create_task(_next(source))
    try:
        while found := await coming:
            coming = asyncio.create_task(_next(source))
            yield found[0]
    finally:
        coming.cancel()
        await asyncio.wait([coming])
        await source.aclose()


async def _next(source: AsyncGenerator[T]) -> tuple[T] | None:
    """The next item in a tuple, so that no item is taken for the end."""
    async for item in source:
        return (item,)
    return None


async def batches(items: Iterable[T], size: int, *, first: int | None = None) -> AsyncGenerator[list[T]]:
    """The items in lists of `size`, taken in a thread: making them may block or compute.

    With `first` they begin with so few and double, and at the end they halve down to it: who comes next need not wait
    long for the first of them, and whoever comes after that has little left to do when the last one is done. To see
    the end come, a full list is held back until the next one is there.
    A reader that stops early leaves at most one list in the making.
    """
    iterator, least = iter(items), min(first or size, size)
    most, held = least, list[T]()
    while len(batch := await asyncio.to_thread(_taken, iterator, most)) == most:
        if held:
            yield held
            held = []
        if first and most == size:
            held = batch
        else:
            yield batch
        most = min(2 * most, size)
    for last in _dwindling([*held, *batch], least, size):
        yield last


def _taken(iterator: Iterator[T], most: int) -> list[T]:
    return list(islice(iterator, most))


def _dwindling(items: list[T], least: int, most: int) -> Iterator[list[T]]:
    """Each is half of what is left, but at least `least` where there are so many."""
    while items:
        half = min(most, max(least, len(items) // 2))
        count = len(items) if len(items) - half < least and len(items) <= most else half
        yield items[:count]
        items = items[count:]
