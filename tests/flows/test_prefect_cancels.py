"""A process that is told to end asks Prefect's real server whether its flow run was cancelled."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Cancelled, Cancelling, Completed, Running

from tasks.prefect_cancels import is_cancelled_in_prefect


@flow
async def anything() -> None: ...


@pytest.mark.parametrize(
    ("state", "cancelled"),
    [(Running(), False), (Completed(), False), (Cancelling(), True), (Cancelled(), True)],
    ids=lambda value: str(getattr(value, "name", value)),
)
async def test_a_run_is_cancelled_from_the_moment_that_somebody_asked_for_it(state: Any, cancelled: bool) -> None:
    async with get_client() as client:
        run = await client.create_flow_run(anything, state=state)
    assert await is_cancelled_in_prefect(str(run.id)) is cancelled


async def test_a_run_that_prefect_does_not_know_was_not_cancelled() -> None:
    assert not await is_cancelled_in_prefect(str(uuid4()))
