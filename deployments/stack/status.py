"""What `millrace status` tells: the stack as its supervisor last wrote it, checked against what really runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from deployments.stack.environment import load_environment
from deployments.stack.gateway_address import HOST_VARIABLE, gateway_url
from deployments.stack.home import Home
from deployments.stack.parts import Kind
from deployments.stack.ports_choice import LOOPBACK
from deployments.stack.processes import is_alive
from deployments.stack.secret_store import load_secrets
from deployments.stack.state import PartState, StackState, load_state
from spine.errors import NotConfiguredError

_SHOWN = ("name", "state", "pid", "restarts", "port", "since", "last_error", "note")


def status_of(home: Home) -> dict[str, Any]:
    """`{state, home, error, gateway, prefect_ui, login_url, parts, lanes, queues}`; addresses only while it runs.

    `state` is one of starting, running, failed, stopping, stopped, and killed where the supervisor was; a part whose
    process ended unnoticed is `gone`.
    `login_url` carries the admin token: show it to nobody else.
    """
    state = load_state(home)
    running = state is not None and state.is_supervised
    return {
        "state": word_of(state),
        "home": str(home.root),
        "error": state.error if state else None,
        **_addresses(home, state if running else None),
        "parts": [_shown(part) for part in _parts(state) if part.kind != Kind.LANE],
        "lanes": [{**_shown(part), "queues": part.queues} for part in _parts(state) if part.kind == Kind.LANE],
        "queues": state.queues if state and running else {},
    }


def word_of(state: StackState | None) -> str:
    """The stack's state in one word, killed where the supervisor is gone without having said so."""
    if state is None:
        return "stopped"
    if not state.is_supervised and state.state not in ("failed", "stopped"):
        return "killed"
    return state.state


def _addresses(home: Home, state: StackState | None) -> dict[str, str | None]:
    if state is None or "gateway" not in state.ports:
        return {"gateway": None, "prefect_ui": None, "login_url": None}
    gateway = gateway_url(_host(home), state.ports["gateway"])
    return {
        "gateway": gateway,
        "prefect_ui": f"http://{LOOPBACK}:{state.ports['prefect']}",
        "login_url": f"{gateway}/login?token={quote(load_secrets(home).admin_token, safe='')}",
    }


def _host(home: Home) -> str:
    """Where the gateway listens, as the stack was told; a supervisor that is just starting has not said it yet."""
    with suppress(NotConfiguredError):
        return load_environment(home).get(HOST_VARIABLE) or LOOPBACK
    return LOOPBACK


def _parts(state: StackState | None) -> list[PartState]:
    return state.parts if state else []


def _shown(part: PartState) -> dict[str, Any]:
    values = asdict(part)
    if part.process and not is_alive(part.process):
        values |= {"state": "gone", "pid": None}
    return {name: values[name] for name in _SHOWN}
