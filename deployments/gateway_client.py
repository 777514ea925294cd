"""The command line's way to the gateway: one HTTP client with the stack's token, problems turned into errors."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from spine.errors import AuthenticationError, ConflictError, ExternalServiceError, InvalidInputError, NotFoundError
from spine.settings import Settings, settings

_BY_STATUS = {401: AuthenticationError, 403: AuthenticationError, 404: NotFoundError, 409: ConflictError}


def gateway_address(config: Settings) -> str:
    return f"http://127.0.0.1:{config.port}"


def running_port(home: Path) -> int | None:
    """The gateway's port as the running stack of this home recorded it."""
    try:
        return int(json.loads((home / "run" / "stack.json").read_text())["gateway_port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def admin_token(config: Settings) -> str:
    """`MILLRACE_TOKEN`, else the one that `millrace up` keeps in the home."""
    if config.token is not None:
        return config.token.get_secret_value()
    try:
        return str(json.loads((config.home / "secrets.json").read_text())["token"])
    except (OSError, ValueError, KeyError) as error:
        raise AuthenticationError(
            f"No token: set MILLRACE_TOKEN, or start a stack in {config.home} with `millrace up`.", service="gateway"
        ) from error


@contextmanager
def gateway() -> Generator[httpx.Client]:
    """A client of this home's gateway. Inside the block, HTTP problems become errors with the problem's words."""
    config = settings()
    port = config.port if "MILLRACE_PORT" in os.environ else running_port(config.home) or config.port
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {admin_token(config)}"},
        timeout=30,
        trust_env=False,
        event_hooks={"response": [_raise_problem]},
    ) as client:
        try:
            yield client
        except httpx.TransportError as error:
            raise ExternalServiceError(
                f"No gateway answers at 127.0.0.1:{port}; start the stack with `millrace up`.", service="gateway"
            ) from error


def _raise_problem(response: httpx.Response) -> None:
    if response.is_success or response.is_redirect:
        return
    response.read()
    kind = _BY_STATUS.get(response.status_code)
    if kind is None:
        kind = InvalidInputError if response.status_code < 500 else ExternalServiceError
    raise kind(problem_text(response))


def problem_text(response: httpx.Response) -> str:
    """The one line of a problem document that a person can act on."""
    try:
        problem: dict[str, Any] = response.json()
    except ValueError:
        return f"The gateway answered {response.status_code}."
    text = str(problem.get("detail") or problem.get("title") or response.status_code)
    fields = [f"{error.get('field')}: {error.get('message')}" for error in problem.get("errors", [])]
    return " ".join([text, *fields])


def follow_events(
    client: httpx.Client, job_id: str, since: int = 0, patience: float = 60.0
) -> Generator[dict[str, Any]]:
    """Every event of the job until it ends, surviving restarts of the gateway for `patience` seconds."""
    silent_since = time.monotonic()
    while True:
        try:
            events: list[dict[str, Any]] = client.get(f"/api/jobs/{job_id}/events", params={"since": since}).json()[
                "items"
            ]
            job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
            silent_since = time.monotonic()
        except (httpx.TransportError, ExternalServiceError):
            if time.monotonic() - silent_since > patience:
                raise
            time.sleep(0.5)
            continue
        for event in events:
            since = max(since, int(event["seq"]))
            yield event
        if job["status"] in ("SUCCESS", "FAILURE", "REVOKED", "DEAD") and not events:
            return
        if not events:
            time.sleep(0.25)
