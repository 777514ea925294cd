"""Runs Prefect's command in a part that is launched early: its server is loaded while its database still starts."""

from __future__ import annotations

from importlib import import_module

from deployments.stack.gate import wait_at_gate


def main() -> None:
    """The arguments are those of `prefect`."""
    # Two thirds of the time until it serves in a home that ran before; nothing of it asks for the database.
    import_module("prefect.server.api.server")
    wait_at_gate()
    from prefect.cli import app

    app()


if __name__ == "__main__":
    main()
