"""Calls that come while another one is on its way are made together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from spine.adapters.micro_batches import MicroBatches


class Line:
    """Sends when it is told to; answers with each item's double."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.open = asyncio.Event()

    async def send(self, items: Sequence[int]) -> list[int]:
        self.sent.append([*items])
        await self.open.wait()
        if 13 in items:
            raise ConnectionError("not today")
        return [2 * item for item in items]


async def _calls(batches: MicroBatches[int, int], *items: int) -> list[asyncio.Task[int]]:
    calls = [asyncio.create_task(batches.call(item)) for item in items]
    await asyncio.sleep(0)
    return calls


async def test_a_call_that_comes_alone_is_made_at_once_and_by_itself() -> None:
    line = Line()
    line.open.set()
    batches = MicroBatches(line.send, most=10)
    assert [await batches.call(1), await batches.call(2)] == [2, 4]
    assert line.sent == [[1], [2]]


async def test_those_that_come_meanwhile_go_together_in_their_order_and_each_gets_its_own_answer() -> None:
    line = Line()
    calls = await _calls(MicroBatches(line.send, most=10), 1, 2, 3, 4)
    assert line.sent == [[1]]
    line.open.set()
    assert await asyncio.gather(*calls) == [2, 4, 6, 8]
    assert line.sent == [[1], [2, 3, 4]]


async def test_no_more_than_the_most_go_together() -> None:
    line = Line()
    calls = await _calls(MicroBatches(line.send, most=2), 1, 2, 3, 4)
    line.open.set()
    await asyncio.gather(*calls)
    assert line.sent == [[1], [2, 3], [4]]


async def test_an_error_is_of_all_that_went_together_and_of_no_other() -> None:
    line = Line()
    calls = await _calls(MicroBatches(line.send, most=2), 1, 12, 13, 14)
    line.open.set()
    first, *failed, last = await asyncio.gather(*calls, return_exceptions=True)
    assert (first, last) == (2, 28)
    assert [str(error) for error in failed] == ["not today"] * 2


async def test_the_error_of_one_that_went_alone_is_its_callers_and_those_that_waited_are_made() -> None:
    line = Line()
    calls = await _calls(MicroBatches(line.send, most=10), 13, 1)
    line.open.set()
    failed, made = await asyncio.gather(*calls, return_exceptions=True)
    assert (str(failed), made) == ("not today", 2)


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_caller_that_is_cancelled_keeps_nobody_else_from_an_answer(cancelled: int) -> None:
    line = Line()
    calls = await _calls(MicroBatches(line.send, most=10), 1, 2, 3)
    calls.pop(cancelled).cancel()
    await asyncio.sleep(0)
    line.open.set()
    assert await asyncio.gather(*calls) == [2 * item for item in (1, 2, 3) if item != cancelled + 1]


async def test_one_that_nobody_waits_for_any_more_is_not_made() -> None:
    line = Line()
    calls = await _calls(MicroBatches(line.send, most=10), 1, 2, 3)
    calls[1].cancel()
    await asyncio.sleep(0)
    line.open.set()
    await asyncio.gather(calls[0], calls[2])
    assert line.sent == [[1], [3]]


async def test_when_the_loop_ends_nobody_is_left_waiting_and_a_later_call_is_made() -> None:
    line = Line()
    batches = MicroBatches(line.send, most=1)
    first, *waiting = await _calls(batches, 1, 2, 3)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.sleep(0)
    assert line.sent == [[1], [2]]
    [sender] = [task for task in asyncio.all_tasks() if task.get_name() == "micro-batches"]
    sender.cancel()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError] * 2
    line.open.set()
    assert await batches.call(4) == 8
