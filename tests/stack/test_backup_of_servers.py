"""What a home's own Redis, PostgreSQL and Chroma hold goes into a backup of a stopped stack, and comes back."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import from_url

from deployments.backup.own_servers import Servers, started
from deployments.backup.restoring import restore
from deployments.backup.saving import save
from deployments.stack.home import Home
from deployments.stack.plan import Externals
from deployments.stack.ports_choice import choose_ports
from deployments.stack.postgres_server import find_postgres, postgres_part
from deployments.stack.redis_server import find_redis
from deployments.stack.secret_store import ensure_secrets, load_secrets
from deployments.stack.serving import serving
from spine.adapters.chroma_vectors import ChromaVectors
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.documents import JOBS
from spine.settings import Settings
from spine.vectors_port import Entry

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(find_redis() is None or not find_postgres(), reason="no redis-server or no PostgreSQL"),
]

ENTRY = Entry("passage", "a kingdom by the sea", {"work": "Annabel Lee", "start": 12})


async def put(servers: Servers) -> None:
    async with from_url(str(servers.redis)) as redis:
        await redis.set("kept", "in Redis")
    connection = await asyncpg.connect(str(servers.postgres).replace("+asyncpg", ""))
    await connection.execute("CREATE EXTENSION pg_trgm; CREATE TABLE kept AS SELECT 'in PostgreSQL' AS place")
    await connection.close()
    vectors = ChromaVectors(str(servers.chroma))
    collection = await vectors.open("persona-poe-works", model="minilm", dimension=2)
    await collection.upsert([ENTRY], [[0.6, 0.8]])
    await vectors.close()


async def found(servers: Servers) -> list[object]:
    async with from_url(str(servers.redis)) as redis:
        in_redis = await redis.get("kept")
    connection = await asyncpg.connect(str(servers.postgres).replace("+asyncpg", ""))
    in_postgres = await connection.fetchval("SELECT place FROM kept")
    await connection.close()
    vectors = ChromaVectors(str(servers.chroma))
    collection = await vectors.find("persona-poe-works")
    near = await collection.query([0.6, 0.8], limit=1) if collection else []
    await vectors.close()
    return [in_redis, in_postgres, *(one.entry for one in near)]


async def test_what_the_servers_of_a_stopped_stack_hold_comes_back(tmp_path: Path) -> None:
    home, again, file = Home(tmp_path / "home"), Home(tmp_path / "again"), tmp_path / "backup.tar.gz"
    home.prepare()
    secrets = ensure_secrets(home)
    port = choose_ports(["postgres"], {})["postgres"]
    async with serving([postgres_part(home, secrets.postgres_password, port, find_postgres())], home):
        pass  # from here on the home has a PostgreSQL of its own
    async with started(home, secrets, Externals()) as servers:
        await put(servers)
    documents = open_sqlite_documents(home.root / "documents.sqlite3")
    await documents.insert(JOBS, {"_id": "job", "idempotency_key": "key"})
    await documents.close()

    saved = await save(home, Settings.model_validate({"home": home.root}), file)
    restored = await restore(file, again, Settings.model_validate({"home": again.root}))

    assert restored == saved
    assert sorted(restored.stores) == ["documents", "prefect", "redis", "vectors"]
    async with started(again, load_secrets(again), Externals()) as servers:
        assert await found(servers) == [b"in Redis", "in PostgreSQL", ENTRY]
    documents = open_sqlite_documents(again.root / "documents.sqlite3")
    assert (await documents.get(JOBS, "job") or {})["idempotency_key"] == "key"
    await documents.close()
    assert load_secrets(again) == secrets
    private = [path for path in again.root.iterdir() if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
