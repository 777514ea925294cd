"""`millrace up`: start the stack, wait for it, run the demo review, say where everything is."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TextIO

from deployments.cli.configuration import checked_settings
from deployments.cli.stack_display import Display, Links, print_links
from deployments.lanes import all_queues
from deployments.production import require_safe
from deployments.stack.control import running_state, start_detached, supervise, wait_until_up
from deployments.stack.environment import load_environment, save_environment, with_settled_documents
from deployments.stack.gateway_address import url_in
from deployments.stack.home import Home
from deployments.stack.lane_scaler import QueueDepth
from deployments.stack.logs import open_log
from deployments.stack.own_parts import DEMO_PART
from deployments.stack.parts import Plan
from deployments.stack.plan import build_plan
from deployments.stack.prefect_server import drop_scratch, scratch_folder
from deployments.stack.queue_depths import docket_depths
from deployments.stack.secret_store import Secrets, ensure_secrets
from deployments.stack.shell import chosen_admin_token
from deployments.stack.stack_settings import LaneLayout, lane_layout
from deployments.stack.state import StackState
from deployments.stack.status import status_of
from deployments.usable_settings import require_usable
from spine.errors import ExternalServiceError, MillraceError
from spine.settings import Settings

log = logging.getLogger("millrace.stack")

_LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def detached(
    home: Home, arguments: list[str], lanes: str | None, lane: list[str], *, port: int | None = None, demo: bool
) -> None:
    """Start the stack in the background and return when every part is healthy; a running one is left as it is."""
    config = checked_settings()
    require_safe(with_settled_documents(home, config), demo=demo)
    _admin_token(config)
    require_usable()
    lane_layout(lanes, lane)  # what cannot be read is said here, not in the supervisor's log
    already = running_state(home)
    if already and already.state == "running":
        print(f"The stack is already running in {home.root}; nothing was changed.")
    if already and (ignored := options_without_effect(already, arguments, port)):
        print(f"Ignored: {', '.join(ignored)}. A stack with other options takes `millrace down` first.")
    if already is None or already.state != "running":
        started = None if already else start_detached(home, [*arguments, "--port", str(config.port)])
        with Display("starting") as display:
            wait_until_up(home, started, display.show)
        _wait_until_green(home)
    review, fault = _demo_review(home) if demo and not already else (None, None)
    print_links(_links(home, review))
    if fault:
        raise ExternalServiceError(f"The stack runs, but its demo review failed: {fault}", service="demo")


def options_without_effect(running: StackState, arguments: list[str], port: int | None) -> list[str]:
    """The options that a stack which runs does not follow. How its lanes were laid out it does not tell."""
    met = {"--no-demo"} if running.part(DEMO_PART) is None else set[str]()
    given = [word for word in arguments if word.startswith("--") and word not in met]
    elsewhere = bool(port) and port != running.ports.get("gateway")
    return [*(["--port"] if elsewhere else []), *dict.fromkeys(given)]


def in_front(home: Home, lanes: str | None, lane: list[str], *, demo: bool) -> int:
    """Run the stack in this process until a signal; says where everything is once it is healthy."""
    display = Display("starting", live=False)
    said = False

    def on_change(state: StackState) -> None:
        nonlocal said
        display.show(state)
        if state.state == "running" and not said:
            said = True
            print_links(_links(home, None))

    return _supervise(home, lane_layout(lanes, lane), on_change, demo=demo)


def supervise_here(home: Home, lanes: str | None, lane: list[str], *, demo: bool) -> int:
    """Run the supervisor, its log on stderr."""
    _begin_log(sys.stderr)
    return _supervise(home, lane_layout(lanes, lane), None, demo=demo)


def _begin_log(stream: TextIO) -> None:
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, stream=stream)


def _supervise(home: Home, layout: LaneLayout, on_change: Any, *, demo: bool) -> int:
    config = checked_settings()
    require_safe(with_settled_documents(home, config), demo=demo)
    require_usable()
    token = _admin_token(config)
    home.prepare()
    with _log_of_its_own(home) if on_change else nullcontext():
        return _hold(home, config, ensure_secrets(home, token), layout, on_change, demo=demo)


@contextmanager
def _log_of_its_own(home: Home) -> Generator[None]:
    """In front stderr is for people; a detached supervisor's is the log."""
    _begin_log(os.fdopen(open_log(home.log_of("supervisor")), "a", encoding="utf-8", buffering=1))
    try:
        yield
    except MillraceError as error:
        log.error(error.message)
        raise


def _hold(home: Home, config: Settings, secrets: Secrets, layout: LaneLayout, on_change: Any, *, demo: bool) -> int:
    def make_plan(remembered: Any) -> Plan:
        plan, own = build_plan(home, config, secrets, layout, remembered, demo=demo)
        save_environment(home, own)
        return plan

    try:
        return supervise(home, make_plan, queue_depth=_depths(home, layout), on_change=on_change)
    finally:
        drop_scratch(scratch_folder(home.root))


def _admin_token(config: Settings) -> str | None:
    return chosen_admin_token(config.token.get_secret_value() if config.token else None)


def _depths(home: Home, layout: LaneLayout) -> QueueDepth:
    dedicated = (queue for chosen in layout.dedicated.values() for queue in chosen)
    queues = (*all_queues(), *dedicated)
    return docket_depths(lambda: load_environment(home)["MILLRACE_REDIS_URL"], queues)


def _demo_review(home: Home) -> tuple[dict[str, Any] | None, str | None]:
    """Run the demo review through the gateway: its outcome, or what went wrong; neither where there is no demo."""
    import httpx

    from deployments.demo import run_demo

    environment = load_environment(home)
    if "MILLRACE_DEMO_PORT" not in environment:
        return None, None
    gateway = url_in(environment)
    headers = {"Authorization": f"Bearer {environment['MILLRACE_TOKEN']}"}
    with httpx.Client(base_url=gateway, headers=headers, timeout=30) as client, Display("demo review") as display:
        try:
            return run_demo(client, int(environment["MILLRACE_DEMO_PORT"]), display.progress), None
        except (httpx.HTTPError, MillraceError, RuntimeError) as error:
            return None, str(error)


def _wait_until_green(home: Home, patience: float = 20.0) -> None:
    """The gateway's own word on every dependency; what stays ill is said, the stack goes on without it."""
    import httpx

    environment = load_environment(home)
    address = f"{url_in(environment)}/health"
    headers = {"Authorization": f"Bearer {environment['MILLRACE_TOKEN']}"}
    deadline = time.monotonic() + patience
    report: dict[str, Any] = {}
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError, ValueError):
            report = httpx.get(address, headers=headers, timeout=5, trust_env=False).json()
        if report.get("status") == "healthy":
            return
        time.sleep(0.2)
    print(f"The gateway calls the stack {report.get('status', 'unreachable')}; `millrace doctor` says what is missing.")


def _links(home: Home, review: dict[str, Any] | None) -> Links:
    found = status_of(home)
    return Links(
        dashboard=found["gateway"],
        login=found["login_url"],
        prefect=found["prefect_ui"],
        article=f"{found['gateway']}/review/{review['submission_id']}" if review else None,
        title=str(review["title"]) if review else None,
        home=os.fspath(home.root),
    )
