"""Commands for the backlog: load it, run it, run one card, try one again, see how all of them stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from deployments.cli.application import print_json
from deployments.cli.review_commands import Json
from deployments.cli.showing import show_until_end
from deployments.cli.tables import print_table

Key = Annotated[str | None, typer.Option("--key", help="Sent again with the same key, it stays one run.")]
Watch = Annotated[bool, typer.Option("--watch", help="Stay and show the progress until it ends.")]
CardId = Annotated[str, typer.Argument(help="The card's id.")]

_COLUMNS = ("card", "status", "priority", "squad", "agent", "progress", "step", "job", "reason")


def register(app: typer.Typer) -> None:
    app.command()(cards)
    card = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="One card of the backlog.")
    card.command("run")(run_card)
    card.command("retry")(retry_card)
    app.add_typer(card, name="card")
    backlog = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="All cards together.")
    backlog.command("load")(load_backlog)
    backlog.command("run")(run_backlog)
    app.add_typer(backlog, name="backlog")


def cards(
    status: Annotated[str | None, typer.Option(help="PENDING, IN_PROGRESS, DONE, FAILED or BLOCKED.")] = None,
    squad: Annotated[str | None, typer.Option(help="Only this squad's cards.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the most urgent first.")] = 50,
    json: Json = False,
) -> None:
    """List the cards of the backlog and how each of them stands."""
    from deployments.gateway_client import gateway

    asked = {"status": status.upper() if status else None, "squad": squad, "limit": limit}
    params = {name: value for name, value in asked.items() if value is not None}
    with gateway() as client:
        found = client.get("/api/cards/enhanced", params=params).json()
    if json:
        print_json(found)
        return
    print_table(_COLUMNS, [_row(item) for item in found["items"]])
    if found["next"]:
        print(f"{len(found['items'])} of {found['total']}; --limit shows more.")


def run_card(
    card_id: CardId,
    agent: Annotated[str | None, typer.Option(help="Instead of the one that the card and the rules choose.")] = None,
    key: Key = None,
    watch: Watch = False,
    json: Json = False,
) -> None:
    """Give a card to a coding agent."""
    _start(f"/api/cards/{card_id}/run", {"agent": agent} if agent else {}, key, watch, json, f"Card {card_id} runs")


def retry_card(
    card_id: CardId,
    force: Annotated[bool, typer.Option("--force", help="In any state; what runs is stopped first.")] = False,
    watch: Watch = False,
    json: Json = False,
) -> None:
    """Run a card again whose run failed, was cancelled, or waits for its next attempt."""
    _start(f"/api/tasks/{card_id}/retry", {"force": force}, None, watch, json, f"Card {card_id} runs again")


def load_backlog(
    file: Annotated[Path, typer.Argument(help="A JSON list of cards.")],
    json: Json = False,
) -> None:
    """Load cards. One that does not fit refuses the whole file, and is named with its place."""
    from deployments.gateway_client import gateway

    headers = {"Content-Type": "application/json"}
    with gateway() as client:
        report = client.post("/api/backlog", content=file.read_bytes(), headers=headers).json()
    if json:
        print_json(report)
    else:
        counts = ", ".join(f"{len(report[name])} {name}" for name in ("created", "changed", "unchanged"))
        print(f"Loaded {report['loaded']} cards: {counts}. Run them with: millrace backlog run")


def run_backlog(
    squad: Annotated[str | None, typer.Option(help="Only this squad's cards.")] = None,
    mode: Annotated[
        Literal["sequence", "parallel", "groups", "dependencies"], typer.Option(help="Who waits for whom.")
    ] = "dependencies",
    concurrency: Annotated[int, typer.Option(help="So many cards at once.", min=1, max=64)] = 4,
    key: Key = None,
    watch: Watch = False,
    json: Json = False,
) -> None:
    """Run every card that is PENDING or BLOCKED, each after those it depends on."""
    body = {"squad": squad, "mode": mode, "concurrency": concurrency}
    _start("/api/backlog/run", body, key, watch, json, "The backlog runs")


def _start(path: str, body: dict[str, Any], key: str | None, watch: bool, json: bool, told: str) -> None:
    from deployments.gateway_client import gateway

    with gateway() as client:
        accepted = client.post(path, json=body, headers={"Idempotency-Key": key} if key else {}).json()
        if watch:
            show_until_end(client, accepted["job_id"], json)
        elif json:
            print_json(accepted)
        else:
            print(f"{told}; follow it with: millrace watch {accepted['job_id']}")


def _row(item: dict[str, Any]) -> list[str]:
    card, run = item["card"], item["run"] or {}
    progress = f"{run['progress']:.0f}%" if run else ""
    values = (item["card_id"], item["status"], card["priority"], card["squad"], run.get("agent"), progress)
    values += (run.get("current_step"), run.get("job_id"), (item["reason"] or "")[:60])
    return ["" if value is None else str(value) for value in values]
