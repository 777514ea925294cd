"""The Prefect server that flows under test report to: the stack's own parts, on PostgreSQL where that is installed.

Prefect's test harness keeps its records in SQLite, where two writers that meet hold each other up for a minute.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio.from_thread import start_blocking_portal
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from deployments.stack.environment import Addresses
from deployments.stack.home import Home
from deployments.stack.parts import Part
from deployments.stack.ports_choice import choose_ports
from deployments.stack.postgres_server import find_postgres, postgres_part, postgres_url
from deployments.stack.prefect_server import prefect_part
from deployments.stack.secret_store import ensure_secrets
from deployments.stack.serving import serving

_AUTH = "PREFECT_SERVER_API_AUTH_STRING"


@contextmanager
def prefect_for_tests() -> Generator[None]:
    """Until the end of the block flows of this process are recorded by a server of its own."""
    with _server():
        yield
        APILogWorker.drain_all()  # what is left is tried for a minute at the end of the process, with no server there


@contextmanager
def _server() -> Generator[None]:
    if not find_postgres():
        with prefect_test_harness(server_startup_timeout=120):
            yield
        return
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MILLRACE_", "PREFECT_"))}
    with TemporaryDirectory(prefix="millrace-") as folder, start_blocking_portal() as portal, ExitStack() as stack:
        home = Home(Path(folder) / "home")
        home.prepare()
        ports = choose_ports(["gateway", "prefect", "postgres"], {})
        addresses = Addresses(ports["gateway"], ports["prefect"], "", "")
        for part in _parts(home, addresses, ports["postgres"]):
            served = serving([part], home, inherited)
            stack.enter_context(portal.wrap_async_context_manager(served))
        stack.enter_context(temporary_settings({PREFECT_API_URL: addresses.prefect_api_url}))
        yield


def _parts(home: Home, addresses: Addresses, postgres_port: int) -> Iterator[Part]:
    """As in a stack, but open to everybody on this machine: what a test starts has only the address."""
    secrets = ensure_secrets(home)
    yield postgres_part(home, secrets.postgres_password, postgres_port, find_postgres())
    database = postgres_url(secrets.postgres_password, postgres_port)
    server = prefect_part(addresses, secrets, database, home.root / "prefect", needs=())
    env = {name: value for name, value in server.env.items() if name != _AUTH}
    env |= {"PREFECT_HOME": str(home.root / "prefect"), "PREFECT_SERVER_UI_ENABLED": "0"}
    yield replace(server, env=env, niceness=0)  # a test waits for it
