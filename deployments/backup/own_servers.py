"""The servers of a home, at work: those of the stack that runs, or started for as long as they are asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from deployments.stack.chroma_server import chroma_part, chroma_url
from deployments.stack.home import Home
from deployments.stack.plan import Externals
from deployments.stack.ports_choice import choose_ports
from deployments.stack.postgres_server import find_postgres, has_data, postgres_part, postgres_url
from deployments.stack.redis_server import redis_part, redis_url
from deployments.stack.secret_store import Secrets
from deployments.stack.serving import serving

_NAMES: Final = ("redis", "postgres", "chroma")


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of the home's own servers; None: it has none of its own."""

    redis: str | None
    postgres: str | None
    chroma: str | None


def addresses(home: Home, secrets: Secrets, externals: Externals, ports: dict[str, int]) -> Servers:
    """Where the home's own servers listen when they use these ports."""
    return Servers(
        redis=None if externals.redis else redis_url(secrets.redis_password, ports["redis"]),
        postgres=None
        if externals.database or not has_data(home)
        else postgres_url(secrets.postgres_password, ports["postgres"]),
        chroma=None if externals.chroma else chroma_url(ports["chroma"]),
    )


@asynccontextmanager
async def started(home: Home, secrets: Secrets, externals: Externals) -> AsyncGenerator[Servers]:
    """Start the servers of a home whose stack does not run. The caller holds the home (`Home.supervised`)."""
    ports = choose_ports(_NAMES, {})
    found = addresses(home, secrets, externals, ports)
    parts = [
        *([redis_part(home, secrets.redis_password, ports["redis"])] if found.redis else []),
        *([chroma_part(home, ports["chroma"])] if found.chroma else []),
        *(
            [postgres_part(home, secrets.postgres_password, ports["postgres"], find_postgres())]
            if found.postgres
            else []
        ),
    ]
    async with serving(parts, home):
        yield found
