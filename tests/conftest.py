"""What several test folders share."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from xdist.scheduler import LoadScopeScheduling

from spine.adapters.redis_client import open_redis
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.documents import ensure_indexes
from spine.ports import Documents
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.redis_server import RedisServer

PROJECT_ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole stacks first, then flows: what takes longest, so that two processes end at about the same time."""
    items.sort(key=lambda item: ("tests/stack/" not in item.nodeid, "tests/flows/" not in item.nodeid))


class InTwoProcesses(LoadScopeScheduling):
    """Gives whole stacks to one process, everything else file by file to whoever is free. No test relies on it, but
    two stacks at once make each other late on two processors."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "stacks" if file.startswith("tests/stack/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return InTwoProcesses(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of saved real pages and payloads that lies beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder shared/data is not beside the project")
    return SHARED_DATA


@pytest.fixture(params=["memory", "sqlite"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    """An empty store of documents, of either kind in turn."""
    store = MemoryDocuments() if request.param == "memory" else open_sqlite_documents(tmp_path / "documents.sqlite3")
    await ensure_indexes(store)
    yield store
    await store.close()


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A client of the module's server, which is empty."""
    client = open_redis(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], Awaitable[bool] | bool], within: float = 10.0) -> None:
    """Wait for a condition, not for a time; fails when it does not come true within the limit."""
    deadline = time.monotonic() + within
    while True:
        outcome = condition()
        if await outcome if isinstance(outcome, Awaitable) else outcome:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{condition} did not come true within {within} s")
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or writes the user's own stack."""
    from spine.settings import settings

    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "millrace"))
    settings.cache_clear()
    yield
    settings.cache_clear()
