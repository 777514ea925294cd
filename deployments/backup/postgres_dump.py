"""Prefect's PostgreSQL in a file and back, with the server's own programs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deployments.stack.postgres_server import PostgresBinaries
from spine.errors import ExternalServiceError


async def dump(binaries: PostgresBinaries, url: str, file: Path) -> None:
    """Save the database at `url`, as it is at one moment; `ExternalServiceError` with the program's own words."""
    await asyncio.to_thread(file.touch, mode=0o600, exist_ok=False)
    patience = "--lock-wait-timeout=60s"  # a table that is being changed holds a backup up, and not for ever
    await _run(binaries.program("pg_dump"), url, "--format=custom", "--compress=0", patience, f"--file={file}")


async def load(binaries: PostgresBinaries, url: str, file: Path) -> None:
    """Fill the empty database at `url` from what `dump` wrote, wholly or not at all."""
    await _run(binaries.program("pg_restore"), url, "--no-owner", "--single-transaction", str(file))


async def _run(program: str, url: str, *arguments: str) -> None:
    parts = urlsplit(url)
    process = await asyncio.create_subprocess_exec(
        program, f"--host={parts.hostname}", f"--port={parts.port}", f"--username={parts.username}", "--no-password",
        f"--dbname={parts.path.lstrip('/')}", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        # In the environment, where other users of the machine cannot read it as they can an argument.
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "PGPASSWORD": unquote(parts.password or "")},
    )  # fmt: skip
    told, _ = await process.communicate()
    if process.returncode:
        raise ExternalServiceError(
            f"{Path(program).name} failed: {told.decode(errors='replace').strip()[-500:]}", service="postgres"
        )
