"""Whether Prefect still has what the stack registered there at its start: its database may have been emptied since."""

from __future__ import annotations

from deployments.prefect_address import WORK_POOL
from deployments.stack.environment import RESULTS_STORAGE
from deployments.stack.health import request
from spine.errors import ExternalServiceError

_WHAT = {
    "the block of the results (jobs that keep results fail without it)": (
        "block_types/slug/{kind}/block_documents/name/{name}"
    ),
    "the work pool": "work_pools/{pool}",
    "the deployments": "deployments/name/health_check/health-check",
}


def missing(api_url: str, auth: str) -> list[str]:
    """What Prefect says that it does not have; `ExternalServiceError` when it does not answer."""
    kind, _, name = RESULTS_STORAGE.partition("/")
    return [
        what
        for what, path in _WHAT.items()
        if not _has(f"{api_url}/{path.format(kind=kind, name=name, pool=WORK_POOL)}", auth)
    ]


def _has(url: str, auth: str) -> bool:
    try:
        request("GET", url, basic_auth=auth)
    except ExternalServiceError as error:
        if error.status == 404:
            return False
        raise
    return True
