"""Rolling runs: work always finds an open run, a new one takes over first, and none at all stops nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextvars import ContextVar

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from deployments.rolling import RollingRun
from spine.errors import ConflictError
from tasks.conversation.steps import ping
from tasks.shift import serve_shift, shares_run
from tests.conftest import until

run_number: ContextVar[int] = ContextVar("run_number", default=0)


class Engine:
    """Stands in for a flow and its server: numbers its runs, and fails when told to."""

    def __init__(self) -> None:
        self.opened = 0
        self.ended: list[dict[str, int]] = []
        self.away = False

    async def flow(self) -> None:
        if self.away:
            raise ConnectionError("the server is away")
        self.opened += 1
        run_number.set(self.opened)
        self.ended.append(await serve_shift())


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def rolling(engine: Engine) -> Callable[..., RollingRun]:
    def make(**options: float) -> RollingRun:
        return RollingRun(engine.flow, **{"retry_seconds": 0.01, **options})  # type: ignore[arg-type]

    return make


async def number() -> int:
    await asyncio.sleep(0)
    return run_number.get()


async def test_work_runs_inside_the_open_run(engine: Engine, rolling: Callable[..., RollingRun]) -> None:
    async with rolling() as run:
        assert [await run.run(number) for _ in range(3)] == [1, 1, 1]
    assert engine.ended == [{"items": 3}]


async def test_a_run_that_is_full_is_replaced_and_its_work_ends_in_it(
    engine: Engine, rolling: Callable[..., RollingRun]
) -> None:
    release = asyncio.Event()

    async def long() -> int:
        await release.wait()
        return run_number.get()

    async with rolling(max_items=2) as run:
        old = asyncio.create_task(run.run(long))
        await asyncio.sleep(0)
        assert await run.run(number) == 1
        await until(lambda: engine.opened == 2)
        assert await run.run(number) == 2
        assert engine.ended == []  # the first is still worked in
        release.set()
        assert await old == 1
        await until(lambda: engine.ended == [{"items": 2}])


async def test_a_run_that_is_old_is_replaced(engine: Engine, rolling: Callable[..., RollingRun]) -> None:
    async with rolling(max_age=0.05):
        await until(lambda: engine.opened >= 3 and len(engine.ended) >= 2)


async def test_no_work_waits_for_a_change_of_runs(engine: Engine, rolling: Callable[..., RollingRun]) -> None:
    async with rolling(max_items=3) as run:
        numbers = await asyncio.gather(*(run.run(number) for _ in range(100)))
    assert set(numbers) >= {1} and 0 not in numbers
    assert sum(ended["items"] for ended in engine.ended) == 100


async def test_without_a_server_work_goes_on_outside_of_a_run_and_that_is_said_once(
    engine: Engine, rolling: Callable[..., RollingRun], caplog: pytest.LogCaptureFixture
) -> None:
    engine.away = True
    with caplog.at_level(logging.WARNING, "millrace.rolling"):
        async with rolling() as run:
            assert await run.run(number) == 0
            await asyncio.sleep(0.05)
            engine.away = False
            await until(lambda: run.flow_run_id is not None)
            assert await run.run(number) == 1
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "outside of one" in said[0] and "recorded again" in said[1]


async def test_while_the_server_is_away_the_open_run_goes_on_past_its_age(
    engine: Engine, rolling: Callable[..., RollingRun]
) -> None:
    async with rolling(max_items=1) as run:
        await until(lambda: engine.opened == 1)
        engine.away = True
        assert [await run.run(number) for _ in range(5)] == [1] * 5
        engine.away = False
        await until(lambda: engine.opened == 2)
        await until(lambda: engine.ended == [{"items": 5}])


async def test_a_first_run_that_does_not_open_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deployments.rolling.FIRST_WAIT", 0.02)

    async def never_opens() -> None:
        await asyncio.sleep(60)

    async with RollingRun(never_opens) as run:
        assert await run.run(number) == 0


async def test_a_message_needs_nothing_of_a_server_that_has_stopped_answering(
    engine: Engine, rolling: Callable[..., RollingRun]
) -> None:
    engine.away = True
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        port = silent.getsockname()[1]
        with temporary_settings(
            {PREFECT_API_URL: f"http://127.0.0.1:{port}/api", PREFECT_LOGGING_TO_API_ENABLED: False}
        ):
            async with rolling() as run:
                assert await asyncio.wait_for(run.run(ping), timeout=15) == "pong"


async def test_an_error_and_a_cancel_reach_the_other_side(rolling: Callable[..., RollingRun]) -> None:
    cancelled = asyncio.Event()

    async def fails() -> None:
        raise ValueError("no")

    async def hangs() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with rolling() as run:
        with pytest.raises(ValueError, match="no"):
            await run.run(fails)
        hanging = asyncio.create_task(run.run(hangs))
        await until(lambda: run.flow_run_id is not None)
        await asyncio.sleep(0.01)
        hanging.cancel()
        await asyncio.wait([hanging])
        assert cancelled.is_set()
        assert await run.run(number) == 1


async def test_a_run_that_somebody_else_ended_is_followed_by_the_next() -> None:
    opened: list[asyncio.Task[object] | None] = []

    async def flow() -> None:
        opened.append(asyncio.current_task())
        await serve_shift()

    async with RollingRun(flow, retry_seconds=0.01) as run:
        await until(lambda: len(opened) == 1)
        first = opened[0]
        assert first is not None
        first.cancel()
        await until(lambda: len(opened) == 2)
        assert await run.run(number) == 0


@pytest.mark.parametrize("away", [False, True], ids=["inside a run", "while there is none"])
async def test_work_is_told_that_it_shares_a_run(
    engine: Engine, rolling: Callable[..., RollingRun], away: bool
) -> None:
    async def told() -> bool:
        return shares_run()

    engine.away = away
    async with rolling() as run:
        assert await run.run(told)
    assert not shares_run()


async def test_a_shift_is_served_for_a_lane_only() -> None:
    with pytest.raises(ConflictError, match="opened by a lane"):
        await serve_shift()
