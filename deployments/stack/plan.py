"""Decides which parts a stack has, from the settings and from what is installed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.stack.chroma_server import chroma_part, chroma_url, external_chroma
from deployments.stack.environment import Addresses, part_environment, project_root, whole_environment
from deployments.stack.gateway_address import require_place
from deployments.stack.home import Home
from deployments.stack.own_parts import (
    demo_part,
    deployments_part,
    documents_part,
    gateway_part,
    lane_groups,
    setup_part,
)
from deployments.stack.parts import Part, Plan
from deployments.stack.ports_choice import choose_ports
from deployments.stack.postgres_server import (
    asyncpg_url,
    external_postgres,
    find_postgres,
    has_data,
    postgres_part,
    postgres_url,
)
from deployments.stack.prefect_server import SQLITE_FILE, prefect_part, worker_part
from deployments.stack.redis_server import external_redis, redis_part, redis_url
from deployments.stack.secret_store import Secrets
from deployments.stack.stack_settings import LaneLayout
from spine.settings import Settings

_CHOSEN_PORTS = ("redis", "postgres", "prefect", "chroma", "demo-pages")


@dataclass(frozen=True, slots=True)
class Externals:
    """Services that somebody else runs, by address; None: the stack runs its own."""

    redis: str | None = None
    database: str | None = None
    chroma: str | None = None


def externals_of(settings: Settings, secrets: Secrets, remembered: Mapping[str, int]) -> Externals:
    """What the settings name, unless it is this stack's own: a shell that evaluated `millrace env` names those."""
    redis = settings.redis_url.get_secret_value() if settings.redis_url else None
    database = settings.database_url.get_secret_value() if settings.database_url else None
    own_chroma = chroma_url(remembered["chroma"]) if "chroma" in remembered else None
    return Externals(
        redis=redis if redis and secrets.redis_password not in redis else None,
        database=database if database and secrets.postgres_password not in database else None,
        chroma=settings.chroma_url if settings.chroma_url and settings.chroma_url != own_chroma else None,
    )


def build_plan(
    home: Home,
    settings: Settings,
    secrets: Secrets,
    layout: LaneLayout,
    remembered: Mapping[str, int],
    *,
    demo: bool = True,
) -> tuple[Plan, dict[str, str]]:
    """The parts, and the variables that make other processes talk to them.

    `ConflictError` when the gateway's port is taken, `NotConfiguredError` when something needed is missing.
    """
    externals = externals_of(settings, secrets, remembered)
    ports = _ports(settings, remembered)
    addresses = _addresses(externals, ports, secrets, settings.host, demo=demo)
    own = part_environment(settings, addresses, secrets)
    folder = project_root()
    database = _database(home, externals, secrets, ports["postgres"])
    stores = [
        external_redis(externals.redis)
        if externals.redis
        else redis_part(home, secrets.redis_password, ports["redis"]),
        external_chroma(externals.chroma) if externals.chroma else chroma_part(home, ports["chroma"]),
        *([database[0]] if database else []),
    ]
    faces = _faces(addresses, secrets, folder, database[1] if database else None, settings, demo=demo)
    plan = Plan(
        parts=(*stores, *faces),
        lanes=lane_groups(layout, addresses, folder, needs=("redis", "chroma", "documents", "setup", "prefect")),
        ports=ports,
        environment=whole_environment(os.environ, own),
    )
    return plan, own


def _faces(
    addresses: Addresses, secrets: Secrets, folder: Path, database_url: str | None, settings: Settings, *, demo: bool
) -> list[Part]:
    setup = setup_part(folder, needs=("prefect", "redis", "documents"))
    return [
        prefect_part(addresses, secrets, database_url, settings.home / "prefect", needs=("postgres",)),
        documents_part(folder, needs=("prefect",)),
        *([setup] if setup else []),
        deployments_part(folder, needs=("prefect",)),
        worker_part(addresses, secrets, settings.home, folder, needs=("prefect", "documents")),
        gateway_part(addresses, folder, needs=("redis", "chroma", "documents")),
        *([demo_part(addresses.demo_port, folder)] if demo and addresses.demo_port else []),
    ]


def _ports(settings: Settings, remembered: Mapping[str, int]) -> dict[str, int]:
    require_place(settings.host, settings.port)
    if settings.port == 0:
        return choose_ports(("gateway", *_CHOSEN_PORTS), remembered)
    chosen = choose_ports(_CHOSEN_PORTS, remembered, taken=(settings.port,))
    return {"gateway": settings.port, **chosen}


def _addresses(externals: Externals, ports: Mapping[str, int], secrets: Secrets, host: str, *, demo: bool) -> Addresses:
    return Addresses(
        gateway_port=ports["gateway"],
        prefect_port=ports["prefect"],
        redis_url=externals.redis or redis_url(secrets.redis_password, ports["redis"]),
        chroma_url=externals.chroma or chroma_url(ports["chroma"]),
        database_url=externals.database,
        demo_port=ports["demo-pages"] if demo else None,
        gateway_host=host,
    )


def _database(home: Home, externals: Externals, secrets: Secrets, port: int) -> tuple[Part, str] | None:
    """The part and its address for Prefect; None where Prefect has to make do with SQLite."""
    if externals.database:
        return external_postgres(externals.database), asyncpg_url(externals.database)
    if (home.root / "prefect" / SQLITE_FILE).exists():
        return None  # its run history is there: PostgreSQL that was installed later does not hide it
    installed = find_postgres()
    if not installed and not has_data(home):
        return None
    return postgres_part(home, secrets.postgres_password, port, installed), postgres_url(
        secrets.postgres_password, port
    )
