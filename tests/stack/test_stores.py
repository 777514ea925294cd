"""The real Redis and the real PostgreSQL as parts: they start, keep what they were given, and stop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deployments.stack.accounts import unprivileged
from deployments.stack.health import quick_redis
from deployments.stack.home import Home
from deployments.stack.parts import Part
from deployments.stack.ports_choice import choose_ports, is_free
from deployments.stack.postgres_server import find_postgres, postgres_part, postgres_url
from deployments.stack.queue_depths import docket_depths
from deployments.stack.redis_server import find_redis, redis_part, redis_url
from deployments.stack.runner import PartRunner
from deployments.stack.serving import serving
from spine.contracts.timestamps import utc_now

pytestmark = pytest.mark.stack

PASSWORD = "a-Password_of-the-test"


@pytest.fixture
def home() -> Iterator[Home]:
    """A home below a folder that only its owner may enter, as /root is."""
    with TemporaryDirectory(prefix="millrace-") as folder:
        made = Home(Path(folder) / "home")
        made.prepare()
        yield made


def running(part: Part, home: Home) -> AbstractAsyncContextManager[list[PartRunner]]:
    """The part at work inside the block, told nothing of this process's environment."""
    return serving([part], home, {"PATH": os.environ["PATH"]})


def a_port() -> int:
    return choose_ports(["part"], {})["part"]


@pytest.mark.skipif(find_redis() is None, reason="no redis-server")
async def test_redis_needs_its_password_and_keeps_what_it_was_given(home: Home) -> None:
    from redis.asyncio import from_url
    from redis.exceptions import AuthenticationError

    port = a_port()
    part = redis_part(home, PASSWORD, port)
    async with running(part, home) as [runner]:
        async with from_url(redis_url(PASSWORD, port)) as client:
            await client.set("kept", "yes")
            assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        async with quick_redis(f"redis://127.0.0.1:{port}") as stranger:
            with pytest.raises(AuthenticationError):
                await stranger.get("kept")
        assert PASSWORD not in Path(f"/proc/{runner.pid}/cmdline").read_text()
        assert (home.root / "redis" / "redis.conf").stat().st_mode & 0o777 == 0o600
    assert is_free(port)
    async with running(part, home), from_url(redis_url(PASSWORD, port)) as client:
        assert await client.get("kept") == b"yes"


@pytest.mark.skipif(not find_postgres(), reason="no PostgreSQL")
async def test_postgres_works_inside_a_private_home_and_keeps_what_it_was_given(home: Home) -> None:
    import asyncpg

    port = a_port()
    part = postgres_part(home, PASSWORD, port, find_postgres())
    address = postgres_url(PASSWORD, port).replace("+asyncpg", "")
    async with running(part, home) as [runner]:
        connection = await asyncpg.connect(address)
        await connection.execute("CREATE EXTENSION pg_trgm; CREATE TABLE kept AS SELECT 'yes' AS answer")
        await connection.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(address.replace(PASSWORD, "wrong"))
        account = unprivileged("postgres", "nobody")
        assert Path(f"/proc/{runner.pid}").stat().st_uid == (account.uid if account else os.geteuid())
        assert not (home.root / "postgres" / "password").exists()
    assert is_free(port)
    async with running(part, home):
        connection = await asyncpg.connect(address)
        assert await connection.fetchval("SELECT answer FROM kept") == "yes"
        await connection.close()


@pytest.mark.skipif(not find_postgres(), reason="no PostgreSQL")
async def test_a_postgres_folder_that_was_half_made_is_made_anew(home: Home) -> None:
    (home.root / "postgres" / "data").mkdir(parents=True)
    (home.root / "postgres" / "data" / "leftover").touch()
    async with running(postgres_part(home, PASSWORD, a_port(), find_postgres()), home) as [runner]:
        assert runner.state.state == "healthy"


@pytest.mark.skipif(find_redis() is None, reason="no redis-server")
async def test_the_depth_of_a_queue_counts_what_waits_and_what_is_scheduled(home: Home) -> None:
    from spine.adapters.docket_queue import DocketQueue
    from spine.contracts.jobs import Job

    url = redis_url(PASSWORD, port := a_port())
    async with running(redis_part(home, PASSWORD, port), home):
        queue = DocketQueue(url)
        for number in range(3):
            await queue.start(
                Job(
                    job_id=f"job-{number}",
                    pipeline="p",
                    subject_id="s",
                    idempotency_key=str(number),
                    queue="books",
                    run_after=utc_now() + timedelta(hours=1) if number == 2 else None,
                )
            )
        await queue.close()
        assert await docket_depths(lambda: url, ["books", "other", "books"])() == {"books": 3, "other": 0}
