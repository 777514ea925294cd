"""The command line's way to the gateway: one HTTP client with the stack's token, problems turned into errors."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx

from deployments.cli.configuration import checked_settings, stack_home
from deployments.stack.environment import load_environment
from deployments.stack.gateway_address import gateway_url, url_in
from deployments.stack.shell import require_sendable
from spine.errors import (
    AuthenticationError,
    ConflictError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotFoundError,
)

FINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED", "DEAD"})
_BY_STATUS: dict[int, type[MillraceError]] = {
    403: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
}


@contextmanager
def gateway() -> Generator[httpx.Client]:
    """A client of this home's gateway, or of the one that `MILLRACE_PORT` and `MILLRACE_TOKEN` name.

    Inside the block, an HTTP problem becomes an error with the problem's words, and so does what no request can hold.
    """
    address, token = _address()
    with httpx.Client(
        base_url=address,
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
        trust_env=False,
        event_hooks={"response": [_raise_problem]},
    ) as client:
        try:
            yield client
        except httpx.InvalidURL as error:
            raise InvalidInputError(f"What was given is no id or name: {str(error).rstrip('.')}.") from error
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                "What was given cannot be sent: it is not UTF-8, or the shell's locale is not."
            ) from error
        except httpx.TransportError as error:
            raise ExternalServiceError(
                f"No gateway answers at {address.removeprefix('http://')}; start the stack with `millrace up`.",
                service="gateway",
            ) from error


def _address() -> tuple[str, str]:
    config, home = checked_settings(), stack_home()
    if config.token and os.environ.get("MILLRACE_PORT"):
        require_sendable(token := config.token.get_secret_value())
        return gateway_url(config.host, config.port), token
    environment = load_environment(home)
    return url_in(environment), environment["MILLRACE_TOKEN"]


def _raise_problem(response: httpx.Response) -> None:
    if response.is_success or response.is_redirect:
        return
    response.read()
    if response.status_code == 401:
        raise AuthenticationError(
            "The gateway does not know this token. Is MILLRACE_TOKEN that of another stack? "
            '`unset MILLRACE_TOKEN`, or run `eval "$(millrace env)"`.'
        )
    fallback = InvalidInputError if response.status_code < 500 else ExternalServiceError
    raise _BY_STATUS.get(response.status_code, fallback)(problem_text(response))


def problem_text(response: httpx.Response) -> str:
    """The one line of a problem document that a person can act on."""
    try:
        problem: dict[str, Any] = response.json()
    except ValueError:
        return f"The gateway answered {response.status_code}."
    fields = [f"{error.get('field')}: {error.get('message')}" for error in problem.get("errors") or []]
    return "; ".join(fields) or str(problem.get("detail") or problem.get("title") or response.status_code)


def follow_job(
    client: httpx.Client, job_id: str, patience: float = 120.0, first: float = 5.0
) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Every event of the job in order until it ends; returns the ended job.

    A gateway that is away is waited for up to `patience` seconds, `first` seconds where it has not answered yet. That
    is said on stderr; what was missed meanwhile is replayed by `seq`.
    """
    since, answered, away, patient = 0, time.monotonic(), False, first
    while True:
        try:
            job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
            events: list[dict[str, Any]] = client.get(f"/api/jobs/{job_id}/events", params={"since": since}).json()[
                "items"
            ]
        except (httpx.TransportError, ExternalServiceError):
            if time.monotonic() - answered > patient:
                raise
            if not away:
                print("The gateway does not answer, trying again …", file=sys.stderr, flush=True)
            away = True
            time.sleep(0.5)
            continue
        if away:
            print("The gateway answers again.", file=sys.stderr, flush=True)
        answered, away, patient = time.monotonic(), False, patience
        for event in events:
            since = max(since, int(event["seq"]))
            yield event
        if job["status"] in FINAL and (not events or events[-1].get("status") in FINAL):
            return job
        if not events:
            time.sleep(0.25)
