"""Calls that come while another one is on its way are made together, as one: what each costs is then shared."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class MicroBatches(Generic[T, R]):
    """A call that comes alone is made at once, in its caller's task. Those that come until it is answered go next, in
    their order and at most `most` together.

    `send` takes the items and gives one answer for each; an error of it is every item's. What it is sending when its
    caller is cancelled may still arrive. Belongs to one event loop; nothing is kept once all are answered.
    """

    send: Callable[[Sequence[T]], Awaitable[Sequence[R]]]
    most: int
    _under_way: bool = False
    _waiting: deque[tuple[T, asyncio.Future[R]]] = field(default_factory=deque[tuple[T, "asyncio.Future[R]"]])
    _sender: asyncio.Task[None] | None = None
    """Held here, because an event loop holds its tasks weakly."""

    async def call(self, item: T) -> R:
        if self._under_way:
            answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, answer))
            return await answer
        self._under_way = True
        try:
            [found] = await self.send([item])
            return found
        finally:
            self._under_way = False
            if self._waiting:
                self._under_way = True
                self._sender = asyncio.create_task(self._send_waiting(), name="micro-batches")

    async def _send_waiting(self) -> None:
        try:
            while batch := self._next_batch():
                await self._send(batch)
        finally:
            self._under_way = False
            for _, answer in self._waiting:  # only when this task was cancelled: the loop ends
                answer.cancel()
            self._waiting.clear()

    def _next_batch(self) -> list[tuple[T, asyncio.Future[R]]]:
        """The next items whose callers still wait."""
        batch: list[tuple[T, asyncio.Future[R]]] = []
        while self._waiting and len(batch) < self.most:
            item, answer = self._waiting.popleft()
            if not answer.done():
                batch.append((item, answer))
        return batch

    async def _send(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        answers = [answer for _, answer in batch]
        try:
            found = await self.send([item for item, _ in batch])
        except Exception as error:
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
        except BaseException:
            for answer in answers:
                answer.cancel()
            raise
        else:
            for answer, one in zip(answers, found, strict=True):
                if not answer.done():
                    answer.set_result(one)
