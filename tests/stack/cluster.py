"""A stack whose parts are started one by one, as on several machines: each with a home of its own, state in servers.

The servers are Redis, PostgreSQL and Chroma. Documents are in the MongoDB that `MILLRACE_MONGO_URL` names; without one,
all homes lead to one SQLite file, which processes of one machine may share.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deployments.backup.own_servers import Servers, started
from deployments.stack.environment import RESULTS_STORAGE
from deployments.stack.home import Home
from deployments.stack.plan import Externals
from deployments.stack.postgres_server import find_postgres, postgres_part
from deployments.stack.secret_store import ensure_secrets
from deployments.stack.serving import serving
from tests.stack.networks import Network
from tests.stack.whole_stack import free_port

TOKEN = "token-of-the-test-cluster"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Node:
    """One process of the cluster with a home of its own."""

    name: str
    home: Path
    process: subprocess.Popen[bytes]
    host: str
    port: int = 0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        return self.home.with_suffix(".log")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ask_to_end(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@dataclass
class Cluster:
    """Starts processes that share the servers. `close` kills what is left of them."""

    root: Path
    servers: Servers
    prefect_auth: str
    network: Network
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    prefect_port: int = 0
    """Of the balancer before the API servers."""

    @property
    def documents(self) -> Path:
        return self.root / "shared" / "documents.sqlite3"

    @property
    def personas(self) -> Path:
        """Sources of personas: files that gateways and lanes read, so a folder that all of them see."""
        return self.root / "shared" / "personas"

    def prefect_server(self, name: str) -> Node:
        port = free_port()
        arguments = ("server", "start", "--no-services", "--host", self.network.address(name), "--port", str(port))
        return self._start(name, ("-m", "prefect", *arguments), self._of_prefect(), port)

    def prefect_services(self) -> Node:
        return self._start("services", ("-m", "prefect", "server", "services", "start"), self._of_prefect())

    def gateway(self, name: str) -> Node:
        port = free_port()
        return self._start(name, ("-m", "deployments.cli", "gateway"), self._of_gateway(name, port), port)

    def _of_gateway(self, name: str, port: int) -> dict[str, str]:
        return {"MILLRACE_HOST": self.network.address(name), "MILLRACE_PORT": str(port)}

    def lane(self, name: str, kind: str) -> Node:
        return self._start(name, ("-m", "deployments.cli", "lane", kind), {})

    def setup(self) -> None:
        node = self._start("setup", ("-m", "deployments.cli", "setup"), {})
        assert node.process.wait(180) == 0, node.log.read_text()

    def upgrade_prefect(self) -> None:
        node = self._start("database", ("-m", "prefect", "server", "database", "upgrade", "-y"), self._of_prefect())
        assert node.process.wait(180) == 0, node.log.read_text()

    def http(self, node: Node) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://{node.address}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
            trust_env=False,
        )

    def close(self) -> None:
        for node in self.nodes.values():
            if node.process.poll() is None:
                node.kill()

    def _start(self, name: str, words: tuple[str, ...], own: Mapping[str, str], port: int = 0) -> Node:
        home = self.root / name
        if not home.exists():
            self._make_home(home)
        environment = self._as_seen_from_there({**self._shared(home), **own})
        with home.with_suffix(".log").open("ab") as log:
            process = subprocess.Popen(
                self.network.inside(name, [sys.executable, *words]),
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.nodes[name] = Node(name, home, process, self.network.address(name), port)
        return self.nodes[name]

    def _as_seen_from_there(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The servers listen on loopback: a process elsewhere is told where it finds them."""
        there = rf"\g<1>{self.network.servers}:"
        return {name: re.sub(r"(//|@)127\.0\.0\.1:", there, value) for name, value in environment.items()}

    def _make_home(self, home: Path) -> None:
        home.mkdir(parents=True)
        self.documents.parent.mkdir(exist_ok=True)
        self.documents.touch()
        if "MILLRACE_MONGO_URL" not in os.environ:
            (home / "documents.sqlite3").symlink_to(self.documents)

    def _shared(self, home: Path) -> dict[str, str]:
        """What every process is told: where the servers are, and the secrets that gateways share."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name == "MILLRACE_MONGO_URL" or not name.startswith(("MILLRACE_", "PREFECT_"))
        }
        return {
            **kept,
            "MILLRACE_HOME": str(home),
            "MILLRACE_TOKEN": TOKEN,
            "MILLRACE_SESSION_KEY": "session-key-of-the-test-cluster",
            "MILLRACE_REDIS_URL": str(self.servers.redis),
            "MILLRACE_PERSONAS": str(self.personas),
            "MILLRACE_CHROMA_URL": str(self.servers.chroma),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.prefect_port}/api",
            "PREFECT_API_AUTH_STRING": self.prefect_auth,
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": RESULTS_STORAGE,
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }

    def _of_prefect(self) -> dict[str, str]:
        """What makes several API servers one: a database and a Redis that they share, and the same secrets."""
        messaging = str(self.servers.redis).removesuffix("/0")
        return {
            "PREFECT_API_DATABASE_CONNECTION_URL": str(self.servers.postgres),
            "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
            "PREFECT_SERVER_API_AUTH_STRING": self.prefect_auth,
            "PREFECT_SERVER_ENCRYPTION_KEY": "bWlsbHJhY2UgdGVzdCBjbHVzdGVyIGtleSAzMiBieXQ=",
            "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
            "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
            "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
            "PREFECT_REDIS_MESSAGING_URL": f"{messaging}/1",
            "PREFECT_SERVER_DOCKET_URL": f"{messaging}/1",
        }


@asynccontextmanager
async def shared_servers(root: Path) -> AsyncGenerator[tuple[Servers, str]]:
    """Redis, PostgreSQL and Chroma, and the auth string of Prefect's servers."""
    home = Home(root / "servers")
    home.prepare()
    made = ensure_secrets(home)
    async with serving([postgres_part(home, made.postgres_password, free_port(), find_postgres())], home):
        pass  # makes its data folder
    async with started(home, made, Externals()) as servers:
        yield servers, f"millrace:{secrets.token_urlsafe(8)}"


@contextmanager
def ended_afterwards(cluster: Cluster) -> Iterator[Cluster]:
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(cluster.root / "servers", ignore_errors=True)


async def answers(node: Node, path: str, within: float = 120) -> None:
    """Wait until the node answers with a status below 400."""
    deadline = time.monotonic() + within
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            assert node.process.poll() is None, f"{node.name} ended:\n{node.log.read_text()[-3000:]}"
            with suppress(httpx.HTTPError):
                if (await client.get(f"http://{node.address}{path}")).status_code < 400:
                    return
            await asyncio.sleep(0.1)
    raise AssertionError(f"{node.name} does not answer:\n{node.log.read_text()[-3000:]}")
