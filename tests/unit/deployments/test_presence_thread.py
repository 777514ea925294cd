"""A lane is announced from a thread: a busy loop keeps it visible, leaving withdraws it, an outage is outlived."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from deployments.presence_thread import PresenceThread
from spine.errors import ExternalServiceError
from spine.presence import LaneStatus, Presence
from spine.testing.memory_presence import MemoryPresence
from tests.conftest import until

LANE = LaneStatus(name="live", worker="here:1")


class Recorded(MemoryPresence):
    """Keeps what was announced; refuses the first `refusals` announcements."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__()
        self.refusals = refusals
        self.announced: list[float] = []

    async def announce(self, lane: LaneStatus) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ExternalServiceError("Redis does not answer.", service="redis")
        self.announced.append(time.monotonic())
        await super().announce(lane)


def announcing(presence: Presence) -> PresenceThread:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Presence]:
        yield presence

    return PresenceThread(opened, lambda: LANE, every=0.01)


async def test_a_lane_whose_loop_is_busy_goes_on_being_announced() -> None:
    presence = Recorded()
    with announcing(presence):
        busy_until = time.monotonic() + 5.0
        while len(presence.announced) < 5:  # the loop of the test gets no turn
            assert time.monotonic() < busy_until
            time.sleep(0.001)


async def test_a_lane_that_ends_is_withdrawn_at_once() -> None:
    presence = Recorded()
    with announcing(presence):
        await until(lambda: bool(presence.announced))
        assert [lane.worker for lane in await presence.lanes()] == ["here:1"]
    assert await presence.lanes() == []


async def test_announcements_are_tried_again_after_an_outage() -> None:
    presence = Recorded(refusals=3)
    with announcing(presence):
        await until(lambda: bool(presence.announced))
