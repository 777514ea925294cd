"""Opening the services of a flow run or a lane: the real ones, with credentials from Prefect blocks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from blocks.credentials import BlockCredentials
from spine.services import Services, open_services, services_in_use


@asynccontextmanager
async def open_run_services() -> AsyncGenerator[Services]:
    """The surrounding services when there are some, else real ones until the end of the block."""
    if (surrounding := services_in_use()) is not None:
        yield surrounding
        return
    async with BlockCredentials() as credentials, open_services(credentials=credentials.lookups) as services:
        yield services
