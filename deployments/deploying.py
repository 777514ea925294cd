"""What people find in Prefect's pages: block types, the work pool, automations, and what `prefect.yaml` declares.

Lanes work without any of it, so nothing of a stack waits for it. Every step finds what is there already.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from deployments.kept_schedules import SCHEDULES_LABEL, are_edited, label_of, schedules_to_register
from deployments.prefect_address import WORK_POOL, prefect_client
from deployments.stack.step_process import log_on_stderr
from spine.errors import ExternalServiceError
from spine.settings import settings

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

_logger = logging.getLogger("millrace.register")
ROOT = Path(__file__).resolve().parents[1]
DECLARATION = ROOT / "prefect.yaml"
_AT_ONCE = 4
"""Registrations that the server is asked for at the same time: it has one core."""

_DECLARED_LABEL = "millrace.declared"
"""Of a deployment: the fingerprint of what was registered."""

_OF_FILE = {"name", "prefect-version", "definitions", "deployments"}
_OF_ENTRY = {"name", "entrypoint", "description", "tags", "work_pool", "concurrency_limit", "schedules"}
_OF_POOL = {"name", "work_queue_name"}
_OF_SCHEDULE = {"cron", "timezone"}


async def deploy() -> None:
    """Prepare the Prefect server that the environment names for whoever opens its pages."""
    from prefect.client.orchestration import get_client

    from deployments.automations import create_automations
    from deployments.block_types import register_block_types

    async with get_client() as client:
        await asyncio.gather(register_block_types(client), _create_work_pool(client), create_automations(client))
        if await deploy_all(client, settings().home / "prefect" / "deployed"):
            _logger.info("registered the deployments of prefect.yaml")


async def _create_work_pool(client: PrefectClient) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists

    try:
        await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
    except ObjectAlreadyExists:
        return


@lru_cache(maxsize=1)
def _parsed(text: str) -> dict[str, Any]:
    """Not to be changed. A step of the start asks five times, and each would cost it 13 ms."""
    return yaml.safe_load(text)


def declarations(text: str) -> list[dict[str, Any]]:
    """The entries of a `prefect.yaml`."""
    return _parsed(text)["deployments"]


def is_plain(text: str) -> bool:
    """Whether a `prefect.yaml` says what ours does and no more: all else its owner has from Prefect's own command."""
    return set(_parsed(text)) <= _OF_FILE and all(
        entry.keys() == _OF_ENTRY
        and entry["work_pool"].keys() == _OF_POOL
        and isinstance(entry["concurrency_limit"], int)
        and all(schedule.keys() == _OF_SCHEDULE for schedule in entry["schedules"])
        for entry in declarations(text)
    )


def declared(text: str) -> list[str]:
    """`flow/deployment` of every entry, as Prefect names them."""
    return [_full_name(entry) for entry in declarations(text)]


def _full_name(entry: dict[str, Any]) -> str:
    return f"{entry['entrypoint'].rpartition(':')[2]}/{entry['name']}"


def fingerprint() -> str:
    """Changes when the declaration or a flow does (its parameters are part of a deployment)."""
    return _digest(DECLARATION, *sorted((ROOT / "flows").glob("*.py")))


def entry_fingerprint(entry: dict[str, Any]) -> str:
    """The same for one deployment."""
    return _digest(ROOT / entry["entrypoint"].partition(":")[0], more=json.dumps(entry, sort_keys=True))


def _digest(*files: Path, more: str = "") -> str:
    content = b"\0".join(path.read_bytes() for path in files)
    return hashlib.sha256(content + more.encode() + str(ROOT).encode()).hexdigest()


async def deploy_all(client: PrefectClient, remembered: Path) -> bool:
    """Register every deployment that the server does not have as it is declared now; says whether there was any.

    It leaves what `prefect deploy --all` leaves (but a version made of the flow's file, not of the last commit), which
    would start another interpreter and open a client for each deployment, and does for a declaration that is not plain.
    Unlike that it leaves alone what an operator paused or edited. `remembered` keeps what the command registered last.
    """
    text = DECLARATION.read_text()
    if is_plain(text):
        changed = await _deploy_here(client, declarations(text), anew=_read(remembered) is not None)
        _forget(remembered)
        return changed
    current = fingerprint()
    if _read(remembered) == current and await _all_known():
        return False
    await _deploy_by_command()
    _write(remembered, current)
    return True


async def _deploy_here(client: PrefectClient, entries: list[dict[str, Any]], *, anew: bool) -> bool:
    """With `anew` also what has not changed: the command that registered it last leaves no label."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(entry: dict[str, Any]) -> bool:
        async with places:
            found = await _find(client, entry)
            if not anew and found is not None and found.labels.get(_DECLARED_LABEL) == entry_fingerprint(entry):
                return False
            await _deploy_one(client, entry, found)
            return True

    return any(await asyncio.gather(*(one(entry) for entry in entries)))


async def _find(client: PrefectClient, entry: dict[str, Any]) -> DeploymentResponse | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return await client.read_deployment_by_name(_full_name(entry))
    except ObjectNotFound:
        return None


async def _deploy_by_command() -> None:
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


async def _deploy_one(client: PrefectClient, entry: dict[str, Any], found: DeploymentResponse | None) -> None:
    from prefect.client.schemas.actions import DeploymentCreate
    from prefect.utilities.callables import parameter_schema

    flow, declared = _flow(entry["entrypoint"]), entry["schedules"]
    labels = dict(found.labels) if found else {}
    registered = labels.get(SCHEDULES_LABEL)
    last = None if registered is None else str(registered)
    if found and are_edited(declared, found.schedules, last):
        _logger.info("%s keeps schedules that prefect.yaml does not declare", _full_name(entry))
    deployment = DeploymentCreate(
        flow_id=await client.create_flow(flow),
        name=entry["name"],
        version=flow.version,
        description=entry["description"],
        tags=entry["tags"],
        labels={**labels, _DECLARED_LABEL: entry_fingerprint(entry), SCHEDULES_LABEL: label_of(declared)},
        work_pool_name=entry["work_pool"]["name"],
        work_queue_name=entry["work_pool"]["work_queue_name"],
        concurrency_limit=entry["concurrency_limit"],
        entrypoint=entry["entrypoint"],
        path=None,
        parameters={},
        job_variables={},
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),  # pyright: ignore[reportArgumentType]
        enforce_parameter_schema=flow.should_validate_parameters,
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        paused=found.paused if found else False,
        schedules=schedules_to_register(declared, found.schedules if found else None, last),
    )
    # The client's own method takes no labels. What is not named stays as it is.
    given = deployment.model_dump(mode="json", include=deployment.model_fields_set)
    await client.request("POST", "/deployments/", json=given)


def _flow(entrypoint: str) -> Flow[..., Any]:
    file, _, name = entrypoint.partition(":")
    return getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)


def _read(file: Path) -> str | None:
    return file.read_text() if file.is_file() else None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _forget(file: Path) -> None:
    file.unlink(missing_ok=True)


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


def load() -> None:
    """Load what `deploy` works on. Needs nothing of the stack."""
    import_module("deployments.block_types")
    if is_plain(DECLARATION.read_text()):
        for entry in declarations(DECLARATION.read_text()):
            _flow(entry["entrypoint"])


def run() -> None:
    """What the step `deployments` of a stack does, with its log on stderr."""
    log_on_stderr()
    asyncio.run(deploy())
