"""Asking the Prefect server over plain HTTP, where importing Prefect would cost a second and 100 MB."""

from __future__ import annotations

import base64
import os
from typing import Any

import httpx

from spine.errors import ExternalServiceError, NotConfiguredError

WORK_POOL = "millrace"


def prefect_client() -> httpx.AsyncClient | None:
    """A client of the server in `PREFECT_API_URL`; None where none is named. The caller closes it."""
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        return None
    secret = os.environ.get("PREFECT_API_AUTH_STRING")
    headers = {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"} if secret else {}
    return httpx.AsyncClient(base_url=address, headers=headers, timeout=5, trust_env=False)


def require_server() -> None:
    """`NotConfiguredError` where no server is named: what is registered in a passing one is gone with it."""
    if not os.environ.get("PREFECT_API_URL"):
        raise NotConfiguredError(
            "PREFECT_API_URL names no Prefect server to prepare. On one machine `millrace up` does all of it; for a "
            'stack that runs, `eval "$(millrace env)"` first; for one of many machines see docs/deployment.md.',
            what="PREFECT_API_URL",
        )


def flow_run_page(flow_run_id: str) -> str | None:
    """Where Prefect's own pages show the run; None where no server is named."""
    address = os.environ.get("PREFECT_API_URL")
    return f"{address.rstrip('/').removesuffix('/api')}/runs/flow-run/{flow_run_id}" if address else None


async def prefect_answers(client: httpx.AsyncClient) -> None:
    """Return when the server is healthy; `ExternalServiceError` otherwise."""
    try:
        (await client.get("/health")).raise_for_status()
    except httpx.HTTPError as error:
        raise ExternalServiceError("The Prefect server does not answer.", service="prefect") from error


async def prefect_workers(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The workers of our pool: `{name, pool, status, last_seen}` each; none where there is no pool yet."""
    try:
        answer = await client.post(f"/work_pools/{WORK_POOL}/workers/filter", json={"limit": 50})
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise ExternalServiceError("The Prefect server does not answer.", service="prefect") from error
    return [
        {
            "name": worker["name"],
            "pool": WORK_POOL,
            "status": str(worker.get("status", "")).lower(),
            "last_seen": worker.get("last_heartbeat_time"),
        }
        for worker in answer.json()
    ]
