"""Parts at work for as long as somebody asks for them, without a supervisor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from deployments.stack.home import Home
from deployments.stack.parts import Part
from deployments.stack.runner import PartRunner, Surroundings
from spine.errors import ExternalServiceError


@asynccontextmanager
async def serving(
    parts: Sequence[Part], home: Home, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[list[PartRunner]]:
    """Run the parts side by side inside the block; `ExternalServiceError` with the reason when one does not start.

    They are told of this process's environment when none is given.
    """
    told = dict(os.environ) if environment is None else environment
    around = Surroundings(home, told, f"serving-{os.getpid()}", lambda: None)
    async with AsyncExitStack() as stack:
        runners = [PartRunner(part, around) for part in parts]
        for runner in runners:
            living = asyncio.create_task(runner.run())
            stack.push_async_callback(_end, runner, living)
        await asyncio.gather(*(_healthy(runner) for runner in runners))
        yield runners


async def _end(runner: PartRunner, living: asyncio.Task[None]) -> None:
    await runner.stop()
    await living


async def _healthy(runner: PartRunner) -> None:
    settled, gave_up = (asyncio.create_task(event.wait()) for event in (runner.settled, runner.gave_up))
    try:
        await asyncio.wait({settled, gave_up}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        settled.cancel()
        gave_up.cancel()
    if not runner.settled.is_set():
        raise ExternalServiceError(
            f"{runner.part.name} could not be started: {runner.state.last_error}", service=runner.part.name
        )
