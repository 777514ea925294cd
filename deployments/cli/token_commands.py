"""Commands for access tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments.cli.application import print_json
from deployments.cli.review_commands import Json
from spine.errors import InvalidInputError

tokens = typer.Typer(no_args_is_help=True, help="Access tokens for people and programs.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    app.add_typer(tokens, name="token")


@tokens.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")] = "unnamed",
    role: Annotated[str, typer.Option(help="viewer, editor or admin.")] = "viewer",
    days: Annotated[int, typer.Option(help="Days until it ends; 0: never.")] = 90,
    json: Json = False,
) -> None:
    """Make a token; it is shown this once."""
    from deployments.gateway_client import gateway

    if days < 0:
        raise InvalidInputError(f"--days is {days}: give 0 (no end) or more.")
    with gateway() as client:
        made = client.post("/api/tokens", json={"name": name, "role": role, "days": days or None}).json()
    print_json(made) if json else print(made["token"])


@tokens.command("list")
def list_tokens(json: Json = False) -> None:
    """Every token that was made, newest first."""
    from deployments.cli.tables import print_table
    from deployments.gateway_client import gateway

    with gateway() as client:
        found = client.get("/api/tokens", params={"limit": 500}).json()
    if json:
        print_json(found)
        return
    print_table(
        ("token", "name", "role", "created", "expires", "revoked"),
        [
            [
                token["token_id"],
                token["name"],
                token["role"],
                token["created"][:16],
                (token["expires"] or "never")[:16],
                (token["revoked"] or "")[:16],
            ]
            for token in found["items"]
        ],
    )


@tokens.command()
def revoke(token_id: Annotated[str, typer.Argument(help="token_…, as `millrace token list` shows it.")]) -> None:
    """End a token now, with its sessions."""
    from deployments.gateway_client import gateway

    with gateway() as client:
        client.post(f"/api/tokens/{token_id}/revoke")
    print(f"{token_id} is revoked.")
