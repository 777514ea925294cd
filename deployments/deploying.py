"""Registering what `prefect.yaml` declares, and leaving it alone while nothing has changed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

from deployments.prefect_address import prefect_client
from spine.errors import ExternalServiceError

_logger = logging.getLogger("millrace.register")
ROOT = Path(__file__).resolve().parents[1]
DECLARATION = ROOT / "prefect.yaml"


def declared(text: str) -> list[str]:
    """`flow/deployment` of every entry, as Prefect names them."""
    entries: list[dict[str, Any]] = yaml.safe_load(text)["deployments"]
    return [f"{entry['entrypoint'].rpartition(':')[2]}/{entry['name']}" for entry in entries]


def fingerprint() -> str:
    """Changes when the declaration or a flow does (its parameters are part of a deployment)."""
    files = [DECLARATION, *sorted((ROOT / "flows").glob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files) + str(ROOT).encode()).hexdigest()


async def deploy_all(remembered: Path) -> bool:
    """Run `prefect deploy --all` unless the server has every deployment as it is declared now; says whether it ran."""
    current = fingerprint()
    if _read(remembered) == current and await _all_known():
        return False
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise ExternalServiceError(f"prefect deploy failed: {told.decode(errors='replace')[-800:]}", service="prefect")
    _write(remembered, current)
    return True


def _read(file: Path) -> str | None:
    return file.read_text() if file.is_file() else None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


async def _all_known() -> bool:
    client = prefect_client()
    if client is None:
        return False
    async with client:
        try:
            answers = [await client.get(f"/deployments/name/{name}") for name in declared(DECLARATION.read_text())]
        except httpx.HTTPError:
            return False
    return all(answer.status_code == 200 for answer in answers)
