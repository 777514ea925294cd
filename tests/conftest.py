"""What several test folders share."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Divide the tests among two processes: whole stacks in one, file by file in the other, the longest first.

    Two stacks at once would make each other late on two processors. No test relies on it.
    """
    items.sort(key=lambda item: ("tests/stack/" not in item.nodeid, "/flows/" not in item.nodeid))
    for item in items:
        group = "stack" if "tests/stack/" in item.nodeid else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of saved real pages and payloads that lies beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder shared/data is not beside the project")
    return SHARED_DATA


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
