"""Commands for conversations and queues: say something, forget somebody, see what waits, empty a queue."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from deployments.cli.application import print_json
from spine.errors import InvalidInputError, NotFoundError

Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def register(app: typer.Typer) -> None:
    for command in (say, forget, queues, purge):
        app.command()(command)


def say(
    text: Annotated[str, typer.Argument(help="What you say.")],
    session: Annotated[str, typer.Option(help="The conversation to go on with.")] = "",
    persona: Annotated[str | None, typer.Option(help="Who answers.")] = None,
    platform: Annotated[str, typer.Option(help="cli, api or web; the reply is printed, not sent.")] = "cli",
    json: Json = False,
) -> None:
    """Say something and print the reply. Exits 1 when there was none."""
    from deployments.gateway_client import gateway

    body = {
        "session_id": session or f"cli:{getpass.getuser()}",
        "user_message": text,
        "platform": platform,
        "persona_id": persona,
        "fire_and_forget": False,
    }
    with gateway() as client:
        dispatched = client.post("/api/messages", json=body, timeout=120).json()
        if dispatched["queued"]:
            _wait_and_print(client, dispatched, json)
        elif json:
            print_json(dispatched)
        else:
            print(dispatched["response"])


def forget(
    session: Annotated[str, typer.Argument(help="The conversation, such as telegram:default:123456.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove what is kept of a person's conversation. Nothing of it comes back; their next message begins anew."""
    from deployments.gateway_client import gateway

    if not yes and not _confirmed(f"Remove all that is kept of {session}?", "forget"):
        print("Nothing was changed.", file=sys.stderr)
        raise typer.Exit(1)
    with gateway() as client:
        gone = client.delete(f"/api/conversations/{quote(session, safe='')}", timeout=300).json()
    if json:
        print_json(gone)
    else:
        print(
            f"Removed {gone['turns']} turns, {gone['followups']} follow-ups, {gone['orders']} orders and the words of "
            f"{gone['jobs']} jobs; {gone['orders_kept']} orders that a CRM has stay without the person's words."
        )


def queues(json: Json = False) -> None:
    """Show what waits and runs in each queue, and which lanes serve it."""
    from deployments.cli.tables import print_table
    from deployments.gateway_client import gateway

    with gateway() as client:
        found = client.get("/api/queues").json()["items"]
    if json:
        print_json(found)
        return
    columns = ("queue", "waiting", "oldest", "running", "per minute", "lanes")
    print_table(columns, [_row(one) for one in found])


def purge(
    queue: Annotated[str, typer.Argument(help="The queue to empty; `millrace queues` lists them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Revoke every job that waits in a queue. Jobs that run go on; revoked ones cannot be put back to work."""
    from deployments.gateway_client import gateway

    with gateway() as client:
        if not yes and not _agreed(client, queue):
            print("Nothing was changed.", file=sys.stderr)
            raise typer.Exit(1)
        try:
            purged = client.post(f"/api/queues/{queue}/purge", timeout=300).json()
        except NotFoundError as error:
            raise _no_queue(queue) from error
    if json:
        print_json(purged)
    else:
        print(f"Revoked {purged['revoked']} jobs that waited in {purged['queue']}.")


def _wait_and_print(client: Any, dispatched: dict[str, Any], json: bool) -> None:
    from deployments.gateway_client import follow_job

    events = follow_job(client, dispatched["job_id"])
    while True:
        try:
            next(events)
        except StopIteration as end:
            job = end.value
            break
    if json:
        print_json(job)
    elif job["status"] == "SUCCESS":
        print((job.get("result") or {}).get("text", ""))
    else:
        print(_failure(job), file=sys.stderr)
    if job["status"] != "SUCCESS":
        raise typer.Exit(1)


def _failure(job: dict[str, Any]) -> str:
    error = job.get("error") or {}
    return f"{job['job_id']} ended as {job['status']}: {error.get('message', 'no reason was recorded')}"


def _agreed(client: Any, queue: str) -> bool:
    if not _can_ask() and all(one["queue"] != queue for one in client.get("/api/queues").json()["items"]):
        raise _no_queue(queue)
    return _confirmed(f"Revoke everything that waits in {queue}?", "purge")


def _confirmed(question: str, command: str) -> bool:
    if not _can_ask():
        raise InvalidInputError(f"There is nobody to ask: `millrace {command} --yes` does not ask.")
    return typer.confirm(question, default=False)


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison] - `<&-` closes it


def _no_queue(queue: str) -> NotFoundError:
    return NotFoundError(f"There is no queue of jobs {queue!r}; `millrace queues` lists them.")


def _row(one: dict[str, Any]) -> list[str]:
    lanes = ", ".join(one["lanes"]) or "none"
    numbers = (one["depth"], f"{one['oldest_age']:.0f} s", f"{one['in_flight']}/{one['width']}", one["rate_per_minute"])
    return [one["queue"], *(str(number) for number in numbers), lanes]
