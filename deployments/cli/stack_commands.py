"""Commands for the stack as a whole: up, down, status, doctor, env, and the supervisor itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, redirect_stdout
from io import TextIOWrapper
from typing import Annotated

import typer

from deployments.cli.application import print_json
from deployments.cli.configuration import checked_settings, leave_another_stack, stack_home
from spine.errors import InvalidInputError
from spine.settings import settings

Port = Annotated[int | None, typer.Option(help="The gateway's port (default MILLRACE_PORT, else 8800); 0: a free one.")]
NoDemo = Annotated[bool, typer.Option("--no-demo", help="Neither demo pages nor the demo review.")]
Lanes = Annotated[str | None, typer.Option(help="How many pipeline lanes: N, or MIN..MAX scaled with the queue.")]
Lane = Annotated[list[str] | None, typer.Option(help="A dedicated lane, NAME=queue1,queue2; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def register(app: typer.Typer) -> None:
    for command in (up, down, status, doctor, env):
        app.command()(command)
    app.command(hidden=True)(supervise)


def up(
    foreground: Annotated[bool, typer.Option(help="Stay in front; Ctrl-C stops the stack.")] = False,
    port: Port = None,
    no_demo: NoDemo = False,
    lanes: Lanes = None,
    lane: Lane = None,
    json: Json = False,
) -> None:
    """Start the whole stack and return when all of it is healthy."""
    from deployments.cli import bring_up
    from deployments.stack.status import status_of

    if foreground and json:
        raise InvalidInputError("--json is for a stack in the background: in front there is no end to answer at.")
    if other := leave_another_stack():
        print(f"This shell repeats `millrace env` of the stack in {other}: this one does not use it.", file=sys.stderr)
    if port is not None:
        _use_port(port)
    if foreground:
        raise typer.Exit(bring_up.in_front(stack_home(), lanes, lane or [], demo=not no_demo))
    arguments = _supervisor_arguments(no_demo, lanes, lane or [])
    with _aside(json):
        bring_up.detached(stack_home(), arguments, lanes, lane or [], port=port, demo=not no_demo)
    if json:
        print_json(status_of(stack_home()))


def down(json: Json = False) -> None:
    """Stop the stack; its state stays in MILLRACE_HOME."""
    from deployments.cli.stack_display import Display
    from deployments.stack.control import stop
    from deployments.stack.state import load_state

    home = stack_home()
    with _aside(json), Display("stopping", known=load_state(home)) as display:
        stopped = stop(home, display.show)
    if json:
        print_json({"home": str(home.root), "stopped": stopped})
        return
    print("The stack has stopped." if stopped else f"No stack is running in {home.root}.")


def status(json: Json = False) -> None:
    """Show parts, lanes and queue depths. Exits 0 while the stack runs, 3 otherwise."""
    from deployments.cli.stack_display import print_status
    from deployments.stack.status import status_of

    found = status_of(stack_home())
    if json:
        print_json(found)
    else:
        print_status(found)
    if found["state"] != "running":
        raise typer.Exit(3)


def doctor(json: Json = False) -> None:
    """Check every dependency and say how to mend what is missing. Exits 1 when something must be mended."""
    from dataclasses import asdict

    from deployments.cli.stack_display import print_findings
    from deployments.stack.doctor import Verdict, examine

    findings = examine(stack_home(), checked_settings())
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_findings(findings)
    if any(finding.verdict is Verdict.FAIL for finding in findings):
        raise typer.Exit(1)


def env(json: Json = False) -> None:
    """Print exports that make other programs talk to this stack: eval "$(millrace env)"."""
    from deployments.stack.environment import exports, load_environment
    from spine.evaluated_shell import marked

    environment = marked(load_environment(stack_home()))
    if json:
        print_json(environment)
    else:
        if isinstance(sys.stdout, TextIOWrapper):  # to a shell a path is bytes, whatever the locale can show
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
        print(exports(environment))


def supervise(port: Port = None, no_demo: NoDemo = False, lanes: Lanes = None, lane: Lane = None) -> None:
    """Run the supervisor in this process; `up` starts it detached."""
    from deployments.cli.bring_up import supervise_here

    if port is not None:
        _use_port(port)
    raise typer.Exit(supervise_here(stack_home(), lanes, lane or [], demo=not no_demo))


@contextmanager
def _aside(json: bool) -> Generator[None]:
    """What is said to people on the way goes to stderr where the answer is for machines."""
    with redirect_stdout(sys.stderr) if json else nullcontext():
        yield


def _use_port(port: int) -> None:
    if not 0 <= port <= 65535:
        raise InvalidInputError(f"--port takes a number from 1 to 65535, or 0 for a free one, not {port}.")
    os.environ["MILLRACE_PORT"] = str(port)
    settings.cache_clear()  # a look at the home has read them


def _supervisor_arguments(no_demo: bool, lanes: str | None, lane: list[str]) -> list[str]:
    return [
        *(["--no-demo"] if no_demo else []),
        *(["--lanes", lanes] if lanes else []),
        *(word for text in lane for word in ("--lane", text)),
    ]
